//! What ECS needs from the registry and from the logs, handed in by whoever owns them.

use std::path::PathBuf;
use std::sync::Arc;

/// What an image reference stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageLookup {
    /// A folder and a command on this machine.
    Local {
        /// `sha256:…`
        digest: String,
        /// Where the command runs.
        directory: PathBuf,
        /// Program and arguments; a container's `entryPoint` and `command` take its place.
        command: Vec<String>,
    },
    /// An image without anything to run: its containers are simulated.
    Simulated {
        /// `sha256:…`
        digest: String,
    },
    /// No such image.
    Missing,
}

impl ImageLookup {
    /// The digest that the reference resolved to.
    pub(super) fn digest(&self) -> Option<&str> {
        match self {
            Self::Local { digest, .. } | Self::Simulated { digest } => Some(digest),
            Self::Missing => None,
        }
    }
}

/// Resolves `registry/repository:tag` or `registry/repository@sha256:…`.
pub type Images = Arc<dyn Fn(&str) -> ImageLookup + Send + Sync>;

/// The log group of the containers whose definition says nothing of a log. On an instance Docker keeps what they write, where
/// `docker logs` shows it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html>); here nothing but the embedded
/// CloudWatch Logs could.
pub const KEPT_BY_DOCKER: &str = "/landfall-local/docker";

/// The prefix of the streams in [`KEPT_BY_DOCKER`].
pub const DOCKER: &str = "docker";

/// One line that a container wrote, addressed as the awslogs driver does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// `awslogs-group`
    pub group: String,
    /// `prefix/container/task id`
    pub stream: String,
    /// The line without its end.
    pub message: String,
}

/// Takes the lines of all containers whose log driver is awslogs, or not said.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// `reference` with its tag replaced by `digest`, as ECS pins images for the length of a deployment.
pub(super) fn pinned(reference: &str, digest: &str) -> String {
    if reference.contains('@') {
        return reference.to_owned();
    }
    let name_starts = reference.rfind('/').map_or(0, |slash| slash + 1);
    let name_ends = reference[name_starts..]
        .find(':')
        .map_or(reference.len(), |colon| name_starts + colon);
    format!("{}@{digest}", &reference[..name_ends])
}

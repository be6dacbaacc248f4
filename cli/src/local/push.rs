//! `landfall local push`: a folder and a command become an image.

use std::path::{Path, PathBuf};

use clap::Args;
use landfall_local::cloud::ecr::local_image::LocalImage;
use miette::{IntoDiagnostic, Result, WrapErr, bail};

use crate::clients::{Clients, PORT, report};

/// What to push.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Repository and tag, e.g. `hello:1.1.0`. The repository is created if it is missing.
    image: String,
    /// The folder in which the command runs. It is copied: later changes need another push.
    #[arg(long)]
    dir: PathBuf,
    /// The port that `landfall local` listens on.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// What every task runs. It has to listen on the port that the environment variable PORT names.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Pushes.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Some((repository, tag)) = arguments.image.split_once(':') else {
        bail!(
            help = "write it as repository:tag, e.g. hello:1.1.0",
            "`{}` has no tag",
            arguments.image
        );
    };
    let clients = Clients::local(&format!("http://127.0.0.1:{}", arguments.port)).await;
    clients
        .ecr
        .ensure_repository(repository)
        .await
        .map_err(report)?;
    let manifest = manifest(&arguments.dir, &arguments.command)?;
    let digest = clients
        .ecr
        .put_manifest(repository, tag, &manifest)
        .await
        .map_err(report)?;
    println!("{repository}:{tag} {digest}");
    Ok(())
}

/// The manifest of a local image. The folder's files are part of it, so that a changed folder is another image.
pub(crate) fn manifest(folder: &Path, command: &[String]) -> Result<String> {
    let place = || format!("cannot read the folder {}", folder.display());
    let directory = folder
        .canonicalize()
        .into_diagnostic()
        .wrap_err_with(place)?;
    let image = LocalImage {
        directory,
        command: command.to_vec(),
    };
    image.manifest().into_diagnostic().wrap_err_with(place)
}

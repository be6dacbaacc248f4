//! The section `verify`: when a rollout counts as good.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    mapping::{Mapping, Problems},
    section::{VERIFY, deserialized},
};

/// When a rollout counts as good, beyond ECS's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verify {
    /// A request to the service.
    pub http: Option<HttpProbe>,
    /// For how long, in seconds, a healthy service is watched before the release counts as good.
    pub bake_seconds: u64,
    /// How many tasks of the release may die while it is verified. Stored only where it is not the default, so that the
    /// stored files of earlier versions of Landfall stay what they are.
    #[serde(skip_serializing_if = "is_default")]
    pub deaths: u32,
    /// How long, in seconds, the rollout may take until ECS calls it complete, and then the checks until they pass.
    pub timeout_seconds: u64,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            http: None,
            bake_seconds: 0,
            deaths: 0,
            timeout_seconds: 900,
        }
    }
}

fn is_default(deaths: &u32) -> bool {
    *deaths == Verify::default().deaths
}

/// A request that a healthy service answers as described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// Where to: a whole URL, or a path below the load balancer that serves the service's first target group.
    pub target: ProbeTarget,
    /// The status that has to be answered.
    pub status: u16,
    /// Text that the body has to contain.
    pub body: Option<String>,
    /// How long, in seconds, an answer may take.
    pub timeout_seconds: u64,
    /// Seconds between two looks.
    pub interval_seconds: u64,
    /// How many looks in a row have to be good.
    pub successes: u32,
    /// After how many bad looks in a row the release is given up.
    pub failures: u32,
}

/// Where an [`HttpProbe`] goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeTarget {
    /// A path below the service's load balancer.
    Path(String),
    /// A whole URL.
    Url(String),
}

/// Reads the section.
pub(super) fn read(
    section: &Mapping<'_>,
    service_has_load_balancer: bool,
    problems: &mut Problems,
) -> Option<Verify> {
    let mut fields = VERIFY.read(section, problems);
    if let (Some(http), Some(fields)) = (section.mapping_at("http"), fields.get_mut("http")) {
        fields["target"] = json!(target(&http, service_has_load_balancer, problems));
    }
    deserialized(section, fields, problems)
}

fn target(
    section: &Mapping<'_>,
    service_has_load_balancer: bool,
    problems: &mut Problems,
) -> ProbeTarget {
    if section.get("url").is_some() {
        if section.get("path").is_some() {
            let message = "both `url` and `path` are given";
            problems.add(
                section.wrong_at("url", message).hint(
                    "keep one: `url` goes where it says, `path` to the service's load balancer",
                ),
            );
        }
        return ProbeTarget::Url(section.said("url").unwrap_or_default().into());
    }
    if !service_has_load_balancer {
        let message = "a path is asked of the service's load balancer, but there is neither `ingress` nor service.loadBalancers";
        let problem = section.wrong(message);
        problems.add(problem.hint("give `verify.http.url` instead, or one of the two"));
    }
    ProbeTarget::Path(section.said("path").unwrap_or("/").into())
}

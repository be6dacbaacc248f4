//! The section `verify`: when a rollout counts as good.

use serde::{Deserialize, Serialize};

use super::{
    mapping::{HOUR, Mapping, Problems},
    problem::Problem,
};

/// The longest `timeout` and `bake`, in seconds. The rollout may take the one, the checks both, and the way back its own
/// time, before the state machine's `TimeoutSeconds` of 24 hours.
const LONGEST_WATCH: u64 = 6 * HOUR;

/// The longest that a probe may wait for its answer, in seconds: it has to end well within one call of the function
/// that sends it, whose `Timeout` in template.yaml is 60.
const MAX_PROBE_SECONDS: u64 = 30;

/// When a rollout counts as good, beyond ECS's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verify {
    /// A request to the service.
    pub http: Option<HttpProbe>,
    /// For how long, in seconds, a healthy service is watched before the release counts as good.
    pub bake_seconds: u64,
    /// How long, in seconds, the rollout may take until ECS calls it complete, and then the checks until they pass.
    pub timeout_seconds: u64,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            http: None,
            bake_seconds: 0,
            timeout_seconds: 900,
        }
    }
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
) -> Verify {
    section.only(&["http", "bake", "timeout"], problems);
    let defaults = Verify::default();
    Verify {
        http: section
            .mapping("http", problems)
            .and_then(|section| http_probe(&section, service_has_load_balancer, problems)),
        bake_seconds: section
            .seconds("bake", (0, LONGEST_WATCH), problems)
            .unwrap_or(defaults.bake_seconds),
        timeout_seconds: section
            .seconds("timeout", (10, LONGEST_WATCH), problems)
            .unwrap_or(defaults.timeout_seconds),
    }
}

fn http_probe(
    section: &Mapping<'_>,
    service_has_load_balancer: bool,
    problems: &mut Problems,
) -> Option<HttpProbe> {
    let fields = [
        "path",
        "url",
        "status",
        "body",
        "timeout",
        "interval",
        "successes",
        "failures",
    ];
    section.only(&fields, problems);
    let url = section.text("url", problems);
    let path = section.url_path("path", problems);
    let target =
        match (url, path) {
            (Some((_, position)), Some(_)) => {
                let problem = Problem::new(
                    position,
                    &section.path_of("url"),
                    "both `url` and `path` are given",
                );
                problems.add(problem.hint(
                    "keep one: `url` goes where it says, `path` to the service's load balancer",
                ));
                None
            }
            (Some((url, position)), None) => {
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    let problem = Problem::new(
                        position,
                        &section.path_of("url"),
                        format!("`{url}` is no web address"),
                    );
                    problems.add(problem.hint("start it with http:// or https://"));
                }
                Some(ProbeTarget::Url(url.into()))
            }
            (None, Some((path, _))) => Some(ProbeTarget::Path(path.into())),
            (None, None) => Some(ProbeTarget::Path("/".into())),
        };
    if matches!(target, Some(ProbeTarget::Path(_))) && !service_has_load_balancer {
        let message = "a path is asked of the service's load balancer, but there is neither `ingress` nor service.loadBalancers";
        let problem = Problem::new(section.position(), &section.path, message);
        problems.add(problem.hint("give `verify.http.url` instead, or one of the two"));
    }
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Some(HttpProbe {
        target: target?,
        status: section
            .number("status", 100, 599, problems)
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200),
        body: section.text("body", problems).map(|(text, _)| text.into()),
        timeout_seconds: section
            .seconds("timeout", (1, MAX_PROBE_SECONDS), problems)
            .unwrap_or(5),
        interval_seconds: section
            .seconds("interval", (1, HOUR), problems)
            .unwrap_or(5),
        successes: section
            .number("successes", 1, 100, problems)
            .map_or(2, narrow),
        failures: section
            .number("failures", 1, 100, problems)
            .map_or(3, narrow),
    })
}

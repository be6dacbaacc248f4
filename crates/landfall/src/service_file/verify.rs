//! The section `verify`: when a rollout counts as good.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    ingress::Ingress,
    mapping::{Mapping, Problems},
    section::{VERIFY, deserialized},
};
use crate::probe::{Reach, host_of, matches};

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
    /// The host name to ask for, if not that of the listener's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
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

impl HttpProbe {
    /// The URL or path as the file says it.
    pub fn asked(&self) -> &str {
        let (ProbeTarget::Path(asked) | ProbeTarget::Url(asked)) = &self.target;
        asked
    }
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

/// What is known of the rest of the file.
pub(super) struct Context<'a> {
    /// Whether a load balancer may serve the service.
    pub(super) is_balanced: bool,
    /// The section `ingress`.
    pub(super) ingress: Option<&'a Ingress>,
}

/// Reads the section.
pub(super) fn read(
    section: &Mapping<'_>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Verify> {
    let mut fields = VERIFY.read(section, problems);
    if let (Some(http), Some(fields)) = (section.mapping_at("http"), fields.get_mut("http")) {
        fields["target"] = json!(target(&http, context, problems));
    }
    deserialized(section, fields, problems)
}

fn target(section: &Mapping<'_>, context: &Context<'_>, problems: &mut Problems) -> ProbeTarget {
    if section.get("url").is_some() {
        for (name, hint) in [
            (
                "path",
                "keep one: `url` goes where it says, `path` to the service's load balancer",
            ),
            ("host", "write the name into `url`, or ask by `path`"),
        ] {
            if section.get(name).is_some() {
                let message = format!("both `url` and `{name}` are given");
                problems.add(section.wrong_at("url", message).hint(hint));
            }
        }
        let url = section.said("url").unwrap_or_default();
        check_host(section, url, problems);
        return ProbeTarget::Url(url.into());
    }
    let path = section.said("path").unwrap_or("/");
    if !context.is_balanced {
        let message = "a path is asked of the service's load balancer, but there is neither `ingress` nor service.loadBalancers";
        let problem = section.wrong(message);
        problems.add(problem.hint("give `verify.http.url` instead, or one of the two"));
    }
    if let Some(ingress) = context.ingress {
        check_rule(section, path, ingress, problems);
    }
    ProbeTarget::Path(path.into())
}

/// Reports a URL that no probe is sent to, from wherever that is. What the names of others lead to is not known here, nor
/// where probes come from: only `landfall local` reaches its own machine, and only subnets private addresses.
fn check_host(section: &Mapping<'_>, url: &str, problems: &mut Problems) {
    let Some(host) = host_of(url).filter(|host| !host.contains("${")) else {
        return;
    };
    if let Err(refused) = Reach::Machine.admit_host(host) {
        problems.add(section.wrong_at("url", refused.why).hint(refused.advice));
    } else if let Err(refused) = Reach::Internet.admit_host(host) {
        let problem = section.wrong_at("url", refused.why).into_warning();
        problems.add(problem.hint(refused.advice));
    }
}

/// Reports a probe that the rule of `ingress` does not take: it would come to somebody else.
fn check_rule(section: &Mapping<'_>, path: &str, ingress: &Ingress, problems: &mut Problems) {
    let is_known = |texts: &[String]| texts.iter().all(|text| !text.contains("${"));
    let asked = path.split('?').next().unwrap_or_default();
    let takes = |patterns: &[String], text: &str| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| matches(pattern, text))
    };
    let paths = &ingress.paths;
    let is_path = asked.starts_with('/') && !path.contains("${");
    if is_path && !paths.is_empty() && is_known(paths) && !takes(paths, asked) {
        let message = format!("`ingress` does not lead requests for {asked} to the service");
        let hint = format!("ask for a path that it does: {}", paths.join(", "));
        problems.add(section.wrong_at("path", message).hint(hint));
    }
    let hosts = &ingress.hosts;
    if let Some(host) = section.said("host")
        && !hosts.is_empty()
        && is_known(hosts)
        && !host.contains("${")
        && !takes(hosts, &host.to_ascii_lowercase())
    {
        let message = format!("`ingress` does not lead requests for {host} to the service");
        let hint = format!("ask for a host that it does: {}", hosts.join(", "));
        problems.add(section.wrong_at("host", message).hint(hint));
    }
}

//! The section `verify`: when a rollout counts as good.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    http_probe,
    ingress::Ingress,
    mapping::{Mapping, Problems},
    section::{VERIFY, deserialized},
};
use crate::probe::{HttpProbe, ProbeTarget, Reach, host_of, matches};

/// When a rollout counts as good, beyond ECS's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verify {
    /// Requests to the service. One is stored by itself, as before there could be several.
    #[serde(with = "one_or_several")]
    pub http: Vec<HttpProbe>,
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
            http: Vec::new(),
            bake_seconds: 0,
            deaths: 0,
            timeout_seconds: 900,
        }
    }
}

fn is_default(deaths: &u32) -> bool {
    *deaths == Verify::default().deaths
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
    let said = match section.mapping_at("http") {
        Some(only) => vec![only],
        None => section.items("http"),
    };
    let stored = match fields.get_mut("http") {
        Some(Value::Array(several)) => several.iter_mut().collect(),
        Some(only) => vec![only],
        None => Vec::new(),
    };
    for (http, stored) in said.iter().zip(stored) {
        stored["target"] = json!(target(http, context, problems));
        http_probe::check(http, stored, problems);
    }
    deserialized(section, fields, problems)
}

mod one_or_several {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::HttpProbe;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        One(Box<HttpProbe>),
        Several(Vec<HttpProbe>),
    }

    pub(super) fn serialize<S: Serializer>(
        probes: &[HttpProbe],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match probes {
            [] => serializer.serialize_none(),
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<HttpProbe>, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Stored::One(only)) => vec![*only],
            Some(Stored::Several(several)) => several,
        })
    }
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

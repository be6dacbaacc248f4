//! Whether a rule takes a request, as a load balancer decides it
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).

use std::collections::BTreeMap;

use crate::{
    live::{LiveRule, OtherCondition},
    probe::USER_AGENT,
};

/// A request, as the conditions of rules see it. Its method is GET.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    host: &'a str,
    pub(super) path: &'a str,
    query: &'a str,
    headers: &'a BTreeMap<String, String>,
}

impl<'a> Asked<'a> {
    /// A request for `path`, which may have a query, of `host`.
    pub fn new(host: &'a str, path: &'a str, headers: &'a BTreeMap<String, String>) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            host,
            path,
            query,
            headers,
        }
    }

    /// Whether `rule` takes it: for sure, or as far as a probe can know.
    ///
    /// # Errors
    /// What the rule takes instead.
    pub fn is_taken_by(&self, rule: &LiveRule) -> Result<bool, String> {
        let listed = |patterns: &mut dyn Iterator<Item = &String>| {
            patterns.map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let host = self.host.to_ascii_lowercase();
        let is_host = |pattern: &String| matches(&pattern.to_ascii_lowercase(), &host);
        if !rule.hosts.is_empty() && !rule.hosts.iter().any(is_host) {
            let hosts = listed(&mut rule.hosts.iter());
            return Err(format!(
                "the host names {hosts}, and not {host}: write one of them into verify.http.host"
            ));
        }
        let is_path = |pattern: &String| matches(pattern, self.path);
        if !rule.paths.is_empty() && !rule.paths.iter().any(is_path) {
            let paths = listed(&mut rule.paths.iter());
            return Err(format!(
                "the paths {paths}, and not {}: let verify.http.path be one of them",
                self.path
            ));
        }
        let mut is_sure = true;
        for condition in &rule.other_conditions {
            match self.meets(condition) {
                Some(true) => {}
                Some(false) => return Err(unmet(condition)),
                None => is_sure = false,
            }
        }
        Ok(is_sure)
    }

    /// The value of a header, empty if the probe does not send it; none if the load balancer may add it.
    fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let said = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
        match (said, &*name.to_ascii_lowercase()) {
            (Some((_, value)), _) => Some(value),
            (None, "user-agent") => Some(USER_AGENT),
            (None, "host") => Some(self.host),
            (None, added) if added.starts_with("x-forwarded-") || added.starts_with("x-amzn-") => {
                None
            }
            (None, _) => Some(""),
        }
    }

    /// Whether the condition is met; none if that cannot be told.
    fn meets(&self, condition: &OtherCondition) -> Option<bool> {
        match condition {
            OtherCondition::Header { name, patterns } => {
                let value = self.header(name)?.to_ascii_lowercase();
                let mut patterns = patterns.iter();
                Some(patterns.any(|pattern| matches(&pattern.to_ascii_lowercase(), &value)))
            }
            OtherCondition::Method(methods) => Some(methods.iter().any(|method| method == "GET")),
            OtherCondition::Query(pairs) => {
                let is_met = |(key, value): &(Option<String>, String)| {
                    let mut said = self.query.split('&').map(|pair| pair.split_once('='));
                    said.any(|pair| {
                        pair.is_some_and(|(name, said)| {
                            key.as_ref()
                                .is_none_or(|key| key.eq_ignore_ascii_case(name))
                                && matches(&value.to_ascii_lowercase(), &said.to_ascii_lowercase())
                        })
                    })
                };
                Some(pairs.iter().any(is_met))
            }
            OtherCondition::Unknown => None,
        }
    }
}

fn unmet(condition: &OtherCondition) -> String {
    match condition {
        OtherCondition::Header { name, patterns } => format!(
            "requests whose header {name} is {}: write it into verify.http.headers",
            patterns.join(" or ")
        ),
        OtherCondition::Method(methods) => format!(
            "the methods {}, and a probe sends GET: give verify.http.url",
            methods.join(", ")
        ),
        OtherCondition::Query(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| match key {
                Some(key) => format!("{key}={value}"),
                None => value.clone(),
            });
            let pairs: Vec<_> = pairs.collect();
            format!(
                "requests with {} in their query: write it into verify.http.path",
                pairs.join(" or ")
            )
        }
        OtherCondition::Unknown => "some requests: give verify.http.url".into(),
    }
}

/// `*` stands for any run of characters, `?` for one.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: that takes one character more then.
    let mut again: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at + 1, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match again.as_mut() {
                Some((after, from)) => {
                    *from += 1;
                    (at, read) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_the_load_balancer_documents_them() {
        for (pattern, text, expected) in [
            ("*", "/", true),
            ("*", "", true),
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/image", false),
            ("/img/*/x", "/img/x/y/x", true),
            ("/v?/users", "/v1/users", true),
            ("/v?/users", "/v12/users", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("/a**b*c", "/a-b-b-c", true),
            ("/a", "/ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }
}

//! The target groups that Landfall makes for a service, known by their names.

use serde_json::json;

use crate::{
    content::ContentHash, live::LiveService, service_file::ServiceFile, service_id::ServiceId,
};

/// The longest name of a target group, in characters
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>).
const LONGEST_NAME: usize = 32;

/// How many hexadecimal digits of the service id's hash a name has.
const DIGITS: usize = 10;

/// The target groups that Landfall makes for a service: the one, and for some strategies its alternate.
pub fn group_names(service: &ServiceId) -> [String; 2] {
    let hash = ContentHash::of(&json!(service)).to_string();
    let room = LONGEST_NAME - DIGITS - 3;
    let word: String = service
        .service()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(room)
        .collect();
    let name = format!("{}-{}", word.trim_matches('-'), &hash[..DIGITS]);
    let name = name.trim_start_matches('-').to_owned();
    let alternate = format!("{name}-b");
    [name, alternate]
}

/// Whether a target group is one that Landfall makes for this service, by its ARN.
pub fn is_ours(target_group: &str, service: &ServiceId) -> bool {
    name_of(target_group).is_some_and(|name| group_names(service).iter().any(|group| group == name))
}

pub(crate) fn name_of(target_group: &str) -> Option<&str> {
    let (_, rest) = target_group.split_once(":targetgroup/")?;
    rest.split('/').next()
}

/// Whether a bad release has left a rule or a target group that nothing needs, once the service is back: `file` is the
/// release's, `good` the last good one's. What the service is still registered in stays.
pub fn leaves_behind(
    file: &ServiceFile,
    good: Option<&ServiceFile>,
    service: &ServiceId,
    live: Option<&LiveService>,
) -> bool {
    let listener = |file: &ServiceFile| {
        let ingress = file.ingress.as_ref();
        ingress.map(|ingress| ingress.listener_arn.clone())
    };
    let is_registered = || {
        let groups = live.map(LiveService::target_groups).unwrap_or_default();
        groups.into_iter().any(|group| is_ours(group, service))
    };
    match (listener(file), good) {
        (None, _) => false,
        (Some(_), None) => !is_registered(),
        (Some(named), Some(good)) => listener(good) != Some(named),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::sample::service;

    #[test]
    fn names_of_target_groups_fit_and_differ_between_services_of_the_same_name() {
        let long = ServiceId::new("web", &"a_very_long_name_".repeat(10)).unwrap();
        for service in [service(), long, ServiceId::new("other", "hello").unwrap()] {
            for name in group_names(&service) {
                assert!(name.len() <= LONGEST_NAME, "{name}");
                assert!(
                    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                    "{name}"
                );
                assert!(!name.starts_with('-') && !name.ends_with('-'), "{name}");
                let arn =
                    format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123");
                assert!(is_ours(&arn, &service), "{arn}");
            }
        }
        let [of_web, _] = group_names(&service());
        let [of_other, _] = group_names(&ServiceId::new("other", "hello").unwrap());
        assert_ne!(of_web, of_other);
        assert!(!is_ours(
            "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/hello/0123",
            &service()
        ));
    }
}

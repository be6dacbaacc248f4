//! What a release has to do besides its rollout, by its service file and the last good release's.

use serde::{Deserialize, Serialize};

use crate::service_file::ServiceFile;

/// What has to be done about a service's listener rule and target group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IngressWork {
    /// Nothing: they are as the last good release left them, or nobody asks for any.
    #[default]
    Nothing,
    /// The file has an `ingress` section: create them or keep them, before the service is changed.
    Ensure,
    /// The same, and the rule on the listener that the last good release named goes once the service does well.
    Move,
    /// The file has none any more: remove them, once the service does well without.
    Remove,
}

/// What has to be done about listener rule and target group, by the release's file and, where that differs, the last good
/// release's.
pub fn ingress_work(
    apply_service: bool,
    file: &ServiceFile,
    last_good: Option<&ServiceFile>,
) -> IngressWork {
    let before = last_good.and_then(|file| file.ingress.as_ref());
    match (&file.ingress, before) {
        _ if !apply_service => IngressWork::Nothing,
        (Some(now), Some(before)) if now.listener_arn != before.listener_arn => IngressWork::Move,
        (Some(_), _) => IngressWork::Ensure,
        (None, Some(_)) => IngressWork::Remove,
        (None, None) => IngressWork::Nothing,
    }
}

/// Whether Application Auto Scaling may have something else than the file says: only where the file's sections are applied
/// at all, and only if this file or the last good one scales the service.
pub fn scaling(apply_service: bool, file: &ServiceFile, last_good: Option<&ServiceFile>) -> bool {
    apply_service
        && (file.autoscaling.is_some() || last_good.is_some_and(|good| good.autoscaling.is_some()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::sample::*;

    #[test]
    fn scaling_is_only_looked_at_where_it_may_differ() {
        let plain = file();
        let mut scaled = file();
        scaled.autoscaling = serde_json::from_value(json!({"min": 1, "max": 2})).unwrap();
        for (apply, file, last_good, expected) in [
            (true, &scaled, None, true),
            (true, &plain, Some(&scaled), true),
            (true, &plain, Some(&plain), false),
            (true, &plain, None, false),
            (false, &scaled, Some(&scaled), false),
        ] {
            assert_eq!(scaling(apply, file, last_good), expected);
        }
    }

    #[test]
    fn listener_rule_and_target_group_are_looked_after_when_the_section_has_to_be_applied() {
        let at = |listener: &str| {
            let mut file = file();
            let text = format!(
                r#"{{"listenerArn": "{listener}", "container": "web", "port": 80, "hosts": ["a.b"], "paths": [],
                "priority": null, "protocol": "HTTP", "protocolVersion": "HTTP1", "healthCheck": {{"path": "/", "codes": "200",
                "intervalSeconds": 5, "timeoutSeconds": 5, "healthy": 2, "unhealthy": 2}}, "deregistrationDelaySeconds": 1,
                "stickinessSeconds": null, "roleArn": null}}"#
            );
            file.ingress = Some(serde_json::from_str(&text).unwrap());
            file
        };
        let (one, other, without) = (at("one"), at("other"), file());
        for (apply, now, before, expected) in [
            (true, &one, None, IngressWork::Ensure),
            (true, &one, Some(&one), IngressWork::Ensure),
            (true, &one, Some(&without), IngressWork::Ensure),
            (true, &one, Some(&other), IngressWork::Move),
            (true, &without, Some(&one), IngressWork::Remove),
            (true, &without, Some(&without), IngressWork::Nothing),
            (false, &one, None, IngressWork::Nothing),
        ] {
            assert_eq!(ingress_work(apply, now, before), expected);
        }
    }
}

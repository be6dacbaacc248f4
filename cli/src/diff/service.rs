//! The service, against what `CreateService` or `UpdateService` would be sent.

use landfall::{
    difference::{self, Difference},
    live::{Balancer, LiveTarget},
    service_file::ServiceFile,
    service_section::{CREATE_ONLY, cleared, unchangeable},
    step::update_service::{Input, create_body, plan, update_body},
    tags::{RELEASE_TAG, SERVICE_TAG, tag_changes},
};
use serde_json::{Map, Value};

use super::{Subject, told::Found};
use crate::running_service::RunningService;

/// Members of the calls that are not the section's.
const FILLED_IN: [&str; 5] = [
    "cluster",
    "service",
    "taskDefinition",
    "clientToken",
    "forceNewDeployment",
];

/// Compares the service. Its target group is `balancer`'s, its Cloud Map service is `registry`, and it is scaled between the
/// bounds of `scaled`.
pub(super) fn compared(
    subject: &Subject<'_>,
    balancer: Option<Balancer>,
    registry: Option<&str>,
    scaled: Option<&LiveTarget>,
) -> Found {
    let known = subject.next.known.as_ref();
    let input = Input {
        service: subject.service.clone(),
        execution: String::new(),
        release: subject.next.release.clone(),
        cluster: subject.service.cluster().into(),
        task_definition: String::new(),
        apply_service: true,
        last_good: known.and_then(|known| known.desired.last_good.clone()),
        timeout_seconds: 0,
        balancer,
        base: None,
    };
    let file = subject.file.clone().registered_in(registry);
    match subject.live {
        None => created(&input, &file),
        Some(live) => updated(&input, file, live, subject, scaled),
    }
}

fn created(input: &Input, file: &ServiceFile) -> Found {
    let mut body = create_body(input, file);
    body.retain(|member, _| !FILLED_IN.contains(&&**member));
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| tag["key"] != SERVICE_TAG && tag["key"] != RELEASE_TAG);
    }
    Found {
        differences: difference::service(&Map::new(), &body),
        ..Found::default()
    }
}

fn updated(
    input: &Input,
    file: ServiceFile,
    live: &RunningService,
    subject: &Subject<'_>,
    scaled: Option<&LiveTarget>,
) -> Found {
    let known = subject.next.known.as_ref();
    let good = known.and_then(|known| known.good.as_ref());
    let file = cleared(file, good);
    let mut body = update_body(input, Some(&file), Some(&live.known));
    body.retain(|member, _| !FILLED_IN.contains(&&**member));
    let fixed = CREATE_ONLY
        .into_iter()
        .filter(|member| *member != "tags")
        .filter_map(|member| Some((member.to_owned(), file.service.get(member)?.clone())));
    body.extend(fixed);
    let mut notes = Vec::new();
    if let Some(target) = scaled
        && subject.file.service.contains_key("desiredCount")
    {
        notes.push(format!(
            "The desired count is not compared: autoscaling keeps it between {} and {}.",
            target.min, target.max
        ));
    }
    // Whether a service without tasks had a good release is only known to the state bucket.
    let said = file.service.contains_key("desiredCount");
    if scaled.is_some() || known.is_none() && !said {
        body.remove("desiredCount");
    }
    let mut differences = difference::service(&live.fields, &body);
    differences.extend(tags(&file, good, input, live));
    let mut refusals = Vec::new();
    for refused in [
        plan(input, Some(&live.known)).map(drop),
        unchangeable::refuse(subject.service, subject.file, Some(&live.known)),
    ] {
        refusals.extend(refused.err().map(|refusal| refusal.0));
    }
    Found {
        differences,
        refusals,
        notes,
    }
}

fn tags(
    file: &ServiceFile,
    good: Option<&ServiceFile>,
    input: &Input,
    live: &RunningService,
) -> Vec<Difference> {
    let mut changes = tag_changes(file, good, &input.release, &live.known.tags);
    changes.set.remove(RELEASE_TAG);
    let set = changes
        .set
        .into_iter()
        .map(|(key, value)| (key, Some(value)));
    let unset = changes.unset.into_iter().map(|key| (key, None));
    set.chain(unset)
        .map(|(key, after)| Difference {
            path: format!("service.tags[{key}]"),
            before: live.known.tags.get(&key).map(|value| Value::from(&**value)),
            after: after.map(Value::from),
            fixed: false,
        })
        .collect()
}

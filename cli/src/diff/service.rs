//! The service, against what `CreateService` or `UpdateService` would be sent.

use landfall::{
    change::Call,
    difference::{self, Difference},
    live::{Balancer, LiveTarget},
    service_file::ServiceFile,
    service_section::{CREATE_ONLY, kept, unchangeable},
    step::update_service::{Input, Section, Seen, plan},
    tags::{RELEASE_TAG, SERVICE_TAG, TagChanges},
};
use landfall_aws::clock::Clock;
use serde_json::{Map, Value};

use super::{Subject, comparison::Found};
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
        from_good: known.is_some_and(|known| known.desired.gave_section_of_good()),
        last_good: known.and_then(|known| known.desired.last_good.clone()),
        timeout_seconds: 0,
        balancer,
        base: None,
    };
    let file = subject.file.clone().registered_in(registry);
    let seen = match subject.live {
        None => Seen::Absent {
            file: Box::new(file.clone()),
        },
        // Whether the revision may be replaced is asked apart, so that what differs is shown besides.
        Some(live) => Seen::Present {
            live: Box::new(live.known.clone()),
            whose: None,
            section: Some(Box::new(Section {
                file: file.clone(),
                previous: known.and_then(|known| known.good.clone()),
                given: vec![],
                shown_count: Some(live.known.desired_count),
            })),
        },
    };
    let change = match plan(&input, &seen, Clock::of(subject.sdk).now()) {
        Ok(change) => change,
        Err(refusal) => return Found::refused(refusal.0),
    };
    let tags = change.tags.map(|tags| tags.changes).unwrap_or_default();
    match (change.call, subject.live) {
        (Call::Create(body), _) => created(body),
        (Call::Update(body), Some(live)) => updated(body, tags, &file, live, subject, scaled),
        (Call::Update(_) | Call::Nothing, _) => Found::default(),
    }
}

fn created(mut body: Map<String, Value>) -> Found {
    body.retain(|member, _| !FILLED_IN.contains(&&**member));
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| tag["key"] != SERVICE_TAG && tag["key"] != RELEASE_TAG);
    }
    Found::differing(difference::service(&Map::new(), &body))
}

fn updated(
    mut body: Map<String, Value>,
    changes: TagChanges,
    file: &ServiceFile,
    live: &RunningService,
    subject: &Subject<'_>,
    scaled: Option<&LiveTarget>,
) -> Found {
    body.retain(|member, _| !FILLED_IN.contains(&&**member));
    let fixed = CREATE_ONLY
        .into_iter()
        .filter(|member| *member != "tags")
        .filter_map(|member| Some((member.to_owned(), file.service.get(member)?.clone())));
    body.extend(fixed);
    let said = file.service.contains_key("desiredCount");
    let mut notes = Vec::new();
    if let Some(target) = scaled
        && said
    {
        notes.push(format!(
            "The desired count is not compared: autoscaling keeps it between {} and {}.",
            target.min, target.max
        ));
    }
    let previous = subject
        .next
        .known
        .as_ref()
        .and_then(|known| known.good.as_ref());
    let kept = previous.map_or_else(Vec::new, |previous| kept(subject.file, previous));
    notes.extend(kept.into_iter().map(|(member, why)| {
        format!("`service.{member}` is gone from the file and stays in ECS, which has nothing that clears it: {why}.")
    }));
    // Whether a service without tasks had a good release is only known to the state bucket.
    if scaled.is_some() || subject.next.known.is_none() && !said {
        body.remove("desiredCount");
    }
    let mut differences = difference::service(&live.fields, &body);
    differences.extend(tags(changes, live));
    let refused = unchangeable::refuse(subject.service, subject.file, Some(&live.known));
    Found {
        differences,
        refusals: refused.err().map(|refusal| refusal.0).into_iter().collect(),
        notes,
    }
}

fn tags(mut changes: TagChanges, live: &RunningService) -> Vec<Difference> {
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

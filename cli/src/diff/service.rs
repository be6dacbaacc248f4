//! The service, against what `CreateService` or `UpdateService` would be sent.

use landfall::{
    change::Call,
    difference::{self, Difference, OF_THE_REVISION},
    export::is_express,
    live::{Balancer, LiveService, LiveTarget},
    service_file::ServiceFile,
    service_section::{CREATE_ONLY, TagChanges, kept_by_ecs, unchangeable},
    step::update_service::{Input, Section, Seen, plan},
    tags::{RELEASE_TAG, SERVICE_TAG},
};
use landfall_aws::{Fault, clock::Clock};
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
        claimed_at: None,
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
        before: false,
    };
    let file = subject.file.clone().registered_in(registry);
    let seen = match subject.known {
        None => Seen::Absent {
            file: Box::new(file.clone()),
        },
        // Whether the revision may be replaced is asked apart, so that what differs is shown besides.
        Some(live) => Seen::Present {
            went_back: false,
            live: Box::new(live.clone()),
            whose: None,
            section: Some(Box::new(Section {
                file: file.clone(),
                previous: known.and_then(|known| known.good.clone()),
                given: vec![],
                shown_count: Some(live.desired_count),
            })),
        },
    };
    let change = match plan(&input, &seen, Clock::of(subject.sdk).now()) {
        Ok(change) => change,
        Err(refusal) => return Found::refused(refusal.0),
    };
    let tags = change.tags.map(|tags| tags.changes).unwrap_or_default();
    match (change.call, subject.live, subject.known) {
        (Call::Create(body), _, _) => created(body),
        (Call::Update(body), Some(live), Some(known)) => {
            let differences = tagged(tags, known);
            updated(body, differences, &file, (live, known), subject, scaled)
        }
        (Call::Update(_) | Call::Nothing, _, _) => Found::default(),
    }
}

/// Members of the section that are not compared, because AWS did not let the service revision be seen.
pub(super) fn unseen(subject: &Subject<'_>, fault: Option<&Fault>) -> Found {
    let section = &subject.file.service;
    let members = OF_THE_REVISION
        .iter()
        .filter(|member| section.contains_key(**member));
    let members: Vec<_> = members
        .map(|member| format!("`service.{member}`"))
        .collect();
    match fault {
        Some(fault) => Found::noted(format!(
            "{} cannot be compared, because only the service revision shows it: {fault}",
            members.join(" and ")
        )),
        None => Found::default(),
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
    of_tags: Vec<Difference>,
    file: &ServiceFile,
    (live, known): (&RunningService, &LiveService),
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
    let kept = previous.map_or_else(Vec::new, |previous| kept_by_ecs(subject.file, previous));
    notes.extend(kept.into_iter().map(|(member, why)| {
        format!("`service.{member}` is gone from the file and stays in ECS, which has nothing that clears it: {why}.")
    }));
    // Whether a service without tasks had a good release is only known to the state bucket.
    if scaled.is_some() || subject.next.known.is_none() && !said {
        body.remove("desiredCount");
    }
    let mut differences = difference::service(&live.fields, &body);
    differences.extend(of_tags);
    if is_express(&live.fields) && says_more_than_images(subject.file) {
        notes.push(format!(
            "{} is an Express service: ECS keeps its load balancer, its scaling and its security groups, and a change by that \
             API gives it another revision, which is drift. `landfall init` writes the file that leaves all but the images to \
             ECS.",
            subject.service
        ));
    }
    let refused = unchangeable::refuse(subject.service, subject.file, Some(known));
    Found {
        differences,
        refusals: refused.err().map(|refusal| refusal.0).into_iter().collect(),
        notes,
    }
}

/// Whether the file describes what of an Express service is ECS's.
fn says_more_than_images(file: &ServiceFile) -> bool {
    file.owns_task_definition()
        || file.service.len() > 1
        || file.ingress.is_some()
        || file.autoscaling.is_some()
}

fn tagged(mut changes: TagChanges, live: &LiveService) -> Vec<Difference> {
    changes.set.remove(RELEASE_TAG);
    let set = changes
        .set
        .into_iter()
        .map(|(key, value)| (key, Some(value)));
    let unset = changes.unset.into_iter().map(|key| (key, None));
    set.chain(unset)
        .map(|(key, after)| Difference {
            path: format!("service.tags[{key}]"),
            before: live.tags.get(&key).map(|value| Value::from(&**value)),
            after: after.map(Value::from),
            fixed: false,
        })
        .collect()
}

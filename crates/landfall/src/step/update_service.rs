//! Step `UpdateService`: the service runs the new revision, or is created with it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    change::{Call, Change, Count, Obstacle, ServiceTags},
    content::ContentHash,
    desired::GoodRelease,
    drift::{self, Whose},
    live::{Balancer, LiveService, Rollout, Scheduling},
    record::Release,
    refusal::Refusal,
    service_file::ServiceFile,
    service_id::ServiceId,
    service_section::{
        changes_count, deployment_seconds, keep_count, load_balancers_to_send,
        out_of_reach::foreign_controller, section, tag_changes, with_resets,
    },
    tags::{RELEASE_TAG, SERVICE_TAG, service_tag},
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// Since when the execution holds the claim.
    #[serde(default)]
    pub claimed_at: Option<Timestamp>,
    /// The release.
    pub release: Release,
    /// The ARN of its cluster.
    pub cluster: String,
    /// The ARN of the revision to run.
    pub task_definition: String,
    /// Whether the whole `service` section has to be sent, or only the revision.
    pub apply_service: bool,
    /// Whether ECS was last given the section of the last good release.
    #[serde(default)]
    pub from_good: bool,
    /// The last good release, if there ever was one.
    pub last_good: Option<GoodRelease>,
    /// How long, in seconds, ECS may take.
    pub timeout_seconds: u64,
    /// The target group that Landfall keeps, if the file has an `ingress` section and the whole section has to be sent.
    #[serde(default)]
    pub balancer: Option<Balancer>,
    /// The ARN of the revision that an adopted service ran, into which the images were filled.
    #[serde(default)]
    pub base: Option<String>,
    /// Whether tasks of the release ran before.
    #[serde(default)]
    pub before: bool,
}

/// The refusal of a release whose file adopts a service that is not there.
pub fn nothing_to_adopt(service: &ServiceId) -> Refusal {
    Refusal::new(format!(
        "there is no service {service} to adopt: its service file has no taskDefinition, so the service has to exist; create \
         it first, correct cluster.clusterName or service.serviceName, or write the section taskDefinition"
    ))
}

/// The facts about the service from which the step decides.
#[derive(Clone, Debug)]
pub enum Seen {
    /// There is no service of this name.
    Absent {
        /// The release's file.
        file: Box<ServiceFile>,
    },
    /// There is one.
    Present {
        /// As ECS describes it.
        live: Box<LiveService>,
        /// Whose revision the service runs; none if it runs none.
        whose: Option<Whose>,
        /// Whether the revision into which the images were filled is one that Landfall registered, and the service runs the one
        /// that it ran before Landfall came: ECS has gone back to that meanwhile, by itself.
        went_back: bool,
        /// What the `service` section is made of, if it has to be sent. Otherwise only the revision is new, and the
        /// desired count that autoscaling chose stays.
        section: Option<Box<Section>>,
    },
}

/// The service, if there is one: ECS goes on describing one that was deleted.
pub fn existing(live: Option<LiveService>) -> Option<LiveService> {
    live.filter(|live| !live.is_deleted())
}

/// The files from which the `service` section for `UpdateService` is made.
#[derive(Clone, Debug)]
pub struct Section {
    /// The release's file.
    pub file: ServiceFile,
    /// The last good release's file, if it is another one: members that only that file has are cleared.
    pub previous: Option<ServiceFile>,
    /// The files of the other releases whose sections ECS may have ([`given_by`](crate::service_section::given_by)): they
    /// were bad, or newer releases took their place. Members that only these files have are cleared too.
    pub given: Vec<ServiceFile>,
    /// The number of tasks that the service is certain to be asked for; none if ECS may not show yet what another release
    /// asked for.
    pub shown_count: Option<i32>,
}

/// The revision that has to be noted as the way back before the service is changed: what a service that Landfall did
/// not make ran when its first service file came. The images may have been filled into an older one.
pub fn to_note<'a>(input: &'a Input, seen: &'a Seen) -> Option<&'a String> {
    match seen {
        Seen::Present {
            live,
            whose: Some(Whose::Adoptable),
            ..
        } => {
            let runs = live.primary().map(|primary| &primary.task_definition);
            input.base.as_ref().or(runs)
        }
        _ => None,
    }
}

/// Decides how the service gets the revision.
///
/// # Errors
/// Refused if something else controls the service's deployments, if the service runs a foreign revision, and if there
/// is no service whose task definition the file could adopt.
pub fn plan(input: &Input, seen: &Seen, now: Timestamp) -> Result<Change, Refusal> {
    match seen {
        Seen::Absent { file } if !file.owns_task_definition() => {
            Err(nothing_to_adopt(&input.service))
        }
        Seen::Absent { file } => Ok(Change {
            tags: None,
            call: Call::Create(create_body(input, file)),
            count: Count::Keep,
            rollout: rollout(input, Some(file), None, now),
            service: input.service.clone(),
            obstacle: None,
        }),
        Seen::Present {
            live,
            whose,
            went_back,
            section,
        } => {
            foreign_controller(&input.service, &live.controller)?;
            refuse_foreign_revision(input, live, *whose, *went_back)?;
            Ok(update(input, live, section.as_deref(), now))
        }
    }
}

/// A foreign revision is not overwritten. The owner of an adopted service, whose file has no task definition, may give
/// it revisions; but the release's images were filled into one of them, and a revision that came after it would be
/// lost. The revision that the service ran at first comes back without the owner, where ECS gives up a release.
fn refuse_foreign_revision(
    input: &Input,
    live: &LiveService,
    whose: Option<Whose>,
    went_back: bool,
) -> Result<(), Refusal> {
    let (Some(whose), Some(primary)) = (whose, live.primary()) else {
        return Ok(());
    };
    let runs = &primary.task_definition;
    let is_base = input.base.as_ref().is_none_or(|base| base == runs);
    match whose {
        Whose::Good | Whose::Accepted | Whose::OurAttempt => Ok(()),
        Whose::Adopted if went_back => Ok(()),
        Whose::Adoptable | Whose::Adopted | Whose::OfOwner if is_base => Ok(()),
        Whose::Adoptable | Whose::Adopted | Whose::OfOwner | Whose::Foreign => {
            Err(Refusal::new(drift::fact(&input.service, runs)))
        }
    }
}

fn update(input: &Input, live: &LiveService, section: Option<&Section>, now: Timestamp) -> Change {
    let service = input.service.clone();
    let obstacle = Obstacle::to(live, &input.task_definition);
    if obstacle == Some(Obstacle::Deletion) {
        return Change {
            service,
            tags: None,
            call: Call::Nothing,
            count: Count::Keep,
            rollout: rollout(input, None, Some(live), now),
            obstacle,
        };
    }
    let Some(Section {
        file,
        previous,
        given,
        shown_count,
    }) = section
    else {
        return Change {
            service,
            tags: None,
            call: Call::Update(update_body(input, None, live, None)),
            count: Count::Keep,
            rollout: rollout(input, None, Some(live), now),
            obstacle,
        };
    };
    let file = with_resets(file.clone(), previous.iter().chain(given));
    let mut body = update_body(input, Some(&file), live, *shown_count);
    if input.from_good {
        keep_count(&mut body, previous.as_ref());
    }
    let is_shown = body
        .get("desiredCount")
        .is_some_and(|count| *count == live.desired_count);
    let count = match changes_count(&mut body, *shown_count) {
        false => Count::Keep,
        // ECS may only not show another count yet: whoever cannot be asked about the scaling changes no release's verdict.
        true if is_shown => Count::DropUnlessOwned,
        true => Count::DropUnowned,
    };
    Change {
        service,
        tags: Some(ServiceTags {
            arn: live.arn.clone(),
            changes: tag_changes(&file, previous.as_ref(), input.release.number, &live.tags),
        }),
        call: Call::Update(body),
        count,
        rollout: rollout(input, Some(&file), Some(live), now),
        obstacle,
    }
}

fn rollout(
    input: &Input,
    file: Option<&ServiceFile>,
    live: Option<&LiveService>,
    now: Timestamp,
) -> Rollout {
    Rollout {
        task_definition: Some(input.task_definition.clone()),
        started_at: now,
        timeout_seconds: deployment_seconds(input.timeout_seconds, file, live),
        deployment: None,
        count_before: live.and_then(LiveService::chosen_count),
    }
}

/// The body of `CreateService`. The token makes a repeated request harmless: it takes 36 characters
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
fn create_body(input: &Input, file: &ServiceFile) -> Map<String, Value> {
    let mut body = file.service.clone();
    body.insert("cluster".into(), json!(input.cluster));
    body.insert("taskDefinition".into(), json!(input.task_definition));
    let balancers = load_balancers_to_send(file, &input.service, input.balancer.as_ref(), &[]);
    body.extend(balancers.map(|value| ("loadBalancers".into(), value)));
    one_task_at_least(&mut body, file, 0);
    let attempt = json!([input.service, input.release.number, input.task_definition]);
    let token = ContentHash::of(&attempt).to_string();
    body.entry("clientToken")
        .or_insert_with(|| json!(token[..32]));
    let tags = body.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.retain(|tag| {
            let key = tag.get("key").and_then(Value::as_str);
            ![Some(SERVICE_TAG), Some(RELEASE_TAG)].contains(&key)
        });
        tags.push(json!({ "key": SERVICE_TAG, "value": service_tag(&input.service) }));
        tags.push(json!({ "key": RELEASE_TAG, "value": input.release.number.to_string() }));
    }
    body
}

/// The body of `UpdateService`: the whole section of `file`, or the revision alone.
///
/// A service at 0 tasks that never had a good release was left so by a failed first one, and gets a task again where
/// the file names no count; so does one of which ECS may not show yet that it is at 0. The count of a service that Landfall did not
/// create, by autoscaling or by hand, is left alone.
fn update_body(
    input: &Input,
    file: Option<&ServiceFile>,
    live: &LiveService,
    shown_count: Option<i32>,
) -> Map<String, Value> {
    let mut body = match file {
        Some(file) => section(file, &input.service, input.balancer.as_ref(), Some(live)),
        None => Map::new(),
    };
    body.insert("cluster".into(), json!(input.cluster));
    body.insert("service".into(), json!(input.service.service()));
    body.insert("taskDefinition".into(), json!(input.task_definition));
    let may_be_empty = live.scheduling_strategy == Scheduling::Replica
        && shown_count.is_none_or(|count| count == 0);
    let owner = file.filter(|file| file.owns_task_definition());
    if let Some(file) = owner.filter(|_| input.last_good.is_none() && may_be_empty) {
        one_task_at_least(&mut body, file, live.desired_count);
    }
    body
}

/// ECS creates a replica service without `desiredCount` with no task at all. A release of no task proves nothing. What it has
/// is not taken from it.
fn one_task_at_least(body: &mut Map<String, Value>, file: &ServiceFile, has: i32) {
    if body.get("schedulingStrategy").and_then(Value::as_str) != Some("DAEMON") {
        let least = file
            .autoscaling
            .as_ref()
            .map_or(1, |scaled| scaled.min.max(1))
            .max(has.unsigned_abs());
        body.entry("desiredCount").or_insert(json!(least));
    }
}

#[cfg(test)]
mod tests;

//! Invariant 2: at rest, ECS runs the newest release that proved good, and everything around the service is as that
//! release's file says.

use landfall::{
    desired::DesiredState,
    hold::SetBy,
    record::{Record, Verdict},
};
use landfall_local::cloud::Cloud;
use serde_json::{Value, json};

use crate::{
    owner,
    scenario::Service,
    serving,
    story::{Run, Story},
    violation::Violation,
    witness::{is_foreign, record},
};

/// A foreign revision stays where Landfall saw it, and may be there unseen while the service is held or not followed,
/// or where the event was lost. After an undecided release the service stays as it was, until somebody goes on.
pub(super) async fn rests(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
) -> Vec<Violation> {
    let concluded = desired.concluded.as_ref();
    if concluded.is_some_and(|concluded| concluded.verdict == Verdict::Undecided) {
        return Vec::new();
    }
    let live = live(&run.cloud, service).await;
    let runs = primary(&live);
    let hold = desired.hold.as_ref();
    let drifted = hold.is_some_and(|hold| hold.set_by == SetBy::Drift);
    let unseen = hold.is_some() || desired.file.is_none() || run.drift_unheard;
    // What its owner gave an adopted service stays until the next release, which makes its revision of it.
    // ECS itself may go back to one before the last, if that one was never completed.
    let is_first = story.owners.len() > 1 && story.owners.first() == Some(&runs);
    let is_owners = story.owners.contains(&runs) && !is_first;
    if story.deployed && is_foreign(&runs) && unseen || is_owners {
        return Vec::new();
    }
    let Some(good) = newest_good(run, service).await else {
        let ends = crash_loops(run, service, story, desired, &live).await;
        return ends.into_iter().collect();
    };
    let number = good.release.number;
    let mut wrong = Vec::new();
    if drifted {
        wrong.push(format!("is held because it drifted, and runs {runs}"));
    }
    if desired.last_good.as_ref().map(|known| known.number) != Some(number) {
        wrong.push(format!("does not know that release {number} was good"));
    }
    let is_good = serving::runs(&run.cloud, &runs, &good.release.content.images);
    if !is_good.await {
        let text = format!("runs {runs}, which has another image than release {number}");
        wrong.push(format!("{text}, the newest good one"));
    }
    if let Some(file) = story.file_of(&good.release.content) {
        let rest = Rest {
            cloud: &run.cloud,
            service,
            file,
            live: &live,
            was_denied: run.faults.denials() > 0,
        };
        wrong.extend(rest.differences(story).await);
    }
    let wrong = wrong.into_iter();
    wrong
        .map(|text| Violation::new(2, &service.id, text))
        .collect()
}

/// The record of the newest release that was announced as good.
async fn newest_good(run: &Run, service: &Service) -> Option<Record> {
    let announced = run.witness.announced().into_iter();
    let good = announced
        .filter(|verdict| verdict.service == service.id && verdict.verdict == Verdict::Succeeded);
    record(&run.cloud, &service.id, good.map(|good| good.number).max()?).await
}

/// A service of which nothing was ever good starts no tasks that end again for ever, unless a stranger wants it so. What an earlier
/// release left there stands, if its tasks stay: nobody asked it for its answer.
async fn crash_loops(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
    live: &Value,
) -> Option<Violation> {
    let strangers = story.deployed || !story.counts.is_empty();
    let under_way = !desired.open.is_empty();
    let is_empty = live["status"] != "ACTIVE" || live["desiredCount"] == 0;
    if strangers || under_way || is_empty || run.faults.denials() > 0 {
        return None;
    }
    let runs = primary(live);
    let images = serving::digests(&run.cloud, &runs).await;
    let keeps_running = |digest: &String| service.keeps_running(&run.pushes, digest);
    (!images.values().all(keeps_running)).then(|| {
        let text = format!("never had a good release, and starts tasks of {runs} for ever");
        Violation::new(2, &service.id, text)
    })
}

async fn live(cloud: &Cloud, service: &Service) -> Value {
    let input = json!({ "cluster": service.id.cluster(), "services": [service.id.service()] });
    let answer = cloud.ecs.call("DescribeServices", input).await;
    let mut answer = answer.unwrap_or_default();
    let service = answer["services"].get_mut(0);
    service.map(Value::take).unwrap_or_default()
}

/// The revision that a service is heading for.
fn primary(live: &Value) -> String {
    let mut deployments = live["deployments"].as_array().into_iter().flatten();
    let primary = deployments.find(|deployment| deployment["status"] == "PRIMARY");
    let runs = primary.and_then(|primary| primary["taskDefinition"].as_str());
    runs.unwrap_or_default().to_owned()
}

/// A service at rest, and the file that it should be like.
pub(super) struct Rest<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) service: &'a Service,
    pub(super) file: &'a Value,
    pub(super) live: &'a Value,
    /// Whether a policy forbade a call.
    pub(super) was_denied: bool,
}

impl Rest<'_> {
    /// Where the service is not as the file says.
    async fn differences(&self, story: &Story) -> Vec<String> {
        let mut wrong = if self.service.adopted {
            self.owners_revision(story).await
        } else {
            self.revision().await
        };
        wrong.extend(self.section());
        wrong.extend(self.count(story));
        // What may not be made or taken away stays as it is until the next release.
        if self.was_denied {
            return wrong;
        }
        wrong.extend(self.ingress(story).await);
        // If an execution dies between the scaling and its verdict, the scaling stays: docs/design.md says so.
        if story.died == 0 {
            wrong.extend(self.scaling().await);
        }
        wrong.extend(self.discovery().await);
        wrong.extend(self.capacity().await);
        wrong
    }

    /// The revision that runs: its settings, and those of its containers that a file may take away again.
    async fn revision(&self) -> Vec<String> {
        const OPTIONAL: [&str; 5] = [
            "healthCheck",
            "portMappings",
            "environment",
            "command",
            "logConfiguration",
        ];
        let input = json!({ "taskDefinition": primary(self.live) });
        let answer = self.cloud.ecs.call("DescribeTaskDefinition", input).await;
        let revision = answer.unwrap_or_default()["taskDefinition"].take();
        let wanted = &self.file["taskDefinition"];
        let mut wrong = missing("taskDefinition", wanted, &revision);
        let containers = |revision: &Value| revision["containerDefinitions"].as_array().cloned();
        let (live, wanted) = (containers(&revision), containers(wanted));
        let (live, wanted) = (live.into_iter().flatten(), wanted.into_iter().flatten());
        for (live, wanted) in live.zip(wanted) {
            let gone = |member: &&str| is_set(&live[*member]) && !is_set(&wanted[*member]);
            let gone = OPTIONAL.into_iter().filter(gone);
            let name = &live["name"];
            wrong.extend(gone.map(|member| format!("its container {name} still has {member}")));
        }
        wrong
    }

    /// The revision of an adopted service, which has what its owner gave it, but for the images.
    async fn owners_revision(&self, story: &Story) -> Vec<String> {
        let revision = primary(self.live);
        let known = story.owners.len();
        if owner::is_of_owner(self.cloud, self.service, &revision, known).await {
            Vec::new()
        } else {
            vec![format!("runs {revision}, which its owner did not describe")]
        }
    }

    /// The section `service`, but the count.
    fn section(&self) -> Vec<String> {
        let mut wanted = self.file["service"].clone();
        if let Some(wanted) = wanted.as_object_mut() {
            wanted.shift_remove("desiredCount");
        }
        let mut wrong = missing("service", &wanted, self.live);
        let strategy = |section: &Value| {
            let strategy = section["deploymentConfiguration"]["strategy"].as_str();
            strategy.unwrap_or("ROLLING").to_owned()
        };
        let (live, wanted) = (strategy(self.live), strategy(&wanted));
        if live != wanted {
            wrong.push(format!("is deployed by {live}, and should be by {wanted}"));
        }
        wrong
    }

    /// All tasks run, and they are as many as the file or a stranger says.
    fn count(&self, story: &Story) -> Vec<String> {
        let (running, desired) = (&self.live["runningCount"], &self.live["desiredCount"]);
        let mut wrong = Vec::new();
        if running != desired || *desired == 0 {
            wrong.push(format!("runs {running} of {desired} tasks"));
        }
        let (least, most) = serving::asked(self.file);
        let count = desired.as_u64().unwrap_or_default();
        if !(least..=most).contains(&count) && !story.counts.contains(&count) {
            wrong.push(format!(
                "should have {least} to {most} tasks, and its desired count is {desired}"
            ));
        }
        wrong
    }
}

pub(super) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// What `wanted` says and `live` does not, with its path: `live` may have more members, and no other items.
pub(super) fn missing(path: &str, wanted: &Value, live: &Value) -> Vec<String> {
    match (wanted, live) {
        (Value::Object(members), Value::Object(_)) => members
            .iter()
            .flat_map(|(name, wanted)| missing(&format!("{path}.{name}"), wanted, &live[name]))
            .collect(),
        (Value::Array(items), Value::Array(there)) if items.len() == there.len() => items
            .iter()
            .zip(there)
            .enumerate()
            .flat_map(|(at, (wanted, live))| missing(&format!("{path}[{at}]"), wanted, live))
            .collect(),
        _ if wanted == live => Vec::new(),
        _ => vec![format!("{path} is {live}, and should be {wanted}")],
    }
}

//! Plays a scenario to its quiet end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use landfall::step::register_task_definition::CONTENT_TAG;
use landfall_aws::operator::Operator;
use landfall_local::{
    cloud::{Cloud, Settings, fault::Fault, store::StoreError},
    local::ACCOUNT,
    schedule,
    world::World,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::{
    executions::Executions,
    fault::{Faults, Made},
    installation::{self, CONFIG_BUCKET, InstallationError, STATE_BUCKET},
    invariant::{self, Violation},
    journal::Journal,
    neighbours::Neighbours,
    post::Post,
    scenario::{Behaviour, Move, Scenario},
    serving::Guard,
    wire::{self, Wire},
    witness::{Witness, desired},
};

/// How long a run may take to become quiet, in the time of the simulation: the longest rollout, its way back, and the
/// restarts of executions that died.
const QUIET_WITHIN: Duration = Duration::from_secs(6 * 3600);

/// How often it is looked whether everything is quiet.
const LOOK: Duration = Duration::from_millis(3500);

/// Everything that is known at the end of a run.
pub struct Run {
    /// What was played.
    pub scenario: Scenario,
    /// The embedded cloud as it was left.
    pub cloud: Arc<Cloud>,
    /// Who changed what.
    pub witness: Arc<Witness>,
    /// What went wrong.
    pub faults: Arc<Faults>,
    /// Every image that was pushed, oldest first.
    pub pushes: Vec<Pushed>,
    /// What is known of each service.
    pub stories: Vec<Story>,
    /// Whether everything came to rest in time.
    pub quiet: bool,
    /// Events that no attempt could handle, even after the faults had ended.
    pub dead_letters: usize,
    /// Moments at which nothing good served.
    pub gaps: Vec<Violation>,
}

/// An image that was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its repository.
    pub repository: String,
    /// Its tag at that time.
    pub tag: String,
    /// `sha256:…`
    pub digest: String,
    /// Its containers.
    pub behaviour: Behaviour,
    /// When.
    pub at: Timestamp,
    /// What the digest is of.
    pub manifest: String,
}

/// What happened to one service.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The service file that lies in the bucket, if it is a good one.
    pub file: Option<Value>,
    /// Whether the service file was deleted and not put again.
    pub deleted: bool,
    /// Whether somebody else changed the service in ECS.
    pub strangers: bool,
    /// Whether somebody else gave it a revision.
    pub deployed: bool,
    /// How many of its executions were aborted.
    pub aborts: usize,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Whether conditional writes were unconditional.
    pub unconditional: bool,
    /// What did not hold; nothing in a good run.
    pub violations: Vec<Violation>,
    /// What happened when.
    pub timeline: String,
    /// The calls that functions made, in their order.
    pub calls: Vec<Made>,
    /// The states that executions entered, in their order.
    pub states: Vec<String>,
    /// How many calls and states were hit by a fault.
    pub faults: usize,
    /// How many executions were aborted.
    pub aborts: usize,
    /// How many changes to ECS came from an execution that had ended already.
    pub late_changes: usize,
    /// The task definition revisions that have the same content as one before them.
    pub doubles: Vec<String>,
    /// How many releases got which verdict.
    pub verdicts: BTreeMap<String, usize>,
}

impl Report {
    /// What did not hold, and how to play the run again; nothing for a good run.
    pub fn findings(&self) -> String {
        let seed = self.seed;
        let mut text = String::new();
        for violation in &self.violations {
            text.push_str(&format!("seed {seed}: {violation}\n"));
        }
        if !text.is_empty() {
            let unconditional = if self.unconditional {
                " --unconditional"
            } else {
                ""
            };
            text.push_str(&format!(
                "replay: cargo run --profile simulation -p landfall-simulation -- --seed {seed}{unconditional}\n"
            ));
        }
        text
    }
}

/// Why a run could not be played at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The runtime.
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The cloud.
    #[error(transparent)]
    Cloud(#[from] StoreError),
    /// The installation.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// What stands around it.
    #[error("{}: {}", .0.code, .0.message)]
    Neighbours(Fault),
}

/// Plays the scenario of a seed on a paused clock, and asks about every invariant.
///
/// # Errors
/// When Landfall cannot be installed; that is no finding of the scenario.
pub fn play(scenario: Scenario) -> Result<Report, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let mut stage = Stage::set(scenario).await?;
        stage.play().await;
        let (run, journal) = stage.end().await;
        let violations = invariant::broken(&run).await;
        let mut told = run.witness.told();
        told.sort_by(|one, other| (&one.service, one.number).cmp(&(&other.service, other.number)));
        told.dedup();
        let mut verdicts = BTreeMap::new();
        for told in told {
            *verdicts.entry(told.verdict.to_string()).or_default() += 1;
        }
        let changes = run.witness.changes();
        let report = Report {
            seed: run.scenario.seed,
            unconditional: run.scenario.unconditional,
            violations,
            timeline: journal.timeline(),
            calls: run.faults.calls(),
            states: run.faults.entries(),
            faults: run.faults.hits(),
            aborts: run.stories.iter().map(|story| story.aborts).sum(),
            late_changes: changes.iter().filter(|change| !change.alive).count(),
            doubles: doubles(&run.cloud).await,
            verdicts,
        };
        // The functions hold the cloud that holds them.
        run.cloud.functions.stop();
        run.cloud.ecs.shutdown().await;
        Ok(report)
    })
}

/// The revisions that Landfall registered although there was one of the same family and content.
async fn doubles(cloud: &Cloud) -> Vec<String> {
    let listed = cloud.ecs.call("ListTaskDefinitions", json!({})).await;
    let listed = listed.unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut doubles = Vec::new();
    for arn in listed["taskDefinitionArns"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let input = json!({ "taskDefinition": arn, "include": ["TAGS"] });
        let described = cloud.ecs.call("DescribeTaskDefinition", input).await;
        let described = described.unwrap_or_default();
        let tags = described["tags"].as_array().into_iter().flatten();
        let content = tags
            .filter(|tag| tag["key"] == CONTENT_TAG)
            .find_map(|tag| tag["value"].as_str());
        if let Some(content) = content
            && !seen.insert(format!(
                "{} {content}",
                described["taskDefinition"]["family"]
            ))
        {
            doubles.push(arn.as_str().unwrap_or_default().to_owned());
        }
    }
    doubles
}

struct Stage {
    scenario: Scenario,
    wire: Wire,
    post: Arc<Post>,
    executions: Executions,
    operator: Operator,
    state_machine: String,
    pushes: Vec<Pushed>,
    stories: Vec<Story>,
    guard: Guard,
    neighbours: Neighbours,
}

impl Stage {
    async fn set(scenario: Scenario) -> Result<Self, RunError> {
        // The SDK counts retries per Region and process, for all runs: each seed has a Region of its own.
        let region = format!("sim-{}", scenario.seed);
        let began = Timestamp::from_second(1_750_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        let world = Arc::new(World::new(ACCOUNT, &region, began, scenario.seed));
        let mut settings = Settings::new("http://127.0.0.1:4599", None);
        settings.elb.bind_listeners = false;
        let cloud = Cloud::open(world.clone(), settings).await?;
        let journal = Arc::new(Journal::new(world));
        let wire = Wire {
            cloud: cloud.clone(),
            faults: Arc::new(Faults::new(
                scenario.faults,
                scenario.slow,
                scenario.seed ^ 1,
            )),
            journal: journal.clone(),
            witness: Arc::default(),
            unconditional: scenario.unconditional,
        };
        let (state_machine, schedules) = installation::install(&wire).await?;
        let neighbours = Neighbours::settle(&cloud)
            .await
            .map_err(RunError::Neighbours)?;
        let post = Arc::new(Post::new(
            cloud.clone(),
            journal,
            scenario.delivery,
            scenario.seed ^ 2,
        ));
        cloud.deliver_events(post.deliver())?;
        if let Some(minutes) = scenario.sweep_minutes {
            for mut schedule in schedules {
                schedule.input["everyMinutes"] = json!(minutes);
                schedule::keep(schedule, cloud.world.clone(), post.deliver());
            }
        }
        let executions = Executions::new(&wire, state_machine.clone());
        executions.watch(wire.faults.clone());
        Ok(Self {
            guard: Guard::new(cloud, &scenario),
            neighbours,
            stories: vec![Story::default(); scenario.services.len()],
            pushes: Vec::new(),
            scenario,
            executions,
            operator: Operator::new(
                &wire::sdk(wire.clone()),
                STATE_BUCKET,
                Some(CONFIG_BUCKET.into()),
            ),
            state_machine,
            wire,
            post,
        })
    }

    async fn play(&mut self) {
        for service in &self.scenario.services {
            let input = json!({ "repositoryName": service.repository });
            // Services may share a repository.
            let _ = self.wire.cloud.ecr.call("CreateRepository", input).await;
        }
        for (pause, next) in self.scenario.moves.clone() {
            self.watch(pause).await;
            self.wire.journal.note("—", format!("{next:?}"));
            self.make(next).await;
        }
        self.watch(Duration::from_secs(5)).await;
    }

    /// Lets time pass while it is watched that something good serves.
    async fn watch(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            let left = until - Instant::now();
            sleep(left.min(Duration::from_millis(700))).await;
            self.guard
                .look(&self.pushes, &self.stories, &self.wire.journal)
                .await;
        }
    }

    /// Faults end, events flow: waits until nothing is under way.
    async fn end(mut self) -> (Run, Arc<Journal>) {
        let journal = self.wire.journal.clone();
        journal.note("—", "faults end, events flow");
        self.wire.faults.end();
        self.post.become_punctual();
        if self.scenario.resumed {
            self.resume_all().await;
        }
        let deadline = Instant::now() + QUIET_WITHIN;
        let looks = self.looks_until_quiet();
        let mut quiet_looks = 0;
        let mut redriven = false;
        let mut dead_letters = 0;
        while quiet_looks < looks && Instant::now() < deadline {
            self.watch(LOOK).await;
            if self.post.under_way() > 0 || !self.executions.running().await.is_empty() {
                quiet_looks = 0;
                continue;
            }
            let dead = self.post.dead_letters();
            if !dead.is_empty() && !redriven {
                // As people do with a dead-letter queue once its cause is gone; unless the sweep has to find out by itself.
                redriven = true;
                quiet_looks = 0;
                if self.scenario.delivery.loses() {
                    continue;
                }
                for (function, event) in dead {
                    self.post.carry(&function, event);
                }
                continue;
            }
            dead_letters += dead.len();
            quiet_looks += 1;
            if quiet_looks == 12 && self.scenario.resumed && self.resume_all().await {
                // What somebody else changed late holds a service again.
                quiet_looks = 0;
                continue;
            }
        }
        for (service, story) in self.scenario.services.iter().zip(&mut self.stories) {
            story.aborts = self.executions.aborted(&service.id);
        }
        let run = Run {
            scenario: self.scenario,
            cloud: self.wire.cloud,
            witness: self.wire.witness,
            faults: self.wire.faults,
            pushes: self.pushes,
            stories: self.stories,
            quiet: quiet_looks >= looks,
            dead_letters,
            gaps: self.guard.gaps(),
        };
        (run, journal)
    }

    /// After events were lost, a whole sweep has to find nothing to do, or the one that was made by hand has to have been
    /// repeated.
    fn looks_until_quiet(&self) -> u128 {
        let minutes = self.scenario.sweep_minutes.unwrap_or(1);
        let sweep = match self.scenario.delivery.loses() {
            true => Duration::from_secs(60 * (minutes.unsigned_abs() + 2)),
            false => Duration::ZERO,
        };
        24.max(sweep.as_millis() / LOOK.as_millis())
    }

    async fn make(&mut self, next: Move) {
        match next {
            Move::Push {
                repository,
                tag,
                behaviour,
            } => {
                let manifest =
                    json!({ "schemaVersion": 2, "build": self.pushes.len() }).to_string();
                self.push(repository, tag, behaviour, manifest).await;
            }
            Move::MoveBack {
                repository,
                tag,
                by,
            } => self.move_back(repository, tag, by).await,
            Move::PutFile { service, edition } => {
                let described = &self.scenario.services[service];
                let mut file = described.file(edition);
                if edition.sections {
                    file = self.neighbours.added_to(file, &described.id);
                }
                self.put(service, file.to_string()).await;
                self.stories[service].file = Some(file);
                self.stories[service].deleted = false;
            }
            Move::BreakFile { service } => {
                self.put(service, "images: [".into()).await;
                self.stories[service].file = None;
                self.stories[service].deleted = false;
            }
            Move::DeleteFile { service } => {
                self.objects(Method::DELETE, service, String::new()).await;
                self.stories[service].file = None;
                self.stories[service].deleted = true;
            }
            Move::StrangerCounts { service, count } => {
                self.stranger(service, json!({ "desiredCount": count }))
                    .await;
            }
            Move::StrangerDeploys { service } => {
                let container = json!({ "name": "web", "image": "stranger:1", "essential": true });
                let input = json!({ "family": "stranger", "containerDefinitions": [container] });
                // The family alone names its newest revision.
                let registered = self
                    .wire
                    .cloud
                    .ecs
                    .call("RegisterTaskDefinition", input)
                    .await;
                if registered.is_ok() {
                    self.stranger(service, json!({ "taskDefinition": "stranger" }))
                        .await;
                }
            }
            Move::Sweep => {
                let scheduled_at = self.wire.cloud.world.now();
                let event = json!({ "scheduledAt": scheduled_at, "everyMinutes": 1 });
                self.post.carry("sweep-due", event);
            }
            Move::StopTask { service } => self.stop_task(service).await,
            Move::Hold { service } => {
                let id = &self.scenario.services[service].id;
                // Landfall may not know it yet.
                let _ = self.operator.hold(id, "maintenance").await;
            }
            Move::Resume { service } => self.resume(service).await,
            Move::Abort { service, after } => {
                let wanted = self.scenario.services[service].id.clone();
                tokio::spawn(self.executions.clone().abort_next(wanted, after));
            }
        }
    }

    /// Ends every hold; whether there was one.
    async fn resume_all(&self) -> bool {
        let mut any = false;
        for (number, service) in self.scenario.services.iter().enumerate() {
            let desired = desired(&self.wire.cloud, &service.id).await;
            if desired.is_some_and(|desired| desired.hold.is_some()) {
                self.resume(number).await;
                any = true;
            }
        }
        any
    }

    async fn resume(&self, service: usize) {
        let id = &self.scenario.services[service].id;
        let resumed = self.operator.resume(id, Some(&self.state_machine)).await;
        if let Err(fault) = resumed {
            self.wire.journal.note("—", format!("not resumed: {fault}"));
        }
    }

    async fn move_back(&mut self, repository: String, tag: String, by: usize) {
        let mut images: Vec<&Pushed> = Vec::new();
        let mut named = None;
        for push in self
            .pushes
            .iter()
            .filter(|push| push.repository == repository)
        {
            let known = images.iter().position(|image| image.digest == push.digest);
            let place = known.unwrap_or(images.len());
            if known.is_none() {
                images.push(push);
            }
            if push.tag == tag {
                named = Some(place);
            }
        }
        // Every push of the tag may have been refused.
        let before = named.and_then(|place| place.checked_sub(by));
        if let Some(Pushed {
            behaviour,
            manifest,
            ..
        }) = before.map(|place| images[place].clone())
        {
            self.push(repository, tag, behaviour, manifest).await;
        }
    }

    async fn push(
        &mut self,
        repository: String,
        tag: String,
        behaviour: Behaviour,
        manifest: String,
    ) {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&manifest)));
        let cloud = &self.wire.cloud;
        cloud.ecs.simulate(&digest, behaviour.simulated());
        let input =
            json!({ "repositoryName": repository, "imageManifest": manifest, "imageTag": tag });
        match cloud.ecr.call("PutImage", input).await {
            Ok(_) => self.pushes.push(Pushed {
                repository,
                tag,
                digest,
                behaviour,
                at: cloud.world.now(),
                manifest,
            }),
            Err(fault) => self
                .wire
                .journal
                .note("—", format!("the push was refused: {}", fault.message)),
        }
    }

    async fn put(&self, service: usize, text: String) {
        self.objects(Method::PUT, service, text).await;
    }

    async fn objects(&self, method: Method, service: usize, text: String) {
        let key = &self.scenario.services[service].key;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:4599/{CONFIG_BUCKET}/{key}"))
            .header("host", "127.0.0.1:4599")
            .header("content-length", text.len())
            .body(Bytes::from(text));
        if let Ok(request) = request {
            self.wire.cloud.handle(request).await;
        }
    }

    async fn stranger(&mut self, service: usize, change: Value) {
        let deploys = change["taskDefinition"].is_string();
        let mut input = change;
        let id = &self.scenario.services[service].id;
        input["cluster"] = json!(id.cluster());
        input["service"] = json!(id.service());
        // There may be no such service yet.
        if self
            .wire
            .cloud
            .ecs
            .call("UpdateService", input)
            .await
            .is_ok()
        {
            self.stories[service].strangers = true;
            self.stories[service].deployed |= deploys;
        }
    }

    async fn stop_task(&mut self, service: usize) {
        let id = &self.scenario.services[service].id;
        let cluster = id.cluster();
        let ecs = &self.wire.cloud.ecs;
        let input = json!({ "cluster": cluster, "serviceName": id.service() });
        let Ok(tasks) = ecs.call("ListTasks", input).await else {
            return;
        };
        if let Some(task) = tasks["taskArns"][0].as_str() {
            self.stories[service].strangers = true;
            // It may have stopped by itself meanwhile.
            let _ = ecs
                .call("StopTask", json!({ "cluster": cluster, "task": task }))
                .await;
        }
    }
}

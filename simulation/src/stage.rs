//! Makes the moves of a scenario, and waits for its quiet end.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall::hold::SetBy;
use landfall_aws::operator::Operator;
use landfall_local::{
    cloud::{Cloud, Settings},
    driver::Driver,
    local::{ACCOUNT, CONFIG_BUCKET, STATE_BUCKET},
    schedule,
    world::World,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    approver::Approver,
    executions::Executions,
    fault::Faults,
    installation,
    journal::Journal,
    neighbours::Neighbours,
    owner,
    post::Post,
    scenario::{Behaviour, Move, Scenario},
    serving::Guard,
    story::{Pushed, Run, RunError, Story, Uploaded},
    wire::{self, Wire},
    witness::desired,
};

/// How long a run may take to become quiet, in the time of the simulation: the longest rollout, its way back, and the
/// restarts of executions that died.
const QUIET_WITHIN: Duration = Duration::from_secs(6 * 3600);

/// How often it is looked whether everything is quiet.
const LOOK: Duration = Duration::from_millis(3500);

/// A Landfall in a simulated world, on which the moves of a scenario are made.
pub(crate) struct Stage {
    scenario: Scenario,
    wire: Wire,
    driver: Driver,
    post: Arc<Post>,
    executions: Executions,
    operator: Operator,
    state_machine: String,
    pushes: Vec<Pushed>,
    stories: Vec<Story>,
    guard: Guard,
    approver: Approver,
    neighbours: Neighbours,
}

impl Stage {
    /// Installs Landfall; nothing has happened yet.
    pub(crate) async fn set(scenario: Scenario) -> Result<Self, RunError> {
        // The SDK counts retries per Region and process, for all runs: each seed has a Region of its own.
        let region = format!("sim-{}", scenario.seed);
        let began = Timestamp::from_second(1_750_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        let world = Arc::new(World::new(ACCOUNT, &region, began, scenario.seed));
        let mut settings = Settings::new("http://127.0.0.1:4599", None);
        settings.elb.bind_listeners = false;
        settings.ecs.read_lag = scenario.read_lag;
        settings.ecs.task_lag = scenario.unready.task_lag;
        settings.ecs.not_yet = scenario.unready.answers.clone();
        settings.ecs.quotas = scenario.unready.quotas.clone();
        settings.elb.new_groups = scenario.unready.new_groups;
        settings.page = scenario.page;
        let cloud = Cloud::open(world.clone(), settings).await?;
        let journal = Arc::new(Journal::new(world));
        let wire = Wire {
            cloud: cloud.clone(),
            faults: Arc::new(
                Faults::new(scenario.faults, scenario.slow, scenario.seed ^ 1)
                    .with_outages(scenario.outages.clone()),
            ),
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
            guard: Guard::new(cloud.clone(), wire.witness.clone(), &scenario),
            approver: Approver::new(cloud, &scenario),
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
            driver: Driver::new(wire.cloud.clone()),
            wire,
            post,
        })
    }

    /// Makes the moves, each after its pause.
    pub(crate) async fn play(&mut self) {
        for service in &self.scenario.services {
            // Services may share a repository.
            for (_, repository, _) in service.follows() {
                self.driver.ensure_repository(repository).await;
            }
        }
        self.settle_owners().await;
        for (pause, next) in self.scenario.moves.clone() {
            self.watch(pause).await;
            self.wire.journal.note("—", format!("{next:?}"));
            self.make(next).await;
        }
        self.watch(Duration::from_secs(5)).await;
        while self.wire.faults.away_for() > Duration::ZERO {
            sleep(Duration::from_secs(15)).await;
            self.watch(Duration::from_millis(1)).await;
        }
    }

    /// What there was before Landfall, and long enough for every read to show it.
    async fn settle_owners(&mut self) {
        let services = self.scenario.services.iter().zip(&mut self.stories);
        for (service, story) in services.filter(|(service, _)| service.adopted) {
            loop {
                match owner::creates(&self.wire.cloud, service).await {
                    Ok(revision) => break story.owners.push(revision),
                    // ECS is asked too often, or not ready for it.
                    Err(_) => sleep(Duration::from_secs(5)).await,
                }
            }
        }
        if self.scenario.services.iter().any(|service| service.adopted) {
            sleep(self.scenario.read_lag).await;
        }
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
            self.approver.look().await;
        }
    }

    /// Faults end, events flow: waits until nothing is under way.
    pub(crate) async fn end(mut self) -> (Run, Arc<Journal>) {
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
            let busy = self.post.under_way() > 0 || !self.executions.running().await.is_empty();
            if busy || self.awaits_sight().await {
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
                // What was changed late by others holds a service again.
                quiet_looks = 0;
                continue;
            }
        }
        for (service, story) in self.scenario.services.iter().zip(&mut self.stories) {
            story.aborts = self.executions.aborted(&service.id);
            story.died = self.executions.died(&service.id).await;
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
            drift_unheard: self.post.missed("watch-drift"),
            gaps: self.guard.gaps(),
        };
        (run, journal)
    }

    /// After events were lost, a whole sweep has to find nothing to do, or the one that was made by hand has to have been
    /// repeated.
    fn looks_until_quiet(&self) -> u128 {
        let minutes = self.scenario.sweep_minutes.unwrap_or(1);
        let sweep = if self.scenario.delivery.loses() {
            Duration::from_secs(60 * (minutes.unsigned_abs() + 2))
        } else {
            Duration::ZERO
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
                let file = self.neighbours.file(described, edition);
                self.put(service, file.to_string()).await;
                let story = &mut self.stories[service];
                let uploaded = Uploaded::new(file.clone(), described, &story.parameters);
                story.files.push(uploaded);
                story.file = Some(file);
                story.deleted = false;
            }
            Move::BreakFile { service } => {
                self.put(service, "images: [".into()).await;
                self.stories[service].file = None;
                self.stories[service].deleted = false;
            }
            Move::DeleteFile { service } => {
                let key = &self.scenario.services[service].key;
                // It may never have been there.
                let _ = self.driver.delete_file(key).await;
                self.stories[service].file = None;
                self.stories[service].deleted = true;
            }
            Move::ForeignCount { service, count } => {
                self.foreign_change(service, json!({ "desiredCount": count }))
                    .await;
            }
            Move::ForeignDeployment { service } => {
                let container = json!({ "name": "web", "image": "foreign:1", "memory": 64 });
                let input = json!({ "family": "foreign", "containerDefinitions": [container] });
                // The family alone names its newest revision.
                let registered = self
                    .wire
                    .cloud
                    .ecs
                    .call("RegisterTaskDefinition", input)
                    .await;
                if registered.is_ok() {
                    self.foreign_change(service, json!({ "taskDefinition": "foreign" }))
                        .await;
                }
            }
            Move::OwnerDeploys { service } => self.owner_deploys(service).await,
            Move::SetParameter { service, memory } => self.set_parameter(service, memory).await,
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
            Move::RollBack { service } => {
                self.stories[service].taken_back = true;
                let id = &self.scenario.services[service].id;
                let state_machine = Some(&*self.state_machine);
                let given = self.operator.roll_back(id, None, None, state_machine);
                if let Err(fault) = given.await {
                    let text = format!("not rolled back: {fault}");
                    self.wire.journal.note("—", text);
                }
            }
            Move::Redrive { service } => {
                let id = &self.scenario.services[service].id;
                self.executions.redrive_last(id).await;
            }
            Move::Abort { service, after } => {
                let wanted = self.scenario.services[service].id.clone();
                tokio::spawn(self.executions.clone().abort_next(wanted, after));
            }
        }
    }

    /// Whether a sweep has to go on with a service that was out of sight.
    async fn awaits_sight(&self) -> bool {
        if self.scenario.sweep_minutes.is_none() {
            return false;
        }
        for service in &self.scenario.services {
            let desired = desired(&self.wire.cloud, &service.id).await;
            let hold = desired.and_then(|desired| desired.hold);
            if hold.is_some_and(|hold| hold.set_by == SetBy::Undecided) {
                return true;
            }
        }
        false
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
        let resumed = self
            .operator
            .resume(id, None, Some(&self.state_machine))
            .await;
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
        let simulated = behaviour.simulated();
        let pushed = self
            .driver
            .push_behaving(&repository, &tag, &manifest, simulated);
        match pushed.await {
            Ok(digest) => self.pushes.push(Pushed {
                repository,
                tag,
                digest,
                behaviour,
                at: self.wire.cloud.world.now(),
                manifest,
            }),
            Err(fault) => self
                .wire
                .journal
                .note("—", format!("the push was refused: {}", fault.message)),
        }
    }

    async fn put(&self, service: usize, text: String) {
        let key = &self.scenario.services[service].key;
        // A refusal is a story too.
        let _ = self.driver.put_file(key, &text).await;
    }

    async fn foreign_change(&mut self, service: usize, change: Value) {
        let deploys = change["taskDefinition"].is_string();
        let count = change["desiredCount"].as_u64();
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
            self.stories[service].deployed |= deploys;
            self.stories[service].counts.extend(count);
        }
    }

    async fn owner_deploys(&mut self, service: usize) {
        let described = self.scenario.services[service].clone();
        let known = self.stories[service].owners.len();
        let Ok(revision) = owner::registers(&self.wire.cloud, &described, known).await else {
            return;
        };
        self.stories[service].owners.push(revision.clone());
        self.foreign_change(service, json!({ "taskDefinition": revision }))
            .await;
    }

    async fn set_parameter(&mut self, service: usize, memory: Option<u32>) {
        let described = &self.scenario.services[service];
        let name = described.parameter_name();
        let (operation, input) = match memory {
            Some(memory) => {
                let story = &mut self.stories[service];
                story.parameters.insert(memory);
                for file in &mut story.files {
                    file.may_have(described, memory);
                }
                let value = memory.to_string();
                let input =
                    json!({ "Name": name, "Type": "String", "Value": value, "Overwrite": true });
                ("PutParameter", input)
            }
            None => ("DeleteParameter", json!({ "Name": name })),
        };
        // It may be gone already.
        let _ = self.wire.cloud.ssm.call(operation, input).await;
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
            // While AWS is away nobody can go back from a release whose tasks crash beside it.
            let away = self.wire.faults.away_for();
            let missed = Instant::now() + away + Duration::from_secs(120);
            self.stories[service].disturbed_until = Some(missed);
            // It may have stopped by itself meanwhile.
            let _ = ecs
                .call("StopTask", json!({ "cluster": cluster, "task": task }))
                .await;
        }
    }
}

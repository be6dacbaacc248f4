//! A Landfall whose events come or are lost as a story wants it, and whose sweep comes when the story says so.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use landfall::{
    desired::{Claim, DesiredState},
    record::{Record, Verdict},
    service_id::ServiceId,
};
use landfall_aws::operator::Operator;
use landfall_local::{
    cloud::{
        Cloud, Settings,
        ecs::{EcsSettings, SimulatedBehaviour},
    },
    driver::{Driver, manifest},
    lambda::{Function, FunctionError, Program},
    local::{ACCOUNT, CONFIG_BUCKET, STATE_BUCKET},
    world::World,
};
use landfall_simulation::{
    fault::{Faults, Plan},
    installation::{REQUEST_ID, inline, install},
    journal::Journal,
    post::{Delivery, Post},
    scenario::{Edition, Rule, Service},
    wire::Wire,
    witness::{desired, record},
};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Runs a story on a paused clock.
pub(crate) fn play<F: Future<Output = ()>>(story: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(story);
}

/// A Landfall with nothing in it yet.
pub(crate) struct Stage {
    pub(crate) wire: Wire,
    /// What others than Landfall do there.
    pub(crate) driver: Driver,
    pub(crate) state_machine: String,
    /// The functions whose events never come.
    pub(crate) lost: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Stage {
    /// One in which the events for these functions never come. Nothing sweeps by itself.
    pub(crate) async fn open(lost: &[&'static str]) -> Self {
        Self::open_hit(lost, Plan::Never).await
    }

    /// One whose functions meet faults.
    pub(crate) async fn open_hit(lost: &[&'static str], plan: Plan) -> Self {
        Self::open_in(lost, plan, |_| ()).await
    }

    /// One with another ECS.
    pub(crate) async fn open_with(ecs: EcsSettings) -> Self {
        Self::open_in(&[], Plan::Never, |settings| settings.ecs = ecs).await
    }

    /// One in another cloud.
    pub(crate) async fn open_in(
        lost: &[&'static str],
        plan: Plan,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        // The SDK counts retries per Region and process: each story has a Region of its own.
        static REGIONS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = REGIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let region = format!("story-{number}");
        let began = Timestamp::from_second(1_750_000_000).unwrap();
        let world = Arc::new(World::new(ACCOUNT, &region, began, 1));
        let mut settings = Settings::new("http://127.0.0.1:4599", None);
        settings.elb.bind_listeners = false;
        change(&mut settings);
        let cloud = Cloud::open(world.clone(), settings).await.unwrap();
        let journal = Arc::new(Journal::new(world));
        let wire = Wire {
            cloud: cloud.clone(),
            faults: Arc::new(Faults::new(plan, 0.0, 1)),
            journal: journal.clone(),
            witness: Arc::default(),
            unconditional: false,
        };
        let (state_machine, schedules) = install(&wire).await.unwrap();
        assert_eq!(
            schedules.len(),
            1,
            "template.yaml has a schedule for the sweep"
        );
        let post = Arc::new(Post::new(cloud.clone(), journal, Delivery::RELIABLE, 1));
        let lost: Arc<Mutex<BTreeSet<_>>> = Arc::new(Mutex::new(lost.iter().copied().collect()));
        let losing = lost.clone();
        cloud
            .deliver_events(Arc::new(move |function, event| {
                if !losing.lock().unwrap().contains(function) {
                    post.carry(function, event);
                }
            }))
            .unwrap();
        Self {
            driver: Driver::new(cloud),
            wire,
            state_machine,
            lost,
        }
    }

    /// An operator of this Landfall.
    pub(crate) fn operator(&self) -> Operator {
        let sdk = landfall_simulation::wire::sdk(self.wire.clone());
        Operator::new(&sdk, STATE_BUCKET, Some(CONFIG_BUCKET.into()))
    }

    /// From now on the events for a function are lost, or come.
    pub(crate) fn lose(&self, function: &'static str, lost: bool) {
        let mut all = self.lost.lock().unwrap();
        if lost {
            all.insert(function);
        } else {
            all.remove(function);
        }
    }

    /// One whole sweep in one firing.
    pub(crate) async fn sweep(&self) {
        self.fire(self.wire.cloud.world.now(), 1).await;
    }

    /// One firing of the schedule.
    pub(crate) async fn fire(&self, scheduled_at: Timestamp, every_minutes: i64) {
        let event = json!({
            "scheduledAt": scheduled_at,
            "everyMinutes": every_minutes,
            REQUEST_ID: self.wire.cloud.world.uuid(),
        });
        let functions = &self.wire.cloud.functions;
        functions.invoke("sweep-due", event).await.unwrap();
    }

    /// Every invocation of a function fails from now on.
    pub(crate) fn break_function(&self, name: &str) {
        let broken = Program::Inline(Arc::new(|_| {
            Box::pin(async { Err(FunctionError::new("Unexpected", "broken by the story")) })
        }));
        self.register(name, broken);
    }

    /// A broken function works again.
    pub(crate) fn mend(&self, name: &str) {
        self.register(name, inline(&self.wire, name).unwrap());
    }

    fn register(&self, name: &str, program: Program) {
        self.wire.cloud.functions.register(Function {
            name: name.into(),
            program,
            timeout: Duration::from_secs(900),
            memory_size: 256,
        });
    }

    /// Pushes an image; answers its digest.
    pub(crate) async fn push(&self, repository: &str, tag: &str) -> String {
        self.push_behaving(repository, tag, SimulatedBehaviour::default())
            .await
    }

    /// Pushes an image with such containers; answers its digest.
    pub(crate) async fn push_behaving(
        &self,
        repository: &str,
        tag: &str,
        behaviour: SimulatedBehaviour,
    ) -> String {
        let driver = &self.driver;
        driver.ensure_repository(repository).await;
        let manifest = manifest(repository, tag);
        let pushed = driver.push_behaving(repository, tag, &manifest, behaviour);
        pushed.await.unwrap()
    }

    /// Makes a service run hello:1.0.0.
    pub(crate) async fn first_release(&self, service: &Service) {
        self.push("hello", "1.0.0").await;
        self.put_file(service, 512).await;
        self.rest().await;
    }

    /// Puts a service's file.
    pub(crate) async fn put_file(&self, service: &Service, memory: u32) {
        let edition = Edition {
            memory,
            ..Edition::PLAIN
        };
        let file = service.file(edition);
        self.driver
            .put_file(&service.key, &file.to_string())
            .await
            .unwrap();
    }

    /// The desired state.
    pub(crate) async fn desired(&self, service: &Service) -> DesiredState {
        desired(&self.wire.cloud, &service.id).await.unwrap()
    }

    /// Who works on the service.
    pub(crate) async fn claim(&self, service: &Service) -> Option<Claim> {
        desired(&self.wire.cloud, &service.id).await?.claim
    }

    /// Somebody stops an execution.
    pub(crate) async fn stop(&self, execution: &str) {
        self.driver.stop_execution(execution).await.unwrap();
    }

    /// Waits until no execution runs, nor is about to because another one died.
    pub(crate) async fn rest(&self) {
        let mut idle = 0;
        for _ in 0..2000 {
            sleep(Duration::from_secs(5)).await;
            idle = match self.executions("RUNNING").await {
                0 => idle + 1,
                _ => 0,
            };
            if idle == 2 {
                return;
            }
        }
        panic!("executions run for ever\n{}", self.wire.journal.timeline());
    }

    /// How many executions there are of a status.
    pub(crate) async fn executions(&self, status: &str) -> usize {
        let driver = &self.driver;
        let listed = driver.executions(&self.state_machine, Some(status)).await;
        listed.unwrap().len()
    }

    /// The record of a release that has its verdict.
    pub(crate) async fn verdict(&self, service: &Service, number: u64, verdict: Verdict) -> Record {
        let record = record(&self.wire.cloud, &service.id, number).await;
        let record = record.unwrap_or_else(|| {
            panic!(
                "release {number} has no record\n{}",
                self.wire.journal.timeline()
            )
        });
        assert_eq!(record.verdict, verdict, "{}", record.reason);
        record
    }

    /// The tasks that Landfall ran alone and that ECS remembers, as it describes them, in the order of their creation.
    pub(crate) async fn ran_alone(&self) -> Vec<Value> {
        let ecs = &self.wire.cloud.ecs;
        let mut tasks = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let listed = json!({ "cluster": "web", "desiredStatus": status });
            let arns = ecs.call("ListTasks", listed).await.unwrap()["taskArns"].clone();
            if arns != json!([]) {
                let asked = json!({ "cluster": "web", "tasks": arns });
                let answer = ecs.call("DescribeTasks", asked).await.unwrap();
                tasks.extend(answer["tasks"].as_array().cloned().unwrap());
            }
        }
        tasks.retain(|task| {
            let by = task["startedBy"].as_str().unwrap_or_default();
            by.starts_with("landfall/")
        });
        let at = |task: &Value| task["createdAt"].as_f64().unwrap();
        tasks.sort_by(|one, other| at(one).total_cmp(&at(other)));
        tasks
    }

    /// The service as ECS describes it.
    pub(crate) async fn live(&self, service: &Service) -> Value {
        let (cluster, name) = (service.id.cluster(), service.id.service());
        self.driver.service(cluster, name).await.unwrap()
    }

    /// The operations that changed ECS since the first `seen` requests of the log, oldest first.
    pub(crate) fn changes_in_ecs(&self, seen: usize) -> Vec<String> {
        self.driver.changes_in_ecs(seen)
    }

    /// The image that the service runs.
    pub(crate) async fn live_image(&self, service: &Service) -> String {
        let (cluster, name) = (service.id.cluster(), service.id.service());
        let containers = self.driver.containers(cluster, name).await.unwrap();
        let image = &containers[0]["image"];
        image.as_str().unwrap().to_owned()
    }

    /// Waits until the service is given an image.
    pub(crate) async fn given(&self, service: &Service, digest: &str) {
        for _ in 0..30_000 {
            if self.live_image(service).await.ends_with(digest) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let timeline = self.wire.journal.timeline();
        panic!("{} is never given {digest}\n{timeline}", service.id);
    }

    /// Lets time pass, so that the next upload has another second.
    pub(crate) async fn later(&self) {
        sleep(Duration::from_secs(2)).await;
    }
}

/// The service `web/<name>`, which follows `hello` by `rule`.
pub(crate) fn service(name: &str, rule: Rule) -> Service {
    Service {
        id: ServiceId::new("web", name).unwrap(),
        key: format!("services/{name}.yaml"),
        repository: "hello".into(),
        rule,
        health_check: false,
        circuit_breaker: true,
        adopted: false,
        sidecar: None,
        probe: false,
        parameter: false,
        pauses: false,
    }
}

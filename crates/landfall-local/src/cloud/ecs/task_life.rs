//! The life of one task: PROVISIONING → PENDING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::container::{Report, run};
use super::launch::{Port, Prepared};
use super::state::{ContainerHealth, LastStatus, TargetReference, Task};
use super::traffic::resolved;
use super::{Ecs, Inner};

impl Ecs {
    /// Begins to play a task that the state knows already.
    pub(super) fn begin_task(&self, arn: &str) {
        let stop = {
            // Under the state's lock, or a stop decided meanwhile would find no switch to turn.
            let state = self.inner.lock();
            let stopped = state
                .tasks
                .get(arn)
                .is_none_or(|task| task.desired_status == "STOPPED");
            let (switch, stop) = watch::channel(stopped);
            self.inner
                .switches
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(arn.to_owned(), switch);
            stop
        };
        let mut lives = self
            .inner
            .lives
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while lives.try_join_next().is_some() {}
        lives.spawn(live(self.clone(), arn.to_owned(), stop));
    }
}

impl Inner {
    /// Decides that a task stops; its own life does the rest. A task that is stopping already keeps its first reason.
    pub(super) fn stop(&self, task: &mut Task, code: &str, reason: &str) {
        if task.desired_status == "STOPPED" {
            return;
        }
        task.desired_status = "STOPPED".into();
        task.stop_code = Some(code.into());
        task.stopped_reason = Some(reason.into());
        task.version += 1;
        self.announce_task(task);
        let switches = self.switches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(switch) = switches.get(&task.arn) {
            switch.send_replace(true);
        }
    }

    /// Changes a task and announces it; the scheduler looks afterwards.
    fn change(&self, arn: &str, change: impl FnOnce(&mut Task, f64)) {
        let mut state = self.lock();
        if let Some(task) = state.tasks.get_mut(arn) {
            change(task, self.world.epoch_seconds());
            task.version += 1;
            self.announce_task(task);
        }
        drop(state);
        self.look.notify_one();
    }

    fn enter(&self, arn: &str, status: LastStatus, moment: Option<&str>) {
        self.change(arn, |task, now| {
            task.last_status = status;
            if let Some(moment) = moment {
                task.moments.insert(moment.into(), now);
            }
        });
    }

    /// The task stops for a reason of its own, which counts against its deployment.
    fn fail(&self, arn: &str, code: &str, reason: &str) {
        let mut state = self.lock();
        if let Some(task) = state.tasks.get_mut(arn) {
            task.failed |= task.desired_status != "STOPPED";
            self.stop(task, code, reason);
        }
    }
}

/// The containers of one task, and what they report.
struct Containers {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
}

async fn live(ecs: Ecs, arn: String, mut stop: watch::Receiver<bool>) {
    let inner = &*ecs.inner;
    let (reporter, reports) = mpsc::unbounded_channel();
    let mut containers = Containers {
        running: JoinSet::new(),
        stop: watch::Sender::new(false),
        reports,
        reporter,
    };
    run_until_stopped(inner, &arn, &mut stop, &mut containers).await;
    wind_down(inner, &arn, &mut containers).await;
    inner
        .switches
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&arn);
    inner.look.notify_one();
}

async fn run_until_stopped(
    inner: &Inner,
    arn: &str,
    stop: &mut watch::Receiver<bool>,
    containers: &mut Containers,
) {
    if paused(stop, inner.settings.provisioning).await {
        return;
    }
    if let Some(reason) = inner.starts_none() {
        return inner.fail(arn, "TaskFailedToStart", &reason);
    }
    inner.enter(arn, LastStatus::Pending, Some("pullStartedAt"));
    let prepared = inner.prepare(arn);
    if paused(stop, inner.settings.pulling).await {
        return;
    }
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            inner.change(arn, |task, _| {
                if let Some(container) = task.containers.get_mut(failure.container) {
                    container
                        .fields
                        .insert("reason".into(), failure.reason.clone().into());
                }
            });
            return inner.fail(arn, "TaskFailedToStart", &failure.reason);
        }
    };
    start(inner, arn, prepared, containers);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            report = containers.reports.recv() => {
                let Some(report) = report else { return };
                if let Some((code, reason)) = take_in(inner, arn, report) {
                    return inner.fail(arn, code, &reason);
                }
            }
        }
    }
}

/// Waits, and answers whether the task was stopped meanwhile.
async fn paused(stop: &mut watch::Receiver<bool>, delay: Duration) -> bool {
    timeout(delay, stop.wait_for(|stop| *stop)).await.is_ok()
}

fn start(inner: &Inner, arn: &str, mut prepared: Vec<Prepared>, containers: &mut Containers) {
    let ids: Vec<String> = prepared
        .iter()
        .map(|_| format!("{}-{}", inner.world.hex(32), inner.world.hex(10)))
        .collect();
    for (container, id) in prepared.iter_mut().zip(&ids) {
        let log = container.launch.log.as_mut();
        if let Some(log) = log.filter(|log| log.stream.is_empty()) {
            log.stream = id.clone();
        }
    }
    let ports: Vec<Vec<Port>> = prepared
        .iter()
        .map(|container| container.ports.clone())
        .collect();
    inner.change(arn, |task, now| {
        for moment in ["pullStoppedAt", "startedAt", "connectivityAt"] {
            task.moments.insert(moment.into(), now);
        }
        task.fields
            .insert("connectivity".into(), "CONNECTED".into());
        task.last_status = LastStatus::Running;
        let started = task.containers.iter_mut().zip(&prepared).zip(&ids);
        for ((container, prepared), id) in started {
            let bindings: Vec<_> = prepared.ports.iter().map(Port::binding).collect();
            for (member, value) in [
                ("lastStatus", json!("RUNNING")),
                ("imageDigest", json!(prepared.digest)),
                ("networkBindings", json!(bindings)),
                ("runtimeId", json!(id)),
            ] {
                container.fields.insert(member.into(), value);
            }
        }
    });
    let simulated = prepared
        .iter()
        .map(|container| container.simulated_target())
        .collect::<Vec<_>>();
    for (position, container) in prepared.into_iter().enumerate() {
        let (stop, reporter) = (containers.stop.subscribe(), containers.reporter.clone());
        containers
            .running
            .spawn(run(position, container.launch, stop, reporter));
    }
    let mut state = inner.lock();
    let Some(task) = state.tasks.get(arn) else {
        return;
    };
    let Some(service) = task
        .service
        .as_ref()
        .and_then(|service| state.services.get(service))
    else {
        return;
    };
    let names: Vec<String> = task
        .containers
        .iter()
        .map(|container| container.name.clone())
        .collect();
    let deployment = service
        .deployments
        .iter()
        .find(|deployment| Some(&deployment.id) == task.deployment.as_ref());
    let revision = deployment.and_then(|deployment| state.revisions.get(&deployment.revision));
    let load_balancers = revision.map(resolved).unwrap_or_default();
    let (service, mut targets) = (service.arn.clone(), vec![]);
    for (load_balancer, group) in &load_balancers {
        let Some(position) = names
            .iter()
            .position(|name| load_balancer["containerName"] == **name)
        else {
            continue;
        };
        let Some(port) = ports[position]
            .iter()
            .find(|port| load_balancer["containerPort"] == port.container)
        else {
            continue;
        };
        if inner
            .elb
            .register(group, "127.0.0.1", port.host, simulated[position])
            .is_ok()
        {
            targets.push(TargetReference {
                group: group.into(),
                id: "127.0.0.1".into(),
                port: port.host,
            });
            if let Some(service) = state.services.get_mut(&service) {
                inner.say(
                    service,
                    &format!("registered 1 targets in (target-group {group})"),
                );
            }
        }
    }
    if let Some(task) = state.tasks.get_mut(arn) {
        task.targets = targets;
    }
    drop(state);
    inner.look.notify_one();
}

/// Records a container's report. Answers why the task has to stop, if it has to.
fn take_in(inner: &Inner, arn: &str, report: Report) -> Option<(&'static str, String)> {
    let mut stop = None;
    inner.change(arn, |task, _| match report {
        Report::Health { container, healthy } => {
            if let Some(container) = task.containers.get_mut(container) {
                container.health = if healthy {
                    ContainerHealth::Healthy
                } else {
                    ContainerHealth::Unhealthy
                };
            }
        }
        Report::Exited {
            container,
            code,
            error,
        } => {
            if let Some(container) = task.containers.get_mut(container) {
                container.exited = true;
                container
                    .fields
                    .insert("lastStatus".into(), "STOPPED".into());
                container.fields.insert("exitCode".into(), code.into());
                if let Some(reason) = &error {
                    container
                        .fields
                        .insert("reason".into(), reason.clone().into());
                }
                stop = match error {
                    Some(reason) => Some(("TaskFailedToStart", reason)),
                    None if container.essential => Some((
                        "EssentialContainerExited",
                        "Essential container in task exited".into(),
                    )),
                    None => None,
                };
            }
        }
    });
    stop
}

/// Drains the task's targets, stops its containers and takes its place away. Not one request is lost on the way: SIGTERM
/// is sent after the last one has been answered.
async fn wind_down(inner: &Inner, arn: &str, containers: &mut Containers) {
    let (targets, serving) = {
        let mut state = inner.lock();
        let Some(task) = state.tasks.get(arn) else {
            return;
        };
        let targets = task.targets.clone();
        let serving = task.containers.iter().any(|container| !container.exited);
        let service = task.service.clone();
        if let Some(service) = service.and_then(|service| state.services.get_mut(&service)) {
            for target in &targets {
                inner.say(
                    service,
                    &format!("deregistered 1 targets in (target-group {})", target.group),
                );
            }
            if serving && !targets.is_empty() {
                inner.say(service, "has begun draining connections on 1 tasks.");
            }
        }
        (targets, serving)
    };
    for target in &targets {
        inner
            .elb
            .begin_draining(&target.group, &target.id, target.port);
    }
    if serving && !targets.is_empty() {
        inner.enter(arn, LastStatus::Deactivating, Some("stoppingAt"));
        let drains = targets
            .iter()
            .map(|target| inner.elb.deregister(&target.group, &target.id, target.port));
        futures_util::future::join_all(drains).await;
        inner.enter(arn, LastStatus::Stopping, None);
    } else {
        for target in &targets {
            inner.elb.forget(&target.group, &target.id, target.port);
        }
        inner.enter(arn, LastStatus::Stopping, Some("stoppingAt"));
    }
    containers.stop.send_replace(true);
    while containers.running.join_next().await.is_some() {}
    while let Ok(report) = containers.reports.try_recv() {
        take_in(inner, arn, report);
    }
    inner.enter(arn, LastStatus::Deprovisioning, Some("executionStoppedAt"));
    tokio::time::sleep(inner.settings.deprovisioning).await;
    inner.change(arn, |task, now| {
        task.last_status = LastStatus::Stopped;
        task.moments.insert("stoppedAt".into(), now);
        for container in &mut task.containers {
            container
                .fields
                .insert("lastStatus".into(), "STOPPED".into());
        }
    });
}

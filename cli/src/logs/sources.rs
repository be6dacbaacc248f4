//! Which streams of which log groups have what the tasks of a release wrote.

use std::collections::{BTreeMap, BTreeSet};

use landfall::{
    container_log::{AwsLogs, Destination},
    service_id::ServiceId,
    task_definition::containers,
};
use landfall_aws::{
    Fault,
    descriptions::Descriptions,
    ecs::{Ecs, LoggedTask},
    logs::Streams,
    state_bucket::StateBucket,
};
use landfall_local::cloud::ecs::{DOCKER, KEPT_BY_DOCKER};
use miette::{Result, miette};
use serde_json::{Map, Value};

use super::Subject;
use crate::{links, view::View, which::Landfall};

/// Looks for the tasks of a release, and for where their log is.
pub(crate) struct Search<'a> {
    landfall: &'a Landfall,
    view: &'a View,
    subject: &'a Subject,
    container: Option<&'a str>,
    ecs: Ecs,
    descriptions: Descriptions,
    state: StateBucket,
}

/// A group, the Region it is in if that is said, and streams of it.
pub(crate) type Group = (String, Option<String>);

/// Where what tasks wrote is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sources {
    /// The streams of containers of tasks, by group.
    pub(crate) streams: BTreeMap<Group, BTreeMap<String, Origin>>,
    /// Without any task that is known, how the streams of a container begin: that of each task that ran at the time.
    pub(crate) prefixes: BTreeMap<Group, BTreeMap<String, String>>,
    /// Containers whose log is elsewhere, and where.
    elsewhere: Vec<String>,
    tasks: usize,
    page: Option<String>,
}

/// Whose stream it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// The container's name.
    pub(crate) container: String,
    /// The task's id.
    pub(crate) task: String,
}

impl Sources {
    /// Where the containers of these tasks of a revision write; only one of them, if it is named.
    pub(crate) fn of(
        landfall: &Landfall,
        definition: &Map<String, Value>,
        tasks: &[LoggedTask],
        container: Option<&str>,
    ) -> Self {
        let mut sources = Self {
            tasks: tasks.len(),
            ..Self::default()
        };
        for (name, described) in names(definition).zip(containers(definition)) {
            if container.is_none_or(|wanted| wanted == name) {
                sources.add(name, destination(landfall, described), tasks);
            }
        }
        sources
    }

    /// How many tasks are known.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks
    }

    /// What CloudWatch Logs is asked for: group, Region, streams.
    pub(crate) fn queries(&self) -> Vec<(&Group, Streams)> {
        let named = self.streams.iter().map(|(group, streams)| {
            let names = streams.keys().cloned().collect();
            (group, Streams::Named(names))
        });
        let under = self.prefixes.iter().flat_map(|(group, prefixes)| {
            let each = prefixes.keys().cloned();
            each.map(move |prefix| (group, Streams::Under(prefix)))
        });
        named.chain(under).collect()
    }

    /// The first group, with its stream if there is only one.
    pub(crate) fn place(&self) -> Option<(&Group, Option<&str>)> {
        if let Some((group, streams)) = self.streams.first_key_value() {
            let only = streams.keys().next().filter(|_| streams.len() == 1);
            return Some((group, only.map(String::as_str)));
        }
        self.prefixes.keys().next().map(|group| (group, None))
    }

    /// Whose a stream is.
    pub(crate) fn origin(&self, group: &Group, stream: &str) -> Origin {
        let known = self.streams.get(group);
        if let Some(known) = known.and_then(|streams| streams.get(stream)) {
            return known.clone();
        }
        let mut parts = stream.rsplit('/');
        let task = parts.next().unwrap_or_default().to_owned();
        let container = parts.next().unwrap_or_default().to_owned();
        Origin { container, task }
    }

    /// Says which containers write elsewhere, and where.
    ///
    /// # Errors
    /// If all do.
    pub(crate) fn tell_elsewhere(&self, landfall: &Landfall) -> Result<()> {
        for each in &self.elsewhere {
            eprintln!("{each}");
        }
        if self.streams.is_empty() && self.prefixes.is_empty() && !self.elsewhere.is_empty() {
            let page = self.page.as_ref().filter(|_| !landfall.is_here);
            let help = match page {
                Some(page) => format!("the service in the console: {page}"),
                None => "a logConfiguration with the driver `awslogs` and an `awslogs-stream-prefix` sends them to CloudWatch \
                         Logs"
                    .into(),
            };
            return Err(miette!(help = help, "nothing of it is in CloudWatch Logs"));
        }
        Ok(())
    }

    /// Adds a container of tasks.
    fn add(&mut self, container: &str, destination: Destination, tasks: &[LoggedTask]) {
        let logs = match destination {
            Destination::CloudWatch(logs) => logs,
            Destination::Driver(driver) => {
                self.elsewhere.push(format!(
                    "Container {container} writes by the log driver {driver}: look where that sends its lines."
                ));
                return;
            }
            Destination::Unsaid => {
                self.elsewhere.push(format!(
                    "Container {container} has no logConfiguration: on an instance `docker logs` shows what it writes, on \
                     Fargate nothing does."
                ));
                return;
            }
        };
        let group = (logs.group.clone(), logs.region.clone());
        for task in tasks {
            let known = task.containers.iter().find(|(name, _)| name == container);
            let runtime_id = known.and_then(|(_, id)| id.as_deref());
            let Some(stream) = logs.stream(container, &task.arn, runtime_id) else {
                continue;
            };
            let origin = Origin {
                container: container.to_owned(),
                task: task.arn.rsplit('/').next().unwrap_or_default().to_owned(),
            };
            let streams = self.streams.entry(group.clone()).or_default();
            streams.insert(stream, origin);
        }
        if !tasks.is_empty() {
            return;
        }
        match logs.streams_of(container) {
            Some(start) => {
                let prefixes = self.prefixes.entry(group).or_default();
                prefixes.insert(start, container.to_owned());
            }
            None => self.elsewhere.push(format!(
                "Container {container} writes to the group {} without an awslogs-stream-prefix, and ECS no longer knows which \
                 streams are its tasks'.",
                logs.group
            )),
        }
    }
}

/// The names of the containers of a task definition.
fn names(definition: &Map<String, Value>) -> impl Iterator<Item = &str> {
    containers(definition).map(|container| {
        container
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    })
}

/// Where the log of a container is. On this machine nobody but the embedded CloudWatch Logs could keep what Docker keeps.
fn destination(landfall: &Landfall, container: &Map<String, Value>) -> Destination {
    match Destination::of(container) {
        Destination::Unsaid if landfall.is_here => Destination::CloudWatch(AwsLogs {
            group: KEPT_BY_DOCKER.into(),
            region: None,
            prefix: Some(DOCKER.into()),
        }),
        destination => destination,
    }
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        landfall: &'a Landfall,
        view: &'a View,
        subject: &'a Subject,
        container: Option<&'a str>,
    ) -> Self {
        Self {
            landfall,
            view,
            subject,
            container,
            ecs: landfall.ecs(),
            descriptions: Descriptions::new(&landfall.config),
            state: landfall.state(),
        }
    }

    fn service(&self) -> &ServiceId {
        &self.view.desired.service
    }

    /// Looks at what ECS knows now.
    ///
    /// # Errors
    /// If the release has no such container, and as AWS answers.
    pub(crate) async fn sources(&self) -> Result<Sources> {
        let found = async {
            let tasks = self.tasks().await?;
            let definition = self.definition(&tasks).await?;
            Ok((tasks, definition))
        };
        let (tasks, definition) = found.await.map_err(|fault| self.landfall.report(fault))?;
        let mut sources = Sources::of(self.landfall, &definition, &tasks, self.container);
        sources.page = self.page(&tasks);
        let names: Vec<_> = names(&definition).collect();
        if let Some(wanted) = self.container.filter(|wanted| !names.contains(wanted)) {
            return Err(miette!(
                help = format!("there are: {}", names.join(", ")),
                "{} has no container {wanted}",
                self.service()
            ));
        }
        Ok(sources)
    }

    fn page(&self, tasks: &[LoggedTask]) -> Option<String> {
        let good = self.view.desired.last_good.as_ref();
        let arns = tasks.iter().map(|task| &task.task_definition);
        let mut arns = arns.chain(good.map(|good| &good.task_definition.arn));
        links::service(self.service(), arns.next()?)
    }

    /// The tasks of the release: those of its revision that ECS knows, its tasks before and after the rollout, and those that
    /// its record speaks of.
    async fn tasks(&self) -> Result<Vec<LoggedTask>, Fault> {
        let mut tasks = self.ecs.logged_tasks(self.service()).await?;
        let Some(number) = self.subject.number else {
            return Ok(tasks);
        };
        let mut revisions: BTreeSet<_> = tasks.iter().map(|task| &task.task_definition).collect();
        let mut ours = BTreeSet::new();
        match self.revision() {
            Some(revision) => {
                ours.insert(revision.to_owned());
            }
            None => {
                let good = self.view.desired.last_good.as_ref();
                revisions.retain(|arn| good.is_none_or(|good| good.task_definition.arn != **arn));
                for arn in revisions {
                    let registered = self.ecs.registered_for(arn, self.service()).await?;
                    if registered.and_then(|registered| registered.release) == Some(number) {
                        ours.insert(arn.clone());
                    }
                }
            }
        }
        tasks.retain(|task| ours.contains(&task.task_definition));
        for arn in self.noted_tasks(number).await? {
            if tasks.iter().all(|task| task.arn != arn) {
                tasks.push(LoggedTask {
                    arn,
                    task_definition: ours.first().cloned().unwrap_or_default(),
                    containers: Vec::new(),
                });
            }
        }
        Ok(tasks)
    }

    /// The revision of the release, if that is noted: it is once the release is good.
    fn revision(&self) -> Option<&str> {
        let record = self.subject.record.as_ref();
        let revision = record.and_then(|record| record.task_definition.as_ref());
        let unproven = self.view.desired.unproven.as_ref();
        let unproven = unproven.filter(|each| Some(each.number) == self.subject.number);
        let unproven = unproven.map(|each| &*each.task_definition);
        revision.map(|revision| &*revision.arn).or(unproven)
    }

    /// The tasks that Landfall itself has noted of the release.
    async fn noted_tasks(&self, number: u64) -> Result<Vec<String>, Fault> {
        let (runs, _) = self.state.task_runs(self.service()).await?;
        let runs = runs.filter(|runs| runs.release == number);
        let runs = runs.into_iter().flat_map(|runs| runs.tasks.into_values());
        let mut noted: Vec<_> = runs.filter_map(|run| run.task).collect();
        let record = self.subject.record.as_ref();
        if let Some(diagnosis) = record.and_then(|record| record.diagnosis.as_ref()) {
            let stopped = diagnosis.stopped_tasks.iter();
            noted.extend(stopped.map(|stopped| stopped.task.clone()));
            noted.extend(diagnosis.task.iter().filter_map(|task| task.task.clone()));
        }
        Ok(noted)
    }

    /// The task definition of the release: of a revision, where one is known; else as its file describes it.
    async fn definition(&self, tasks: &[LoggedTask]) -> Result<Map<String, Value>, Fault> {
        let desired = &self.view.desired;
        let good = desired.last_good.as_ref();
        let of_tasks = tasks.iter().map(|task| &*task.task_definition);
        let mut revisions = of_tasks
            .chain(self.revision())
            .filter(|arn| !arn.is_empty());
        if let Some(revision) = revisions.next() {
            return Ok(self.descriptions.task_definition(revision).await?.fields);
        }
        let number = self.subject.number;
        let open = desired.open.iter().find(|open| Some(open.number) == number);
        let record = self.subject.record.as_ref();
        let content = open.or(record.map(|record| &record.release));
        if let Some(release) = content {
            let file = self.state.file(&release.content.file).await?;
            if !file.task_definition.is_empty() {
                return Ok(file.task_definition);
            }
        }
        // The file of an adopted service leaves its task definition to its owner, who describes it alike in each revision.
        match good {
            Some(good) => {
                let revision = &good.task_definition.arn;
                Ok(self.descriptions.task_definition(revision).await?.fields)
            }
            None => Ok(Map::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn logs(prefix: Option<&str>) -> Destination {
        Destination::CloudWatch(AwsLogs {
            group: "/ecs/hello".into(),
            region: None,
            prefix: prefix.map(str::to_owned),
        })
    }

    fn task(id: &str, runtime_id: Option<&str>) -> LoggedTask {
        LoggedTask {
            arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/web/{id}"),
            task_definition: "hello:1".into(),
            containers: vec![("web".into(), runtime_id.map(str::to_owned))],
        }
    }

    #[test]
    fn streams_are_those_of_the_tasks_or_without_any_those_of_the_container() {
        let mut known = Sources::default();
        known.add(
            "web",
            logs(Some("ecs")),
            &[task("one", None), task("two", None)],
        );
        known.add(
            "proxy",
            Destination::Driver("splunk".into()),
            &[task("one", None)],
        );
        let names = ["ecs/web/one", "ecs/web/two"].map(str::to_owned).to_vec();
        let group = ("/ecs/hello".into(), None);
        assert_eq!(known.queries(), [(&group, Streams::Named(names))]);
        let origin = known.origin(&group, "ecs/web/two");
        assert_eq!((&*origin.container, &*origin.task), ("web", "two"));
        assert!(
            known.elsewhere[0].contains("splunk"),
            "{:?}",
            known.elsewhere
        );

        let mut gone = Sources::default();
        gone.add("web", logs(Some("ecs")), &[]);
        let under = Streams::Under("ecs/web/".into());
        assert_eq!(gone.queries(), [(&group, under)]);
        let origin = gone.origin(&group, "ecs/web/two");
        assert_eq!((&*origin.container, &*origin.task), ("web", "two"));
    }

    #[test]
    fn without_a_prefix_docker_names_the_streams_of_the_tasks_that_ecs_knows() {
        let mut known = Sources::default();
        known.add(
            "web",
            logs(None),
            &[task("one", Some("docker1")), task("two", None)],
        );
        let group = ("/ecs/hello".into(), None);
        let names = vec!["docker1".to_owned()];
        assert_eq!(known.queries(), [(&group, Streams::Named(names))]);
        assert_eq!(known.origin(&group, "docker1").task, "one");
        let mut gone = Sources::default();
        gone.add("web", logs(None), &[]);
        assert!(gone.queries().is_empty());
        assert!(gone.elsewhere[0].contains("awslogs-stream-prefix"));
    }
}

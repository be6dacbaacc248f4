//! What AWS's model does not say and AWS refuses late: at registration, at creation, or when tasks start.
//!
//! An error is only what AWS is sure to refuse, by its documentation or by the message that it answers with. Where that is
//! unclear there is a warning, or nothing. A value that holds a parameter (`${…}`) is not judged.

mod capacity;
mod containers;
mod dependencies;
mod deployment;
mod draining;
mod fargate;
mod health_checks;
mod images;
mod lengths;
mod lifecycle_hooks;
mod limits;
mod load_balancers;
mod logs;
mod memory;
mod monitoring;
mod network;
mod platform;
mod ports;
mod rebalancing;
mod replacement;
mod roles;
mod secrets;
mod service_connect;
mod tags;
mod task_size;
mod variables;
mod volumes;

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    document::Node,
    mapping::Problems,
    place::{Place, Said},
    problem::Problem,
    spelling::nearest,
};

/// Reports what the rules find. A file may have long lists, so no rule compares all items of one with all of another.
pub(super) fn check(document: &Node, problems: &mut Problems) {
    let file = File::of(document);
    for rule in [
        capacity::check,
        containers::check,
        dependencies::check,
        deployment::check,
        draining::check,
        fargate::check,
        health_checks::check,
        images::check,
        lengths::check,
        lifecycle_hooks::check,
        limits::check,
        load_balancers::check,
        logs::check,
        memory::check,
        monitoring::check,
        network::check,
        platform::check,
        ports::check,
        rebalancing::check,
        replacement::check,
        roles::check,
        secrets::check,
        service_connect::check,
        tags::check,
        task_size::check,
        variables::check,
        volumes::check,
    ] {
        rule(&file, problems);
    }
}

/// The sections that rules look at.
struct File<'a> {
    document: &'a Node,
    /// Absent if a live service's task definition is taken over.
    task: Option<Place<'a>>,
    service: Option<Place<'a>>,
    containers: Vec<Container<'a>>,
    /// The container of each name, by its index; of two with one name the first.
    by_name: BTreeMap<Cow<'a, str>, usize>,
    /// Whether every container has a name that is certain.
    named_all: bool,
}

/// A container of the task definition.
struct Container<'a> {
    name: Cow<'a, str>,
    place: Place<'a>,
}

fn section_of<'a>(document: &'a Node, name: &str) -> Option<Place<'a>> {
    document.get(name).map(|node| Place {
        node,
        path: name.into(),
    })
}

impl<'a> File<'a> {
    fn of(document: &'a Node) -> Self {
        let section = |name| section_of(document, name);
        let task = section("taskDefinition");
        let items = task
            .as_ref()
            .map(|task| task.items("containerDefinitions"))
            .unwrap_or_default();
        let count = items.len();
        let containers: Vec<_> = items
            .into_iter()
            .filter_map(|place| {
                let (_, name) = place.text("name")?;
                Some(Container { name, place })
            })
            .collect();
        let mut by_name = BTreeMap::new();
        for (index, container) in containers.iter().enumerate() {
            by_name.entry(container.name.clone()).or_insert(index);
        }
        Self {
            document,
            named_all: containers.len() == count,
            containers,
            by_name,
            service: section("service"),
            task,
        }
    }

    fn section(&self, name: &str) -> Option<Place<'a>> {
        section_of(self.document, name)
    }

    fn has(&self, section: &str) -> bool {
        self.document.get(section).is_some()
    }

    fn container(&self, name: &str) -> Option<&Container<'a>> {
        self.by_name.get(name).map(|index| &self.containers[*index])
    }

    /// Whether the name of every container is known, so that a name that is not among them is wrong.
    fn knows_all_containers(&self) -> bool {
        self.named_all && !self.containers.is_empty()
    }

    /// A problem if `place` names a container that is not there.
    fn container_is_there(&self, place: &Place<'_>, name: &str, problems: &mut Problems) -> bool {
        let there = self.container(name).is_some();
        if !there && self.knows_all_containers() {
            problems.add(
                place
                    .wrong(format!(
                        "there is no container `{name}` in taskDefinition.containerDefinitions"
                    ))
                    .hint(did_you_mean(
                        name,
                        self.containers.iter().map(|container| &*container.name),
                        "the containers are",
                    )),
            );
        }
        there
    }

    /// Whether the task definition is registered for Fargate.
    fn is_for_fargate(&self) -> bool {
        let compatibilities = self
            .task
            .iter()
            .flat_map(|task| task.items("requiresCompatibilities"));
        compatibilities
            .into_iter()
            .any(|place| place.said().is("FARGATE"))
            || self.service_is_on_fargate()
    }

    fn service_is_on_fargate(&self) -> bool {
        let Some(service) = &self.service else {
            return false;
        };
        let providers = service.items("capacityProviderStrategy");
        let on_fargate = |item: &Place<'_>| {
            let provider = item.says("capacityProvider");
            provider.is("FARGATE") || provider.is("FARGATE_SPOT")
        };
        service.says("launchType").is("FARGATE")
            || !providers.is_empty() && providers.iter().all(on_fargate)
    }

    fn network_mode(&self) -> Said<'a> {
        self.task
            .as_ref()
            .map_or(Said::Unclear, |task| task.says("networkMode"))
    }

    fn is_for_windows(&self) -> bool {
        let platform = self
            .task
            .as_ref()
            .and_then(|task| task.get("runtimePlatform"));
        let family = platform.and_then(|platform| platform.text("operatingSystemFamily"));
        family.is_some_and(|(_, family)| family.starts_with("WINDOWS"))
    }
}

/// The nearest of `names` for a hint, or a list of them that begins with `are`.
pub(super) fn did_you_mean<'a>(
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    are: &str,
) -> String {
    const NAMED: usize = 10;
    if let Some(near) = nearest(name, names.clone()) {
        return format!("did you mean `{near}`?");
    }
    let named: Vec<_> = names
        .clone()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.count() > NAMED { ", …" } else { "" };
    format!("{are} {}{more}", named.join(", "))
}

/// Letters, digits, hyphens and underscores, 1 to 255 of them: ECS's rule for families, containers and volumes.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// `problem` with the hint about a name that is not one.
fn no_name(problem: Problem) -> Problem {
    problem.hint("ECS takes 1 to 255 letters, digits, hyphens and underscores")
}

#[cfg(test)]
mod tests;

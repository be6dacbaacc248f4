//! `dependsOn` (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html>).

use std::collections::{BTreeMap, BTreeSet};

use super::File;
use crate::service_file::mapping::Problems;

/// ECS takes 10 containers (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>); this many
/// are looked at.
const MOST_CONTAINERS: usize = 100;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    if file.containers.len() > MOST_CONTAINERS {
        return;
    }
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for container in &file.containers {
        for item in container.place.items("dependsOn") {
            let Some((place, name)) = item.text("containerName") else {
                continue;
            };
            if name == container.name {
                problems.add(place.wrong(format!("the container `{name}` depends on itself")));
                continue;
            }
            if !file.container_is_there(&place, &name, problems) {
                continue;
            }
            if let (Some(on), Some((place, condition))) =
                (file.container(&name), item.text("condition"))
            {
                if condition == "HEALTHY" && on.place.get("healthCheck").is_none() {
                    problems.add(
                        place
                            .wrong(format!("the container `{name}` has no healthCheck to wait for"))
                            .hint("ECS does not know the HEALTHCHECK of an image: write a `healthCheck`, or wait for START"),
                    );
                }
                let essential = !on.place.is_false("essential");
                let clear = on.place.get("essential").is_none() || on.place.is_true("essential");
                if ["COMPLETE", "SUCCESS"].contains(&&*condition) && essential && clear {
                    problems.add(
                        place
                            .wrong(format!("the container `{name}` is essential, so the task ends when it completes"))
                            .hint(format!("give `{name}` the field `essential: false`")),
                    );
                }
            }
            edges
                .entry(&container.name)
                .or_default()
                .insert(name.into_owned());
        }
    }
    for container in &file.containers {
        if let Some(way) = way_back(&edges, &container.name)
            && way
                .iter()
                .min()
                .is_some_and(|first| *first == container.name)
            && let Some(place) = container.place.get("dependsOn")
        {
            let way: Vec<_> = way.iter().map(|name| format!("`{name}`")).collect();
            problems.add(place.wrong(format!(
                "containers wait for each other: {} → `{}`",
                way.join(" → "),
                container.name
            )));
        }
    }
}

/// The shortest way from a container over those that it depends on back to itself.
fn way_back<'a>(
    edges: &'a BTreeMap<&str, BTreeSet<String>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        for next in edges.get(last).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            if seen.insert(&**next) {
                let mut further = way.clone();
                further.push(next);
                ways.push_back(further);
            }
        }
    }
    None
}

//! Port mappings (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html>).

use std::collections::BTreeMap;

use super::{Container, File};
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let mode = file.network_mode();
    let shared = mode.is("awsvpc") || mode.is("host");
    let mut taken: BTreeMap<(i64, String), &str> = BTreeMap::new();
    for container in &file.containers {
        for mapping in container.place.items("portMappings") {
            for name in ["containerPort", "hostPort"] {
                if let Some((place, port)) = mapping.integer(name)
                    && !(0..=65_535).contains(&port)
                {
                    problems.add(place.wrong("expected a port from 0 to 65535"));
                }
            }
            name(&mapping, problems);
            range(&mapping, &mode, problems);
            let inside = mapping.integer("containerPort");
            // "When networkMode=awsvpc, the host ports and container ports in port mappings must match.", also of 0
            // (<https://github.com/aws/amazon-ecs-cli/issues/1014>).
            let outside = mapping
                .integer("hostPort")
                .filter(|(_, port)| *port != 0 || mode.is("awsvpc"));
            if shared
                && let (Some((_, inside)), Some((place, outside))) = (&inside, &outside)
                && inside != outside
                && let Said::Text(mode) = &mode
            {
                problems.add(
                    place
                        .wrong(format!("with the network mode {mode} the host port has to be the container port, {inside}"))
                        .hint("leave `hostPort` out"),
                );
                continue;
            }
            let protocol = match mapping.says("protocol") {
                Said::Text(protocol) => protocol.into_owned(),
                Said::Nothing => "tcp".into(),
                Said::Unclear => continue,
            };
            let Some((place, port)) = outside.or(inside.filter(|_| shared)) else {
                continue;
            };
            if let Some(other) = taken.insert((port, protocol.clone()), &container.name) {
                let message = if other == container.name {
                    format!("the port {port}/{protocol} is mapped twice")
                } else {
                    format!(
                        "the port {port}/{protocol} is mapped by the container `{other}` already"
                    )
                };
                problems.add(place.wrong(message));
            }
        }
    }
}

/// "The name can include up to 64 characters. The characters can include lowercase letters, numbers, underscores (_), and
/// hyphens (-). The name can't start with a hyphen."
fn name(mapping: &Place<'_>, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if let Some((place, name)) = mapping.text("name")
        && (name.is_empty()
            || name.len() > 64
            || name.starts_with('-')
            || !name.chars().all(allowed))
    {
        problems.add(
            place
                .wrong(format!("`{name}` is no name of a port mapping"))
                .hint("ECS takes 1 to 64 lower-case letters, digits, underscores and hyphens, with no hyphen at the beginning"),
        );
    }
}

/// "You must use either the bridge network mode or the awsvpc network mode", "You do not specify a hostPortRange", "The
/// first port in the range must be less than last port in the range."
fn range(mapping: &Place<'_>, mode: &Said<'_>, problems: &mut Problems) {
    let Some((place, range)) = mapping.text("containerPortRange") else {
        return;
    };
    let bounds = range.split_once('-').and_then(|(from, to)| {
        Some((
            from.trim().parse::<u16>().ok()?,
            to.trim().parse::<u16>().ok()?,
        ))
    });
    if bounds.is_none_or(|(from, to)| from == 0 || from >= to) {
        problems.add(
            place
                .wrong(format!("`{range}` is no range of ports"))
                .hint("write the lowest and the highest port from 1 to 65535, like `8000-8010`"),
        );
    }
    if mode.is("host") || mode.is("none") {
        problems
            .add(place.wrong("ranges of ports work with the network modes bridge and awsvpc only"));
    }
    for name in ["containerPort", "hostPort"] {
        if let Some(other) = mapping.get(name) {
            problems.add(
                other
                    .odd(format!(
                        "this mapping has the range {range}, so ECS takes no {name}"
                    ))
                    .hint("give the single port a mapping of its own"),
            );
        }
    }
}

/// Whether the container maps the port; unclear if a mapping is.
pub(super) fn maps(container: &Container<'_>, port: i64) -> Option<bool> {
    let mut clear = true;
    for mapping in container.place.items("portMappings") {
        if let Some((_, mapped)) = mapping.integer("containerPort") {
            if mapped == port {
                return Some(true);
            }
        } else if let Some((_, range)) = mapping.text("containerPortRange") {
            let bounds = range.split_once('-').and_then(|(from, to)| {
                Some(from.trim().parse::<i64>().ok()?..=to.trim().parse::<i64>().ok()?)
            });
            match bounds {
                Some(bounds) if bounds.contains(&port) => return Some(true),
                Some(_) => {}
                None => clear = false,
            }
        } else {
            clear = false;
        }
    }
    clear.then_some(false)
}

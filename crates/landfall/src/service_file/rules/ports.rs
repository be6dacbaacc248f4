//! Port mappings (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html>).

use std::collections::BTreeMap;

use super::{Container, File};
use crate::service_file::{mapping::Problems, place::Said};

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
            let inside = mapping.integer("containerPort");
            let outside = mapping.integer("hostPort").filter(|(_, port)| *port != 0);
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

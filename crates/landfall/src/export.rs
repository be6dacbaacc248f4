//! A service file for a live service: the other way round.

mod kind;
mod marks;
mod sections;
mod yaml;

use serde_json::{Map, Value, json};

pub use self::kind::{is_express, refuse};
use self::marks::{MARK, marks};

use crate::{
    difference::{OF_THE_REVISION, without_defaults, writable_service},
    follow::TagPolicy,
    live::LiveRevision,
    service_file::{Discovery, Ingress},
    service_id::ServiceId,
    step::ensure_scaling,
    task_definition::containers_mut,
    yaml::flow,
};

/// A container whose image is in this account's registry, and what it could follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followable {
    /// The container's name.
    pub container: String,
    /// The repository's name.
    pub repository: String,
    /// A tag that the running image has; none if it has none any more.
    pub tag: Option<String>,
}

/// What of a live service goes into a file.
#[derive(Clone, Debug)]
pub struct Live<'a> {
    /// Which service.
    pub service: &'a ServiceId,
    /// The revision of its primary deployment.
    pub revision: &'a LiveRevision,
    /// As `DescribeServices` answers it.
    pub fields: &'a Map<String, Value>,
    /// The containers that can be followed.
    pub followable: &'a [Followable],
    /// The path that the first target group asks for health.
    pub health_path: Option<&'a str>,
    /// What its first target group behind an Application Load Balancer is reached by.
    pub ingress: Option<&'a Ingress>,
    /// How it is scaled.
    pub scaling: Option<&'a ensure_scaling::Described>,
    /// Where its tasks register.
    pub discovery: Option<&'a Discovery>,
    /// Why its service revision, which alone shows some members, could not be read; none if it was, or there is none.
    pub unseen: Option<&'a str>,
}

/// The tag policy to propose for a container that runs an image with `tag`: all compatible versions, or that tag.
pub fn suggested_policy(tag: Option<&str>) -> String {
    let tag = tag.unwrap_or("latest");
    let digits = tag.strip_prefix('v').unwrap_or(tag);
    let Ok(version) = semver::Version::parse(digits) else {
        return tag.into();
    };
    let caret = match version.major {
        0 => format!("semver:^0.{}", version.minor),
        major => format!("semver:^{major}"),
    };
    // A pre-release is admitted only by a range that names it.
    match TagPolicy::parse(&caret) {
        Ok(policy) if policy.admits(tag) => caret,
        _ => tag.into(),
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// How many values in it look like secrets, each with a mark above its line.
    pub secrets: usize,
}

/// The whole file, or with `adopt` the one that leaves the task definition and the service to their owner. That is the only
/// one for an Express service, whose owner is ECS.
pub fn service_file(live: &Live<'_>, adopt: bool) -> Written {
    let express = is_express(live.fields);
    let adopt = adopt || express;
    let mut text = format!(
        "# {}, as it was found in ECS. What is marked with `decide` is a guess.\n",
        live.service
    );
    let (task_definition, service) = if adopt {
        (Map::new(), Map::new())
    } else {
        (
            task_definition(live),
            sections::trimmed(live, writable_service(live.fields)),
        )
    };
    let (of_tasks, of_service) = (marks(&task_definition), marks(&service));
    let secrets = of_tasks.len() + of_service.len();
    if secrets > 0 {
        text += &format!(
            "# What is marked with `{MARK}` has to leave this file before you share it.\n"
        );
    }
    let cluster = json!({ "clusterName": live.service.cluster() });
    text += &yaml::section("cluster", &cluster);
    text += &images(live, adopt);
    if adopt {
        let service = json!({ "serviceName": live.service.service() });
        if express {
            text += "# An Express service: ECS keeps its load balancer, its scaling and its security groups.\n";
        }
        text += "# No taskDefinition: what the service runs is the base of each release.\n";
        text += &yaml::section("service", &service);
    } else {
        text += &yaml::marked("taskDefinition", &task_definition.into(), &of_tasks);
        if service.contains_key("desiredCount") {
            text += "# decide: leave desiredCount out if something scales the service.\n";
        }
        text += &yaml::marked("service", &service.into(), &of_service);
        if let Some(why) = live.unseen {
            let members = OF_THE_REVISION.join(" and ");
            text +=
                &format!("# decide: whether the service has {members} could not be seen: {why}\n");
        }
        text += &sections::beside_the_service(live);
    }
    text += &verify(live);
    Written { text, secrets }
}

fn images(live: &Live<'_>, adopt: bool) -> String {
    if live.followable.is_empty() {
        let needed = if adopt { " This file needs one." } else { "" };
        return format!(
            "# decide: no container runs an image of this account's ECR, so nothing is followed.{needed}\n\
             # images:\n#   <container>: {{ repository: <name>, tag: \"semver:^1\" }}\n"
        );
    }
    let mut text = "images:\n".to_owned();
    for image in live.followable {
        let runs = match &image.tag {
            Some(tag) => format!("it runs {tag}"),
            None => "the image that it runs has no tag".into(),
        };
        let rule = json!({ "repository": image.repository, "tag": suggested_policy(image.tag.as_deref()) });
        text += &format!("  # decide: which tags to follow; {runs}.\n");
        text += &yaml::indented(2, &image.container, &rule);
    }
    text
}

fn task_definition(live: &Live<'_>) -> Map<String, Value> {
    let mut body = without_defaults(&live.revision.registrable());
    for container in containers_mut(&mut body) {
        let name = container.get("name").and_then(Value::as_str);
        let followed = live
            .followable
            .iter()
            .any(|image| Some(&*image.container) == name);
        if followed {
            container.shift_remove("image");
        }
    }
    // As people write it: the family first, the containers last.
    let mut ordered = Map::new();
    for first in ["family"] {
        if let Some(value) = body.shift_remove(first) {
            ordered.insert(first.into(), value);
        }
    }
    let containers = body.shift_remove("containerDefinitions");
    ordered.extend(body);
    if let Some(containers) = containers {
        ordered.insert("containerDefinitions".into(), containers);
    }
    ordered
}

fn verify(live: &Live<'_>) -> String {
    let probe = match live.health_path {
        Some(path) => format!(
            "#   http: {}   # what the target group asks for\n",
            flow(&json!({ "path": path }))
        ),
        None => String::new(),
    };
    format!("# decide: when a rollout counts as good.\n# verify:\n{probe}#   bake: 2m\n")
}

#[cfg(test)]
mod tests;

//! From text to a [`ServiceFile`], or to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    Checked, HttpProbe, MAX_BYTES, ProbeTarget, ServiceFile, Verify, conformity,
    document::{Node, NodeValue},
    ingress,
    mapping::{HOUR, Mapping, Problems},
    one_off_task, parameters,
    problem::{Position, Problem, Rejection},
    rules,
    spelling::{Spelling, misspelt, nearest},
};
use crate::{
    api::{Api, Type},
    follow::{FollowRule, TagPolicy},
    service_id::ServiceId,
};

const SECTIONS: [&str; 8] = [
    "cluster",
    "images",
    "taskDefinition",
    "before",
    "service",
    "ingress",
    "verify",
    "after",
];

/// Values of `deploymentController.type` whose services ECS does not let anyone roll out through `UpdateService`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
const FOREIGN_CONTROLLERS: [&str; 2] = ["CODE_DEPLOY", "EXTERNAL"];

/// The longest `timeout` and `bake`, in seconds. The rollout may take the one, the checks both, and the way back its own
/// time, before the state machine's `TimeoutSeconds` of 24 hours.
const LONGEST_WATCH: u64 = 6 * HOUR;

/// The longest that a probe may wait for its answer, in seconds: it has to end well within one call of the function
/// that sends it, whose `Timeout` in template.yaml is 60.
const MAX_PROBE_SECONDS: u64 = 30;

/// The sections that are passed through to ECS, and the operation that takes each.
pub(super) const ECS_SECTIONS: [(&str, &str); 3] = [
    ("cluster", "CreateCluster"),
    ("taskDefinition", "RegisterTaskDefinition"),
    ("service", "CreateService"),
];

/// The document that a text is.
pub(super) fn document(text: &[u8]) -> Result<Node, Rejection> {
    if text.len() > MAX_BYTES {
        return Err(Rejection::too_large(text.len()));
    }
    Node::parse(text).map_err(|problem| Rejection {
        problems: vec![problem],
    })
}

/// What a text says, with its placeholders as they stand.
pub(super) fn check(text: &[u8]) -> Checked {
    match document(text) {
        Ok(document) => {
            let mut checked = check_document(&document, text);
            parameters::check(&document, &mut checked);
            checked
        }
        Err(rejection) => Checked::refused(rejection.problems),
    }
}

/// What a document says; `text` is what it was read from.
pub(super) fn check_document(document: &Node, text: &[u8]) -> Checked {
    let mut problems = Problems::default();
    let file = sections(document, &mut problems);
    let mut found = Problems::default();
    let spelling = Spelling::of(text);
    for (name, operation) in ECS_SECTIONS {
        if let Some(section) = document.get(name) {
            conformity::check(
                section,
                name,
                Api::ecs().request(operation),
                &spelling,
                &mut found,
            );
        }
    }
    rules::check(document, &mut found);
    problems.add_untold(found);
    Checked::of(file, problems.0)
}

fn sections(document: &Node, problems: &mut Problems) -> Option<ServiceFile> {
    let NodeValue::Mapping(_) = document.value else {
        let message = format!("expected a mapping, found {}", document.kind());
        let hint = format!("a service file has the sections {}", SECTIONS.join(", "));
        problems.add(Problem::new(document.position, "", message).hint(hint));
        return None;
    };
    let root = Mapping::of(document, "", problems)?;
    root.only(&SECTIONS, problems);
    let cluster = root.needed_mapping(
        "cluster",
        "add `cluster:` with `clusterName: <name>`",
        problems,
    );
    let task_definition = root.mapping("taskDefinition", problems);
    let adopts = root.get("taskDefinition").is_none();
    if adopts && root.get("images").is_none() {
        let problem = Problem::new(
            document.position,
            "taskDefinition",
            "this section is missing",
        );
        problems.add(problem.hint(
            "add `taskDefinition:` with `family` and `containerDefinitions`, as RegisterTaskDefinition takes them; or \
             `images:` with the images to follow in what the service runs already",
        ));
    }
    let service = root.needed_mapping(
        "service",
        "add `service:` with `serviceName: <name>`",
        problems,
    );
    let images = root.mapping("images", problems);
    let containers = task_definition
        .as_ref()
        .map(|section| containers(section, problems))
        .unwrap_or_default();
    every_container_has_an_image(&containers, images.as_ref(), problems);
    let images = images
        .map(|section| follow_rules(&section, &containers, problems))
        .unwrap_or_default();
    if adopts && root.get("images").is_some() && images.is_empty() && problems.0.is_empty() {
        let problem = Problem::new(document.position, "images", "nothing is followed");
        problems.add(problem.hint(
            "without `taskDefinition` only images change: name at least one container and what it follows",
        ));
    }
    if let (Some(cluster), Some(service)) = (&cluster, &service) {
        identity(cluster, service, problems);
    }
    let service_has_load_balancer = service.as_ref().is_some_and(|section| {
        matches!(section.get("loadBalancers").map(|node| &node.value), Some(NodeValue::Sequence(items)) if !items.is_empty())
    });
    let strategy = service.as_ref().and_then(deployment_strategy);
    let ingress = root.mapping("ingress", problems).and_then(|section| {
        let surroundings = ingress::Surroundings {
            containers: containers.iter().map(|container| container.name).collect(),
            strategy,
        };
        ingress::read(&section, &surroundings, problems)
    });
    let is_balanced = service_has_load_balancer || root.get("ingress").is_some();
    let verify = root
        .mapping("verify", problems)
        // What serves an adopted service is not in the file.
        .map(|section| verify(&section, is_balanced || adopts, problems))
        .unwrap_or_default();
    let names: Vec<_> = containers.iter().map(|container| container.name).collect();
    let names = (!names.is_empty()).then_some(&*names);
    let mut tasks = |section: &str| {
        let node = root.get(section);
        node.map(|node| one_off_task::read(section, node, names, problems))
            .unwrap_or_default()
    };
    let (before, after) = (tasks("before"), tasks("after"));
    let mut service = as_sent(&service?);
    service.remove("cluster");
    Some(ServiceFile {
        cluster: as_sent(&cluster?),
        images,
        task_definition: match task_definition {
            Some(section) => as_sent(&section),
            None if adopts => Map::new(),
            None => return None,
        },
        service,
        ingress,
        verify,
        before,
        after,
    })
}

fn deployment_strategy<'a>(service: &Mapping<'a>) -> Option<&'a str> {
    let NodeValue::Mapping(members) = &service.get("deploymentConfiguration")?.value else {
        return None;
    };
    let (_, strategy) = members.iter().find(|(key, _)| key.name == "strategy")?;
    match &strategy.value {
        NodeValue::Scalar(Value::String(strategy)) => Some(strategy),
        _ => None,
    }
}

/// A section that is passed through, as ECS takes it.
fn as_sent(section: &Mapping<'_>) -> Map<String, Value> {
    let operation = ECS_SECTIONS.iter().find(|(name, _)| *name == section.path);
    let request = operation.map(|(_, operation)| Api::ecs().request(operation));
    match request.map(|request: Type| conformity::as_sent(section.node, request)) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

struct Container<'a> {
    name: &'a str,
    position: Position,
    path: String,
    image: Option<Position>,
}

fn containers<'a>(task_definition: &Mapping<'a>, problems: &mut Problems) -> Vec<Container<'a>> {
    task_definition.needed_text(
        "family",
        "name the task definition's family, e.g. `family: hello`",
        problems,
    );
    let path = task_definition.path_of("containerDefinitions");
    let hint = "list at least one container, each with a `name`";
    let items = match task_definition.get("containerDefinitions") {
        None => {
            problems.add(
                Problem::new(task_definition.position(), &path, "this field is missing").hint(hint),
            );
            return Vec::new();
        }
        Some(Node {
            value: NodeValue::Sequence(items),
            ..
        }) if !items.is_empty() => items,
        Some(node) => {
            problems.add(
                Problem::new(node.position, &path, "expected a list of containers").hint(hint),
            );
            return Vec::new();
        }
    };
    let mut containers: Vec<Container<'_>> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(mapping) = Mapping::of(item, &path, problems) else {
            continue;
        };
        let Some((name, position)) =
            mapping.needed_text("name", "every container has a name", problems)
        else {
            continue;
        };
        if !names.insert(name) {
            let message = format!("there are two containers named `{name}`");
            problems.add(Problem::new(position, &mapping.path_of("name"), message));
        }
        containers.push(Container {
            name,
            position,
            path,
            image: mapping
                .entries()
                .find(|(key, _)| {
                    key.name == "image" || misspelt(&key.name, std::iter::once("image")).is_some()
                })
                .map(|(_, node)| node.position),
        });
    }
    containers
}

fn follow_rules(
    section: &Mapping<'_>,
    containers: &[Container<'_>],
    problems: &mut Problems,
) -> BTreeMap<String, FollowRule> {
    const NAMED: usize = 10;
    let mut by_name = BTreeMap::new();
    for container in containers {
        by_name.entry(container.name).or_insert(container);
    }
    let names: Vec<_> = containers
        .iter()
        .take(NAMED)
        .map(|container| format!("`{}`", container.name))
        .collect();
    let more = if containers.len() > NAMED {
        ", …"
    } else {
        ""
    };
    let hint = format!("the containers are {}{more}", names.join(", "));
    let mut rules = BTreeMap::new();
    for (key, node) in section.entries() {
        let path = section.path_of(&key.name);
        match by_name.get(&*key.name) {
            None if containers.is_empty() => {}
            None => {
                let message = format!(
                    "there is no container `{}` in taskDefinition.containerDefinitions",
                    key.name
                );
                let near = nearest(&key.name, by_name.keys().copied());
                let hint =
                    near.map_or_else(|| hint.clone(), |near| format!("did you mean `{near}`?"));
                problems.add(Problem::new(key.position, &path, message).hint(hint));
            }
            Some(Container {
                image: Some(position),
                path,
                ..
            }) => {
                let message = format!(
                    "the container follows images.{}, so its image is filled in",
                    key.name
                );
                let problem = Problem::new(*position, &format!("{path}.image"), message);
                problems.add(problem.hint("remove either this `image` or the follow rule"));
            }
            Some(_) => {}
        }
        if let Some(rule) =
            Mapping::of(node, &path, problems).and_then(|rule| follow_rule(&rule, problems))
        {
            rules.insert(key.name.clone(), rule);
        }
    }
    rules
}

fn follow_rule(rule: &Mapping<'_>, problems: &mut Problems) -> Option<FollowRule> {
    rule.only(&["repository", "tag"], problems);
    let repository = rule.needed_text(
        "repository",
        "name the ECR repository, e.g. `repository: hello`",
        problems,
    );
    let tag = rule.needed_text(
        "tag",
        "say which tags to follow, e.g. `tag: \"semver:^1\"`",
        problems,
    );
    let (repository, position) = repository?;
    // A registry's address alone would pass as a name.
    let with_registry = repository.contains(".dkr.ecr.");
    if with_registry || !is_repository(repository) {
        let message = format!("`{repository}` is no name of an ECR repository");
        let hint = if with_registry || repository.contains(':') {
            "write the repository's name alone: images are followed in this account's registry and Region, by `tag`"
        } else {
            "ECR takes 2 to 256 characters: lower-case letters and digits, with single `.`, `_`, `-` or `/` between them"
        };
        problems.add(Problem::new(position, &rule.path_of("repository"), message).hint(hint));
        return None;
    }
    let (tag, position) = tag?;
    match TagPolicy::parse(tag) {
        Ok(tag) => Some(FollowRule {
            repository: repository.into(),
            tag,
        }),
        Err(refusal) => {
            problems.add(Problem::new(position, &rule.path_of("tag"), refusal.0));
            None
        }
    }
}

/// Words of lower-case letters and digits with single `.`, `_` or `-` between them, in segments between slashes
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>).
fn is_repository(name: &str) -> bool {
    let word = |word: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        !word.is_empty() && word.chars().all(allowed)
    };
    (2..=256).contains(&name.len()) && name.split(['/', '.', '_', '-']).all(word)
}

/// A container with a broken or misspelt follow rule counts as followed: the rule's own problem is told.
fn every_container_has_an_image(
    containers: &[Container<'_>],
    images: Option<&Mapping<'_>>,
    problems: &mut Problems,
) {
    let entries = images.into_iter().flat_map(Mapping::entries);
    let mut followed: BTreeSet<&str> = entries.map(|(key, _)| &*key.name).collect();
    let names: BTreeSet<&str> = containers.iter().map(|container| container.name).collect();
    let misspelt = followed.difference(&names);
    let meant: Vec<_> = misspelt
        .filter_map(|key| nearest(key, names.iter().copied()))
        .collect();
    followed.extend(meant);
    for container in containers {
        if container.image.is_none() && !followed.contains(container.name) {
            let message = format!("the container `{}` has no image", container.name);
            let hint = format!(
                "add `images.{}` with a follow rule, or a fixed `image` here",
                container.name
            );
            let problem = Problem::new(container.position, &container.path, message);
            problems.add(problem.hint(hint));
        }
    }
}

fn identity(cluster: &Mapping<'_>, service: &Mapping<'_>, problems: &mut Problems) {
    let cluster_name = cluster.needed_text(
        "clusterName",
        "name the cluster, e.g. `clusterName: web`",
        problems,
    );
    let service_name = service.needed_text(
        "serviceName",
        "name the service, e.g. `serviceName: hello`",
        problems,
    );
    for (names, section, field) in [
        (cluster_name, cluster, "clusterName"),
        (service_name, service, "serviceName"),
    ] {
        let Some((name, position)) = names else {
            continue;
        };
        let checked = match field {
            "clusterName" => ServiceId::new(name, "any"),
            _ => ServiceId::new("any", name),
        };
        if let Err(refusal) = checked {
            problems.add(Problem::new(position, &section.path_of(field), refusal.0));
        }
    }
    if let (Some((cluster_name, _)), Some((named, position))) =
        (cluster_name, service.text("cluster", problems))
        && named != cluster_name
        && !named.ends_with(&format!(":cluster/{cluster_name}"))
    {
        let message = format!(
            "the service is to be in the cluster `{named}`, but cluster.clusterName is `{cluster_name}`"
        );
        let problem = Problem::new(position, &service.path_of("cluster"), message);
        problems.add(
            problem.hint(
                "a service file describes one service in one cluster: remove `service.cluster`",
            ),
        );
    }
    if let Some(node) = service.get("taskDefinition") {
        let problem = Problem::new(
            node.position,
            &service.path_of("taskDefinition"),
            "Landfall fills this in",
        );
        problems.add(problem.hint(
            "remove it: the service runs the revision registered from the section taskDefinition",
        ));
    }
    if let Some(controller) = service.mapping("deploymentController", problems)
        && let Some((kind, position)) = controller.text("type", problems)
        && FOREIGN_CONTROLLERS.contains(&kind)
    {
        let message = format!(
            "a service with the deployment controller {kind} is rolled out by something else"
        );
        let problem = Problem::new(position, &controller.path_of("type"), message);
        problems
            .add(problem.hint("use the controller ECS, or leave this service to what controls it"));
    }
}

fn verify(
    section: &Mapping<'_>,
    service_has_load_balancer: bool,
    problems: &mut Problems,
) -> Verify {
    section.only(&["http", "bake", "timeout"], problems);
    let defaults = Verify::default();
    Verify {
        http: section
            .mapping("http", problems)
            .and_then(|section| http_probe(&section, service_has_load_balancer, problems)),
        bake_seconds: section
            .seconds("bake", (0, LONGEST_WATCH), problems)
            .unwrap_or(defaults.bake_seconds),
        timeout_seconds: section
            .seconds("timeout", (10, LONGEST_WATCH), problems)
            .unwrap_or(defaults.timeout_seconds),
    }
}

fn http_probe(
    section: &Mapping<'_>,
    service_has_load_balancer: bool,
    problems: &mut Problems,
) -> Option<HttpProbe> {
    let fields = [
        "path",
        "url",
        "status",
        "body",
        "timeout",
        "interval",
        "successes",
        "failures",
    ];
    section.only(&fields, problems);
    let url = section.text("url", problems);
    let path = section.text("path", problems);
    let target =
        match (url, path) {
            (Some((_, position)), Some(_)) => {
                let problem = Problem::new(
                    position,
                    &section.path_of("url"),
                    "both `url` and `path` are given",
                );
                problems.add(problem.hint(
                    "keep one: `url` goes where it says, `path` to the service's load balancer",
                ));
                None
            }
            (Some((url, position)), None) => {
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    let problem = Problem::new(
                        position,
                        &section.path_of("url"),
                        format!("`{url}` is no web address"),
                    );
                    problems.add(problem.hint("start it with http:// or https://"));
                }
                Some(ProbeTarget::Url(url.into()))
            }
            (None, Some((path, position))) => {
                if !path.starts_with('/') {
                    let problem = Problem::new(
                        position,
                        &section.path_of("path"),
                        format!("`{path}` is no path"),
                    );
                    problems.add(problem.hint("start it with a slash"));
                }
                Some(ProbeTarget::Path(path.into()))
            }
            (None, None) => Some(ProbeTarget::Path("/".into())),
        };
    if matches!(target, Some(ProbeTarget::Path(_))) && !service_has_load_balancer {
        let message = "a path is asked of the service's load balancer, but there is neither `ingress` nor service.loadBalancers";
        let problem = Problem::new(section.position(), &section.path, message);
        problems.add(problem.hint("give `verify.http.url` instead, or one of the two"));
    }
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Some(HttpProbe {
        target: target?,
        status: section
            .number("status", 100, 599, problems)
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200),
        body: section.text("body", problems).map(|(text, _)| text.into()),
        timeout_seconds: section
            .seconds("timeout", (1, MAX_PROBE_SECONDS), problems)
            .unwrap_or(5),
        interval_seconds: section
            .seconds("interval", (1, HOUR), problems)
            .unwrap_or(5),
        successes: section
            .number("successes", 1, 100, problems)
            .map_or(2, narrow),
        failures: section
            .number("failures", 1, 100, problems)
            .map_or(3, narrow),
    })
}

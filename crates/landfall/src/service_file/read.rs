//! From text to a [`ServiceFile`], or to everything that is wrong with it.

use serde_json::{Map, Value};

use super::{
    Checked, MAX_BYTES, ServiceFile, autoscaling, capacity,
    conformity::{self, ECS_SECTIONS},
    containers, discovery,
    document::{Node, NodeValue},
    identity, images, ingress,
    mapping::{Mapping, Problems},
    mistaken::{other_format, other_language},
    one_off_task::{self, When},
    parameters,
    problem::{Problem, Rejection},
    rules,
    spelling::Spelling,
    verify,
};
use crate::api::{Api, Type};

const SECTIONS: [&str; 12] = [
    "cluster",
    "capacity",
    "images",
    "taskDefinition",
    "before",
    "service",
    "ingress",
    "autoscaling",
    "discovery",
    "logs",
    "verify",
    "after",
];

/// The document that a text is.
pub(super) fn document(text: &[u8]) -> Result<Node, Rejection> {
    if text.len() > MAX_BYTES {
        return Err(Rejection::too_large(text.len()));
    }
    let refused = |problem| Rejection {
        problems: vec![problem],
    };
    let document = Node::parse(text).map_err(refused)?;
    // Another language may read as one long text.
    let mistake = match document.value {
        NodeValue::Scalar(Value::String(_)) => other_language(text),
        _ => other_format(&document),
    };
    match mistake {
        None => Ok(document),
        Some(problem) => Err(refused(problem)),
    }
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
    let mut left_out = conformity::LeftOut::default();
    let requests = ECS_SECTIONS.map(|(name, operation)| (name, Api::ecs().request(operation)));
    for (name, request) in requests {
        if let Some(section) = document.get(name) {
            conformity::check(section, name, request, &spelling, &mut left_out, &mut found);
        }
    }
    if let Some(Node {
        value: NodeValue::Sequence(items),
        ..
    }) = document.get("capacity")
    {
        let request = || Api::ecs().request(capacity::OPERATION);
        for (index, item) in items.iter().enumerate() {
            let path = format!("capacity[{index}]");
            conformity::check(item, &path, request(), &spelling, &mut left_out, &mut found);
        }
    }
    left_out.report(&mut found);
    let said = left_out.without(document, &requests);
    rules::check(said.as_ref().unwrap_or(document), &mut found);
    problems.add_new(found);
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
    let followed = root.mapping("images", problems);
    let containers = task_definition
        .as_ref()
        .map(|section| containers::read(section, problems))
        .unwrap_or_default();
    let names: Vec<_> = containers.iter().map(|container| container.name).collect();
    images::every_container_has_an_image(&containers, followed.as_ref(), problems);
    let images = followed
        .map(|section| images::read(&section, &containers, problems))
        .unwrap_or_default();
    if adopts && root.get("images").is_some() && images.is_empty() && problems.0.is_empty() {
        let problem = Problem::new(document.position, "images", "nothing is followed");
        problems.add(problem.hint(
            "without `taskDefinition` only images change: name at least one container and what it follows",
        ));
    }
    if let (Some(cluster), Some(service)) = (&cluster, &service) {
        identity::check(cluster, service, problems);
    }
    let service_has_load_balancer = service.as_ref().is_some_and(|section| {
        matches!(section.get("loadBalancers").map(|node| &node.value), Some(NodeValue::Sequence(items)) if !items.is_empty())
    });
    let strategy = service.as_ref().and_then(deployment_strategy);
    let ingress = root.mapping("ingress", problems).and_then(|section| {
        let context = ingress::Context {
            containers: &names,
            strategy,
        };
        ingress::read(&section, &context, problems)
    });
    let capacity = root
        .get("capacity")
        .map(|node| capacity::read(node, problems))
        .unwrap_or_default();
    let logs = root
        .mapping("logs", problems)
        .and_then(|section| capacity::logs(&section, problems))
        .unwrap_or_default();
    let is_balanced = service_has_load_balancer || root.get("ingress").is_some();
    let context = verify::Context {
        // What serves an adopted service is not in the file.
        is_balanced: is_balanced || adopts,
        ingress: ingress.as_ref(),
    };
    let verify = root
        .mapping("verify", problems)
        .and_then(|section| verify::read(&section, &context, problems))
        .unwrap_or_default();
    let is_daemon = service
        .as_ref()
        .and_then(|section| section.said("schedulingStrategy"))
        == Some("DAEMON");
    let autoscaling = root
        .mapping("autoscaling", problems)
        .and_then(|section| autoscaling::read(&section, is_daemon, problems));
    let discovery = root.mapping("discovery", problems).and_then(|section| {
        let context = discovery::Context {
            containers: &names,
            network_mode: task_definition
                .as_ref()
                .and_then(|section| section.said("networkMode")),
            has_registries: service
                .as_ref()
                .is_some_and(|section| section.get("serviceRegistries").is_some()),
        };
        discovery::read(&section, &context, problems)
    });
    let mut tasks = |section: &str, when: When| {
        let node = root.get(section);
        node.map(|node| one_off_task::read(when, node, &names, problems))
            .unwrap_or_default()
    };
    let (before, after) = (tasks("before", When::Before), tasks("after", When::After));
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
        capacity,
        logs,
        ingress,
        autoscaling,
        discovery,
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

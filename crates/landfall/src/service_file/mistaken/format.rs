//! Documents that other tools read or answer, known by their keys.

use serde_json::Value;

use super::super::{
    document::{Node, NodeValue},
    problem::Problem,
};
use crate::api::{Api, Shape};

const WRITE: &str = "write a service file as docs/service-file.md shows it";
const BELOW_TASK_DEFINITION: &str =
    "put it below `taskDefinition:`, and add the sections `cluster` and `service`";
const BELOW_SERVICE: &str = "put it below `service:`, without `cluster` and `taskDefinition`, and add the sections `cluster` and \
     `taskDefinition`";
const OF_REGISTER: &str = "put what RegisterTaskDefinition takes of it below `taskDefinition:`, and add the sections `cluster` \
     and `service`; `landfall init` does this for a service that runs";
const OF_CREATE: &str = "put what CreateService takes of it below `service:`; `landfall init` does this for a service that runs";

/// A problem if the document is one that other tools read, by its keys.
pub(in super::super) fn other_format(root: &Node) -> Option<Problem> {
    if let NodeValue::Mapping(entries) = &root.value
        && let Some((key, _)) = entries
            .iter()
            .find(|(key, _)| key.name.starts_with("//") || key.name.starts_with("/*"))
    {
        return Some(
            Problem::new(key.position, "", "JSON has no comments")
                .hint("remove it, or write YAML, whose comments begin with #"),
        );
    }
    let (what, hint) = match &root.value {
        NodeValue::Sequence(items) => of_list(items)?,
        NodeValue::Mapping(_) => answer(root)
            .or_else(|| other_tool(root))
            .or_else(|| request(root))
            .or_else(|| other_spelling(root))?,
        NodeValue::Scalar(_) => return None,
    };
    let message = format!("this is {what}, not a service file");
    Some(Problem::new(root.position, "", message).hint(hint))
}

type Known = Option<(&'static str, &'static str)>;

fn has(node: &Node, names: &[&str]) -> bool {
    names.iter().all(|name| node.get(name).is_some())
}

fn list<'a>(node: &'a Node, name: &str) -> Option<&'a [Node]> {
    match &node.get(name)?.value {
        NodeValue::Sequence(items) => Some(items),
        _ => None,
    }
}

fn is_mapping(node: Option<&Node>) -> bool {
    node.is_some_and(|node| matches!(node.value, NodeValue::Mapping(_)))
}

fn is_text(node: Option<&Node>) -> bool {
    node.is_some_and(|node| matches!(node.value, NodeValue::Scalar(Value::String(_))))
}

fn of_list(items: &[Node]) -> Known {
    let all = |names: &[&str]| !items.is_empty() && items.iter().all(|item| has(item, names));
    if all(&["name", "image"]) || all(&["name", "portMappings"]) {
        Some((
            "a list of containers",
            "put it below `taskDefinition: { family: …, containerDefinitions: … }`, and add the sections `cluster` and `service`",
        ))
    } else if all(&["serviceName"]) {
        Some((
            "a list of services",
            "write one service file for each of them",
        ))
    } else {
        None
    }
}

/// Answers of ECS.
fn answer(root: &Node) -> Known {
    let services = list(root, "services");
    if let Some(services) = services
        && (has(root, &["failures"])
            || services.iter().any(|service| has(service, &["serviceArn"])))
    {
        return Some(("the answer of DescribeServices", OF_CREATE));
    }
    let described = root
        .get("taskDefinition")
        .filter(|task| has(task, &["taskDefinitionArn"]) || has(task, &["revision", "status"]));
    if described.is_some() && !has(root, &["cluster"]) && !has(root, &["service"]) {
        return Some(("the answer of DescribeTaskDefinition", OF_REGISTER));
    }
    if has(root, &["serviceArn"]) {
        return Some(("a service as DescribeServices answers it", OF_CREATE));
    }
    if is_mapping(root.get("service"))
        && root
            .get("service")
            .is_some_and(|service| has(service, &["serviceArn"]))
        && !has(root, &["cluster"])
    {
        return Some(("the answer of CreateService or UpdateService", OF_CREATE));
    }
    None
}

/// What CreateService, RegisterTaskDefinition and CreateExpressGatewayService take, without the sections around it.
fn request(root: &Node) -> Known {
    if has(root, &["containerDefinitions"]) {
        return Some(("a task definition alone", BELOW_TASK_DEFINITION));
    }
    if has(root, &["primaryContainer"]) {
        return Some((
            "an Express service",
            "ECS rolls Express services out by itself; write the service and its task definition as docs/service-file.md shows it",
        ));
    }
    let NodeValue::Mapping(entries) = &root.value else {
        return None;
    };
    let Shape::Structure(service) = Api::ecs().request("CreateService").shape() else {
        return None;
    };
    let members = entries
        .iter()
        .filter(|(key, _)| service.member(&key.name).is_some())
        .filter(|(key, _)| !["cluster", "taskDefinition"].contains(&&*key.name));
    // As ecspresso's service definitions, which have neither names nor sections.
    (members.count() >= 2 && !is_mapping(root.get("service"))).then_some((
        "what CreateService takes, without the sections around it",
        BELOW_SERVICE,
    ))
}

fn other_tool(root: &Node) -> Known {
    let of_workflow = |names: &[&str]| has(root, names);
    let known = if has(root, &["apiVersion", "kind"]) {
        ("a Kubernetes manifest", WRITE)
    } else if has(root, &["version"]) && list(root, "Resources").is_some() {
        (
            "an AppSpec of CodeDeploy",
            "ECS rolls a service out by `service.deploymentConfiguration`, with no AppSpec: write a service file as docs/service-file.md shows it",
        )
    } else if has(root, &["Resources"]) || has(root, &["AWSTemplateFormatVersion"]) {
        ("a CloudFormation template", WRITE)
    } else if has(root, &["task_definition", "service_definition"]) {
        (
            "an ecspresso configuration",
            "put what its two files hold below `taskDefinition:` and `service:`",
        )
    } else if has(root, &["task_definition", "run_params"]) {
        ("a file of parameters of the ECS CLI", WRITE)
    } else if is_mapping(root.get("resource")) && !has(root, &["service"])
        || has(root, &["terraform"])
        || has(root, &["terraform_version"])
    {
        ("a Terraform configuration", WRITE)
    } else if is_mapping(root.get("jobs")) {
        (
            "a workflow of GitHub Actions or CircleCI",
            "it may build and push the image; the service file says what is done with it",
        )
    } else if is_mapping(root.get("phases")) {
        (
            "a build specification of CodeBuild",
            "it may build and push the image; the service file says what is done with it",
        )
    } else if of_workflow(&["stages"]) && !has(root, &["service"])
        || is_mapping(root.get("pipelines"))
    {
        (
            "a pipeline of GitLab or Bitbucket",
            "it may build and push the image; the service file says what is done with it",
        )
    } else if is_mapping(root.get("services")) && !has(root, &["service"]) {
        ("a Compose file", WRITE)
    } else if has(root, &["name", "type", "image"]) {
        ("a Copilot manifest", WRITE)
    } else if is_text(root.get("service")) && has(root, &["provider", "functions"]) {
        ("a configuration of the Serverless Framework", WRITE)
    } else {
        return None;
    };
    Some(known)
}

/// ECS's own words, spelt as CloudFormation or Terraform spells them.
fn other_spelling(root: &Node) -> Known {
    const SECTIONS: [&str; 3] = ["cluster", "taskDefinition", "service"];
    let below = |node: &Node, wanted: fn(&str) -> bool| match &node.value {
        NodeValue::Mapping(entries) => entries.iter().filter(|(key, _)| wanted(&key.name)).count(),
        _ => 0,
    };
    let pascal = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
    let snake = |name: &str| name.contains('_') && !name.contains(|c: char| c.is_ascii_uppercase());
    let at_the_top = |wanted: fn(&str) -> bool| {
        let sections = SECTIONS.into_iter().filter_map(|section| root.get(section));
        below(root, wanted)
            + sections
                .map(|section| below(section, wanted))
                .sum::<usize>()
    };
    if at_the_top(pascal) >= 2 {
        Some((
            "spelt as in CloudFormation, with capitals",
            "ECS's API spells the same names with a small letter at the beginning, like `containerDefinitions` and \
             `serviceName`; so does a service file, at all levels",
        ))
    } else if at_the_top(snake) >= 2 {
        Some((
            "spelt as in Terraform, with underscores",
            "ECS's API spells the same names like `containerDefinitions` and `serviceName`; so does a service file, at all levels",
        ))
    } else {
        None
    }
}

//! The embedded cloud plays what is called, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use landfall_local::cloud::operations;

/// What the roles of `template.yaml` allow and nobody calls: permissions that other operations need.
const NEEDED_BY_OTHERS: [(&str, &str); 16] = [
    (
        "application-autoscaling:TagResource",
        "RegisterScalableTarget with tags",
    ),
    ("ecs:CreateAction", "no operation: the key of a condition"),
    (
        "elasticloadbalancing:AddTags",
        "CreateRule, CreateTargetGroup with tags",
    ),
    (
        "elasticloadbalancing:CreateAction",
        "no operation: the key of a condition",
    ),
    ("logs:CreateLogDelivery", "the state machine's log"),
    ("logs:DeleteLogDelivery", "the state machine's log"),
    ("logs:DescribeResourcePolicies", "the state machine's log"),
    ("logs:GetLogDelivery", "the state machine's log"),
    ("logs:ListLogDeliveries", "the state machine's log"),
    ("logs:PutResourcePolicy", "the state machine's log"),
    ("logs:TagResource", "CreateLogGroup with tags"),
    ("logs:UpdateLogDelivery", "the state machine's log"),
    (
        "lambda:InvokeFunction",
        "the state machine, which calls functions in the process",
    ),
    (
        "lambda:SourceFunctionArn",
        "no operation: the key of a condition",
    ),
    ("servicediscovery:TagResource", "CreateService with tags"),
    (
        "sts:AssumeRole",
        "Scheduler, which takes the role of the schedule",
    ),
];

/// What the command, the installation, the journeys and the simulation call besides, and where.
const CALLED: [(&str, &str); 23] = [
    (
        "cloudformation:DescribeStacks",
        "crates/landfall-aws/src/installation.rs",
    ),
    ("ecr:BatchDeleteImage", "tests/journeys/way_back.rs"),
    ("ecr:CreateRepository", "crates/landfall-aws/src/ecr.rs"),
    ("ecr:PutImage", "crates/landfall-aws/src/ecr.rs"),
    ("ecs:DeleteService", "tests/journeys/interruptions.rs"),
    (
        "ecs:ListServices",
        "crates/landfall-aws/src/descriptions.rs",
    ),
    (
        "ecs:ListTagsForResource",
        "tests/journeys/scaling_and_discovery.rs",
    ),
    (
        "elasticloadbalancing:CreateListener",
        "crates/landfall-aws/src/elb.rs",
    ),
    (
        "elasticloadbalancing:CreateLoadBalancer",
        "crates/landfall-aws/src/elb.rs",
    ),
    (
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "crates/landfall-aws/src/elb/described.rs",
    ),
    ("events:PutRule", "crates/landfall-local/src/local.rs"),
    ("events:PutTargets", "crates/landfall-local/src/local.rs"),
    ("logs:FilterLogEvents", "crates/landfall-aws/src/logs.rs"),
    ("s3:HeadObject", "crates/landfall-aws/src/bucket.rs"),
    (
        "servicediscovery:CreatePrivateDnsNamespace",
        "simulation/src/neighbours.rs",
    ),
    (
        "servicediscovery:GetNamespace",
        "crates/landfall-aws/src/cloud_map.rs",
    ),
    (
        "servicediscovery:GetService",
        "crates/landfall-aws/src/cloud_map.rs",
    ),
    (
        "servicediscovery:ListTagsForResource",
        "tests/journeys/scaling_and_discovery.rs",
    ),
    ("ssm:DeleteParameter", "tests/journeys/parameters.rs"),
    ("ssm:PutParameter", "tests/journeys/parameters.rs"),
    ("states:GetExecutionHistory", "tests/journeys/order.rs"),
    (
        "states:RedriveExecution",
        "simulation/tests/sweep/redriven.rs",
    ),
    ("states:StopExecution", "simulation/src/executions.rs"),
];

/// What nobody here calls, but people who look at a `landfall local` with the AWS CLI.
const FOR_PEOPLE: [(&str, &str); 8] = [
    (
        "ecr:DescribeRepositories",
        "aws ecr describe-repositories: where can I push to?",
    ),
    (
        "ecr:ListImages",
        "aws ecr list-images: what has been pushed?",
    ),
    ("ecs:ListClusters", "aws ecs list-clusters"),
    (
        "lambda:Invoke",
        "aws lambda invoke, as docs/operating.md says",
    ),
    ("s3:ListBuckets", "aws s3 ls"),
    (
        "servicediscovery:DeleteService",
        "aws servicediscovery delete-service, as docs/operating.md says",
    ),
    (
        "states:ListStateMachines",
        "aws stepfunctions list-state-machines",
    ),
    (
        "sts:GetCallerIdentity",
        "aws sts get-caller-identity: whom do I talk to?",
    ),
];

/// What the roles allow, in the words of the API where those of IAM differ.
fn allowed() -> BTreeSet<String> {
    let template = include_str!("../../template.yaml");
    let words = template.split(|c: char| !c.is_ascii_alphanumeric() && !"-:".contains(c));
    words
        .filter(|word| {
            let operation = word.split_once(':').map(|(_, operation)| operation);
            operation.is_some_and(|name| {
                name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains([':', '-'])
            })
        })
        .map(|word| word.replace("s3:ListBucket", "s3:ListObjectsV2"))
        .collect()
}

#[test]
fn what_is_played_is_what_is_called_or_used_by_people() {
    let played = operations::played();
    let services: BTreeSet<&str> = played
        .iter()
        .filter_map(|name| name.split(':').next())
        .collect();
    let mut callers: BTreeMap<String, &str> = allowed()
        .into_iter()
        .filter(|name| {
            name.split(':')
                .next()
                .is_some_and(|service| services.contains(service))
        })
        .map(|name| (name, "a role of template.yaml"))
        .collect();
    for (name, reason) in NEEDED_BY_OTHERS {
        assert!(
            callers.remove(name).is_some(),
            "no role allows {name} any more ({reason})"
        );
    }
    for (name, caller) in CALLED.into_iter().chain(FOR_PEOPLE) {
        let twice = callers.insert(name.into(), caller);
        assert_eq!(twice, None, "{name} is in two lists");
    }
    let uncalled: Vec<_> = played
        .iter()
        .filter(|name| !callers.contains_key(*name))
        .collect();
    assert!(
        uncalled.is_empty(),
        "played, but nobody calls them: {uncalled:?}"
    );
    let unplayed: Vec<_> = callers
        .iter()
        .filter(|(name, _)| !played.contains(*name))
        .collect();
    assert!(unplayed.is_empty(), "called, but not played: {unplayed:?}");
}

#[test]
fn each_caller_still_calls() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, file) in CALLED {
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        let operation = name.split(':').next_back().unwrap();
        // The SDK's methods have their names in snake case.
        let snake: String = operation
            .chars()
            .flat_map(|c| {
                if c.is_uppercase() {
                    vec!['_', c.to_ascii_lowercase()]
                } else {
                    vec![c]
                }
            })
            .collect();
        assert!(
            source.contains(operation) || source.contains(&snake),
            "{file} does not name {name}"
        );
    }
    for (name, reason) in FOR_PEOPLE {
        if let Some((_, page)) = reason.split_once(", as ") {
            let page = page.split(' ').next().unwrap();
            let text = std::fs::read_to_string(root.join(page)).unwrap();
            assert!(
                text.contains(reason.split(',').next().unwrap()),
                "{page} does not name {name}"
            );
        }
    }
}

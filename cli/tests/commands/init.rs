//! What `landfall init` and `landfall diff` say of services as AWS describes them that the embedded AWS does not play.

use std::path::Path;

use serde_json::{Value, json};

use crate::{stage::*, stub};

const ACCOUNT: &str = "arn:aws:ecs:eu-west-1:123456789012:";

fn arn(kind_and_name: &str) -> String {
    format!("{ACCOUNT}{kind_and_name}")
}

/// The services of the cluster `web`: the name, what DescribeServices answers besides, and the task definition. The last ones
/// are only there so that there are more than one call describes.
fn services() -> Vec<(String, Value, Value)> {
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello:1.0.0";
    let small = json!({ "containerDefinitions": [{ "name": "web", "image": "public.ecr.aws/web:1", "memory": 64 }] });
    let mut all = vec![
        (
            "blue",
            json!({ "deploymentController": { "type": "CODE_DEPLOY" }, "deployments": [], "taskSets": [{}] }),
            small.clone(),
        ),
        (
            "daemon",
            json!({
                "schedulingStrategy": "DAEMON", "desiredCount": 7, "availabilityZoneRebalancing": "DISABLED",
                "deploymentConfiguration": { "minimumHealthyPercent": 0, "maximumPercent": 100, "strategy": "ROLLING" },
                "currentServiceRevisions": [{ "arn": arn("service-revision/web/daemon/1") }],
            }),
            small.clone(),
        ),
        (
            "express",
            json!({ "resourceManagementType": "ECS", "deploymentConfiguration": { "strategy": "CANARY" } }),
            json!({
                "containerDefinitions": [{ "name": "Main", "image": image, "memory": 64 }],
            }),
        ),
        (
            "external",
            json!({ "deploymentController": { "type": "EXTERNAL" }, "deployments": [], "taskSets": [] }),
            small.clone(),
        ),
        (
            "files",
            json!({}),
            json!({
                "taskRoleArn": "arn:aws:iam::123456789012:role/files",
                "containerDefinitions": [{
                    "name": "web", "image": image, "memory": 64,
                    "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data" }],
                }],
                "volumes": [{ "name": "data", "s3filesVolumeConfiguration": {
                    "fileSystemArn": "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0",
                    "rootDirectory": "/", "transitEncryptionPort": 2999,
                } }],
            }),
        ),
        ("forbidden", json!({}), json!({ "forbidden": true })),
        ("going", json!({ "status": "DRAINING" }), small.clone()),
        ("gone", Value::Null, Value::Null),
        (
            "hello",
            json!({ "currentServiceRevisions": [{ "arn": arn("service-revision/web/hello/1") }] }),
            json!({
                "containerDefinitions": [{
                    "name": "web", "image": "public.ecr.aws/web:1", "memory": 64,
                    "portMappings": [{ "name": "http", "containerPort": 80 }],
                    "environment": [{ "name": "DB_PASSWORD", "value": "hunter2" }],
                }],
            }),
        ),
        (
            "old",
            json!({ "serviceArn": arn("service/old") }),
            small.clone(),
        ),
    ];
    all.extend(["one", "three", "two"].map(|name| (name, json!({}), small.clone())));
    all.into_iter()
        .map(|(name, members, definition)| (name.to_owned(), members, definition))
        .collect()
}

fn described(name: &str, members: &Value) -> Value {
    let mut service = json!({
        "serviceName": name, "serviceArn": arn(&format!("service/web/{name}")), "clusterArn": arn("cluster/web"),
        "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "pendingCount": 0, "launchType": "EC2",
        "schedulingStrategy": "REPLICA", "taskDefinition": arn(&format!("task-definition/{name}:1")), "events": [],
        "deployments": [{
            "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": arn(&format!("task-definition/{name}:1")),
            "rolloutState": "COMPLETED",
        }],
    });
    let fields = service.as_object_mut().unwrap();
    fields.extend(members.as_object().unwrap().clone());
    service
}

/// An AWS in which the cluster `web` has them, `empty` has none, `secret` may not be looked into, and no other is there.
fn aws() -> String {
    let denied = (
        400,
        r#"{"__type":"AccessDeniedException","message":"not authorized"}"#.to_owned(),
    );
    stub::aws(move |operation, body| {
        let input: Value = serde_json::from_str(body).unwrap_or_default();
        let services = services();
        let answer = match operation {
            "ListServices" if input["cluster"] == "secret" => return denied.clone(),
            "ListServices" | "DescribeServices"
                if !["web", "empty"].contains(&input["cluster"].as_str().unwrap()) =>
            {
                return (
                    400,
                    r#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#
                        .into(),
                );
            }
            "ListServices" if input["cluster"] == "empty" => json!({ "serviceArns": [] }),
            // Two pages, in no order.
            "ListServices" => {
                let names = services.iter().rev().map(|(name, ..)| name);
                let arns = names.map(|name| match &**name {
                    "old" => arn("service/old"),
                    name => arn(&format!("service/web/{name}")),
                });
                match input["nextToken"].as_str() {
                    None => {
                        json!({ "serviceArns": arns.take(5).collect::<Vec<_>>(), "nextToken": "5" })
                    }
                    Some(token) => {
                        assert_eq!(token, "5");
                        json!({ "serviceArns": arns.skip(5).collect::<Vec<_>>() })
                    }
                }
            }
            "DescribeServices" => {
                let wanted = input["services"].as_array().unwrap();
                assert!(wanted.len() <= 10, "{wanted:?}");
                let found = services.iter().filter(|(name, members, _)| {
                    wanted.iter().any(|wanted| wanted == name) && !members.is_null()
                });
                let found: Vec<_> = found
                    .map(|(name, members, _)| described(name, members))
                    .collect();
                json!({ "services": found, "failures": [] })
            }
            "DescribeTaskDefinition" => {
                let wanted = input["taskDefinition"].as_str().unwrap();
                let (name, _, definition) = services
                    .iter()
                    .find(|(name, ..)| wanted == arn(&format!("task-definition/{name}:1")))
                    .unwrap();
                if definition["forbidden"] == true {
                    return denied.clone();
                }
                let mut definition = definition.clone();
                definition["family"] = json!(name);
                definition["taskDefinitionArn"] = json!(wanted);
                json!({ "taskDefinition": definition })
            }
            "DescribeServiceRevisions" if body.contains("daemon") => return denied.clone(),
            "DescribeServiceRevisions" => json!({ "serviceRevisions": [{
                "taskDefinition": arn("task-definition/hello:1"), "createdAt": 1.7e9,
                "gatewayConnectors": [{ "portName": "http" }],
                "monitoring": { "metricConfigurations": [
                    { "metricNames": ["CPUUtilization", "MemoryUtilization"], "resolutionSeconds": 20 },
                ] },
            }] }),
            "DescribeClusters" => json!({ "clusters": [
                { "clusterName": "web", "clusterArn": arn("cluster/web"), "status": "ACTIVE" },
            ] }),
            "DescribeImages" => json!({ "imageDetails": [{
                "registryId": "123456789012", "repositoryName": "hello", "imageDigest": "sha256:1", "imageTags": ["1.0.0"],
                "imagePushedAt": 1.7e9,
            }] }),
            _ => json!({}),
        };
        (200, answer.to_string())
    })
}

/// Runs it, and answers its exit code, what it printed, and what it complained of in one line: where a message is wrapped
/// depends on the terminal.
fn run(endpoint: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = landfall_at(endpoint, arguments);
    let complaint = text(&output.stderr);
    let words = complaint.split_whitespace();
    let words = words.filter(|word| !matches!(*word, "│" | "×"));
    let complaint = words.collect::<Vec<_>>().join(" ");
    (output.status.code(), text(&output.stdout), complaint)
}

#[test]
fn each_service_of_a_cluster_gets_a_file_that_changes_nothing_or_a_reason_why_not() {
    let endpoint = aws();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("services");
    let whole = ["init", "--cluster", "web", "--into", into.to_str().unwrap()];
    let (code, output, complaint) = run(&endpoint, &whole);
    assert_eq!(code, Some(1), "{output}{complaint}");
    assert!(
        output.ends_with("7 of 13 services have a file now.\n"),
        "{output}"
    );
    let left_out: Vec<_> = output
        .split("left out  ")
        .skip(1)
        .map(|part| part.split(", ").next().unwrap().split(". ").next().unwrap())
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let reasons = [
        (
            "web/blue",
            "web/blue has the deployment controller CODE_DEPLOY",
        ),
        (
            "web/external",
            "web/external has the deployment controller EXTERNAL",
        ),
        (
            "web/forbidden",
            "ecs:DescribeTaskDefinition was refused: AccessDeniedException: not authorized",
        ),
        ("web/going", "web/going is being deleted: its tasks stop"),
        ("web/gone", "there is no service web/gone any more"),
        ("web/old", "web/old has an ARN of the old format"),
    ];
    for ((service, reason), told) in reasons.iter().zip(&left_out) {
        assert!(told.starts_with(&format!("{service} {reason}")), "{told}");
    }
    assert_eq!(left_out.len(), reasons.len(), "{output}");
    let hello = into.join("hello.yaml");
    let marked = format!(
        "written   {}\n          One value looks like a secret: see the comments with `secret?`.\n",
        hello.display()
    );
    assert!(output.contains(&marked), "{output}");

    for name in ["daemon", "express", "files", "hello", "one", "three", "two"] {
        let file = into.join(format!("{name}.yaml"));
        unchanged(&endpoint, &file);
    }
    let read = |name: &str| std::fs::read_to_string(into.join(name)).unwrap();
    assert!(read("files.yaml").contains("transitEncryptionPort: 2999"));
    assert!(read("express.yaml").contains("# An Express service"));
    let daemon = read("daemon.yaml");
    assert!(
        !daemon.contains("desiredCount") && !daemon.contains("Percent"),
        "{daemon}"
    );
    let unseen = "# decide: whether the service has gatewayConnectors and monitoring could not be seen: \
                  ecs:DescribeServiceRevisions was refused";
    assert!(daemon.contains(unseen), "{daemon}");

    // Nothing is replaced without being asked for.
    std::fs::write(&hello, "mine\n").unwrap();
    let (code, output, _) = run(&endpoint, &whole);
    assert!(
        code == Some(1) && output.ends_with("0 of 13 services have a file now.\n"),
        "{output}"
    );
    assert!(
        output
            .contains("hello.yaml is there already, and stays as it is; --overwrite replaces it\n"),
        "{output}"
    );
    assert_eq!(read("hello.yaml"), "mine\n");
    let (_, output, _) = run(
        &endpoint,
        &[&whole[..], &["--overwrite", "--json"]].concat(),
    );
    let outcomes: Value = serde_json::from_str(&output).unwrap();
    assert!(read("hello.yaml").contains("DB_PASSWORD"));
    assert_eq!(
        outcomes[8],
        json!({ "service": "web/hello", "file": hello.display().to_string(), "secrets": 1, "problem": null })
    );
    assert!(
        outcomes[0]["file"].is_null()
            && outcomes[0]["problem"]
                .as_str()
                .unwrap()
                .contains("CODE_DEPLOY")
    );
}

/// The file is accepted, and an upload of it would change nothing.
fn unchanged(endpoint: &str, file: &Path) {
    let path = file.to_str().unwrap();
    let checked = landfall(&["check", path]);
    let written = std::fs::read_to_string(file).unwrap();
    assert!(
        checked.status.success(),
        "{written}{}",
        text(&checked.stderr)
    );
    let (code, output, complaint) = run(endpoint, &["diff", path]);
    assert_eq!(code, Some(0), "{written}{output}{complaint}");
    assert!(output.ends_with("No differences.\n"), "{output}");
}

#[test]
fn a_cluster_that_cannot_be_looked_into_is_told_from_one_without_services() {
    let endpoint = aws();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    for (cluster, code, told) in [
        ("empty", 0, "The cluster empty has no services.\n"),
        ("other", 1, "there is no cluster other"),
        (
            "secret",
            1,
            "ecs:ListServices was refused: AccessDeniedException",
        ),
    ] {
        let (exit, output, complaint) =
            run(&endpoint, &["init", "--cluster", cluster, "--into", into]);
        assert_eq!(exit, Some(code), "{output}{complaint}");
        assert!((output + &complaint).contains(told), "{cluster}");
    }
    assert_eq!(std::fs::read_dir(into).unwrap().count(), 0);
}

#[test]
fn one_service_is_named_by_its_arn_and_refused_for_what_it_is() {
    let endpoint = aws();
    let hello = arn("service/web/hello");
    let (code, output, complaint) = run(&endpoint, &["init", "--service", &hello]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(output.contains("serviceName: hello\n"));
    assert_eq!(
        complaint,
        "One value looks like a secret: see the comments with `secret?`."
    );
    for (arguments, told) in [
        (
            vec!["--service", &*arn("service/old")],
            "does not say of which cluster the service is: pass --cluster",
        ),
        (
            vec!["--cluster", "web", "--service", &*arn("service/old")],
            "web/old has an ARN of the old format",
        ),
        (
            vec!["--cluster", "web", "--service", "blue"],
            "deployment controller CODE_DEPLOY",
        ),
        (
            vec!["--cluster", "web", "--service", "going"],
            "web/going is being deleted",
        ),
        (
            vec!["--cluster", "web", "--service", "nobody"],
            "there is no service web/nobody",
        ),
        (
            vec!["--cluster", "web", "--service", "hello", "--overwrite"],
            "cannot be used with",
        ),
    ] {
        let (code, output, complaint) = run(&endpoint, &[vec!["init"], arguments].concat());
        assert!(code != Some(0) && output.is_empty(), "{output}");
        assert!(complaint.contains(told), "{told}: {complaint}");
    }
}

#[test]
fn a_comparison_shows_what_only_the_service_revision_has_and_says_what_no_release_can_do() {
    let endpoint = aws();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.yaml");
    let path = file.to_str().unwrap();
    let diff = |written: &str| {
        std::fs::write(&file, written).unwrap();
        run(&endpoint, &["diff", path])
    };
    let (_, hello, _) = run(
        &endpoint,
        &["init", "--cluster", "web", "--service", "hello"],
    );
    let (code, output, _) = diff(&hello.replace("resolutionSeconds: 20", "resolutionSeconds: 60"));
    assert_eq!(code, Some(2), "{output}");
    assert!(
        output.contains(".resolutionSeconds: 20 → 60\n1 difference.\n"),
        "{output}"
    );

    let (_, daemon, _) = run(
        &endpoint,
        &["init", "--cluster", "web", "--service", "daemon"],
    );
    let watched = "  serviceName: daemon\n  monitoring: { metricConfigurations: [{ metricNames: [CPUUtilization], \
                   resolutionSeconds: 20 }] }\n";
    let (code, output, _) = diff(&daemon.replace("  serviceName: daemon\n", watched));
    assert_eq!(code, Some(0), "{output}");
    let told = "`service.monitoring` cannot be compared, because only the service revision shows it: \
                ecs:DescribeServiceRevisions was refused";
    assert!(output.contains(told), "{output}");

    let (_, one, _) = run(&endpoint, &["init", "--cluster", "web", "--service", "one"]);
    let (code, output, _) = diff(&one.replace("one", "express"));
    assert_eq!(code, Some(2), "{output}");
    assert!(
        output.contains("\nweb/express is an Express service: ECS keeps its load balancer"),
        "{output}"
    );
    let (code, output, _) = diff(&one.replace("one", "old"));
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("A release would be refused: web/old has an ARN of the old format"),
        "{output}"
    );
    for (name, controller) in [("blue", "CODE_DEPLOY"), ("external", "EXTERNAL")] {
        let (code, _, complaint) = diff(&one.replace("one", name));
        assert_eq!(code, Some(1), "{complaint}");
        assert!(
            complaint.contains(&format!(
                "web/{name} has the deployment controller {controller}"
            )),
            "{complaint}"
        );
    }
}

//! What `landfall verify` says where it may not ask, and of images for one platform.

use serde_json::{Value, json};

use crate::{stage::*, stub};

const FILE: &str = r#"
cluster: { clusterName: web, capacityProviders: [theirs] }
capacity: [{ name: ours, autoScalingGroupProvider: { autoScalingGroupArn: group } }]
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition:
  family: hello
  networkMode: awsvpc
  executionRoleArn: execution
  runtimePlatform: { cpuArchitecture: ARM64 }
  containerDefinitions:
    - name: web
      memory: 64
      portMappings: [{ containerPort: 80 }]
      secrets: [{ name: A, valueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf" }, { name: B, valueFrom: /b }]
      logConfiguration: { logDriver: awslogs, options: { awslogs-group: /ecs/hello, awslogs-region: eu-west-1, awslogs-stream-prefix: web } }
    - name: far
      image: public.ecr.aws/far:1
      memory: 64
      logConfiguration: { logDriver: awslogs, options: { awslogs-group: /ecs/far, awslogs-region: us-east-1, awslogs-stream-prefix: far } }
service:
  serviceName: hello
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1], securityGroups: [sg-1] } }
  loadBalancers: [{ targetGroupArn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/1", containerName: web, containerPort: 80 }]
ingress: { listenerArn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/1/2", container: web, port: 80, path: /* }
discovery: { namespace: internal.example, name: hello }
"#;

/// Runs it, and answers its exit code and what it printed.
fn verify(endpoint: &str, options: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello.yaml");
    std::fs::write(&file, FILE).unwrap();
    let path = file.display().to_string();
    let output = landfall_at(endpoint, &[&["verify", &path], options].concat());
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

/// As each protocol refuses.
fn denied(body: &str) -> stub::Answer {
    let code = if body.contains("Version=2016-11-15") {
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
    } else {
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    };
    if body.starts_with("Action=") {
        (403, code.into())
    } else {
        (
            400,
            r#"{"__type":"AccessDeniedException","message":"no"}"#.into(),
        )
    }
}

#[test]
fn what_may_not_be_asked_is_unknown_with_the_action_that_it_needs_and_no_failure() {
    let endpoint = stub::aws(|_, body| denied(body));
    let (code, output) = verify(&endpoint, &[]);
    assert_eq!(code, Some(0), "{output}");
    for action in [
        "iam:GetRole",
        "ecr:DescribeImages",
        "secretsmanager:DescribeSecret",
        "ssm:GetParameters",
        "logs:DescribeLogGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeListeners",
        "servicediscovery:ListNamespaces",
        "autoscaling:DescribeAutoScalingGroups",
        "ecs:DescribeCapacityProviders",
    ] {
        let line = format!("        not allowed to ask: that needs {action}\n");
        assert_eq!(output.matches(&line).count(), 1, "{action}: {output}");
    }
    assert!(
        output.contains("log group /ecs/far in us-east-1"),
        "{output}"
    );
    assert!(
        !output.contains("/ecs/hello"),
        "Landfall makes it: {output}"
    );
    assert!(
        output.ends_with("0 ok, 0 missing, 12 unknown.\n"),
        "{output}"
    );
}

/// What is said of an image whose configuration is for `architecture`, or cannot be had.
fn image(architecture: Option<&str>) -> Value {
    let configuration = architecture.map(|one| json!({ "os": "linux", "architecture": one }));
    let endpoint = stub::aws(move |operation, body| match operation {
        "DescribeImages" => {
            let image = json!({
                "registryId": "123456789012", "imageDigest": "sha256:1", "imageTags": ["1.0.0"], "imagePushedAt": 1.7e9,
            });
            (200, json!({ "imageDetails": [image] }).to_string())
        }
        "BatchGetImage" => {
            let manifest = json!({ "schemaVersion": 2, "config": { "digest": "sha256:2" } });
            let image = json!({ "imageManifest": manifest.to_string() });
            (200, json!({ "images": [image] }).to_string())
        }
        "GetDownloadUrlForLayer" if configuration.is_some() => {
            // The host is the one that was asked: there is no other.
            let asked: Value = serde_json::from_str(body).unwrap();
            assert_eq!(asked["layerDigest"], "sha256:2");
            (
                200,
                json!({ "downloadUrl": "HERE/blob?signed=yes" }).to_string(),
            )
        }
        "GET" => (200, configuration.clone().unwrap_or_default().to_string()),
        _ => denied(body),
    });
    let (_, output) = verify(&endpoint, &["--json"]);
    let found: Value = serde_json::from_str(&output).unwrap();
    let found = found.as_array().unwrap().iter();
    found
        .clone()
        .find(|one| one["path"] == "images.web")
        .unwrap()
        .clone()
}

#[test]
fn an_image_for_one_platform_is_held_against_the_tasks() {
    for (architecture, state, about) in [
        (Some("arm64"), "ok", "hello:1.0.0, for linux/arm64"),
        (
            Some("amd64"),
            "missing",
            "hello:1.0.0 is there, but not for linux/arm64",
        ),
        (
            None,
            "unknown",
            "hello:1.0.0 is there; whether it is for linux/arm64 cannot be said: not allowed to ask: that needs \
             ecr:GetDownloadUrlForLayer",
        ),
    ] {
        let found = image(architecture);
        assert_eq!(found["state"], state, "{found}");
        let text = found["about"].as_str().unwrap();
        assert!(text.starts_with(about), "{text}");
    }
}

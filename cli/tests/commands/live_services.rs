//! What `landfall init` and `landfall diff` say of services that run.

use std::time::Duration;

use landfall_aws::{
    Fault,
    config::SdkConfig,
    ecr::Ecr,
    ecs::Ecs,
    elb::Elb,
    raw::{APPLICATION_AUTO_SCALING, CLOUD_MAP, JsonClient},
    state_bucket::StateBucket,
};
use landfall_local::{
    driver::{self, manifest},
    local::STATE_BUCKET,
};
use serde_json::{Value, json};

use crate::stage::*;

/// Services as other people make them: of two containers and of one, with the image by tag and by digest, and on each
/// instance, behind a gateway and closely watched.
fn foreign_services(digest: &str) -> [(&'static str, Value, Value); 3] {
    let registry = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";
    [
        (
            "worker",
            json!({
                "family": "worker", "gravity": { "mode": "low" },
                "containerDefinitions": [
                    {
                        "name": "work", "image": format!("{registry}/hello:1.0.0"), "memory": 64,
                        "environment": [{ "name": "DB_PASSWORD", "value": "hunter2" }, { "name": "COUNT", "value": "010" }],
                        "command": ["run", "--fast"],
                    },
                    { "name": "log", "image": "public.ecr.aws/log:1", "memory": 32, "essential": false },
                ],
                "volumes": [{ "name": "data" }], "tags": [{ "key": "team", "value": "greetings" }],
            }),
            json!({ "desiredCount": 1, "deploymentConfiguration": { "maximumPercent": 150 } }),
        ),
        (
            "pinned",
            json!({
                "family": "pinned", "networkMode": "bridge", "cpu": "256", "memory": "512",
                "containerDefinitions": [
                    { "name": "web", "image": format!("{registry}/hello@{digest}"), "portMappings": [{ "containerPort": 80 }] },
                ],
            }),
            json!({ "desiredCount": 2, "propagateTags": "SERVICE", "tags": [{ "key": "env", "value": "test" }] }),
        ),
        (
            "agent",
            json!({
                "family": "agent",
                "containerDefinitions": [{
                    "name": "work", "image": format!("{registry}/hello:1.0.0"), "memory": 64,
                    "portMappings": [{ "name": "http", "containerPort": 80 }],
                }],
            }),
            json!({
                "schedulingStrategy": "DAEMON", "deploymentConfiguration": { "minimumHealthyPercent": 50 },
                "gatewayConnectors": [{ "portName": "http" }],
                "monitoring": { "metricConfigurations": [{ "metricNames": ["CPUUtilization"], "resolutionSeconds": 20 }] },
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_written_for_a_live_service_is_accepted_and_differs_in_nothing_until_something_changes()
 {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let config = local.config().await;
    let (ecs, ecr) = (Ecs::new(&config), Ecr::new(&config));
    ecr.ensure_repository("hello").await.unwrap();
    let digest = ecr
        .put_manifest("hello", "1.0.0", &manifest("hello", "1.0.0"))
        .await
        .unwrap();
    let object = |value: Value| value.as_object().unwrap().clone();
    ecs.create_cluster(&object(json!({ "clusterName": "web" })))
        .await
        .unwrap();
    let file = folder.path().join("file.yaml");
    let path = file.display().to_string();
    for (name, task_definition, service) in foreign_services(&digest) {
        let arn = ecs
            .register_task_definition(&object(task_definition))
            .await
            .unwrap();
        let mut body = object(service);
        body.insert("cluster".into(), "web".into());
        body.insert("serviceName".into(), name.into());
        body.insert("taskDefinition".into(), arn.into());
        ecs.create_service(&body).await.unwrap();

        for form in [&[] as &[&str], &["--adopt"]] {
            let arguments = ["init", "--cluster", "web", "--service", name];
            let written = landfall_at(&local.endpoint, &[&arguments, form].concat());
            assert!(written.status.success(), "{}", text(&written.stderr));
            std::fs::write(&file, &written.stdout).unwrap();
            let checked = landfall(&["check", &path]);
            assert!(checked.status.success(), "{}", text(&checked.stderr));
            let compared = landfall_at(&local.endpoint, &["diff", &path]);
            assert_eq!(
                compared.status.code(),
                Some(0),
                "{}{}{}",
                text(&written.stdout),
                text(&compared.stdout),
                text(&compared.stderr)
            );
        }
    }

    let arguments = ["init", "--cluster", "web", "--service", "agent"];
    let written = text(&landfall_at(&local.endpoint, &arguments).stdout);
    for part in [
        "schedulingStrategy: DAEMON\n",
        "{ minimumHealthyPercent: 50 }",
        "- { portName: http }\n",
    ] {
        assert!(written.contains(part), "{part}: {written}");
    }
    let slower = written.replace("resolutionSeconds: 20", "resolutionSeconds: 60");
    std::fs::write(&file, slower).unwrap();
    let compared = text(&landfall_at(&local.endpoint, &["diff", &path]).stdout);
    assert!(
        compared.contains("resolutionSeconds: 20 → 60\n1 difference.\n"),
        "{compared}"
    );

    let arguments = ["init", "--cluster", "web", "--service", "worker"];
    let written = text(&landfall_at(&local.endpoint, &arguments).stdout);
    let changed = written
        .replace("hunter2", "hunter3")
        .replace("\"010\"", "\"011\"")
        .replace("maximumPercent: 150", "maximumPercent: 175");
    std::fs::write(&file, changed).unwrap();
    ecr.put_manifest("hello", "1.1.0", &manifest("hello", "1.1.0"))
        .await
        .unwrap();
    let compared = landfall_at(&local.endpoint, &["diff", &path]);
    assert_eq!(compared.status.code(), Some(2));
    let output = text(&compared.stdout);
    for line in [
        "web/worker, which runs worker:1",
        "~ taskDefinition.containerDefinitions[work].image: hello:1.0.0 (sha256:",
        " → hello:1.1.0 (sha256:",
        "~ taskDefinition.containerDefinitions[work].environment[COUNT]: 010 → 011",
        "~ taskDefinition.containerDefinitions[work].environment[DB_PASSWORD]: (hidden) → (hidden)",
        "~ service.deploymentConfiguration.maximumPercent: 150 → 175",
        "4 differences.",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    let json = landfall_at(&local.endpoint, &["diff", "--json", &path]).stdout;
    assert!(!text(&json).contains("hunter"));
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 4);

    let missing = landfall_at(
        &local.endpoint,
        &["init", "--cluster", "web", "--service", "other"],
    );
    assert_eq!(missing.status.code(), Some(1));
    local.interrupt();
}

/// A service that others scale and find by name, with everything that AWS shows of it.
async fn surrounded_service(config: &SdkConfig) {
    let (ecs, ecr) = (Ecs::new(config), Ecr::new(config));
    ecr.ensure_repository("hello").await.unwrap();
    ecr.put_manifest("hello", "1.0.0", &manifest("hello", "1.0.0"))
        .await
        .unwrap();
    let object = |value: Value| value.as_object().unwrap().clone();
    ecs.create_cluster(&object(json!({ "clusterName": "web" })))
        .await
        .unwrap();
    let map = JsonClient::new(config, CLOUD_MAP);
    let namespace = json!({ "Name": "internal.example", "Vpc": "vpc-1" });
    map.call("CreatePrivateDnsNamespace", &namespace)
        .await
        .unwrap();
    let namespaces = map.call("ListNamespaces", &json!({})).await.unwrap();
    let records = json!([{ "Type": "A", "TTL": 10 }]);
    let registry = json!({
        "Name": "hello", "NamespaceId": namespaces["Namespaces"][0]["Id"], "HealthCheckCustomConfig": {},
        "DnsConfig": { "DnsRecords": records },
    });
    let registry = map.call("CreateService", &registry).await.unwrap();
    let port = free_port().parse().unwrap();
    let elb = Elb::new(config);
    let group = elb.create_web_balancer("others", port).await.unwrap();
    let task_definition = json!({
        "family": "hello", "networkMode": "awsvpc",
        "containerDefinitions": [{
            "name": "web", "image": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/hello:1.0.0", "memory": 64,
            "portMappings": [{ "containerPort": 80 }],
        }],
    });
    let arn = ecs.register_task_definition(&object(task_definition)).await;
    let service = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": arn.unwrap(), "desiredCount": 3,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "serviceRegistries": [{ "registryArn": registry["Service"]["Arn"] }],
        "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }],
    });
    ecs.create_service(&object(service)).await.unwrap();
    let scaling = JsonClient::new(config, APPLICATION_AUTO_SCALING);
    let put = async |operation: &'static str, members: Value| {
        let mut input = json!({
            "ServiceNamespace": "ecs", "ResourceId": "service/web/hello", "ScalableDimension": "ecs:service:DesiredCount",
        });
        let fields = input.as_object_mut().unwrap();
        fields.extend(object(members));
        scaling.call(operation, &input).await.unwrap();
    };
    put(
        "RegisterScalableTarget",
        json!({ "MinCapacity": 2, "MaxCapacity": 10 }),
    )
    .await;
    let label = elb.request_label(&group).await.unwrap();
    for (name, metric, value) in [
        (
            "cpu",
            json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" }),
            62.5,
        ),
        (
            "requests",
            json!({ "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label }),
            1000.0,
        ),
    ] {
        let configuration = json!({
            "TargetValue": value, "PredefinedMetricSpecification": metric, "ScaleInCooldown": 300, "DisableScaleIn": false,
        });
        let policy = json!({
            "PolicyName": name, "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        });
        put("PutScalingPolicy", policy).await;
    }
    let morning = json!({
        "ScheduledActionName": "morning", "Schedule": "cron(0 8 ? * MON-FRI *)", "Timezone": "Europe/Berlin",
        "ScalableTargetAction": { "MinCapacity": 4 }, "StartTime": 4_000_000_000_u64,
    });
    put("PutScheduledAction", morning).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scales_and_names_a_live_service_is_written_down_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let config = local.config().await;
    surrounded_service(&config).await;
    let file = folder.path().join("hello.yaml");
    let path = file.display().to_string();
    let arguments = ["init", "--cluster", "web", "--service", "hello"];
    let written = landfall_at(&local.endpoint, &arguments);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let written = text(&written.stdout);
    std::fs::write(&file, &written).unwrap();
    for part in [
        "    - { metric: ALBRequestCountPerTarget, value: 1000, scaleInCooldown: 300 }\n",
        "    - { metric: ECSServiceAverageCPUUtilization, value: 62.5, scaleInCooldown: 300 }\n",
        "discovery: { namespace: internal.example, name: hello, ttl: 10 }\n",
        "# ingress:\n#   listenerArn: arn:aws:elasticloadbalancing:",
    ] {
        assert!(written.contains(part), "{part}: {written}");
    }
    let checked = landfall(&["check", &path]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let compared = landfall_at(&local.endpoint, &["diff", &path]);
    assert_eq!(
        (compared.status.code(), text(&compared.stdout)),
        (
            Some(0),
            "web/hello, which runs hello:1\nNo differences.\n".into()
        ),
        "{written}{}",
        text(&compared.stderr)
    );

    let changed = written
        .replace("min: 2", "min: 3")
        .replace("62.5", "70")
        .replace("    - { metric: ALBR", "    # - { metric: ALBR")
        .replace("min: 4", "max: 40")
        .replace("name: hello, ttl", "name: greetings, ttl")
        .replace(
            "  serviceName: hello\n",
            "  serviceName: hello\n  desiredCount: 7\n",
        );
    std::fs::write(&file, changed).unwrap();
    let compared = landfall_at(&local.endpoint, &["diff", &path]);
    let output = text(&compared.stdout);
    assert_eq!(
        compared.status.code(),
        Some(2),
        "{output}{}",
        text(&compared.stderr)
    );
    for line in [
        "  + discovery: { namespace: internal.example, name: greetings, ttl: 10 }\n",
        "  + service.serviceRegistries[greetings in internal.example]: ",
        "  - service.serviceRegistries[arn:aws:servicediscovery:",
        "  ~ autoscaling.min: 2 → 3\n",
        "  ~ autoscaling.targets[ECSServiceAverageCPUUtilization].value: 62.5 → 70\n",
        "  + autoscaling.scheduled[morning].max: 40\n",
        "  - autoscaling.scheduled[morning].min: 4\n",
        "\n7 differences.\nThe desired count is not compared: autoscaling keeps it between 2 and 10.\n",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    local.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_landfall_remembers_of_a_service_is_shown_with_what_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let port = &*local.port;
    let config = local.config().await;
    let elb = Elb::new(&config);
    let balancer = free_port().parse().unwrap();
    let group = elb.create_web_balancer("web", balancer).await.unwrap();
    let balancer = elb.load_balancer_of(&group).await.unwrap().unwrap();
    let listener = elb.listeners_of(&balancer).await.unwrap().remove(0);
    push(port, "hello:1.0.0", &[LANDFALL, "hello-server", "Hello!"]);
    let written = format!(
        "cluster: {{ clusterName: \"${{param:stage}}\" }}\n\
         images: {{ web: {{ repository: hello, tag: \"semver:^1\" }} }}\n\
         taskDefinition: {{ family: hello, containerDefinitions: [{{ name: web, memory: 64, portMappings: [{{ containerPort: 80 }}] }}] }}\n\
         service:\n  serviceName: hello\n  deploymentConfiguration: {{ deploymentCircuitBreaker: {{ enable: true, rollback: true }} }}\n\
         ingress: {{ listenerArn: \"{listener}\", container: web, port: 80, host: hello.example.com }}\n\
         autoscaling: {{ min: 1, max: 4 }}\n"
    );
    let uploaded = written.replace("${param:stage}", "web");
    local.put_file("services/hello.yaml", &uploaded).await;
    let status = ["status", "web/hello", "--port", port];
    until_shown(&status, "succeeded").await;
    push(port, "hello:1.1.0", &["false"]);
    until_shown(&status, "rolled-back").await;
    // The status shows a verdict as soon as it is recorded, which is before the desired state has it.
    let state = StateBucket::named(&config, STATE_BUCKET);
    let service = "web/hello".parse().unwrap();
    let concluded = async || {
        let desired = state.read(&service).await?;
        Ok::<_, Fault>(desired.open.is_empty().then_some(()))
    };
    let waited = driver::until(PATIENCE, Duration::from_millis(50), concluded).await;
    waited.unwrap().unwrap();
    let reason = ["--reason", "sale", "--port", port];
    success(&[&["hold", "web/hello"], &reason[..]].concat());

    let file = folder.path().join("hello.yaml");
    let path = file.display().to_string();
    let diff = |text_of: &str, options: &[&str]| {
        std::fs::write(&file, text_of).unwrap();
        let arguments = ["diff", &path, "--state-bucket", STATE_BUCKET];
        let compared = landfall_at(&local.endpoint, &[&arguments, options].concat());
        let output = text(&compared.stdout) + &text(&compared.stderr);
        (compared.status.code(), output)
    };
    let (code, output) = diff(&written, &[]);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("pass --parameters stage=<value>,"),
        "{output}"
    );
    let stage = ["--parameters", "stage=web"];
    let (code, output) = diff(&written, &stage);
    assert_eq!(code, Some(0), "{output}");
    let remembered = "hello:1.1.0 is left out (container web), because release 2 was no success with it; `landfall retry \
                      web/hello` tries it again.\nThe service is on hold since ";
    assert!(
        output.contains(&format!("No differences.\n{remembered}")),
        "{output}"
    );

    let changed = written.replace("max: 4", "max: 6").replace(
        "example.com }",
        "example.com, healthCheck: { path: /health } }",
    );
    let (code, output) = diff(&changed, &stage);
    assert_eq!(code, Some(2), "{output}");
    for line in [
        "  + ingress.healthCheck: { path: /health }\n  ~ autoscaling.max: 4 → 6\n2 differences.\n",
        remembered,
        "A release waits for `landfall resume web/hello`.\n",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    let (_, output) = diff(&changed, &[&stage[..], &["--json"]].concat());
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output["leftOut"][0]["release"], 2);

    // What the image may have needed comes with the newest image.
    let changed = changed
        + "before: [{ name: migrate, container: web, command: [migrate, --password=hunter2] }]\n";
    let (code, output) = diff(&changed, &stage);
    assert_eq!(code, Some(2), "{output}");
    for line in [
        "[web].image: hello:1.0.0 (",
        "3 differences.\nBefore the service is touched runs migrate (container web).\n",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    let (_, output) = diff(&changed, &[&stage[..], &["--json"]].concat());
    assert!(!output.contains("hunter2"), "{output}");
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output["hold"]["reason"], "sale");
    assert_eq!(
        output["before"],
        json!([{ "name": "migrate", "container": "web" }])
    );

    // What a release deletes once it is good is told before.
    let without = written.lines().filter(|line| !line.starts_with("ingress:"));
    let without = without.collect::<Vec<_>>().join("\n");
    let (code, output) = diff(&without, &stage);
    assert_eq!(code, Some(2), "{output}");
    let deleted = format!(
        "After the release proved good, the rule on {listener} and its target groups are deleted.\n"
    );
    assert!(output.contains("  - ingress: "), "{output}");
    assert!(output.contains(&deleted), "{output}");

    let daemon = written
        .replace("autoscaling: { min: 1, max: 4 }\n", "")
        .replace(
            "serviceName: hello",
            "serviceName: hello\n  schedulingStrategy: DAEMON",
        );
    let (code, output) = diff(&daemon, &stage);
    assert_eq!(code, Some(1), "{output}");
    for line in [
        "  ~ service.schedulingStrategy: REPLICA → DAEMON  (cannot be changed in place)\n",
        "  - autoscaling.min: 1\n  - autoscaling.max: 4\n",
        "A release would be refused: ECS cannot change web/hello in place as its file says.",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }

    // A revision from elsewhere is in the way of a file that describes another, and of no file that leaves that to others.
    let given = json!({
        "family": "elsewhere", "containerDefinitions": [{
            "name": "web", "image": "public.ecr.aws/hello:1", "memory": 64, "portMappings": [{ "containerPort": 80 }],
        }],
    });
    let ecs = Ecs::new(&config);
    let object = |value: Value| value.as_object().unwrap().clone();
    let arn = ecs.register_task_definition(&object(given)).await.unwrap();
    let update = json!({ "cluster": "web", "service": "hello", "taskDefinition": arn });
    ecs.update_service(&object(update)).await.unwrap();
    let refused = format!("A release would be refused: web/hello runs {arn}");
    let (code, output) = diff(&written, &stage);
    assert!(code == Some(1) && output.contains(&refused), "{output}");
    let described = written
        .lines()
        .filter(|line| !line.starts_with("taskDefinition:"));
    let adopting = described.collect::<Vec<_>>().join("\n");
    let (code, output) = diff(&adopting, &stage);
    assert!(
        code == Some(2) && !output.contains("would be refused"),
        "{output}"
    );
    local.interrupt();
}

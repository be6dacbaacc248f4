use crate::service_file::ServiceFile;

/// A file on Fargate about which nothing is reported.
const FARGATE: &str = "\
cluster: { clusterName: web }
taskDefinition:
  family: hello
  requiresCompatibilities: [FARGATE, EC2]
  networkMode: awsvpc
  cpu: 256
  memory: 1GB
  executionRoleArn: arn:aws:iam::123456789012:role/service/ecsTaskExecutionRole
  volumes: [{ name: data }, { name: files, efsVolumeConfiguration: { fileSystemId: fs-1 } }]
  containerDefinitions:
    - name: web
      image: hello:1
      portMappings: [{ name: http, containerPort: 80, hostPort: 80 }, { containerPortRange: 9000-9010 }]
      dependsOn: [{ containerName: init, condition: SUCCESS }, { containerName: log, condition: HEALTHY }]
      mountPoints: [{ sourceVolume: data, containerPath: /data }]
      secrets: [{ name: KEY, valueFrom: \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf:json::\" }]
      logConfiguration: { logDriver: awsfirelens }
    - { name: init, image: init, essential: false }
    - { name: log, image: log, firelensConfiguration: { type: fluentbit }, healthCheck: { command: [CMD, \"true\"] } }
service:
  serviceName: hello
  launchType: FARGATE
  desiredCount: 2
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }
  loadBalancers: [{ targetGroupArn: arn, containerName: web, containerPort: 80 }]
  healthCheckGracePeriodSeconds: 30
  deploymentConfiguration: { minimumHealthyPercent: 100, maximumPercent: 200 }
  serviceConnectConfiguration: { enabled: true, namespace: a, services: [{ portName: http }] }
";

/// A file on EC2 about which nothing is reported.
const EC2: &str = "\
cluster: { clusterName: web }
taskDefinition:
  family: agent
  networkMode: bridge
  containerDefinitions:
    - { name: a, image: a, memory: 64, portMappings: [{ containerPort: 80, hostPort: 0 }], links: [\"b:db\"] }
    - { name: b, image: b, memory: 64, portMappings: [{ containerPort: 80 }, { containerPort: 53, hostPort: 53 }, { containerPort: 53, hostPort: 53, protocol: udp }] }
service:
  serviceName: agent
  schedulingStrategy: DAEMON
  deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 }
";

fn problems(text: &str) -> Vec<String> {
    let problems = ServiceFile::check(text.as_bytes()).problems;
    let problems = problems.iter().map(|problem| {
        let kind = if problem.is_error() { "" } else { "warning: " };
        format!("{kind}{}: {}", problem.path, problem.message)
    });
    problems.collect()
}

#[test]
fn nothing_is_reported_about_what_ecs_takes() {
    assert_eq!(problems(FARGATE), [""; 0]);
    assert_eq!(problems(EC2), [""; 0]);
}

#[test]
fn what_aws_refuses_late_is_reported_before() {
    for (file, from, to, expected) in [
        (
            FARGATE,
            "1GB",
            "3 GB",
            "taskDefinition.memory: Fargate has no size of 256 CPU units with 3072 MiB: with 256 go 512, 1024 or 2048 MiB",
        ),
        (
            FARGATE,
            "cpu: 256",
            "cpu: 300",
            "taskDefinition.cpu: Fargate has no size of 300 CPU units",
        ),
        (
            FARGATE,
            "cpu: 256",
            "cpu: 32768",
            "warning: taskDefinition.cpu: 32768 CPU units are more than the documentation of Fargate knows",
        ),
        (
            FARGATE,
            "  cpu: 256\n",
            "",
            "taskDefinition.cpu: Fargate needs the task's cpu",
        ),
        (
            FARGATE,
            "  networkMode: awsvpc\n",
            "",
            "taskDefinition.networkMode: Fargate needs the network mode awsvpc",
        ),
        (
            FARGATE,
            "awsvpc\n",
            "\"${param:mode}\"\n  pidMode: host\n",
            "taskDefinition.pidMode: Fargate has no host whose processes could be seen",
        ),
        (
            FARGATE,
            "networkMode: awsvpc\n",
            "networkMode: bridge\n",
            "taskDefinition.networkMode: Fargate takes the network mode awsvpc only",
        ),
        (
            FARGATE,
            "  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }\n",
            "",
            "service.networkConfiguration: the network mode awsvpc needs to know where tasks get their addresses",
        ),
        (
            EC2,
            "  serviceName: agent\n",
            "  serviceName: agent\n  networkConfiguration: { awsvpcConfiguration: { subnets: [a] } }\n",
            "service.networkConfiguration: this goes with the network mode awsvpc, and the task definition's is bridge",
        ),
        (
            FARGATE,
            "containerName: web, containerPort",
            "containerName: wbe, containerPort",
            "service.loadBalancers[0].containerName: there is no container `wbe` in taskDefinition.containerDefinitions",
        ),
        (
            FARGATE,
            "containerPort: 80 }]\n  health",
            "containerPort: 81 }]\n  health",
            "service.loadBalancers[0].containerPort: the container `web` has no port 81",
        ),
        (
            FARGATE,
            "containerName: init, condition: SUCCESS",
            "containerName: log, condition: SUCCESS",
            "taskDefinition.containerDefinitions[0].dependsOn[0].condition: the container `log` is essential, so the task ends when it completes",
        ),
        (
            FARGATE,
            ", healthCheck: { command: [CMD, \"true\"] }",
            "",
            "taskDefinition.containerDefinitions[0].dependsOn[1].condition: the container `log` has no healthCheck to wait for",
        ),
        (
            FARGATE,
            "name: init, image: init, ",
            "name: init, image: init, dependsOn: [{ containerName: web, condition: START }], ",
            "taskDefinition.containerDefinitions[1].dependsOn: containers wait for each other: `init` → `web` → `init`",
        ),
        (
            FARGATE,
            "containerName: init,",
            "containerName: web,",
            "taskDefinition.containerDefinitions[0].dependsOn[0].containerName: the container `web` depends on itself",
        ),
        (
            FARGATE,
            "sourceVolume: data",
            "sourceVolume: date",
            "taskDefinition.containerDefinitions[0].mountPoints[0].sourceVolume: there is no volume `date` in taskDefinition.volumes",
        ),
        (
            FARGATE,
            "fileSystemId: fs-1",
            "fileSystemId: fs-1, authorizationConfig: { iam: ENABLED }",
            "taskDefinition.volumes[1].efsVolumeConfiguration.transitEncryption: EFS needs it with authorisation by role",
        ),
        (
            FARGATE,
            "name: data }",
            "name: data, host: { sourcePath: /var } }",
            "taskDefinition.volumes[0].host.sourcePath: Fargate has no host whose folder could be mounted",
        ),
        (
            FARGATE,
            "name: data }",
            "name: data, configuredAtLaunch: true }",
            "taskDefinition.volumes[0].configuredAtLaunch: the service does not say how this volume is made",
        ),
        (
            FARGATE,
            "secretsmanager:",
            "s3:",
            "taskDefinition.containerDefinitions[0].secrets[0].valueFrom: `arn:aws:s3:eu-west-1:123456789012:secret:key-AbCdEf:json::` is the ARN of neither a secret nor a parameter",
        ),
        (
            FARGATE,
            ":json::",
            ":json",
            "taskDefinition.containerDefinitions[0].secrets[0].valueFrom: behind the secret's name go a JSON key, a version stage and a version id, each of which may be empty",
        ),
        (
            FARGATE,
            "arn:aws:iam::123456789012:role/service/",
            "arn:aws:iam::12345:role/",
            "taskDefinition.executionRoleArn: `arn:aws:iam::12345:role/ecsTaskExecutionRole` is no role",
        ),
        (
            FARGATE,
            "  executionRoleArn: arn:aws:iam::123456789012:role/service/ecsTaskExecutionRole\n",
            "",
            "taskDefinition.executionRoleArn: Fargate needs a role to read secrets",
        ),
        (
            FARGATE,
            "logDriver: awsfirelens",
            "logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b }",
            "taskDefinition.containerDefinitions[0].logConfiguration.options: on Fargate awslogs needs awslogs-stream-prefix",
        ),
        (
            FARGATE,
            "logDriver: awsfirelens",
            "logDriver: syslog",
            "taskDefinition.containerDefinitions[0].logConfiguration.logDriver: Fargate has no log driver syslog",
        ),
        (
            FARGATE,
            "firelensConfiguration: { type: fluentbit }, ",
            "",
            "taskDefinition.containerDefinitions[0].logConfiguration.logDriver: no container of the task routes these logs",
        ),
        (
            FARGATE,
            "hostPort: 80",
            "hostPort: 8080",
            "taskDefinition.containerDefinitions[0].portMappings[0].hostPort: with the network mode awsvpc the host port has to be the container port, 80",
        ),
        (
            FARGATE,
            "name: init, image: init, ",
            "name: init, image: init, portMappings: [{ containerPort: 80 }], ",
            "taskDefinition.containerDefinitions[1].portMappings[0].containerPort: the port 80/tcp is mapped by the container `web` already",
        ),
        (
            FARGATE,
            "portName: http",
            "portName: htpp",
            "service.serviceConnectConfiguration.services[0].portName: no port mapping of the task definition has the name `htpp`",
        ),
        (
            FARGATE,
            "minimumHealthyPercent: 100, maximumPercent: 200",
            "minimumHealthyPercent: 100, maximumPercent: 100",
            "service.deploymentConfiguration.minimumHealthyPercent: with at least 100 % and at most 100 % of the tasks, none can be replaced",
        ),
        (
            FARGATE,
            "launchType: FARGATE\n",
            "launchType: FARGATE\n  capacityProviderStrategy: [{ capacityProvider: FARGATE }]\n",
            "service.launchType: ECS takes either a launch type or a capacity provider strategy",
        ),
        (
            FARGATE,
            "  launchType: FARGATE\n",
            "  capacityProviderStrategy: [{ capacityProvider: FARGATE, base: 1, weight: 0 }, { capacityProvider: mine, base: 0, weight: 1 }]\n",
            "service.capacityProviderStrategy[1].capacityProvider: one strategy cannot mix Fargate with other capacity providers",
        ),
        (
            FARGATE,
            "launchType: FARGATE\n",
            "launchType: FARGATE\n  placementStrategy: [{ type: spread, field: host }]\n",
            "service.placementStrategy: Fargate takes no placement: it spreads tasks over Availability Zones by itself",
        ),
        (
            FARGATE,
            "  memory: 1GB\n",
            "  memory: 1GB\n  pidMode: host\n",
            "taskDefinition.pidMode: Fargate has no host whose processes could be seen",
        ),
        (
            FARGATE,
            "name: log, image: log",
            "name: log, privileged: true, image: log",
            "taskDefinition.containerDefinitions[2].privileged: Fargate runs no privileged containers",
        ),
        (
            FARGATE,
            "launchType: FARGATE\n",
            "launchType: FARGATE\n  enableExecuteCommand: true\n",
            "service.enableExecuteCommand: commands can be executed only in tasks that have a role",
        ),
        (
            FARGATE,
            "launchType: FARGATE\n",
            "launchType: FARGATE\n  tags: [{ key: aws:x }]\n",
            "service.tags[0].key: keys that begin with `aws:` are AWS's own",
        ),
        (
            FARGATE,
            "command: [CMD, \"true\"]",
            "command: [CMD, \"true\"], interval: 1",
            "taskDefinition.containerDefinitions[2].healthCheck.interval: expected a whole number from 5 to 300",
        ),
        (
            EC2,
            "schedulingStrategy: DAEMON",
            "schedulingStrategy: DAEMON\n  desiredCount: 2",
            "service.desiredCount: a DAEMON service has one task on each instance and takes no desired count",
        ),
        (
            EC2,
            "{ containerPort: 53, hostPort: 53, protocol: udp }",
            "{ containerPort: 53, hostPort: 53 }",
            "taskDefinition.containerDefinitions[1].portMappings[2].hostPort: the port 53/tcp is mapped twice",
        ),
        (
            EC2,
            "memory: 64, portMappings: [{ containerPort: 80, hostPort: 0 }]",
            "memory: 64, memoryReservation: 65",
            "taskDefinition.containerDefinitions[0].memoryReservation: the reservation of 65 MiB is more than the memory of 64 MiB",
        ),
        (
            EC2,
            "b:db",
            "c:db",
            "taskDefinition.containerDefinitions[0].links[0]: there is no container `c` in taskDefinition.containerDefinitions",
        ),
        (
            EC2,
            "name: a, image: a, memory: 64",
            "name: a, image: a",
            "taskDefinition.containerDefinitions[0]: neither the task nor the container `a` says how much memory it gets",
        ),
        (
            FARGATE,
            "desiredCount: 2\n",
            "desiredCount: 2\n  availabilityZoneRebalancing: ENABLED\n  placementStrategy: []\n  schedulingStrategy: REPLICA\n  monitoring: { metricConfigurations: [{ metricNames: [CPUUtilization], resolutionSeconds: 30 }] }\n",
            "service.monitoring.metricConfigurations[0].resolutionSeconds: ECS takes metrics every 20 or 60 seconds, not every 30",
        ),
        (
            FARGATE,
            "minimumHealthyPercent: 100, maximumPercent: 200 }",
            "minimumHealthyPercent: 50, maximumPercent: 100 }\n  availabilityZoneRebalancing: ENABLED",
            "service.availabilityZoneRebalancing: ECS does not move tasks between Availability Zones with maximumPercent 100: it starts a task in another zone before it stops one, which needs more than 100",
        ),
        (
            FARGATE,
            "minimumHealthyPercent: 100, maximumPercent: 200",
            "minimumHealthyPercent: 60, maximumPercent: 140",
            "warning: service.desiredCount: no task can be replaced: of 2 tasks, 60 % are 2 that have to stay (rounded up) and 140 % are 2 that may run (rounded down)",
        ),
        (
            FARGATE,
            "minimumHealthyPercent: 100, maximumPercent: 200",
            "maximumPercent: 100",
            "warning: service.desiredCount: no task can be replaced: of 2 tasks, 100 % are 2 that have to stay (rounded up) and 100 % are 2 that may run (rounded down)",
        ),
        (
            FARGATE,
            "maximumPercent: 200 }",
            "maximumPercent: 200, earlySuccessCriteria: { enable: true, healthyPercent: 90, sourceServiceRevisionCleanup: BLOCKING } }",
            "service.deploymentConfiguration.earlySuccessCriteria.healthyPercent: 90 % is less than minimumHealthyPercent, 100 %",
        ),
        (
            FARGATE,
            "maximumPercent: 200 }",
            "maximumPercent: 200, earlySuccessCriteria: { enable: true, healthyPercent: 100 } }",
            "service.deploymentConfiguration.earlySuccessCriteria.sourceServiceRevisionCleanup: early success needs it",
        ),
        (
            FARGATE,
            "desiredCount: 2\n",
            "desiredCount: 2\n  gatewayConnectors: [{ portName: htpp }]\n",
            "service.gatewayConnectors[0].portName: no port mapping of the task definition has the name `htpp`",
        ),
        (
            FARGATE,
            "subnets: [subnet-1]",
            "subnets: [subnet-1], securityGroups: [a, b, c, d, e, f]",
            "service.networkConfiguration.awsvpcConfiguration.securityGroups[5]: securityGroups has at most 5 items, and this is one more",
        ),
        (
            FARGATE,
            "containerPortRange: 9000-9010",
            "containerPortRange: 9010-9000",
            "taskDefinition.containerDefinitions[0].portMappings[1].containerPortRange: `9010-9000` is no range of ports",
        ),
        (
            EC2,
            "family: agent",
            "family: my.agent",
            "taskDefinition.family: `my.agent` is no name of a family",
        ),
        (
            EC2,
            "DAEMON\n  deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 }",
            "REPLICA\n  deploymentConfiguration: { strategy: CANARY, deploymentCircuitBreaker: { enable: true, rollback: true } }",
            "warning: service.deploymentConfiguration.deploymentCircuitBreaker: the circuit breaker is documented for ROLLING only, not for CANARY",
        ),
    ] {
        assert!(file.contains(from), "the file has no {from:?}");
        let text = file.replacen(from, to, 1);
        assert_eq!(problems(&text), [expected], "{text}");
    }
}

#[test]
fn what_blue_green_needs_and_what_it_cannot_have_is_reported() {
    let metric = "autoscaling:\n  min: 1\n  max: 2\n  targets: [{ metric: ALBRequestCountPerTarget, value: 10 }]\n";
    let rolling = format!("{FARGATE}{metric}");
    assert_eq!(problems(&rolling), [""; 0]);
    let strategy = "deploymentConfiguration: { strategy: BLUE_GREEN, bakeTimeInMinutes: 5,";
    let moving = rolling.replace("deploymentConfiguration: {", strategy);
    let no_bake = moving.replace(" bakeTimeInMinutes: 5,", "");
    assert!(
        problems(&no_bake).contains(
            &"warning: service.deploymentConfiguration: the strategy BLUE_GREEN needs bakeTimeInMinutes".to_owned()
        ),
        "{:?}",
        problems(&no_bake)
    );
    assert!(
        problems(&moving).contains(
            &"warning: autoscaling.targets[0]: this counts the requests of one target group, and BLUE_GREEN moves them between two"
                .to_owned()
        ),
        "{:?}",
        problems(&moving)
    );
}

#[test]
fn a_task_without_an_essential_container_is_reported() {
    let text = EC2.replace("memory: 64", "memory: 64, essential: false");
    assert_eq!(
        problems(&text),
        ["taskDefinition.containerDefinitions[0].essential: no container of the task is essential"]
    );
}

#[test]
fn values_that_are_known_at_release_time_only_are_not_judged() {
    for (from, to) in [
        ("cpu: 256", "cpu: \"${ssm:/cpu}\""),
        ("networkMode: awsvpc", "networkMode: \"${param:mode}\""),
        ("sourceVolume: data", "sourceVolume: \"${param:volume}\""),
        ("launchType: FARGATE", "launchType: \"${param:launch}\""),
        (
            "containerName: web, containerPort: 80",
            "containerName: \"${param:a}\", containerPort: \"${param:b}\"",
        ),
    ] {
        assert!(FARGATE.contains(from), "the file has no {from:?}");
        assert_eq!(problems(&FARGATE.replacen(from, to, 1)), [""; 0], "{to}");
    }
}

#[test]
fn containers_that_all_wait_for_each_other_are_looked_at_quickly() {
    let containers: String = (0..990)
        .map(|index| {
            format!(
                "    - {{ name: c{index}, image: a, memory: 6, dependsOn: [{{ containerName: c{}, condition: START }}] }}\n",
                (index + 1) % 990
            )
        })
        .collect();
    let text = format!(
        "cluster: {{ clusterName: web }}\ntaskDefinition:\n  family: a\n  containerDefinitions:\n{containers}service: {{ serviceName: a }}\n"
    );
    let (_, took) = crate::processor_time::of(|| problems(&text));
    assert!(took.as_secs() < 15, "{took:?}");
}

#[test]
fn a_deployment_is_paused_where_ecs_can_pause_it() {
    let with = |hooks: &str| {
        let configuration =
            "deploymentConfiguration: { minimumHealthyPercent: 100, maximumPercent: 200";
        let hooks = format!("{configuration}, lifecycleHooks: [{hooks}]");
        problems(&FARGATE.replace(configuration, &hooks))
    };
    let pause = |stage: &str| {
        format!(
            "{{ targetType: PAUSE, lifecycleStages: [{stage}], timeoutConfiguration: {{ timeoutInMinutes: 20160, action: CONTINUE }} }}"
        )
    };
    assert_eq!(with(&pause("PRE_SCALE_UP, POST_SCALE_UP")), [""; 0]);
    assert_eq!(
        with(&pause("POST_SCALE_UP, PRODUCTION_TRAFFIC_SHIFT")),
        [
            "service.deploymentConfiguration.lifecycleHooks[0].lifecycleStages[1]: a deployment cannot be paused at \
             PRODUCTION_TRAFFIC_SHIFT"
        ]
    );
    let too_many = vec![pause("PRE_SCALE_UP"); 11].join(", ");
    assert_eq!(
        with(&too_many),
        [
            "service.deploymentConfiguration.lifecycleHooks[10]: a service has at most 10 lifecycle hooks of the type PAUSE"
        ]
    );
    assert_eq!(
        with(
            "{ targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP], roleArn: \"arn:aws:iam::123456789012:role/a\" }"
        ),
        [
            "warning: service.deploymentConfiguration.lifecycleHooks[0].roleArn: a PAUSE hook calls nothing, so ECS does not \
             use roleArn"
        ]
    );
    assert_eq!(
        with("{ lifecycleStages: [PRE_SCALE_UP] }"),
        [
            "warning: service.deploymentConfiguration.lifecycleHooks[0]: a lifecycle hook needs the function that it calls, \
             `hookTargetArn`"
        ]
    );
    assert!(with("{ targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP], timeoutConfiguration: { timeoutInMinutes: 20161 } }")[0]
        .starts_with("service.deploymentConfiguration.lifecycleHooks[0].timeoutConfiguration.timeoutInMinutes: "));
}

/// What ECS learnt in 2026 is nothing to be told of.
#[test]
fn new_features_are_known() {
    let service = "desiredCount: 2\n  monitoring: { metricConfigurations: [{ metricNames: [CPUUtilization, MemoryUtilization], resolutionSeconds: 20 }] }\n  \
                   gatewayConnectors: [{ portName: http, filters: { accessTypes: [PRIVATE] }, deregistrationDelay: { timeoutSeconds: 30 } }]\n";
    let deployment = "maximumPercent: 200, deploymentCircuitBreaker: { enable: true, rollback: true, resetOnHealthyTask: false, \
                      thresholdConfiguration: { type: COUNT, value: 5 } }, earlySuccessCriteria: { enable: true, healthyPercent: 100, \
                      sourceServiceRevisionCleanup: DEFERRED } }";
    let text = FARGATE.replacen("desiredCount: 2\n", service, 1).replacen(
        "maximumPercent: 200 }",
        deployment,
        1,
    );
    assert_eq!(problems(&text), [""; 0]);
    let lattice = "desiredCount: 2\n  vpcLatticeConfigurations: [{ portName: http, roleArn: arn, targetGroupArn: arn, advancedConfiguration: { \
                   alternateTargetGroupArn: arn, productionListenerRule: arn } }]\n";
    let moving = FARGATE
        .replacen("desiredCount: 2\n", lattice, 1)
        .replacen(
            "  loadBalancers: [{ targetGroupArn: arn, containerName: web, containerPort: 80 }]\n",
            "",
            1,
        )
        .replacen(
            "minimumHealthyPercent: 100, maximumPercent: 200",
            "strategy: BLUE_GREEN, bakeTimeInMinutes: 5",
            1,
        );
    assert_eq!(problems(&moving), [""; 0]);
}

/// The rules take no time that grows faster than the file, which is as long as a file may be.
#[test]
fn long_lists_are_looked_at_quickly() {
    let many = |item: &dyn Fn(usize) -> String, count: usize| -> String {
        (0..count).map(|index| item(index) + ", ").collect()
    };
    let volumes = many(&|index| format!("{{ name: v{index} }}"), 3_000);
    let mounts = many(
        &|index| format!("{{ sourceVolume: w{index}, containerPath: /a }}"),
        2_000,
    );
    let ports = many(
        &|index| format!("{{ containerPort: {} }}", index + 1_000),
        2_000,
    );
    let targets = many(
        &|_| "{ targetGroupArn: arn, containerName: web, containerPort: 1 }".into(),
        800,
    );
    let text = FARGATE
        .replacen("volumes: [", &format!("volumes: [{volumes}"), 1)
        .replacen("mountPoints: [", &format!("mountPoints: [{mounts}"), 1)
        .replacen("portMappings: [", &format!("portMappings: [{ports}"), 1)
        .replacen("loadBalancers: [", &format!("loadBalancers: [{targets}"), 1);
    assert!(
        text.len() < crate::service_file::MAX_BYTES,
        "{}",
        text.len()
    );
    let (found, took) = crate::processor_time::of(|| problems(&text));
    assert!(found.len() > 2_000, "{}", found.len());
    assert!(took.as_secs() < 15, "{took:?}");
}

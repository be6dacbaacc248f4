#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn everything_that_a_file_names_and_does_not_make_is_asked_for_once() {
    let text = r#"
cluster: { clusterName: web }
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition:
  family: hello
  networkMode: awsvpc
  requiresCompatibilities: [FARGATE]
  cpu: "256"
  memory: "512"
  executionRoleArn: arn:aws:iam::123456789012:role/service/execution
  taskRoleArn: hello
  runtimePlatform: { cpuArchitecture: ARM64, operatingSystemFamily: LINUX }
  containerDefinitions:
    - name: web
      secrets:
        - { name: A, valueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:password::" }
        - { name: B, valueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:user::" }
        - { name: C, valueFrom: "arn:aws:ssm:eu-west-1:123456789012:parameter/hello/key" }
        - { name: D, valueFrom: "arn:aws:ssm:eu-west-1:123456789012:parameter/plain" }
      logConfiguration:
        logDriver: awslogs
        options: { awslogs-group: /ecs/hello, awslogs-region: eu-west-1, awslogs-stream-prefix: web }
    - name: side
      image: public.ecr.aws/side:1
      logConfiguration:
        logDriver: awslogs
        options: { awslogs-group: /ecs/made, awslogs-region: eu-west-1, awslogs-stream-prefix: side, awslogs-create-group: "true" }
    - name: far
      image: public.ecr.aws/far:1
      logConfiguration:
        logDriver: awslogs
        options: { awslogs-group: /ecs/far, awslogs-region: us-east-1, awslogs-stream-prefix: far }
service:
  serviceName: hello
  launchType: FARGATE
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1], securityGroups: [sg-1] } }
"#;
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    let found = of(&file, &file.task_definition, "eu-west-1");
    let things: Vec<_> = found.iter().map(|one| &one.thing).collect();
    let arm = Platform {
        os: "linux".into(),
        architecture: "arm64".into(),
    };
    assert_eq!(
        things,
        [
            &Thing::Role("execution".into(), "ecs-tasks.amazonaws.com"),
            &Thing::Role("hello".into(), "ecs-tasks.amazonaws.com"),
            &Thing::Image(file.images["web"].clone(), arm),
            &Thing::Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf".into()),
            &Thing::Parameter("/hello/key".into()),
            &Thing::Parameter("plain".into()),
            &Thing::LogGroup("/ecs/far".into(), Some("us-east-1".into())),
            &Thing::Subnet("subnet-1".into()),
            &Thing::SecurityGroup("sg-1".into()),
        ]
    );
    assert_eq!(
        found[3].path,
        "taskDefinition.containerDefinitions[web].secrets[0]"
    );
}

#[test]
fn what_serves_names_and_carries_a_service_is_asked_for_but_not_what_the_file_makes() {
    let text = r#"
cluster: { clusterName: web, capacityProviders: [FARGATE, theirs] }
capacity:
  - { name: ours, autoScalingGroupProvider: { autoScalingGroupArn: "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/web" } }
  - name: managed
    managedInstancesProvider:
      infrastructureRoleArn: arn:aws:iam::123456789012:role/infrastructure
      instanceLaunchTemplate:
        ec2InstanceProfileArn: arn:aws:iam::123456789012:instance-profile/ecsInstanceRole
        networkConfiguration: { subnets: [subnet-2], securityGroups: [sg-2] }
taskDefinition: { family: hello, networkMode: awsvpc, containerDefinitions: [{ name: web, image: hello, memory: 64, portMappings: [{ containerPort: 80 }] }] }
service:
  serviceName: hello
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }
  capacityProviderStrategy: [{ capacityProvider: ours }, { capacityProvider: theirs }]
  serviceConnectConfiguration: { enabled: true, namespace: internal }
ingress:
  listenerArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/1/2
  container: web
  port: 80
  path: /*
  roleArn: arn:aws:iam::123456789012:role/balancing
discovery: { namespace: internal.example, name: hello }
"#;
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    let found = of(&file, &file.task_definition, "eu-west-1");
    let things: Vec<_> = found.iter().map(|one| (&*one.path, &one.thing)).collect();
    let ecs = "ecs.amazonaws.com";
    let listener = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/1/2";
    let managed = "capacity[1].managedInstancesProvider";
    assert_eq!(
        things,
        [
            (
                "service.networkConfiguration.awsvpcConfiguration.subnets",
                &Thing::Subnet("subnet-1".into())
            ),
            (
                "service.serviceConnectConfiguration.namespace",
                &Thing::Namespace("internal".into())
            ),
            ("ingress.listenerArn", &Thing::Listener(listener.into())),
            ("ingress.roleArn", &Thing::Role("balancing".into(), ecs)),
            (
                "discovery.namespace",
                &Thing::Namespace("internal.example".into())
            ),
            (
                "capacity[0].autoScalingGroupProvider",
                &Thing::AutoScalingGroup("web".into())
            ),
            (managed, &Thing::Role("infrastructure".into(), ecs)),
            (managed, &Thing::InstanceProfile("ecsInstanceRole".into())),
            (
                "capacity[1].managedInstancesProvider.subnets",
                &Thing::Subnet("subnet-2".into())
            ),
            (
                "capacity[1].managedInstancesProvider.securityGroups",
                &Thing::SecurityGroup("sg-2".into())
            ),
            (
                "service.capacityProviderStrategy",
                &Thing::CapacityProvider("theirs".into(), "web".into())
            ),
        ]
    );
}

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
service:
  serviceName: hello
  launchType: FARGATE
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1], securityGroups: [sg-1] } }
"#;
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    let found = of(&file, &file.task_definition);
    let things: Vec<_> = found.iter().map(|one| &one.thing).collect();
    let arm = Platform {
        os: "linux".into(),
        architecture: "arm64".into(),
    };
    assert_eq!(
        things,
        [
            &Thing::Role("execution".into()),
            &Thing::Role("hello".into()),
            &Thing::Image(file.images["web"].clone(), arm),
            &Thing::Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf".into()),
            &Thing::Parameter("/hello/key".into()),
            &Thing::Parameter("plain".into()),
            &Thing::LogGroup("/ecs/hello".into()),
            &Thing::Subnet("subnet-1".into()),
            &Thing::SecurityGroup("sg-1".into()),
        ]
    );
    assert_eq!(
        found[3].path,
        "taskDefinition.containerDefinitions[web].secrets[0]"
    );
}

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use serde_json::json;

use super::*;

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  LogLevel: { Type: String, Default: INFO }
  Topic: { Type: String, Default: "" }
  Limit: { Type: Number, Default: 5 }
Conditions:
  HasTopic: !Not [!Equals [!Ref Topic, ""]]
Globals:
  Function:
    Runtime: provided.al2023
    MemorySize: 256
    Timeout: 30
    RolePath: /delivery/
    LoggingConfig: { LogFormat: JSON, ApplicationLogLevel: !Ref LogLevel, LogGroup: !Ref Logs }
    Environment:
      Variables:
        CONFIG_BUCKET: !Ref ConfigBucket
        LIMIT: 5
Resources:
  ConfigBucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: { Status: Enabled }
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } }
  StateBucket:
    Type: AWS::S3::Bucket
  Logs: { Type: AWS::Logs::LogGroup }
  DeadLetters: { Type: AWS::SQS::Queue }
  ConfigChangedFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: bootstrap } }
    Properties:
      CodeUri: functions
      Handler: config-changed
      Timeout: 120
      Environment:
        Variables:
          STATE_MACHINE_ARN: !Ref ReleaseStateMachine
          QUEUE: !GetAtt DeadLetters.Arn
          EVENTS: !Sub "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
      Policies: [!If [HasTopic, a, b]]
      VpcConfig: !If [HasTopic, { SubnetIds: [subnet-1] }, !Ref AWS::NoValue]
      Events:
        ServiceFile:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.s3]
              detail: { bucket: { name: [!Ref ConfigBucket] }, object: { key: [{ prefix: services/ }] } }
            DeadLetterConfig: { Arn: !GetAtt DeadLetters.Arn }
        Again:
          Type: ScheduleV2
          Properties:
            Name: !Sub ${AWS::StackName}-again
            RoleArn: arn:aws:iam::000000000000:role/schedule
            ScheduleExpression: rate(2 minutes)
            Input: !Sub '{"scheduledAt": "<aws.scheduler.scheduled-time>", "limit": ${Limit}}'
            DeadLetterConfig: { Arn: !GetAtt DeadLetters.Arn }
  ClaimReleaseFunction:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions, Handler: claim-release }
  ReleaseStateMachine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Sub ${AWS::StackName}-release
      DefinitionUri: statemachine/release.asl.json
      DefinitionSubstitutions:
        ClaimReleaseFunctionArn: !GetAtt ClaimReleaseFunction.Arn
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: HasTopic
    Properties: { AlarmActions: !If [HasTopic, [!Ref Topic], !Ref AWS::NoValue] }
"#;

fn read_here(template: &str) -> Result<Installation, InstallError> {
    read(
        template,
        &World::new("000000000000", "eu-west-1", Timestamp::UNIX_EPOCH, 1),
    )
}

#[tokio::test]
async fn a_template_says_what_to_run() {
    let installation = read_here(TEMPLATE).unwrap();
    let [config_changed, claim_release] = installation.functions.as_slice() else {
        panic!("two functions")
    };
    assert_eq!(config_changed.name, "config-changed");
    assert_eq!(
        (config_changed.timeout, config_changed.memory_size),
        (Duration::from_secs(120), 256)
    );
    let environment: Vec<(&str, &str)> = config_changed
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        environment,
        [
            ("CONFIG_BUCKET", "landfall-config"),
            (
                "EVENTS",
                "arn:aws:events:eu-west-1:000000000000:event-bus/default"
            ),
            ("LIMIT", "5"),
            (
                "QUEUE",
                "arn:aws:sqs:eu-west-1:000000000000:landfall-dead-letters"
            ),
            (
                "STATE_MACHINE_ARN",
                "arn:aws:states:eu-west-1:000000000000:stateMachine:landfall-release"
            ),
        ]
    );
    assert_eq!(claim_release.timeout, Duration::from_secs(30));
    assert_eq!(
        installation.rules,
        [InstalledRule {
            name: "ConfigChangedFunctionServiceFile".into(),
            pattern: json!({"source": ["aws.s3"], "detail": {
                "bucket": {"name": ["landfall-config"]}, "object": {"key": [{"prefix": "services/"}]}}}),
            function: "config-changed".into(),
        }]
    );
    assert_eq!(
        installation.schedules,
        [InstalledSchedule {
            name: "landfall-again".into(),
            every: Duration::from_secs(120),
            input: json!({"scheduledAt": "<aws.scheduler.scheduled-time>", "limit": 5}),
            function: "config-changed".into(),
        }]
    );
    let buckets: Vec<_> = installation
        .buckets
        .iter()
        .map(|bucket| (bucket.name.as_str(), bucket.versioned, bucket.events))
        .collect();
    assert_eq!(
        buckets,
        [
            ("landfall-config", true, true),
            ("landfall-state", false, false)
        ]
    );
}

#[tokio::test]
async fn a_definition_gets_its_substitutions_and_misses_none() {
    let machine = read_here(TEMPLATE).unwrap().state_machines.remove(0);
    assert_eq!(
        (machine.name.as_str(), machine.definition_uri.as_str()),
        ("landfall-release", "statemachine/release.asl.json")
    );
    assert_eq!(
        machine
            .definition(r#"{"Resource": "${ClaimReleaseFunctionArn}"}"#)
            .unwrap(),
        r#"{"Resource": "arn:aws:lambda:eu-west-1:000000000000:function:claim-release"}"#
    );
    let error = machine
        .definition("${EnsureClusterFunctionArn}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("`EnsureClusterFunctionArn`"), "{error}");
}

#[tokio::test]
async fn what_matters_and_is_not_understood_is_refused_by_name() {
    for (old, new, named) in [
        (
            "AWS::SQS::Queue",
            "AWS::DynamoDB::Table",
            vec!["DeadLetters", "`AWS::DynamoDB::Table`"],
        ),
        (
            "Timeout: 120",
            "Layers: [a]",
            vec!["ConfigChangedFunction.Layers"],
        ),
        (
            "Type: EventBridgeRule",
            "Type: Api",
            vec!["Events.ServiceFile", "`Api`"],
        ),
        (
            "rate(2 minutes)",
            "cron(0 * * * ? *)",
            vec![
                "Events.Again.ScheduleExpression",
                "`rate(<number> minutes)`",
            ],
        ),
        (
            "Input: !Sub '{",
            "Input: !Sub '",
            vec!["Events.Again.Input", "JSON"],
        ),
        (
            "LIMIT: 5",
            "LIMIT: !If [HasTopic, 1, 2]",
            vec!["Environment.LIMIT", "`Fn::If`"],
        ),
        (
            "LIMIT: 5",
            "LIMIT: !Ref Alarm",
            vec!["Environment.LIMIT", "`Ref Alarm`"],
        ),
        (
            "LIMIT: 5",
            "LIMIT: !GetAtt ConfigBucket.DomainName",
            vec!["`GetAtt ConfigBucket.DomainName`"],
        ),
        (
            "LIMIT: 5",
            "LIMIT: !Sub \"${Nobody}\"",
            vec!["`Ref Nobody`"],
        ),
        (
            ", Handler: claim-release",
            "",
            vec!["ClaimReleaseFunction", "`Handler`"],
        ),
        (
            "Timeout: 120",
            "Timeout: soon",
            vec!["ConfigChangedFunction.Timeout"],
        ),
    ] {
        let error = read_here(&TEMPLATE.replace(old, new))
            .unwrap_err()
            .to_string();
        for name in named {
            assert!(error.contains(name), "{new}: {error}");
        }
    }
}

#[tokio::test]
async fn the_installation_of_this_repository_runs_on_this_machine() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let file = |name: &str| std::fs::read_to_string(format!("{root}/{name}")).unwrap();
    let installation = read_here(&file("template.yaml")).unwrap();
    assert!(!installation.functions.is_empty() && !installation.rules.is_empty());
    let [machine] = installation.state_machines.as_slice() else {
        panic!("one state machine")
    };
    let definition = machine.definition(&file(&machine.definition_uri)).unwrap();
    crate::engine::load::load(&definition).unwrap();
}

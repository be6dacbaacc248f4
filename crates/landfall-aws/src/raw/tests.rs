#![allow(clippy::unwrap_used)]

use aws_smithy_types::retry::RetryConfig;
use serde_json::json;

use super::{recorded::Aws, *};
use crate::Kind;

#[tokio::test(start_paused = true)]
async fn a_json_call_is_signed_for_its_service_and_repeated_when_throttled() {
    let aws = Aws::answering(&[
        (
            400,
            r#"{"__type":"com.amazonaws.ssm#ThrottlingException","message":"Rate exceeded"}"#,
        ),
        (200, r#"{"Parameters":[],"InvalidParameters":["/a"]}"#),
    ]);
    let ssm = JsonClient::new(&aws.config("eu-west-1").build(), SYSTEMS_MANAGER);
    let answer = ssm.call("GetParameters", &json!({ "Names": ["/a"] })).await;
    assert_eq!(answer.unwrap()["InvalidParameters"], json!(["/a"]));
    let asked = aws.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].uri, "https://ssm.eu-west-1.amazonaws.com/");
    assert_eq!(asked[1].target.as_deref(), Some("AmazonSSM.GetParameters"));
    assert_eq!(asked[1].body, r#"{"Names":["/a"]}"#);
    let authorization = &asked[1].authorization;
    assert!(
        authorization.contains("/eu-west-1/ssm/aws4_request"),
        "{authorization}"
    );
}

#[derive(Debug, Deserialize)]
struct DescribeSubnetsResponse {
    #[serde(rename = "subnetSet")]
    subnets: Subnets,
}

#[derive(Debug, Deserialize)]
struct Subnets {
    #[serde(default, rename = "item")]
    items: Vec<Subnet>,
}

#[derive(Debug, Deserialize)]
struct Subnet {
    #[serde(rename = "subnetId")]
    id: String,
}

#[tokio::test]
async fn a_query_call_answers_the_elements_that_it_is_asked_for() {
    let aws = Aws::answering(&[(
        200,
        "<?xml version=\"1.0\"?><DescribeSubnetsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId></item><item><subnetId>subnet-2</subnetId></item>\
         </subnetSet></DescribeSubnetsResponse>",
    )]);
    let ec2 = QueryClient::new(&aws.config("cn-north-1").build(), EC2);
    let parameters = [("SubnetId.1".into(), "subnet-1".into())];
    let answer: DescribeSubnetsResponse = ec2.call("DescribeSubnets", &parameters).await.unwrap();
    let ids: Vec<_> = answer
        .subnets
        .items
        .iter()
        .map(|subnet| &*subnet.id)
        .collect();
    assert_eq!(ids, ["subnet-1", "subnet-2"]);
    let asked = &aws.asked()[0];
    assert_eq!(asked.uri, "https://ec2.cn-north-1.amazonaws.com.cn/");
    assert_eq!(
        asked.body,
        "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-1"
    );
}

#[tokio::test]
async fn a_refusal_tells_code_and_message_in_every_protocol() {
    let json = r#"{"__type":"AccessDeniedException","Message":"not you"}"#;
    let query = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no role</Message></Error></ErrorResponse>";
    let ec2 = "<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>no subnet</Message></Error></Errors></Response>";
    let aws = Aws::answering(&[(400, json), (404, query), (400, ec2)]);
    let config = aws.config("eu-west-1").build();
    let describe = |fault: Fault| format!("{}: {fault}", fault.name());
    let refused = JsonClient::new(&config, SECRETS_MANAGER)
        .call("DescribeSecret", &json!({}))
        .await;
    assert_eq!(
        describe(refused.unwrap_err()),
        "Denied: secretsmanager:DescribeSecret was refused: AccessDeniedException: not you"
    );
    let refused = QueryClient::new(&config, IAM)
        .call::<Value>("GetRole", &[])
        .await;
    assert_eq!(
        describe(refused.unwrap_err()),
        "Refused: iam:GetRole was refused: NoSuchEntity: no role"
    );
    let refused = QueryClient::new(&config, EC2)
        .call::<Value>("DescribeSubnets", &[])
        .await;
    assert_eq!(
        describe(refused.unwrap_err()),
        "Refused: ec2:DescribeSubnets was refused: InvalidSubnetID.NotFound: no subnet"
    );
    let asked = aws.asked();
    assert_eq!(asked[1].uri, "https://iam.amazonaws.com/");
    assert!(
        asked[1]
            .authorization
            .contains("/us-east-1/iam/aws4_request")
    );
}

/// The endpoints and Regions are those of botocore's endpoint rules.
#[tokio::test]
async fn every_partition_has_endpoints_of_its_own() {
    for (region, ec2, iam, signed_for) in [
        (
            "eu-west-1",
            "ec2.eu-west-1.amazonaws.com",
            "iam.amazonaws.com",
            "us-east-1",
        ),
        (
            "us-gov-east-1",
            "ec2.us-gov-east-1.amazonaws.com",
            "iam.us-gov.amazonaws.com",
            "us-gov-west-1",
        ),
        (
            "cn-northwest-1",
            "ec2.cn-northwest-1.amazonaws.com.cn",
            "iam.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
        ),
        (
            "eusc-de-east-1",
            "ec2.eusc-de-east-1.amazonaws.eu",
            "iam.eusc-de-east-1.amazonaws.eu",
            "eusc-de-east-1",
        ),
    ] {
        let aws = Aws::answering(&[(400, "<Response/>"), (400, "<Response/>")]);
        let config = aws.config(region).build();
        for (service, operation) in [(EC2, "DescribeSubnets"), (IAM, "GetRole")] {
            let call = QueryClient::new(&config, service)
                .call::<Value>(operation, &[])
                .await;
            call.unwrap_err();
        }
        let asked = aws.asked();
        assert_eq!(asked[0].uri, format!("https://{ec2}/"));
        assert_eq!(asked[1].uri, format!("https://{iam}/"));
        let scope = format!("/{signed_for}/iam/aws4_request");
        assert!(asked[1].authorization.contains(&scope), "{region}");
    }
}

#[tokio::test]
async fn a_failure_says_what_to_do_about_it_by_status_and_code() {
    let busy = r#"{"__type":"ThrottlingException","Message":"slower"}"#;
    let twice = r#"{"__type":"OperationAbortedException","Message":"A conflicting operation is currently in progress"}"#;
    let gone = r#"{"__type":"ObjectNotFoundException","Message":"there is ThrottlingException in this text"}"#;
    for (status, body, kind, code) in [
        (400, busy, Kind::Transient, Some("ThrottlingException")),
        (400, twice, Kind::NotYet, Some("OperationAbortedException")),
        (400, gone, Kind::Refused, Some("ObjectNotFoundException")),
        (400, "{}", Kind::Refused, None),
        (304, "{}", Kind::Unexpected, None),
    ] {
        let aws = Aws::answering(&[(status, body)]);
        let config = aws
            .config("eu-west-1")
            .retry_config(RetryConfig::disabled());
        let logs = JsonClient::new(&config.build(), LOGS);
        let answer = logs.call("CreateLogGroup", &json!({})).await;
        let fault = answer.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (kind, code), "{fault}");
        assert_eq!(fault.call.as_deref(), Some("logs:CreateLogGroup"));
        let without = format!(
            "logs:CreateLogGroup was refused: no error code: {}",
            fault.message
        );
        assert_eq!(code.is_none(), fault.to_string() == without, "{fault}");
        assert!(!fault.is("AccessDeniedException"));
    }
}

/// The endpoints are those of botocore's endpoint rules with `UseFIPS`.
#[tokio::test]
async fn endpoints_for_fips_have_the_names_that_they_have_in_the_region() {
    let hosts = async |region: &'static str| {
        let json = [
            APPLICATION_AUTO_SCALING,
            CLOUD_MAP,
            ECS,
            EVENT_BRIDGE,
            LOGS,
            SECRETS_MANAGER,
            STEP_FUNCTIONS,
            SYSTEMS_MANAGER,
        ];
        let query = [
            AUTO_SCALING,
            CLOUD_FORMATION,
            EC2,
            ELASTIC_LOAD_BALANCING,
            IAM,
        ];
        let aws = Aws::answering(&vec![(400, ""); json.len() + query.len()]);
        let config = aws.config(region).use_fips(true).build();
        for service in json {
            let client = JsonClient::new(&config, service);
            client.call("Ask", &json!({})).await.unwrap_err();
        }
        for service in query {
            let client = QueryClient::new(&config, service);
            client.call::<Value>("Ask", &[]).await.unwrap_err();
        }
        let suffix = format!(".{region}.amazonaws.com/");
        let named = aws.asked().into_iter().map(|asked| {
            let host = asked.uri.trim_start_matches("https://");
            host.trim_end_matches(&suffix).to_owned()
        });
        named.collect::<Vec<_>>()
    };
    assert_eq!(
        hosts("us-east-1").await,
        [
            "application-autoscaling-fips",
            "servicediscovery-fips",
            "ecs-fips",
            "events-fips",
            "logs-fips",
            "secretsmanager-fips",
            "states-fips",
            "ssm-fips",
            "autoscaling-fips",
            "cloudformation-fips",
            "ec2-fips",
            "elasticloadbalancing-fips",
            "iam-fips.amazonaws.com/",
        ]
    );
    for (region, states) in [
        ("us-gov-east-1", "states-fips"),
        ("us-gov-west-1", "states"),
    ] {
        assert_eq!(
            hosts(region).await,
            [
                "application-autoscaling",
                "servicediscovery-fips",
                "ecs-fips",
                "events",
                "logs",
                "secretsmanager-fips",
                states,
                "ssm",
                "autoscaling",
                "cloudformation",
                "ec2",
                "elasticloadbalancing",
                "iam.us-gov.amazonaws.com/",
            ],
            "{region}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_is_set_takes_the_place_of_aws() {
    let aws = Aws::answering(&[(200, "")]);
    let config = aws
        .config("eu-west-1")
        .endpoint_url("http://127.0.0.1:4599")
        .build();
    let answer = JsonClient::new(&config, LOGS)
        .call("CreateLogGroup", &json!({}))
        .await;
    assert_eq!(answer.unwrap(), Value::Null);
    assert_eq!(aws.asked()[0].uri, "http://127.0.0.1:4599/");
}

//! What `template.yaml` promises besides functions and the state machine: buckets that keep what is in them to themselves, and
//! alarms that somebody hears.

use serde_json::{Value, json};

/// The resources of the template.
fn resources() -> Value {
    let template = include_str!("../../template.yaml");
    let template = landfall_local::install::document(template).unwrap();
    template["Resources"].clone()
}

fn of_type<'a>(resources: &'a Value, kind: &str) -> Vec<(&'a String, &'a Value)> {
    let resources = resources.as_object().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == kind)
        .collect()
}

#[test]
fn the_buckets_are_kept_versioned_encrypted_private_and_closed_to_plain_http() {
    let resources = resources();
    let buckets = of_type(&resources, "AWS::S3::Bucket");
    let policies = of_type(&resources, "AWS::S3::BucketPolicy");
    assert_eq!((buckets.len(), policies.len()), (2, 2));
    for (name, bucket) in buckets {
        assert_eq!(bucket["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(bucket["UpdateReplacePolicy"], "Retain", "{name}");
        let properties = &bucket["Properties"];
        assert_eq!(properties["VersioningConfiguration"]["Status"], "Enabled");
        let encryption = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        // With a key of one's own, and without.
        for (way, expected) in [(1, "aws:kms"), (2, "AES256")] {
            let encryption = &encryption["Fn::If"][way]["ServerSideEncryptionByDefault"];
            assert_eq!(encryption["SSEAlgorithm"], expected, "{name}");
        }
        let access = properties["PublicAccessBlockConfiguration"].as_object();
        let access = access.unwrap();
        assert_eq!(access.len(), 4, "{name}");
        assert!(access.values().all(|blocked| *blocked == true), "{name}");

        let of_bucket = |policy: &&(&String, &Value)| {
            policy.1["Properties"]["Bucket"]
                .to_string()
                .contains(name.as_str())
        };
        let policy = policies.iter().find(of_bucket);
        let (_, policy) = policy.unwrap_or_else(|| panic!("{name} has no policy"));
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array();
        let mut statements = statements.unwrap().iter();
        let over_tls = statements
            .find(|statement| statement["Sid"] == "OnlyOverTls")
            .unwrap();
        let deny = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(
            (&over_tls["Effect"], &over_tls["Action"]),
            (&json!("Deny"), &json!("s3:*"))
        );
        assert_eq!(
            (&over_tls["Principal"], &over_tls["Condition"]),
            (&json!("*"), &deny)
        );
        // The bucket itself, and what is in it.
        assert_eq!(over_tls["Resource"].as_array().unwrap().len(), 2, "{name}");
    }
}

#[test]
fn every_alarm_notifies_the_topic_and_is_explained_to_operators() {
    let resources = resources();
    let alarms = of_type(&resources, "AWS::CloudWatch::Alarm");
    let page = include_str!("../../docs/operating.md");
    let explained = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("Alarm` |"));
    assert_eq!((alarms.len(), explained.count()), (5, 5));
    for (name, alarm) in alarms {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
        let actions = alarm["Properties"]["AlarmActions"].to_string();
        assert!(actions.contains("AlarmTopicArn"), "{name}: {actions}");
        assert_eq!(alarm["Properties"]["Threshold"], 0, "{name}");
        let quiet = &alarm["Properties"]["TreatMissingData"];
        assert_eq!(quiet, "notBreaching", "{name}");
    }
}

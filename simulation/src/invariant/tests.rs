#![allow(clippy::unwrap_used)]

use landfall::{record::Verdict, service_id::ServiceId};
use serde_json::json;

use super::{judgement::misjudged, one_writer, rest::missing};
use crate::witness::Touch;

fn touch(execution: Option<&str>, claim: Option<&str>) -> Touch {
    Touch {
        name: "run-task RunTask".into(),
        service: ServiceId::new("web", "hello").ok(),
        execution: execution.map(str::to_owned),
        claim: claim.map(str::to_owned),
    }
}

#[test]
fn only_the_holder_of_a_claim_changes_anything_and_nobody_does_without_one() {
    assert_eq!(one_writer(&[touch(Some("a"), Some("a"))]), []);
    for intruder in [
        touch(Some("a"), Some("b")),
        touch(Some("a"), None),
        touch(None, Some("b")),
        touch(None, None),
    ] {
        let broken = one_writer(std::slice::from_ref(&intruder));
        assert_eq!(broken.len(), 1, "{intruder:?}");
        assert!(broken[0].text.contains("run-task RunTask"), "{broken:?}");
    }
}

#[test]
fn no_good_release_is_given_up_and_no_bad_one_is_called_good() {
    for (verdict, good, wrong) in [
        (Verdict::Succeeded, true, false),
        (Verdict::Succeeded, false, true),
        (Verdict::RolledBack, true, true),
        (Verdict::Failed, true, true),
        (Verdict::Rejected, true, true),
        (Verdict::RolledBack, false, false),
        (Verdict::Superseded, false, false),
        (Verdict::Superseded, true, false),
    ] {
        let found = misjudged(verdict, good, false);
        assert_eq!(found.is_some(), wrong, "{verdict} of {good}");
    }
    assert_eq!(misjudged(Verdict::Failed, true, true), None);
    assert!(misjudged(Verdict::Succeeded, false, true).is_some());
}

#[test]
fn what_differs_from_the_file_is_found_in_members_and_items_and_what_aws_adds_is_not() {
    let file = json!({
        "memory": "512",
        "containerDefinitions": [{ "name": "web", "portMappings": [{ "containerPort": 8080 }] }],
    });
    let mut live = json!({
        "memory": "512",
        "revision": 3,
        "containerDefinitions": [
            { "name": "web", "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }], "cpu": 0 },
        ],
    });
    assert_eq!(missing("td", &file, &live), Vec::<String>::new());
    live["memory"] = json!("1024");
    live["containerDefinitions"][0]["portMappings"] = json!([]);
    assert_eq!(
        missing("td", &file, &live),
        [
            "td.memory is \"1024\", and should be \"512\"",
            "td.containerDefinitions[0].portMappings is [], and should be [{\"containerPort\":8080}]",
        ]
    );
}

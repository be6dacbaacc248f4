//! A desired state that a newer Landfall wrote.

use landfall::{keys, record::Verdict};
use landfall_local::local::STATE_BUCKET;
use landfall_simulation::{installation::REQUEST_ID, scenario::Rule};
use serde_json::json;

use crate::stage::{Stage, play, service};

#[test]
fn an_older_landfall_refuses_it_by_its_layout_also_if_it_cannot_read_the_rest_and_changes_nothing()
{
    play(async {
        let stage = Stage::open(&["execution-ended"]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;
        let key = keys::desired(&hello.id);
        let cloud = &stage.wire.cloud;
        let known = json!(stage.desired(&hello).await);
        let mut newer = known.clone();
        newer["schema"] = json!(2);
        for layout in [newer, json!({ "schema": 2, "everything": "is elsewhere" })] {
            let put = cloud.s3.put(STATE_BUCKET, &key, layout.to_string());
            put.unwrap();
            let seen = cloud.requests.requests().len();
            let input = json!({
                "service": hello.id,
                "execution": "arn:aws:states:eu-west-1:000000000000:execution:landfall-release:1",
                REQUEST_ID: cloud.world.uuid(),
            });
            let refused = cloud
                .functions
                .invoke("claim-release", input)
                .await
                .unwrap_err();
            assert_eq!(refused.error_type.as_deref(), Some("Refused"));
            let message = "has the layout 2, this Landfall knows 1: update the stack";
            assert!(refused.message.contains(message), "{}", refused.message);
            stage
                .driver
                .push("hello", "1.1.0", &layout.to_string())
                .await
                .unwrap();
            stage.rest().await;
            assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
            let requests = cloud.requests.requests();
            let mut written = requests[seen..]
                .iter()
                .filter(|entry| entry.operation == "PutObject");
            let written = written.find(|entry| entry.subject.ends_with(&key));
            assert!(written.is_none(), "{written:?}");
        }
    });
}

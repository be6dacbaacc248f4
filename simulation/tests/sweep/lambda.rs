//! Lambda as it can be: no room for an invocation for minutes, and one invocation that runs twice.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_simulation::{
    fault::{Away, Fault},
    installation::REQUEST_ID,
    scenario::Rule,
};
use serde_json::json;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_push_goes_through_once_lambda_has_room_again() {
    for minutes in [2, 20] {
        play(async {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let lasts = minutes * MINUTE;
            let faults = &stage.wire.faults;
            faults.go_away(Away::Api("lambda"), Fault::Throttled, lasts);
            let digest = stage.push("hello", "1.1.0").await;
            sleep(lasts).await;
            assert_eq!(stage.desired(&hello).await.last_number, 1);
            // Lambda tries a throttled event again after at most five minutes.
            sleep(5 * MINUTE).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&digest));
        });
    }
}

#[test]
fn a_release_that_is_on_its_way_when_lambda_has_no_room_succeeds_later() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let digest = stage.push("hello", "1.1.0").await;
        stage.given(&hello, &digest).await;
        let faults = &stage.wire.faults;
        faults.go_away(Away::Api("lambda"), Fault::Throttled, 20 * MINUTE);
        sleep(20 * MINUTE).await;
        assert_eq!(stage.desired(&hello).await.open.len(), 1);
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(record.timeline.blind_seconds > 15 * 60, "{record:?}");
        assert!(stage.live_image(&hello).await.ends_with(&digest));
        assert_eq!(stage.executions("SUCCEEDED").await, 2);
    });
}

#[test]
fn an_invocation_that_lambda_runs_twice_starts_one_execution() {
    play(async {
        let stage = Stage::open(&["image-pushed"]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let digest = stage.push("hello", "1.1.0").await;
        let cloud = &stage.wire.cloud;
        let event = json!({
            "version": "0",
            "id": "13cde686-328b-6117-af20-0e5566167482",
            "detail-type": "ECR Image Action",
            "source": "aws.ecr",
            "account": cloud.world.account,
            "time": cloud.world.now().to_string(),
            "region": cloud.world.region,
            "resources": [],
            "detail": {
                "result": "SUCCESS",
                "repository-name": "hello",
                "image-digest": digest,
                "action-type": "PUSH",
                "image-tag": "1.1.0",
            },
            REQUEST_ID: cloud.world.uuid(),
        });
        let functions = &cloud.functions;
        let (first, second) = tokio::join!(
            functions.invoke("image-pushed", event.clone()),
            functions.invoke("image-pushed", event.clone())
        );
        first.unwrap();
        second.unwrap();
        stage.rest().await;
        // Once more, long after the execution has ended.
        functions.invoke("image-pushed", event).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert_eq!(stage.desired(&hello).await.last_number, 2);
        assert_eq!(stage.executions("SUCCEEDED").await, 2);
    });
}

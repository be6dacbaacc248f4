//! Service files that adopt what is only being made.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_simulation::{
    fault::Plan,
    scenario::{Rule, Service},
};
use serde_json::json;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

async fn open(read_lag: u64) -> Stage {
    Stage::open_in(&[], Plan::Never, |settings| {
        settings.ecs.read_lag = Duration::from_secs(read_lag);
    })
    .await
}

fn adopted() -> Service {
    let mut hello = service("hello", Rule::Semver);
    hello.adopted = true;
    hello
}

/// The owner makes the service, as a template does that has the service file too.
async fn make(stage: &Stage, hello: &Service) {
    let ecs = &stage.wire.cloud.ecs;
    let call = async |operation, input| ecs.call(operation, input).await.unwrap();
    call("CreateCluster", json!({ "clusterName": "web" })).await;
    let mut containers = hello.containers();
    containers[0]["image"] = json!("public.ecr.aws/owner/image:1");
    let revision =
        json!({ "family": "hello", "containerDefinitions": containers, "memory": "512" });
    call("RegisterTaskDefinition", revision).await;
    let made = json!({ "cluster": "web", "serviceName": "hello", "taskDefinition": "hello", "desiredCount": 1 });
    call("CreateService", made).await;
}

#[test]
fn a_service_that_is_made_together_with_its_file_is_adopted_once_ecs_shows_it() {
    for (before_the_file, read_lag) in [(true, 1), (true, 20), (true, 90), (false, 0), (false, 20)]
    {
        play(async {
            let stage = open(read_lag).await;
            let hello = adopted();
            let pushed = stage.push("hello", "1.0.0").await;
            if before_the_file {
                make(&stage, &hello).await;
            }
            stage.put_file(&hello, 512).await;
            if !before_the_file {
                sleep(Duration::from_secs(30)).await;
                make(&stage, &hello).await;
            }
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&pushed));
        });
    }
}

#[test]
fn adoption_of_what_is_not_there_is_refused_after_two_minutes_and_creates_nothing() {
    for has_cluster in [false, true] {
        play(async {
            let stage = open(0).await;
            let hello = adopted();
            if has_cluster {
                let input = json!({ "clusterName": "web" });
                let ecs = &stage.wire.cloud.ecs;
                ecs.call("CreateCluster", input).await.unwrap();
            }
            stage.push("hello", "1.0.0").await;
            stage.put_file(&hello, 512).await;
            stage.rest().await;
            let record = stage.verdict(&hello, 1, Verdict::Rejected).await;
            let why = "there is no service web/hello to adopt";
            assert!(record.reason.contains(why), "{}", record.reason);
            let timeline = &record.timeline;
            let waited = timeline.concluded_at.duration_since(timeline.created_at);
            assert!((120..160).contains(&waited.as_secs()), "{waited:#}");
            assert_eq!(stage.changes_in_ecs(0), [] as [&str; 0]);
        });
    }
}

#[test]
fn a_newer_release_takes_the_place_of_one_that_waits_for_the_service_it_adopts() {
    play(async {
        let stage = open(0).await;
        let hello = adopted();
        stage.push("hello", "1.0.0").await;
        stage.put_file(&hello, 512).await;
        sleep(Duration::from_secs(20)).await;
        let newer = stage.push("hello", "1.1.0").await;
        sleep(Duration::from_secs(20)).await;
        make(&stage, &hello).await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Superseded).await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&newer));
    });
}

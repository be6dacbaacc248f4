//! What a release has made around its service, and was never good: the next one takes it away.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_simulation::{
    neighbours::Neighbours,
    scenario::{Before, Behaviour, Edition, Rule, Service},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

const PLAIN: Edition = Edition::PLAIN;
const SURROUNDED: Edition = Edition {
    sections: true,
    ..PLAIN
};

async fn put(stage: &Stage, hello: &Service, file: Value) {
    let text = file.to_string();
    let put = stage.driver.put_file(&hello.key, &text);
    put.await.unwrap();
}

/// Neither rules nor target groups, and the tasks are registered nowhere.
async fn is_plain(stage: &Stage, hello: &Service) {
    let live = stage.live(hello).await;
    for member in ["loadBalancers", "serviceRegistries"] {
        let none = live[member].as_array().is_none_or(Vec::is_empty);
        assert!(none, "{member}: {}", live[member]);
    }
    let elb = &stage.wire.cloud.elb;
    let groups = elb.call("DescribeTargetGroups", json!({})).await.unwrap();
    assert_eq!(groups["TargetGroups"], json!([]));
}

#[test]
fn a_bad_first_release_leaves_nothing_to_the_file_that_follows() {
    play(async {
        let stage = Stage::open(&[]).await;
        let neighbours = Neighbours::settle(&stage.wire.cloud).await.unwrap();
        let hello = service("hello", Rule::Semver);
        let bad = Behaviour::Crashes.simulated();
        stage.push_behaving("hello", "1.0.0", bad).await;
        put(&stage, &hello, neighbours.file(&hello, SURROUNDED)).await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Failed).await;

        stage.push("hello", "1.1.0").await;
        stage.later().await;
        put(&stage, &hello, hello.file(PLAIN)).await;
        stage.rest().await;
        is_plain(&stage, &hello).await;
    });
}

#[test]
fn a_release_that_was_passed_over_leaves_nothing_to_the_file_that_follows() {
    play(async {
        let stage = Stage::open(&[]).await;
        let neighbours = Neighbours::settle(&stage.wire.cloud).await.unwrap();
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        // It never gets healthy, so it is still on its way when the next one comes.
        let never = SimulatedBehaviour {
            healthy: landfall_local::cloud::ecs::Healthy::Never,
            ..SimulatedBehaviour::default()
        };
        let digest = stage.push_behaving("hello", "1.1.0", never).await;
        put(&stage, &hello, neighbours.file(&hello, SURROUNDED)).await;
        stage.given(&hello, &digest).await;
        stage.push("hello", "1.2.0").await;
        stage.later().await;
        put(&stage, &hello, hello.file(PLAIN)).await;
        stage.rest().await;
        is_plain(&stage, &hello).await;
    });
}

/// A first release of this behaviour is passed over before anybody has judged it, by one whose migration fails.
async fn passed_over_by_a_failed_migration(bad: SimulatedBehaviour) -> Value {
    let stage = Stage::open(&[]).await;
    let hello = service("hello", Rule::Semver);
    stage.push_behaving("hello", "1.0.0", bad).await;
    put(&stage, &hello, hello.file(PLAIN)).await;
    while stage.live(&hello).await["deployments"][0].is_null() {
        sleep(Duration::from_millis(20)).await;
    }
    let failing = Edition {
        before: Some(Before {
            takes: 1,
            exit_code: 3,
        }),
        ..PLAIN
    };
    put(&stage, &hello, hello.file(failing)).await;
    stage.rest().await;
    stage.verdict(&hello, 1, Verdict::Superseded).await;
    stage.verdict(&hello, 2, Verdict::Failed).await;
    stage.live(&hello).await
}

#[test]
fn a_crash_loop_that_nobody_will_judge_is_stopped() {
    play(async {
        let live = passed_over_by_a_failed_migration(Behaviour::Crashes.simulated()).await;
        assert_eq!(live["desiredCount"], 0, "{live}");
    });
}

#[test]
fn a_first_release_that_comes_up_stays_although_its_successor_failed_before_it_changed_anything() {
    play(async {
        let live = passed_over_by_a_failed_migration(SimulatedBehaviour::default()).await;
        assert_eq!(live["desiredCount"], live["runningCount"], "{live}");
        assert_eq!(live["desiredCount"], PLAIN.desired_count, "{live}");
    });
}

#[test]
fn what_ecs_went_back_to_by_itself_leaves_nothing_although_it_was_never_good() {
    play(async {
        let stage = Stage::open(&[]).await;
        let neighbours = Neighbours::settle(&stage.wire.cloud).await.unwrap();
        let hello = service("hello", Rule::Semver);
        stage.push("hello", "1.0.0").await;
        let baking = Edition {
            bake: 3600,
            ..SURROUNDED
        };
        put(&stage, &hello, neighbours.file(&hello, baking)).await;
        let completed = async || {
            let live = stage.live(&hello).await;
            live["deployments"][0]["rolloutState"] == "COMPLETED"
        };
        while !completed().await {
            stage.later().await;
        }
        let bad = Behaviour::Crashes.simulated();
        stage.push_behaving("hello", "1.1.0", bad).await;
        put(&stage, &hello, hello.file(PLAIN)).await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Superseded).await;

        stage.push("hello", "1.2.0").await;
        stage.rest().await;
        is_plain(&stage, &hello).await;
    });
}

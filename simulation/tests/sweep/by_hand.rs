//! What operators release by hand.

use landfall::record::{Cause, Verdict};
use landfall_simulation::scenario::{Behaviour, Rule, Service};

use crate::stage::{Stage, play, service};

/// A service that runs 1.1.0 with 1024 MiB, after 1.0.0 with 512.
async fn after_two(stage: &Stage) -> (Service, [String; 2]) {
    let hello = service("hello", Rule::Semver);
    stage.put_file(&hello, 512).await;
    let first = stage.push("hello", "1.0.0").await;
    stage.rest().await;
    stage.put_file(&hello, 1024).await;
    let second = stage.push("hello", "1.1.0").await;
    stage.rest().await;
    (hello, [first, second])
}

async fn memory(stage: &Stage, service: &Service) -> String {
    let live = stage.live(service).await;
    let asked = serde_json::json!({ "taskDefinition": live["taskDefinition"] });
    let answer = stage.wire.cloud.ecs.call("DescribeTaskDefinition", asked);
    let answer = answer.await.unwrap();
    answer["taskDefinition"]["memory"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_service_goes_back_with_its_file_and_stays_until_it_is_resumed() {
    play(async {
        let stage = Stage::open(&[]).await;
        let (hello, [first, second]) = after_two(&stage).await;
        assert!(stage.live_image(&hello).await.ends_with(&second));
        let last = stage.desired(&hello).await.last_number;

        let operator = stage.operator();
        let state_machine = Some(&*stage.state_machine);
        let to = Some(1);
        let given = operator.roll_back(&hello.id, to, Some("prices"), state_machine);
        assert_eq!(given.await.unwrap().made, Some(last + 1));
        stage.rest().await;
        let record = stage.verdict(&hello, last + 1, Verdict::Succeeded).await;
        assert_eq!(record.release.cause, Cause::WentBack { to: 1 });
        assert_eq!(
            record.release.acts[0].to_string(),
            "taken back by arn:aws:iam::000000000000:root: prices"
        );
        assert!(stage.live_image(&hello).await.ends_with(&first));
        assert_eq!(memory(&stage, &hello).await, "512");

        // Said again, it changes nothing; nor does what is pushed, or a sweep.
        let given = operator.roll_back(&hello.id, None, None, state_machine);
        assert_eq!(given.await.unwrap().made, None);
        let third = stage.push("hello", "1.2.0").await;
        stage.rest().await;
        stage.sweep().await;
        stage.rest().await;
        assert!(stage.live_image(&hello).await.ends_with(&first));

        let resumed = operator.resume(&hello.id, None, state_machine);
        resumed.await.unwrap();
        stage.rest().await;
        assert!(stage.live_image(&hello).await.ends_with(&third));
        assert_eq!(memory(&stage, &hello).await, "1024");
    });
}

#[test]
fn it_goes_back_while_a_release_is_on_its_way() {
    play(async {
        let stage = Stage::open(&[]).await;
        let (hello, [_, second]) = after_two(&stage).await;
        let never = Behaviour::NeverHealthy.simulated();
        stage.push_behaving("hello", "1.2.0", never).await;
        stage.later().await;
        let bad = stage.desired(&hello).await.last_number;
        assert!(stage.claim(&hello).await.is_some());

        let operator = stage.operator();
        let given = operator.roll_back(&hello.id, None, None, Some(&stage.state_machine));
        given.await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, bad, Verdict::Superseded).await;
        stage.verdict(&hello, bad + 1, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&second));
        let held = stage.desired(&hello).await.hold.unwrap();
        assert!(held.reason.starts_with("it was taken back to release "));
    });
}

#[test]
fn there_is_no_way_back_to_what_was_bad_or_is_gone() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let first = stage.push("hello", "1.0.0").await;
        stage.put_file(&hello, 512).await;
        stage.rest().await;
        let operator = stage.operator();
        let back = async |to| {
            let given = operator.roll_back(&hello.id, to, None, Some(&stage.state_machine));
            given.await.unwrap_err().to_string()
        };
        let refusal = back(None).await;
        assert!(refusal.contains("nothing to go back to"), "{refusal}");

        let bad = Behaviour::Crashes.simulated();
        stage.push_behaving("hello", "1.1.0", bad).await;
        stage.rest().await;
        let refusal = back(Some(2)).await;
        assert!(
            refusal.contains("release 2 of web/hello was rolled-back"),
            "{refusal}"
        );
        let refusal = back(Some(9)).await;
        assert!(refusal.contains("has no release 9"), "{refusal}");

        stage.push("hello", "1.2.0").await;
        stage.rest().await;
        let ids = serde_json::json!([{ "imageDigest": first }]);
        let gone = serde_json::json!({ "repositoryName": "hello", "imageIds": ids });
        let ecr = &stage.wire.cloud.ecr;
        ecr.call("BatchDeleteImage", gone).await.unwrap();
        let refusal = back(None).await;
        assert!(refusal.contains(&first), "{refusal}");
        assert!(refusal.contains("is gone from ECR"), "{refusal}");
        assert_eq!(
            stage.desired(&hello).await.hold,
            None,
            "nothing was changed"
        );
    });
}

#[test]
fn a_tag_that_no_rule_admits_is_deployed_and_stays_until_the_service_is_resumed() {
    play(async {
        let stage = Stage::open(&[]).await;
        let (hello, [_, second]) = after_two(&stage).await;
        let branch = stage.push("hello", "branch-12").await;
        stage.rest().await;
        assert!(stage.live_image(&hello).await.ends_with(&second));

        let operator = stage.operator();
        let state_machine = Some(&*stage.state_machine);
        let deploy = async |tag| {
            let given = operator.deploy(&hello.id, tag, None, state_machine).await;
            stage.rest().await;
            given
        };
        let given = deploy(Some("branch-12")).await.unwrap();
        let number = given.made.unwrap();
        let record = stage.verdict(&hello, number, Verdict::Succeeded).await;
        assert_eq!(
            record.release.cause,
            Cause::Deployed {
                tag: "branch-12".into()
            }
        );
        assert!(stage.live_image(&hello).await.ends_with(&branch));
        let refusal = deploy(Some("branch-13")).await.unwrap_err().to_string();
        assert!(
            refusal.contains("nothing has the tag branch-13 in hello, which web/hello follows"),
            "{refusal}"
        );

        let resumed = operator.resume(&hello.id, None, state_machine);
        resumed.await.unwrap();
        stage.rest().await;
        assert!(stage.live_image(&hello).await.ends_with(&second));

        // What comes by itself needs no hold, and no second release.
        assert_eq!(deploy(Some("1.1.0")).await.unwrap().made, None);
        assert_eq!(deploy(None).await.unwrap().made, None);
        assert_eq!(stage.desired(&hello).await.hold, None);
    });
}

#[test]
fn a_push_whose_event_was_lost_is_deployed_by_hand() {
    play(async {
        let stage = Stage::open(&[]).await;
        let (hello, _) = after_two(&stage).await;
        stage.lose("image-pushed", true);
        let third = stage.push("hello", "1.2.0").await;
        stage.rest().await;
        let operator = stage.operator();
        let given = operator.deploy(&hello.id, None, None, Some(&stage.state_machine));
        let number = given.await.unwrap().made.unwrap();
        stage.rest().await;
        let record = stage.verdict(&hello, number, Verdict::Succeeded).await;
        assert_eq!(record.release.acts.len(), 1);
        assert!(stage.live_image(&hello).await.ends_with(&third));
    });
}

//! Releases of which no task ran, because the service's desired count was 0.

use landfall::record::Verdict;
use landfall_simulation::scenario::{Behaviour, Edition, Rule};
use serde_json::{Value, json};

use crate::stage::{Stage, play, service};

#[test]
fn an_image_that_came_at_a_count_of_0_is_judged_once_tasks_are_asked_for_also_if_none_ever_runs() {
    for (behaviour, verdict) in [
        (Behaviour::Good, Verdict::Succeeded),
        (Behaviour::Crashes, Verdict::RolledBack),
        (Behaviour::NeverHealthy, Verdict::RolledBack),
    ] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let mut hello = service("hello", Rule::Semver);
            hello.health_check = true;
            stage.first_release(&hello).await;
            let before = stage.live_image(&hello).await;
            let scale = async |count: u32| {
                let input = json!({ "cluster": "web", "service": "hello", "desiredCount": count });
                let ecs = &stage.wire.cloud.ecs;
                ecs.call("UpdateService", input).await.unwrap();
                stage.rest().await;
            };
            scale(0).await;
            let simulated = behaviour.simulated();
            let image = stage.push_behaving("hello", "1.1.0", simulated).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Unproven).await;
            stage.sweep().await;
            stage.rest().await;
            assert_eq!(stage.desired(&hello).await.last_number, 2);

            scale(2).await;
            stage.sweep().await;
            stage.rest().await;
            stage.verdict(&hello, 3, verdict).await;
            let live = stage.live_image(&hello).await;
            match behaviour {
                Behaviour::Good => assert!(live.ends_with(&image), "{live}"),
                _ => assert_eq!(live, before),
            }
        });
    }
}

#[test]
fn the_scaling_of_a_release_that_proved_nothing_goes_with_the_next_file_that_has_none() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let nothing = json!({ "cluster": "web", "service": "hello", "desiredCount": 0 });
        let ecs = &stage.wire.cloud.ecs;
        ecs.call("UpdateService", nothing).await.unwrap();
        stage.rest().await;
        let put = async |autoscaling: Option<Value>| {
            let mut file = hello.file(Edition::PLAIN);
            if let Some(autoscaling) = autoscaling {
                file["autoscaling"] = autoscaling;
            }
            stage.later().await;
            let text = file.to_string();
            stage.driver.put_file(&hello.key, &text).await.unwrap();
            stage.rest().await;
        };
        let targets = async || {
            let asked = json!({ "ServiceNamespace": "ecs" });
            let scaling = &stage.wire.cloud.scaling;
            let targets = scaling.call("DescribeScalableTargets", asked).await;
            targets.unwrap()["ScalableTargets"]
                .as_array()
                .unwrap()
                .len()
        };
        put(Some(json!({ "min": 0, "max": 4 }))).await;
        stage.verdict(&hello, 2, Verdict::Unproven).await;
        assert_eq!(targets().await, 1);
        put(None).await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert_eq!(targets().await, 0);
    });
}

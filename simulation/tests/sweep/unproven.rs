//! Releases of which no task ran, because the service's desired count was 0.

use landfall::record::Verdict;
use landfall_simulation::scenario::{Behaviour, Rule};
use serde_json::json;

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

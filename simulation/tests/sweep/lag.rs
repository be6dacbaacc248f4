//! Reads of ECS that answer as before, for a while after a change.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_simulation::{
    fault::Plan,
    scenario::{Behaviour, Rule},
};

use crate::stage::{Stage, play, service};

/// From less than a look to more than a minute.
const LAGS: [u64; 4] = [1, 4, 20, 90];

async fn open(seconds: u64) -> Stage {
    Stage::open_in(&[], Plan::Never, |settings| {
        settings.ecs.read_lag = Duration::from_secs(seconds);
    })
    .await
}

#[test]
fn a_good_release_succeeds_though_ecs_shows_neither_the_new_service_nor_its_change_yet() {
    for seconds in LAGS {
        play(async {
            let stage = open(seconds).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;

            let pushed = stage.push("hello", "1.1.0").await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&pushed));
        });
    }
}

#[test]
fn a_bad_release_goes_back_though_ecs_shows_neither_it_nor_the_way_back_yet() {
    for seconds in LAGS {
        for by_ecs in [true, false] {
            play(async {
                let stage = open(seconds).await;
                let mut hello = service("hello", Rule::Semver);
                hello.circuit_breaker = by_ecs;
                let good = stage.push("hello", "1.0.0").await;
                stage.put_file(&hello, 512).await;
                stage.rest().await;
                let bad = Behaviour::Crashes.simulated();
                stage.push_behaving("hello", "1.1.0", bad).await;
                stage.rest().await;
                stage.verdict(&hello, 2, Verdict::RolledBack).await;
                assert!(stage.live_image(&hello).await.ends_with(&good));
            });
        }
    }
}

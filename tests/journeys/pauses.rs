//! A deployment that ECS pauses at a hook of the service until somebody continues it. What takes hours or days is told in
//! the simulation, on a paused clock.

use landfall::record::Verdict;
use landfall_aws::events::RELEASE_PAUSED;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_release_says_what_it_waits_for_and_succeeds_once_somebody_continues_it() {
    let stage = Stage::open().await;
    let hello = web("hello");
    let mut file: SampleFile = stage.first_release(&hello).await;
    file.deployment =
        "lifecycleHooks: [{ targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP] }]".into();
    // Hooks that come to a service start no deployment.
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&hello, 2, Verdict::Succeeded).await;

    let digest = stage.push("hello", "1.1.0").await;
    let pause = until("the pause of release 3", || async {
        stage.desired(&hello).await.pause_of(3).cloned()
    })
    .await;
    let told = until("the event of the pause", || async {
        stage.announced(RELEASE_PAUSED).pop()
    })
    .await;
    assert_eq!(told["release"]["number"], 3, "{told}");
    assert_eq!(told["pause"]["stage"], "PRE_SCALE_UP", "{told}");
    let [hook] = &pause.hooks[..] else {
        panic!("{pause:?}");
    };
    let answer = json!({ "serviceDeploymentArn": pause.deployment, "hookId": hook.id, "action": "CONTINUE" });
    stage.ecs("ContinueServiceDeployment", answer).await;
    stage.verdict(&hello, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&hello).await.ends_with(&digest));
    assert_eq!(stage.settled(&hello).await.paused, None);
    stage.close().await;
}

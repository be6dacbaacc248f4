//! One service file with different values.

use landfall::{record::Verdict, status::FileStatus};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, until, web},
};
use serde_json::{Value, json};

const KEY: &str = "services/hello.yaml";

/// Its container has the environment variable `GREETING`, whose value is a placeholder.
fn greeting(placeholder: &str) -> SampleFile {
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.container = format!("environment: [{{ name: GREETING, value: \"{placeholder}\" }}]");
    file
}

async fn put(stage: &Stage, name: &str, kind: &str, value: &str) {
    let input = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true });
    let put = stage.local.cloud.ssm.call("PutParameter", input).await;
    put.unwrap_or_else(|fault| panic!("{fault}"));
}

async fn live_greeting(stage: &Stage) -> String {
    let container = stage.live_container(&web("hello")).await;
    text(&container["environment"][0]["value"])
}

fn rejection_message(status: FileStatus) -> String {
    match status {
        FileStatus::Rejected { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_describes_another_service_in_each_installation() {
    let mut file = greeting("${param:stage}: ${export:Domain}").text();
    file = file.replace("desiredCount: 2", "desiredCount: ${param:count}");
    for (parameters, count) in [("stage=test,count=1", 1), ("stage=live,count=3", 3)] {
        let stage = Stage::open_with(parameters).await;
        let cloud = &stage.local.cloud;
        cloud.cloud_formation.export("Domain", "hello.example.com");
        stage.push("hello", "1.0.0").await;
        stage.follow(KEY, &file).await;
        stage.verdict(&web("hello"), 1, Verdict::Succeeded).await;
        let name = &parameters[6..10];
        assert_eq!(
            live_greeting(&stage).await,
            format!("{name}: hello.example.com")
        );
        assert_eq!(stage.live(&web("hello")).await["desiredCount"], count);

        // A push asks for the values anew.
        cloud.cloud_formation.export("Domain", "moved.example.com");
        stage.push("hello", "1.1.0").await;
        stage.verdict(&web("hello"), 2, Verdict::Succeeded).await;
        assert_eq!(
            live_greeting(&stage).await,
            format!("{name}: moved.example.com")
        );
        stage.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_parameter_takes_effect_with_the_next_push_and_a_roll_back_returns_to_the_old_one()
 {
    let stage = Stage::open().await;
    let service = web("hello");
    put(&stage, "/hello/greeting", "String", "Good morning").await;
    stage.push("hello", "1.0.0").await;
    let mut file = greeting("${ssm:/hello/greeting}, all");
    file.verify = "timeout: 10s".into();
    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    assert_eq!(live_greeting(&stage).await, "Good morning, all");

    put(&stage, "/hello/greeting", "String", "Good evening").await;
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(live_greeting(&stage).await, "Good evening, all");

    put(&stage, "/hello/greeting", "String", "Good night").await;
    let crashing = landfall_local::cloud::ecs::SimulatedBehaviour {
        exits: Some((std::time::Duration::from_millis(100), 7)),
        ..Default::default()
    };
    stage.push_behaving("hello", "1.2.0", crashing).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    assert_eq!(live_greeting(&stage).await, "Good evening, all");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_is_missing_or_secret_is_reported_with_its_line_and_nothing_is_touched() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let file = greeting("${ssm:/hello/greeting}").text();
    stage.put_file(KEY, &file).await;
    let message = rejection_message(stage.rejection(KEY).await);
    let place =
        "services/hello.yaml:10:46: taskDefinition.containerDefinitions[0].environment[0].value: ";
    assert_eq!(
        message,
        format!(
            "{place}there is no SSM parameter `/hello/greeting`\n  hint: create it: aws ssm put-parameter --name \
             /hello/greeting --type String --value …"
        )
    );
    put(&stage, "/hello/greeting", "SecureString", "psst").await;
    stage.put_file(KEY, &format!("{file}# again\n")).await;
    let message = until("the other rejection", || async {
        let message = rejection_message(stage.rejection(KEY).await);
        message.contains("SecureString").then_some(message)
    })
    .await;
    assert!(
        message.starts_with(place) && message.contains("`secrets:"),
        "{message}"
    );
    assert_eq!(stage.live(&service).await, Value::Null);

    put(&stage, "/hello/greeting", "String", "Hello").await;
    stage.follow(KEY, &file).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    // It is gone when the next image comes: nothing is released until it is back.
    let gone = json!({ "Name": "/hello/greeting" });
    stage
        .local
        .cloud
        .ssm
        .call("DeleteParameter", gone)
        .await
        .unwrap();
    let seen = stage.requests();
    stage.push("hello", "1.1.0").await;
    let message = rejection_message(stage.rejection(KEY).await);
    assert!(message.starts_with(place), "{message}");
    assert_eq!(stage.settled(&service).await.last_number, 1);
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
    put(&stage, "/hello/greeting", "String", "Hello again").await;
    let newest = stage.push("hello", "1.2.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(live_greeting(&stage).await, "Hello again");
    assert!(stage.live_image(&service).await.ends_with(&newest));
    until("the good status", || async {
        matches!(stage.status(KEY).await, Some(FileStatus::Accepted { .. })).then_some(())
    })
    .await;
    stage.close().await;
}

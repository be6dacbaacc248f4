//! A function that panics.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_local::{
    lambda::{Function, Functions, Program, Settings},
    world::World,
};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;

#[tokio::test]
async fn a_handler_that_panics_answers_unexpected_and_another_process_goes_on() {
    let world = Arc::new(World::new("000000000000", "eu-west-1", Timestamp::now(), 7));
    let (logs, mut lines) = unbounded_channel();
    let functions = Functions::new(world, Settings::new("http://127.0.0.1:1", logs));
    let bucket = |name: &str| (name.to_owned(), "a".to_owned());
    functions.register(Function {
        name: "panics".into(),
        program: Program::Process {
            path: env!("CARGO_BIN_EXE_functions").into(),
            environment: BTreeMap::from(["CONFIG_BUCKET", "STATE_BUCKET"].map(bucket)),
        },
        timeout: Duration::from_secs(20),
        memory_size: 256,
    });

    let before = functions.invoke("panics", json!(null)).await.unwrap();
    let error = functions
        .invoke("panics", json!("no way"))
        .await
        .unwrap_err();
    let after = functions.invoke("panics", json!(null)).await.unwrap();
    assert_eq!(error.to_string(), "Unexpected: panicked: no way");
    assert_ne!(before, after, "another process");
    let later = functions.invoke("panics", json!(null)).await.unwrap();
    assert_eq!(after, later, "which stays");

    let logged = async {
        while let Some(line) = lines.recv().await {
            if line.message.contains("\"error\":\"Unexpected\"") {
                return true;
            }
        }
        false
    };
    let logged = tokio::time::timeout(Duration::from_secs(20), logged).await;
    assert!(matches!(logged, Ok(true)));
}

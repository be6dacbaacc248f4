//! Serves the embedded cloud alone, without Landfall's functions: `serve [port] [data dir]`. `tests/aws_model` runs
//! against it; for that there are two buckets, some lines in a log, one function that answers what it is given, and one state
//! machine that waits for a token for some seconds.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_local::{
    cloud::{Cloud, Settings, store::DataDir},
    lambda::{Function, Program},
    serve,
    world::World,
};
use serde_json::json;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(4599), |port| port.parse())?;
    let data_dir = arguments
        .next()
        .map(|path| DataDir::open(Path::new(&path)))
        .transpose()?;
    let now = Timestamp::now();
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        now,
        now.as_nanosecond() as u64,
    ));
    let listener = serve::bind(port).await?;
    let endpoint_url = format!("http://{}", listener.local_addr()?);
    let cloud = Cloud::open(world, Settings::new(&endpoint_url, data_dir)).await?;
    for bucket in ["cli-files", "model"] {
        cloud.s3.ensure_bucket(bucket);
    }
    for number in 0..5 {
        let line = format!("a line, number {number} of \"five\"");
        cloud.logs.append("/landfall/local", "serve", &line);
    }
    cloud.functions.register(Function {
        name: "echo".into(),
        program: Program::Inline(Arc::new(|event| Box::pin(async { Ok(event) }))),
        timeout: Duration::from_secs(3),
        memory_size: 128,
    });
    let waiting = json!({
        "StartAt": "Wait",
        "TimeoutSeconds": 60,
        "States": {
            "Wait": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": { "FunctionName": "echo", "Payload": { "token.$": "$$.Task.Token" } },
                "TimeoutSeconds": 4,
                "ResultPath": "$",
                "Next": "Done",
            },
            "Done": { "Type": "Succeed" },
        },
    });
    cloud
        .executions
        .create_state_machine("waiting", &waiting.to_string())?;
    let functions = cloud.functions.clone();
    let delivering = cloud.deliver_events(Arc::new(move |function, event| {
        functions.invoke_async(function, event)
    }))?;
    let saving = cloud.keep_saved();
    println!("{endpoint_url}");
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    serve::serve(cloud.clone(), listener, interrupted).await;
    saving.abort();
    delivering.abort();
    cloud.functions.stop();
    cloud.ecs.shutdown().await;
    cloud.save()?;
    Ok(())
}

//! Serves the embedded cloud alone, without functions: `serve [port] [data dir]`. `tests/aws_model` runs against it.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use landfall_local::{
    cloud::{Cloud, store::DataDir},
    serve,
    world::World,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let cloud = Cloud::open(world, data_dir)?;
    let delivering = cloud.deliver_events(Arc::new(|function, event| {
        println!("{function} <- {event}")
    }))?;
    let saving = cloud.keep_saved();
    let listener = serve::bind(port).await?;
    println!("http://{}", listener.local_addr()?);
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    serve::serve(cloud.clone(), listener, interrupted).await;
    saving.abort();
    delivering.abort();
    cloud.save()?;
    Ok(())
}

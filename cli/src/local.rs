//! `landfall local`: the whole of Landfall on this machine.

mod load_balancer;
mod push;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use landfall_local::{
    local::{CONFIG_BUCKET, Definition, Local, REGION, Settings},
    rough::Rough,
};
use miette::{IntoDiagnostic, Result, WrapErr};

use crate::{clients::PORT, console};

pub(crate) use push::manifest;

/// Run Landfall on this machine.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// The port of 127.0.0.1 to listen on.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Keep everything in this folder, so that the next start goes on from there.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// What service files get for `${param:NAME}`: NAME=value, separated by commas.
    #[arg(long, default_value = "")]
    file_parameters: String,
    /// Make AWS as rough as it is now and then: reads of ECS that lag, quotas, a service-linked role that takes its time, and
    /// APIs that do not answer the functions. The seed decides what happens when.
    #[arg(long, value_name = "SEED")]
    rough: Option<u64>,
    #[command(flatten)]
    changes: console::Changes,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Push a folder and a command as an image, to the Landfall that runs on this machine.
    Push(push::Arguments),
    /// Create a load balancer with a listener and a target group, on the Landfall that runs on this machine.
    LoadBalancer(load_balancer::Arguments),
}

/// The installation, as `sam deploy` takes it.
pub(crate) const DEFINITION: Definition<'static> = Definition {
    template: include_str!("../../template.yaml"),
    state_machine: include_str!("../../statemachine/release.asl.json"),
};

/// Runs until Ctrl-C, or carries out one of the verbs.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    match arguments.verb {
        Some(Verb::Push(arguments)) => return push::run(arguments).await,
        Some(Verb::LoadBalancer(arguments)) => return load_balancer::run(arguments).await,
        None => {}
    }
    let rough = arguments.rough.map(Rough::of);
    let forecast = rough.as_ref().map(ToString::to_string);
    let local = start(
        arguments.port,
        arguments.data_dir,
        arguments.file_parameters,
        rough,
    )
    .await?;
    let endpoint = local.endpoint();
    let page = console::beside(local.port(), arguments.changes).await?;
    println!(
        "Landfall listens at {endpoint}. Any AWS client can use it, with any credentials:\n\n  \
         export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={REGION}\n  \
         export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\n\
         Put a service file, and push an image for it:\n\n  \
         aws --endpoint-url {endpoint} s3 cp hello.yaml s3://{CONFIG_BUCKET}/services/\n  \
         landfall local push hello:1.0.0 --dir . -- python3 hello.py\n\n\
         See what became of it:\n\n  \
         aws --endpoint-url {endpoint} s3 cp s3://{CONFIG_BUCKET}/status/services/hello.yaml.json -\n  \
         landfall status\n\n\
         or look at it in a browser, which shows what changes:\n\n  \
         {page}\n\n\
         Ctrl-C stops it."
    );
    if let Some(forecast) = forecast {
        print!("\nThe weather is rough. {forecast}");
    }
    tokio::signal::ctrl_c()
        .await
        .into_diagnostic()
        .wrap_err("cannot wait for Ctrl-C")?;
    eprintln!("Stopping …");
    local
        .stop()
        .await
        .into_diagnostic()
        .wrap_err("could not save everything")
}

/// Starts engine and cloud.
pub(crate) async fn start(
    port: u16,
    data_dir: Option<PathBuf>,
    file_parameters: String,
    rough: Option<Rough>,
) -> Result<Local> {
    let functions = std::env::current_exe()
        .into_diagnostic()
        .wrap_err("cannot find this program's own executable, which holds the functions")?;
    Local::start(
        Settings {
            port,
            data_dir,
            functions,
            file_parameters,
            rough,
        },
        DEFINITION,
    )
    .await
    .into_diagnostic()
}

//! `landfall local load-balancer`: what a service file needs to be reached.

use clap::Args;
use miette::Result;

use crate::clients::{Clients, PORT, report};

/// What to create.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name of the load balancer and of its target group.
    name: String,
    /// The port of 127.0.0.1 that it listens on.
    #[arg(long, default_value_t = 8080)]
    listen: u16,
    /// The port that `landfall local` listens on.
    #[arg(long, default_value_t = PORT)]
    port: u16,
}

/// Creates it, and says what to write into the service file.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let clients = Clients::local(&format!("http://127.0.0.1:{}", arguments.port)).await;
    let created = clients
        .elb
        .create_web_balancer(&arguments.name, arguments.listen.into())
        .await;
    println!("targetGroupArn: {}", created.map_err(report)?);
    eprintln!("It listens at http://127.0.0.1:{}/", arguments.listen);
    Ok(())
}

//! The `landfall` command.

mod by_hand;
mod check;
mod clients;
mod commit;
mod completions;
mod console;
mod demo;
mod diff;
mod file;
mod hello_server;
mod history;
mod hold;
mod init;
mod links;
mod local;
mod logs;
mod open;
mod output;
mod pauses;
mod retry;
mod run;
mod running_service;
mod show;
mod status;
mod steering;
mod table;
mod verify;
mod view;
mod watch;
mod which;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use landfall::live::HookAction;
use miette::Result;

/// The event-driven deployer for Amazon ECS: push an image or put a service file, and Landfall does the rest.
#[derive(Debug, Parser)]
#[command(name = "landfall", version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say everything that is wrong with service files, before they are deployed.
    Check(check::Arguments),
    /// Watch the whole story on this machine: a Flask application is deployed, updated and rolled back.
    Demo(demo::Arguments),
    /// Run Landfall on this machine, against an embedded AWS that any AWS client can use.
    Local(local::Arguments),
    /// Say what a release of a service file would change against what is live.
    Diff(diff::Arguments),
    /// Write a service file for a service that runs already, or one for each service of a cluster.
    Init(init::Arguments),
    /// Ask AWS whether everything is there that a service file takes for granted.
    Verify(verify::Arguments),
    /// Say what should run, what runs, and how the releases ended.
    Status(status::Arguments),
    /// List the releases of a service, and how they ended.
    History(history::Arguments),
    /// Show one release: what it changed, how it went, and why it ended so.
    Show(show::Arguments),
    /// Follow a release to its verdict, which becomes the exit code.
    Watch(watch::Arguments),
    /// Print what the tasks of a release wrote.
    Logs(logs::Arguments),
    /// Open the address of a service, or a page of AWS's console about it, in the browser.
    Open(open::Arguments),
    /// Run a task of the sections `before` and `after` by hand.
    Run(run::Arguments),
    /// Serve a page for the browser, of all services and of each, to this machine alone.
    Console(console::Arguments),
    /// Keep a service as it is, whatever is pushed or uploaded, until it is resumed.
    Hold(hold::HoldArguments),
    /// Let a service that is on hold change again, and deploy the newest release.
    Resume(hold::AgainArguments),
    /// Let a deployment go on that ECS has paused.
    Continue(hold::AgainArguments),
    /// Have a deployment that ECS has paused go back to what ran before.
    Abort(hold::AgainArguments),
    /// Give a service what an earlier release ran, and keep it there until it is resumed.
    Rollback(by_hand::RollbackArguments),
    /// Deploy the newest images that are there, or a tag that does not come by itself.
    Deploy(by_hand::DeployArguments),
    /// Try the newest images again that made a release bad.
    Retry(hold::AgainArguments),
    /// Print what a shell needs to complete `landfall`, or its manual page.
    Completions(completions::Arguments),
    /// The web server that stands in for the Flask application where Flask cannot be installed.
    #[command(hide = true)]
    HelloServer(hello_server::Arguments),
}

fn main() -> Result<ExitCode> {
    if is_a_function() {
        return function();
    }
    match Command::parse().verb {
        // Asks nobody, so it needs none of what the others are run by.
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments, Command::command()),
        verb => run(verb),
    }
}

/// Whether the embedded Lambda has started this program as one of the functions. The name of the handler alone may be left in
/// a person's shell; the address of a Runtime API is only there for a process that Lambda started
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn is_a_function() -> bool {
    let set = |name| std::env::var_os(name).is_some();
    set("_HANDLER") && set("AWS_LAMBDA_RUNTIME_API")
}

#[tokio::main(flavor = "current_thread")]
async fn function() -> Result<ExitCode> {
    match landfall_functions::serve().await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(miette::miette!("{error}")),
    }
}

#[tokio::main]
async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments, Command::command()),
        Verb::Demo(arguments) => demo::run(arguments).await,
        Verb::Local(arguments) => local::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Diff(arguments) => diff::run(arguments).await,
        Verb::Init(arguments) => init::run(arguments).await,
        Verb::Verify(arguments) => verify::run(arguments).await,
        Verb::Status(arguments) => status::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::History(arguments) => history::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Show(arguments) => show::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Watch(arguments) => watch::run(arguments).await,
        Verb::Logs(arguments) => logs::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Open(arguments) => open::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Run(arguments) => run::run(arguments).await,
        Verb::Console(arguments) => console::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Hold(arguments) => hold::hold(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Resume(arguments) => hold::resume(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Continue(arguments) => pauses::run(arguments, HookAction::Continue)
            .await
            .map(|()| ExitCode::SUCCESS),
        Verb::Abort(arguments) => pauses::run(arguments, HookAction::Rollback)
            .await
            .map(|()| ExitCode::SUCCESS),
        Verb::Rollback(arguments) => by_hand::roll_back(arguments)
            .await
            .map(|()| ExitCode::SUCCESS),
        Verb::Deploy(arguments) => by_hand::deploy(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::Retry(arguments) => retry::run(arguments).await.map(|()| ExitCode::SUCCESS),
        Verb::HelloServer(arguments) => hello_server::run(arguments)
            .await
            .map(|()| ExitCode::SUCCESS),
    }
}

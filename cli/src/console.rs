//! `landfall console`: a page in the browser, of all services and of each, served to this machine alone.

mod actions;
mod assets;
mod changed;
mod course;
mod feed;
mod figures;
mod glance;
mod guard;
mod overview;
mod page;
mod plot;
mod release;
mod running;
mod section;
mod server;
mod service;
mod shown;
mod weeks;

use std::{io::ErrorKind, net::Ipv4Addr, sync::Arc};

use axum::serve::ListenerExt;
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use tokio::net::TcpListener;

use self::{guard::Guard, running::Console, server::router, shown::Feed};
use crate::{
    output::print,
    view::Reader,
    which::{Landfall, Which},
};

/// What to serve.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The port of 127.0.0.1 that the page is served at; 0 takes any that is free.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    listen: u16,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    which: Which,
}

/// Whether the page may change something.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Changes {
    /// Let the page hold, resume, retry, continue and abort, with your AWS credentials. Without it the page only shows.
    #[arg(long)]
    allow_changes: bool,
}

/// Serves it until Ctrl-C.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let landfall = arguments.which.find().await?;
    let listener = bind(arguments.listen).await?;
    let (address, serving) = serve(landfall, listener, arguments.changes)?;
    let may = if arguments.changes.allow_changes {
        "It changes what you tell it to, with your AWS credentials."
    } else {
        "It only shows; --allow-changes lets it hold, resume, roll back, deploy, retry, continue and abort."
    };
    print(&format!("{address}\n{may} Ctrl-C stops it.\n"))?;
    tokio::select! {
        served = serving => served,
        stop = tokio::signal::ctrl_c() => stop.into_diagnostic().wrap_err("cannot wait for Ctrl-C"),
    }
}

/// A port of this machine.
///
/// # Errors
/// If something listens there.
async fn bind(port: u16) -> Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => miette!(
            "port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --listen"
        ),
        _ => miette!("cannot listen on 127.0.0.1:{port}: {error}"),
    })
}

/// Serves a Landfall that runs on this machine beside it: at the port after its own, or at any that is free. Answers the address.
///
/// # Errors
/// If there is no port.
pub(crate) async fn beside(port: u16, changes: Changes) -> Result<String> {
    let listener = match bind(port.saturating_add(1)).await {
        Ok(listener) => listener,
        Err(_) => bind(0).await?,
    };
    let landfall = Landfall::here(port).await;
    let (address, serving) = serve(landfall, listener, changes)?;
    tokio::spawn(serving);
    Ok(address)
}

/// The address that lets a browser in, and what serves it.
fn serve(
    landfall: Landfall,
    listener: TcpListener,
    changes: Changes,
) -> Result<(String, impl Future<Output = Result<()>>)> {
    let port = listener.local_addr().into_diagnostic()?.port();
    let guard = Guard::new(port, changes.allow_changes);
    let address = guard.address();
    let console = Arc::new(Console {
        reader: Reader::of(&landfall),
        landfall,
        guard,
        feed: Feed::default(),
    });
    let pages = router(&console);
    // What changed is sent in small pieces, none of which shall wait for the next.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok((address, async move {
        axum::serve(listener, pages).await.into_diagnostic()
    }))
}

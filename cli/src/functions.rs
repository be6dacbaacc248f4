//! Where the functions' binaries are; in a checkout they are built first.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use miette::{IntoDiagnostic, Result, WrapErr, bail, miette};
use tokio::process::Command;

/// Where this program was compiled.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder that holds the binaries of the functions `names`.
///
/// In a checkout, `cargo build` brings them up to date. Elsewhere they have to lie beside this program.
pub(crate) async fn folder(names: &BTreeSet<String>) -> Result<PathBuf> {
    let program = std::env::current_exe()
        .into_diagnostic()
        .wrap_err("cannot find this program's own folder")?;
    let beside = program.parent().map(Path::to_path_buf).unwrap_or_default();
    if program.starts_with(target_folder()) {
        build(names, beside.ends_with("release")).await?;
    }
    match names.iter().find(|name| !beside.join(name).is_file()) {
        None => Ok(beside),
        Some(missing) => bail!(
            help = "run it from a checkout with `cargo run -- …`, or put the functions' binaries beside it",
            "the function {missing} is not at {}",
            beside.join(missing).display()
        ),
    }
}

/// The checkout's target folder, where the demo keeps what it makes as well.
pub(crate) fn target_folder() -> PathBuf {
    let checkout = Path::new(CHECKOUT)
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from("."));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), PathBuf::from)
}

async fn build(names: &BTreeSet<String>, release: bool) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .current_dir(CHECKOUT)
        .arg("build")
        .arg("--quiet")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // Naming the command itself keeps the features of shared crates as they are, so that nothing is built twice.
    command.args(["--package", "landfall-cli"]);
    for name in names {
        command.args(["--package", name]);
    }
    if release {
        command.arg("--release");
    }
    eprintln!(
        "Building the {} functions (the first time takes a few minutes) …",
        names.len()
    );
    let status = command
        .status()
        .await
        .into_diagnostic()
        .wrap_err("cannot run cargo")?;
    if status.success() {
        Ok(())
    } else {
        Err(miette!("cargo could not build the functions"))
    }
}

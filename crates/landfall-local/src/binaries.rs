//! Where the functions' binaries are; in a checkout they are built first.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

/// Where this crate was compiled.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// This program runs outside a checkout, and a binary is not beside it.
    #[error(
        "the function {name} is not at {place}: run this from a checkout with `cargo run -- …`, or put the functions' \
         binaries beside it"
    )]
    Missing {
        /// The function.
        name: String,
        /// Where it should be.
        place: PathBuf,
    },
    /// Cargo cannot be run, or this program's own place is unknown.
    #[error("cannot {what}: {reason}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        reason: std::io::Error,
    },
    /// The compiler's messages are on stderr.
    #[error("cargo could not build the functions")]
    Build,
}

/// The checkout's target folder.
pub fn target_folder() -> PathBuf {
    let checkout = Path::new(CHECKOUT);
    let checkout = checkout
        .canonicalize()
        .unwrap_or_else(|_| checkout.to_path_buf());
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), PathBuf::from)
}

/// The folder that holds the binaries of the functions `names`.
///
/// A program that runs from the checkout's target folder has `cargo build` bring them up to date, with `say` told
/// before. Elsewhere they have to lie beside the program.
///
/// # Errors
/// When they cannot be built, or are not there.
pub async fn folder(
    names: &BTreeSet<String>,
    say: impl FnOnce(&str),
) -> Result<PathBuf, BinariesError> {
    let program = std::env::current_exe().map_err(|reason| BinariesError::System {
        what: "find this program's own folder",
        reason,
    })?;
    let target = target_folder();
    let Ok(inside) = program.strip_prefix(&target) else {
        let beside = program.parent().map(Path::to_path_buf).unwrap_or_default();
        return match names.iter().find(|name| !beside.join(name).is_file()) {
            None => Ok(beside),
            Some(name) => Err(BinariesError::Missing {
                name: name.clone(),
                place: beside.join(name),
            }),
        };
    };
    let profile = inside.iter().next().unwrap_or_default();
    say(&format!(
        "Bringing the {} functions up to date (the first time takes a few minutes) …",
        names.len()
    ));
    build(names, profile == "release").await?;
    Ok(target.join(profile))
}

async fn build(names: &BTreeSet<String>, release: bool) -> Result<(), BinariesError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .current_dir(CHECKOUT)
        .args(["build", "--quiet"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // Naming the command's package as well keeps the features of shared crates as they are: nothing is built twice.
    command.args(["--package", "landfall-cli"]);
    for name in names {
        command.args(["--package", name]);
    }
    if release {
        command.arg("--release");
    }
    let status = command.status().await;
    let status = status.map_err(|reason| BinariesError::System {
        what: "run cargo",
        reason,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(BinariesError::Build)
    }
}

//! Local images: an OCI manifest whose annotations name a folder and a command on this machine instead of layers.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The manifest's annotation that names the folder.
pub const DIRECTORY: &str = "dev.landfall.local.directory";
/// The manifest's annotation that holds the command: a JSON array of strings.
pub const COMMAND: &str = "dev.landfall.local.command";
/// The manifest's annotation that makes equal folders equal images and changed folders new ones.
pub const CONTENT: &str = "dev.landfall.local.content";
/// The media type of a local image's manifest.
pub const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What to run for a container of a local image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalImage {
    /// The working directory.
    pub directory: PathBuf,
    /// The program and its arguments.
    pub command: Vec<String>,
}

impl LocalImage {
    /// The manifest for PutImage. Its digest depends on the command and on every file's path, content and executable
    /// bit, so pushing an unchanged folder again gives the same image. Fails where the folder cannot be read.
    pub fn manifest(&self) -> io::Result<String> {
        let mut content = Sha256::new();
        hash_folder(&self.directory, Path::new(""), &mut content)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": format!("sha256:{}", hex::encode(Sha256::digest("{}"))),
                "size": 2,
            },
            "layers": [],
            "annotations": {
                DIRECTORY: fs::canonicalize(&self.directory)?,
                COMMAND: Value::from(self.command.clone()).to_string(),
                CONTENT: format!("sha256:{}", hex::encode(content.finalize())),
            },
        });
        Ok(manifest.to_string())
    }

    /// Reads the annotations; `None` for any other image.
    pub(super) fn of_manifest(manifest: &str) -> Option<Self> {
        let manifest: Value = serde_json::from_str(manifest).ok()?;
        let annotations = &manifest["annotations"];
        Some(Self {
            directory: annotations[DIRECTORY].as_str()?.into(),
            command: serde_json::from_str(annotations[COMMAND].as_str()?).ok()?,
        })
    }

    /// The same image as it was kept when it was pushed.
    pub(super) fn stored_in(self, folder: &Path, digest: &str) -> Self {
        Self {
            directory: folder_of(folder, digest),
            ..self
        }
    }

    /// Checks that the image can run, and copies its folder to `<folder>/<digest>`. The error is for whoever pushes.
    pub(super) fn check_and_keep(&self, folder: Option<&Path>, digest: &str) -> Result<(), String> {
        if !self.directory.is_dir() {
            return Err(format!(
                "The local image's directory {} does not exist on this machine",
                self.directory.display()
            ));
        }
        if self.command.is_empty() {
            return Err("The local image's command is empty: name the program to run".into());
        }
        let Some(folder) = folder else { return Ok(()) };
        let target = folder_of(folder, digest);
        let partial = target.with_extension("partial");
        let copied = match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => copy_folder(&self.directory, &partial),
        };
        copied
            .and_then(|()| {
                if target.exists() {
                    fs::remove_dir_all(&target)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| fs::rename(&partial, &target))
            .map_err(|error| {
                format!(
                    "The local image's directory {} cannot be copied to {}: {error}",
                    self.directory.display(),
                    target.display()
                )
            })
    }
}

/// Removes the folders of all images but those. What cannot be removed does no harm.
pub(super) fn retain(folder: &Path, digests: &BTreeSet<&str>) {
    let wanted: BTreeSet<PathBuf> = digests
        .iter()
        .map(|digest| folder_of(folder, digest))
        .collect();
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|entry| !wanted.contains(&entry.path()))
    {
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn folder_of(folder: &Path, digest: &str) -> PathBuf {
    folder.join(digest.strip_prefix("sha256:").unwrap_or(digest))
}

/// The entries of a folder in the order of their names.
fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in entries(from)? {
        let (source, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            copy_folder(&source, &target)?;
        } else if kind.is_symlink() {
            copy_link(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn copy_link(source: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(source)?, target)
}

#[cfg(not(unix))]
fn copy_link(source: &Path, target: &Path) -> io::Result<()> {
    fs::copy(source, target).map(|_| ())
}

fn hash_folder(folder: &Path, path: &Path, content: &mut Sha256) -> io::Result<()> {
    for entry in entries(&folder.join(path))? {
        let (path, kind) = (path.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            hash_folder(folder, &path, content)?;
            continue;
        }
        let bytes = if kind.is_symlink() {
            fs::read_link(entry.path())?
                .into_os_string()
                .into_encoded_bytes()
        } else {
            fs::read(entry.path())?
        };
        let name = path.as_os_str().as_encoded_bytes();
        for part in [name, kind_of(&entry)?.as_slice(), &bytes] {
            content.update((part.len() as u64).to_be_bytes());
            content.update(part);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn kind_of(entry: &fs::DirEntry) -> io::Result<[u8; 1]> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = entry.metadata()?;
    Ok([if metadata.is_symlink() {
        2
    } else {
        u8::from(metadata.permissions().mode() & 0o100 != 0)
    }])
}

#[cfg(not(unix))]
fn kind_of(entry: &fs::DirEntry) -> io::Result<[u8; 1]> {
    Ok([if entry.metadata()?.is_symlink() { 2 } else { 0 }])
}

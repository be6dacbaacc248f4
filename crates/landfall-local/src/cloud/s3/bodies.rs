//! Object bodies by content: equal bodies are kept once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::cloud::fault::Fault;

/// Where bodies are kept.
#[derive(Debug)]
pub(super) enum Bodies {
    Memory(Mutex<BTreeMap<String, Bytes>>),
    Folder(PathBuf),
}

impl Bodies {
    pub(super) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::Memory(Mutex::default()));
        };
        fs::create_dir_all(folder)?;
        Ok(Self::Folder(folder.into()))
    }

    /// Keeps a body and answers its id. The file is complete before it has its name.
    pub(super) fn keep(&self, body: &Bytes) -> Result<String, Fault> {
        let id = hex::encode(Sha256::digest(body));
        match self {
            Self::Memory(bodies) => {
                bodies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(id.clone())
                    .or_insert_with(|| body.clone());
            }
            Self::Folder(folder) => {
                let path = folder.join(&id);
                let partial = folder.join(format!("{id}.partial"));
                if !path.exists() {
                    fs::write(&partial, body)
                        .and_then(|()| fs::rename(&partial, &path))
                        .map_err(|error| internal(&path, &error))?;
                }
            }
        }
        Ok(id)
    }

    /// The body of that id.
    pub(super) fn read(&self, id: &str) -> Result<Bytes, Fault> {
        match self {
            Self::Memory(bodies) => Ok(bodies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(id)
                .cloned()
                .unwrap_or_default()),
            Self::Folder(folder) => {
                let path = folder.join(id);
                fs::read(&path)
                    .map(Bytes::from)
                    .map_err(|error| internal(&path, &error))
            }
        }
    }

    /// Removes all bodies but `wanted`. A file that cannot be removed does no harm.
    pub(super) fn retain(&self, wanted: &BTreeSet<String>) {
        match self {
            Self::Memory(bodies) => {
                bodies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|id, _| wanted.contains(id));
            }
            Self::Folder(folder) => {
                let Ok(files) = fs::read_dir(folder) else {
                    return;
                };
                for file in files.flatten().filter(|file| {
                    !file
                        .file_name()
                        .to_str()
                        .is_some_and(|id| wanted.contains(id))
                }) {
                    let _ = fs::remove_file(file.path());
                }
            }
        }
    }
}

fn internal(path: &Path, error: &io::Error) -> Fault {
    let message = format!(
        "The embedded cloud cannot use its file {}: {error}",
        path.display()
    );
    Fault {
        status: 500,
        code: "InternalError".into(),
        message,
    }
}

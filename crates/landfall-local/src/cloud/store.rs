//! The data dir: what the services remember, one JSON file each, so that a restart finds everything as it was.

mod saver;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;

pub use saver::Saver;

/// Why state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Two processes would overwrite each other's state.
    #[error("the data dir {} is in use by another process: stop that one, or choose another with --data-dir", path.display())]
    InUse {
        /// The data dir.
        path: PathBuf,
    },
    /// A state file does not hold what was written.
    #[error(
        "the state file {} is damaged ({reason}): restore it, or move it away to start with an empty {service}",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Whose state it is.
        service: String,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// The file system refused.
    #[error("cannot use {}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        reason: io::Error,
    },
}

/// A folder that belongs to one process for as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there, and takes it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |reason| StoreError::Io {
            path: path.into(),
            reason,
        };
        fs::create_dir_all(path).map_err(failed)?;
        let path = fs::canonicalize(path).map_err(failed)?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(|reason| StoreError::Io {
            path: lock_path.clone(),
            reason,
        })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
            Err(TryLockError::Error(reason)) => Err(StoreError::Io {
                path: lock_path,
                reason,
            }),
        }
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a service remembered; `None` if it never wrote anything.
    pub fn read(&self, service: &str) -> Result<Option<Value>, StoreError> {
        let path = self.file(service);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|reason| self.damaged(service, reason)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(StoreError::Io { path, reason }),
        }
    }

    /// Writes what a service remembers. The file is complete at every moment: it is written beside and renamed.
    pub fn write(&self, service: &str, snapshot: &str) -> Result<(), StoreError> {
        let path = self.file(service);
        let partial = path.with_extension("json.partial");
        fs::write(&partial, snapshot)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|reason| StoreError::Io { path, reason })
    }

    /// The error for a file that is JSON but not a snapshot of its service.
    pub fn damaged(&self, service: &str, reason: serde_json::Error) -> StoreError {
        StoreError::Damaged {
            path: self.file(service),
            service: service.into(),
            reason,
        }
    }

    fn file(&self, service: &str) -> PathBuf {
        self.path.join(format!("{service}.json"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_data_dir_belongs_to_one_process_and_a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        assert!(matches!(
            DataDir::open(folder.path()),
            Err(StoreError::InUse { .. })
        ));
        assert!(data_dir.read("ecr").unwrap().is_none());
        data_dir.write("ecr", "{\"a\":").unwrap();
        let error = data_dir.read("ecr").unwrap_err().to_string();
        assert!(error.contains("ecr.json is damaged"), "{error}");
        drop(data_dir);
        DataDir::open(folder.path()).unwrap();
    }
}

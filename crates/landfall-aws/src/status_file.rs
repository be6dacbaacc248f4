//! The statuses of service files, as objects in the config bucket.

use landfall::{desired::DesiredState, keys, status::FileStatus};

use crate::{
    Fault,
    bucket::{Bucket, Condition},
};

/// The object with the status of one service file.
#[derive(Debug)]
pub struct StatusFile<'a> {
    files: &'a Bucket,
    key: String,
}

impl<'a> StatusFile<'a> {
    /// That of the service file at `key` of the config bucket.
    pub fn of(files: &'a Bucket, key: &str) -> Self {
        let key = keys::status(key);
        Self { files, key }
    }

    /// The status; none if it is not there.
    pub async fn read(&self) -> Result<Option<FileStatus>, Fault> {
        let found = self.files.get_json(&self.key).await?;
        Ok(found.map(|(status, _)| status))
    }

    /// Whether `status` is what is there. A damaged object is another status.
    pub async fn is(&self, status: &FileStatus) -> Result<bool, Fault> {
        let found = self.files.get(&self.key).await?;
        let found = found.and_then(|object| serde_json::from_slice(&object.bytes).ok());
        Ok(found.as_ref() == Some(status))
    }

    /// Writes the status.
    pub async fn write(&self, status: &FileStatus) -> Result<(), Fault> {
        let written = self.files.put_json(&self.key, status, Condition::None);
        written.await.map(drop)
    }

    /// Deletes the status, if it is there.
    pub async fn delete(&self) -> Result<(), Fault> {
        self.files.delete(&self.key).await
    }

    /// Brings the status of the service file that `desired` follows up to date; nothing if none is followed.
    pub async fn update(files: &'a Bucket, desired: &DesiredState) -> Result<(), Fault> {
        let Some(file) = &desired.file else {
            return Ok(());
        };
        let object = Self::of(files, &file.key);
        match FileStatus::over(object.read().await?, desired) {
            Some(status) => object.write(&status).await,
            None => Ok(()),
        }
    }
}

//! Service files whose events were lost.

use std::collections::{BTreeMap, BTreeSet};

use landfall::{
    keys,
    sweep::{FileMark, Shard, changed_files},
};
use landfall_aws::{Aws, Fault, sweep_memory::Remembered};

use super::Outcome;
use crate::config_changed;

/// What lies in the config bucket.
pub(crate) struct Listed {
    /// The service files.
    pub(crate) files: BTreeMap<String, FileMark>,
    /// The keys of the statuses beside them.
    pub(crate) statuses: Vec<String>,
}

/// The files are listed before the statuses: a file that comes in between is looked at twice rather than taken for
/// deleted, because a look asks for the file itself.
pub(crate) async fn list_files(aws: &Aws) -> Result<Listed, Fault> {
    Ok(Listed {
        files: aws.files().marks(keys::SERVICE_FILES).await?,
        statuses: aws.files().keys(keys::STATUSES).await?,
    })
}

/// Does for every new, changed or deleted service file of a shard what `config-changed` does, and remembers what was
/// listed: whatever happens to a file after the listing is another mark.
pub(crate) async fn look_at_files(
    aws: &Aws,
    remembered: &mut Remembered,
    listed: &Listed,
    request_id: &str,
    outcome: &mut Outcome,
) {
    let shard = remembered.shard();
    let is_due = |key: &String| {
        keys::is_service_file(key)
            && key.len() <= keys::LONGEST_SERVICE_FILE
            && Shard::of(key) == shard
    };
    let with_status = listed
        .statuses
        .iter()
        .filter_map(|key| keys::file_of_status(key));
    let with_status: BTreeSet<_> = with_status.map(str::to_owned).filter(is_due).collect();
    let listed: BTreeMap<_, _> = listed
        .files
        .iter()
        .filter(|(key, _)| is_due(key))
        .map(|(key, mark)| (key.clone(), mark.clone()))
        .collect();
    for key in changed_files(&remembered.memory.files, &listed, &with_status) {
        let looked = look_at_file(aws, remembered, &key, listed.get(&key), request_id).await;
        outcome.note(&key, looked);
    }
}

async fn look_at_file(
    aws: &Aws,
    remembered: &mut Remembered,
    key: &str,
    mark: Option<&FileMark>,
    request_id: &str,
) -> Result<(), Fault> {
    tracing::info!(key, "changed since the last sweep");
    config_changed::look(aws, key, request_id).await?;
    let change = |files: &mut BTreeMap<String, FileMark>| match mark {
        Some(mark) => files.insert(key.to_owned(), mark.clone()),
        None => files.remove(key),
    };
    aws.sweeps()
        .update(remembered, |memory| {
            change(&mut memory.files);
        })
        .await
}

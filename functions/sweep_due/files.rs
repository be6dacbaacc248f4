//! Service files whose events were lost.

use std::collections::{BTreeMap, BTreeSet};

use landfall::{
    keys,
    sweep::{FileMark, Shard, changed_files},
};
use landfall_aws::{
    Aws, Fault,
    function::Event,
    side_by_side::{self, out_of_time},
    sweep_memory::Remembered,
};

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
    event: &Event,
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
    let changed = Vec::from_iter(changed_files(
        &remembered.memory.files,
        &listed,
        &with_status,
    ));
    let files = changed.len();
    let is_late = || event.is_late(aws.now());
    let ended = side_by_side::each(changed, is_late, |key| async move {
        tracing::info!(key, "changed since the last sweep");
        let looked = config_changed::look(aws, &key, &event.request_id).await;
        (key, looked)
    })
    .await;
    let mut looked_at = Vec::new();
    for (key, looked) in ended.results {
        match looked {
            Ok(()) => looked_at.push(key),
            Err(fault) => outcome.note(key, Err(fault)),
        }
    }
    outcome.note(
        "the service files",
        remember(aws, remembered, &listed, looked_at).await,
    );
    if ended.left > 0 {
        let late = out_of_time(ended.left, files, "service files");
        outcome.note("the service files", Err(late));
    }
}

async fn remember(
    aws: &Aws,
    remembered: &mut Remembered,
    listed: &BTreeMap<String, FileMark>,
    looked_at: Vec<String>,
) -> Result<(), Fault> {
    if looked_at.is_empty() {
        return Ok(());
    }
    aws.sweeps()
        .update(remembered, |memory| {
            for key in &looked_at {
                match listed.get(key) {
                    Some(mark) => memory.files.insert(key.clone(), mark.clone()),
                    None => memory.files.remove(key),
                };
            }
        })
        .await
}

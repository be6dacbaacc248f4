//! Service files whose events were lost.

use std::collections::BTreeMap;

use landfall::{
    keys,
    sweep::{FileMark, Shard, changed_files},
};
use landfall_aws::{Fault, sweep_memory::Remembered};

use crate::{Outcome, SweepDue};

impl SweepDue {
    /// Does for every new, changed or deleted service file of a shard what `config-changed` does, and remembers what was
    /// listed: whatever happens to a file after the listing is another mark.
    pub(crate) async fn look_at_files(
        &self,
        remembered: &mut Remembered,
        listed: &BTreeMap<String, FileMark>,
        request_id: &str,
        outcome: &mut Outcome,
    ) {
        let listed: BTreeMap<_, _> = listed
            .iter()
            .filter(|(key, _)| {
                keys::is_service_file(key)
                    && key.len() <= keys::LONGEST_SERVICE_FILE
                    && Shard::of(key) == remembered.shard()
            })
            .map(|(key, mark)| (key.clone(), mark.clone()))
            .collect();
        for key in changed_files(&remembered.memory.files, &listed) {
            let looked = self
                .look_at_file(remembered, &key, listed.get(&key), request_id)
                .await;
            outcome.note(&key, looked);
        }
    }

    async fn look_at_file(
        &self,
        remembered: &mut Remembered,
        key: &str,
        mark: Option<&FileMark>,
        request_id: &str,
    ) -> Result<(), Fault> {
        tracing::info!(key, "changed since the last sweep");
        self.config_changed.look(key, request_id).await?;
        let change = |files: &mut BTreeMap<String, FileMark>| match mark {
            Some(mark) => files.insert(key.to_owned(), mark.clone()),
            None => files.remove(key),
        };
        self.memory
            .update(remembered, |memory| {
                change(&mut memory.files);
            })
            .await
    }
}

//! What triggers do about releases that were passed over.

use crate::{Aws, Fault, events::RELEASE_CONCLUDED};
use landfall::record::Record;

/// Writes the records, each unless the release has one, and sends their events: the event comes after the record, and both
/// before the desired state forgets the release.
pub async fn record(aws: &Aws, records: &[Record]) -> Result<(), Fault> {
    for record in records {
        aws.state().put_record(record).await?;
        aws.events().put(RELEASE_CONCLUDED, record).await?;
        tracing::info!(
            service = %record.service,
            release = record.release.number,
            "passed over"
        );
    }
    Ok(())
}

//! Waiting for what Landfall does.

use std::{future::Future, time::Duration};

use landfall::{record::Record, service_id::ServiceId};
use landfall_aws::ecs::Ecs;
use landfall_local::driver;
use miette::{Result, miette};

use super::narrator::Narrator;
use crate::clients::{Clients, report};

const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
pub(crate) async fn until<T, F, Asked>(what: &str, ask: F) -> Result<T>
where
    F: FnMut() -> Asked,
    Asked: Future<Output = Result<Option<T>>>,
{
    let answer = driver::until(PATIENCE, PAUSE, ask).await?;
    answer.ok_or_else(|| {
        miette!(
            "{what} did not happen within {} seconds",
            PATIENCE.as_secs()
        )
    })
}

/// Waits for the record of a release, and shows meanwhile what ECS says.
pub(crate) async fn record(
    clients: &Clients,
    ecs: &Ecs,
    narrator: &Narrator,
    service: &ServiceId,
    number: u64,
) -> Result<Record> {
    let what = format!("the verdict of release {number}");
    until(&what, || async {
        if let Some(live) = ecs.service(service).await.map_err(report)? {
            let states = live.deployments.iter().map(|deployment| {
                let revision = deployment
                    .task_definition
                    .rsplit('/')
                    .next()
                    .unwrap_or_default();
                let state = deployment.rollout_state.as_ref();
                let state = state.map_or_else(String::new, |state| state.to_string());
                let (running, failed) = (deployment.running_count, deployment.failed_tasks);
                format!("{revision} {state}: {running} running, {failed} failed")
            });
            narrator.waiting(&format!(
                "release {number}: {}",
                states.collect::<Vec<_>>().join(" | ")
            ));
        }
        let record = clients.state.record(service, number).await;
        record.map_err(report)
    })
    .await
}

//! Step `EnsureCluster`: the cluster is there.
//!
//! In: `Input`, from `Claimed`. Out: `Output`, the cluster's ARN, to `UpdateService`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::step::ensure_cluster::{Input, Output, Plan, plan};
use landfall_aws::{
    Aws, Fault,
    function::{Function, step_span},
};

/// Creates the cluster if it is missing, and its capacity providers, settings and log groups.
#[derive(Debug)]
pub struct EnsureCluster;

impl Function for EnsureCluster {
    const NAME: &'static str = "ensure-cluster";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Answers the cluster, created from the service file's `cluster` section if it is missing. If the file's sections
    /// have to be applied, its capacity providers, settings and log groups are there too, or the answer says how long
    /// to wait for them.
    ///
    /// # Errors
    /// Transient while the cluster comes up or goes down; refused as AWS refuses, and if the file adopts a service of which not
    /// even the cluster is there; not yet while that may be about to be made.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let plan = plan(aws.ecs().cluster(input.service.cluster()).await?);
        let known = match plan {
            Plan::AskAgain { status } => {
                return Err(Fault::transient(format!(
                    "the cluster {} is {status}",
                    input.service.cluster()
                )));
            }
            Plan::Use { arn } if !input.apply_service => return Ok(there(arn)),
            Plan::Use { arn } => Some(arn),
            Plan::Create => None,
        };
        aws.state()
            .read_claimed(&input.service, &input.execution, input.release.number)
            .await?;
        let file = aws.state().file(&input.release.content.file).await?;
        if known.is_none() && !file.owns_task_definition() {
            return Err(Fault::unadopted(&input.service, &input.release, aws.now()));
        }
        let (needs, service) = (aws.cluster_needs(), &input.service);
        needs.create_log_groups(&file, service).await?;
        let providers = needs.create_capacity_providers(&file, service, false);
        if let Some(busy) = providers.await? {
            return wait(aws, &input, "", &busy);
        }
        let output = match known {
            Some(arn) => there(arn),
            None => {
                let arn = aws.ecs().create_cluster(&file.cluster).await?;
                tracing::info!(arn, "created the cluster");
                Output {
                    created: true,
                    ..there(arn)
                }
            }
        };
        let providers = needs.create_capacity_providers(&file, service, true);
        let mut busy = providers.await?;
        if busy.is_none() {
            busy = needs.keep_cluster(&file, service).await?;
        }
        match busy {
            Some(busy) => wait(aws, &input, &output.arn, &busy),
            None => Ok(output),
        }
    }
}

/// The answer for a cluster that is there, with nothing to wait for.
fn there(arn: String) -> Output {
    Output {
        arn,
        created: false,
        wait_seconds: 0,
    }
}

fn wait(aws: &Aws, input: &Input, arn: &str, busy: &str) -> Result<Output, Fault> {
    tracing::info!(busy, "waits for capacity");
    let output = input.wait(arn, aws.now());
    output.ok_or_else(|| Fault::transient(busy.to_owned()))
}

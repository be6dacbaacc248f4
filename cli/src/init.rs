//! `landfall init`: a service file for a service that runs already.

use std::io::Write;

use clap::Args;
use landfall::{
    export::{Live, service_file},
    service_id::ServiceId,
};
use landfall_aws::{config, ecr::Ecr, elb::Elb};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::Value;

use crate::{clients::report, live::LiveService};

/// Which service.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster's name.
    #[arg(long)]
    cluster: String,
    /// The service's name.
    #[arg(long)]
    service: String,
    /// Write the short form that leaves the task definition and the service to their owner.
    #[arg(long)]
    adopt: bool,
}

/// Writes the file to standard output.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = ServiceId::new(&arguments.cluster, &arguments.service)
        .map_err(|refusal| miette!("{refusal}"))?;
    let sdk = config::load().await;
    let live = LiveService::find(&sdk, &service).await?.ok_or_else(|| {
        miette!(
            help = "it looks in the Region and account of the environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL",
            "there is no service {service}"
        )
    })?;
    let followable = live.followable(&Ecr::new(&sdk)).await?;
    let balancers = live.fields.get("loadBalancers").and_then(Value::as_array);
    let group = balancers
        .into_iter()
        .flatten()
        .find_map(|balancer| balancer.get("targetGroupArn")?.as_str());
    let health_path = match group {
        Some(group) => Elb::new(&sdk)
            .health_check_path(group)
            .await
            .map_err(report)?,
        None => None,
    };
    let text = service_file(
        &Live {
            service: &service,
            revision: &live.revision,
            fields: &live.fields,
            followable: &followable,
            health_path: health_path.as_deref(),
        },
        arguments.adopt,
    );
    std::io::stdout()
        .write_all(text.as_bytes())
        .into_diagnostic()
}

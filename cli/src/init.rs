//! `landfall init`: a service file for a service that runs already.

use std::io::Write;

use clap::Args;
use landfall::{
    export::{Live, service_file},
    service_file::{Discovery, Ingress},
    service_id::ServiceId,
    step::ensure_scaling::{Described, described},
};
use landfall_aws::{
    cloud_map::CloudMap,
    config::{self, SdkConfig},
    ecr::Ecr,
    elb::Elb,
    scaling::Scaling,
};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::Value;

use crate::{clients::report_aws, running_service::RunningService};

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
    let live = RunningService::find(&sdk, &service).await?.ok_or_else(|| {
        miette!(
            help = "it looks in the Region and account of the environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL",
            "there is no service {service}"
        )
    })?;
    let followable = live.followable(&Ecr::new(&sdk)).await?;
    let around = Around::of(&live, &service, &sdk).await?;
    let written = service_file(
        &Live {
            service: &service,
            revision: &live.revision,
            fields: &live.fields,
            followable: &followable,
            health_path: around.health_path.as_deref(),
            ingress: around.ingress.as_ref(),
            scaling: around.scaling.as_ref(),
            discovery: around.discovery.as_ref(),
        },
        arguments.adopt,
    );
    if written.secrets > 0 {
        eprintln!(
            "{}: see the comments with `secret?`.",
            match written.secrets {
                1 => "One value looks like a secret".to_owned(),
                several => format!("{several} values look like secrets"),
            }
        );
    }
    std::io::stdout()
        .write_all(written.text.as_bytes())
        .into_diagnostic()
}

/// What a service is reached by, scaled by and found by.
struct Around {
    health_path: Option<String>,
    ingress: Option<Ingress>,
    scaling: Option<Described>,
    discovery: Option<Discovery>,
}

impl Around {
    async fn of(live: &RunningService, service: &ServiceId, sdk: &SdkConfig) -> Result<Self> {
        let elb = Elb::new(sdk);
        let items = |member: &str| live.fields.get(member).and_then(Value::as_array);
        let mut balancers = items("loadBalancers").into_iter().flatten();
        let balancer = balancers.find(|balancer| balancer["targetGroupArn"].is_string());
        let group = balancer.and_then(|balancer| balancer["targetGroupArn"].as_str());
        let (mut health_path, mut ingress, mut label) = (None, None, None);
        if let (Some(balancer), Some(group)) = (balancer, group) {
            health_path = elb.health_check_path(group).await.map_err(report_aws)?;
            ingress = elb.ingress_of(balancer).await.map_err(report_aws)?;
            label = elb.request_label(group).await.map_err(report_aws)?;
        }
        let scaling = Scaling::new(sdk)
            .of(service, false)
            .await
            .map_err(report_aws)?;
        let registry = items("serviceRegistries").and_then(|registries| registries.first());
        let discovery = match registry {
            Some(registry) => {
                let found = CloudMap::new(sdk).discovery_of(registry).await;
                found.map_err(report_aws)?
            }
            None => None,
        };
        Ok(Self {
            health_path,
            ingress,
            scaling: described(&scaling, label.as_deref()),
            discovery,
        })
    }
}

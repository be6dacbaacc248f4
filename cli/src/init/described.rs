//! The file for one service, with what AWS says of everything around it.

use landfall::{
    export::{Live, Written, refuse, service_file},
    service_file::{Discovery, Ingress},
    service_id::ServiceId,
    step::ensure_scaling::{Described, described},
};
use landfall_aws::{
    cloud_map::CloudMap, config::SdkConfig, descriptions::Descriptions, ecr::Ecr, elb::Elb,
    scaling::Scaling,
};
use miette::{Result, miette};
use serde_json::{Map, Value};

use crate::{clients::report_aws, running_service::RunningService};

/// The file for a service that DescribeServices answers with `fields`.
///
/// # Errors
/// What keeps Landfall from releasing the service, or from seeing what has to be written.
pub(super) async fn file(
    sdk: &SdkConfig,
    service: &ServiceId,
    fields: Map<String, Value>,
    adopt: bool,
) -> Result<Written> {
    refuse(service, &fields).map_err(|refusal| miette!("{refusal}"))?;
    let descriptions = Descriptions::new(sdk);
    let mut live = RunningService::of(&descriptions, service, fields).await?;
    let unseen = live.see_revision(&descriptions).await?;
    let unseen = unseen.map(|fault| fault.to_string());
    let followable = live.followable(&Ecr::new(sdk)).await?;
    let around = Around::of(&live, service, sdk).await?;
    let live = Live {
        service,
        revision: &live.revision,
        fields: &live.fields,
        followable: &followable,
        health_path: around.health_path.as_deref(),
        ingress: around.ingress.as_ref(),
        scaling: around.scaling.as_ref(),
        discovery: around.discovery.as_ref(),
        unseen: unseen.as_deref(),
    };
    Ok(service_file(&live, adopt))
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

//! `landfall diff`: what a release would change against what is live.

mod comparison;
mod images;
mod next;
mod sections;
mod service;

use std::process::ExitCode;

use clap::Args;
use landfall::{
    difference::{self, OF_THE_REVISION},
    live::LiveService,
    service_file::ServiceFile,
    service_id::ServiceId,
    step::{
        register_task_definition::{render, render_live},
        update_service::nothing_to_adopt,
    },
};
use landfall_aws::{config, config::SdkConfig, descriptions::Descriptions, ecr::Ecr, ecs::Ecs};
use miette::{Result, miette};
use serde_json::Map;

pub(crate) use self::comparison::line;
use self::{comparison::Comparison, next::Next};
use crate::{clients::report_aws, file::FileArguments, running_service::RunningService};

/// Which service file, and of which installation.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: FileArguments,
    /// The installation's state bucket: holds, images that are left out and members that were removed are only known there.
    #[arg(long)]
    state_bucket: Option<String>,
}

/// What everything is compared for.
struct Subject<'a> {
    sdk: &'a SdkConfig,
    service: &'a ServiceId,
    file: &'a ServiceFile,
    live: Option<&'a RunningService>,
    /// The same service as decisions need it.
    known: Option<&'a LiveService>,
    next: &'a Next,
}

/// Compares, and exits with 0 if a release would change nothing, 2 if it would, 1 if that cannot be said or the release
/// would be refused.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sdk = config::load().await;
    let file = arguments.file.read(&sdk).await?;
    let service = file.service_id().map_err(|refusal| miette!("{refusal}"))?;
    let ecr = Ecr::new(&sdk);
    let descriptions = Descriptions::new(&sdk);
    let mut live = RunningService::find(&descriptions, &service).await?;
    let known = match &live {
        Some(_) => Ecs::new(&sdk).service(&service).await.map_err(report_aws)?,
        None => None,
    };
    let mut unseen = None;
    if let Some(live) = &mut live
        && OF_THE_REVISION
            .iter()
            .any(|member| file.service.contains_key(*member))
    {
        unseen = live.see_revision(&descriptions).await?;
    }
    let next = match &arguments.state_bucket {
        Some(bucket) => Next::by_state(&sdk, bucket, &file, &service).await?,
        None => Next::by_repositories(&file, &service, &ecr).await?,
    };
    let registration = match (&live, file.owns_task_definition()) {
        (_, true) => render(&file, &next.release, &service),
        (Some(live), false) => render_live(&live.revision, &file, &next.release, &service),
        (None, false) => Err(nothing_to_adopt(&service)),
    };
    let wanted = registration.map_err(|refusal| miette!("{refusal}"))?.body;
    let (runs, tags) = match &live {
        Some(live) => images::pinned(live, &file, &ecr).await?,
        None => (Map::new(), Default::default()),
    };
    let subject = Subject {
        sdk: &sdk,
        service: &service,
        file: &file,
        live: live.as_ref(),
        known: known.as_ref(),
        next: &next,
    };
    let mut comparison = Comparison::of(&subject, images::names(&next.release, tags));
    comparison.add(sections::cluster(&subject).await?);
    comparison.add(sections::logs(&subject).await?);
    comparison.differ(difference::task_definition(&runs, &wanted));
    let (found, balancer) = sections::ingress(&subject).await?;
    comparison.add(found);
    let (found, registry) = sections::discovery(&subject).await?;
    comparison.add(found);
    let (found, scaled) = sections::scaling(&subject, balancer.as_ref()).await?;
    let section = service::compared(&subject, balancer, registry.as_deref(), scaled.as_ref());
    comparison.add(section);
    comparison.add(found);
    comparison.add(service::unseen(&subject, unseen.as_ref()));
    comparison.add(next.foreign(&sdk, &file, &subject).await?);
    comparison.print(arguments.file.json)?;
    Ok(comparison.exit_code())
}

//! `landfall init`: service files for services that run already.

mod cluster;
mod described;
mod subject;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::Args;
use landfall::service_id::ServiceId;
use landfall_aws::{config, config::SdkConfig, descriptions::Descriptions};
use miette::{IntoDiagnostic, Report, Result, miette};

use self::subject::Subject;
use crate::{clients::report_aws, running_service};

/// Which service, or which cluster.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster's name or ARN. Without --service each of its services gets a file.
    #[arg(long)]
    cluster: Option<String>,
    /// The service's name or ARN.
    #[arg(long)]
    service: Option<String>,
    /// Write the short form that leaves the task definition and the service to their owner.
    #[arg(long)]
    adopt: bool,
    /// The folder for the files of a whole cluster.
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = ".",
        conflicts_with = "service"
    )]
    into: PathBuf,
    /// Replace files that are there already.
    #[arg(long, conflicts_with = "service")]
    overwrite: bool,
    /// Print JSON about the files of a whole cluster.
    #[arg(long, conflicts_with = "service")]
    json: bool,
}

/// Writes the file of a service to standard output, or those of a cluster's services into a folder. Exits with 1 if a service
/// got no file.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sdk = config::load().await;
    let region = sdk.region().map(AsRef::as_ref);
    let (cluster, service) = (arguments.cluster.as_deref(), arguments.service.as_deref());
    match Subject::read(cluster, service, region).map_err(|refusal| miette!("{refusal}"))? {
        Subject::Service(service) => one(&sdk, &service, arguments.adopt).await,
        Subject::Cluster(cluster) => cluster::run(&sdk, &cluster, &arguments).await,
    }
}

async fn one(sdk: &SdkConfig, service: &ServiceId, adopt: bool) -> Result<ExitCode> {
    let fields = Descriptions::new(sdk).service(service).await;
    let fields = running_service::existing(fields.map_err(report_aws)?);
    let fields = fields.ok_or_else(|| not_there(&format!("service {service}")))?;
    let written = described::file(sdk, service, fields, adopt).await?;
    if written.secrets > 0 {
        eprintln!(
            "{}: see the comments with `secret?`.",
            like_secrets(written.secrets)
        );
    }
    let mut out = std::io::stdout();
    out.write_all(written.text.as_bytes()).into_diagnostic()?;
    Ok(ExitCode::SUCCESS)
}

fn not_there(what: &str) -> Report {
    miette!(
        help = "it looks in the Region and account of the environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL",
        "there is no {what}"
    )
}

fn like_secrets(count: usize) -> String {
    match count {
        1 => "One value looks like a secret".into(),
        several => format!("{several} values look like secrets"),
    }
}

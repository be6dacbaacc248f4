//! `landfall status`: what should run, and how the releases ended.

use std::io::{ErrorKind, Write};

use clap::Args;
use landfall::{desired::DesiredState, record::Record, service_id::ServiceId};
use landfall_aws::{config, state_bucket::StateBucket};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::json;

use crate::clients::{PORT, REGION, STATE_BUCKET, report};

/// Which services.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// One service, as cluster/service. Without it, all services are listed.
    service: Option<String>,
    /// Look into this state bucket in AWS, instead of the Landfall on this machine.
    #[arg(long)]
    state_bucket: Option<String>,
    /// The port that `landfall local` listens on.
    #[arg(long, default_value_t = PORT, conflicts_with = "state_bucket")]
    port: u16,
    /// How many of the newest releases to show.
    #[arg(long, default_value_t = 5)]
    releases: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let state = match &arguments.state_bucket {
        Some(bucket) => StateBucket::named(&config::load().await, bucket),
        None => {
            let endpoint = format!("http://127.0.0.1:{}", arguments.port);
            StateBucket::named(&config::local(&endpoint, REGION).await, STATE_BUCKET)
        }
    };
    let services = match &arguments.service {
        Some(service) => vec![
            service
                .parse::<ServiceId>()
                .map_err(|refusal| miette!("{refusal}"))?,
        ],
        None => state.services().await.map_err(report)?,
    };
    let mut documents = Vec::new();
    let mut text = String::new();
    for service in &services {
        let desired = state.read(service).await.map_err(report)?;
        if desired.file.is_none() && desired.last_number == 0 {
            return Err(miette!(
                help = "`landfall status` without a name lists the services that are",
                "no service file has described {service} yet"
            ));
        }
        let mut records = Vec::new();
        let numbers = state.record_numbers(service).await.map_err(report)?;
        for number in numbers.iter().rev().take(arguments.releases) {
            records.extend(state.record(service, *number).await.map_err(report)?);
        }
        if arguments.json {
            documents.push(json!({ "desired": *desired, "releases": records }));
        } else {
            text += &told(&desired, &records);
        }
    }
    if arguments.json {
        text = format!("{:#}\n", json!(documents));
    } else if services.is_empty() {
        text = "No service is described yet: put a service file into the config bucket, under services/.\n".into();
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}

fn told(desired: &DesiredState, records: &[Record]) -> String {
    let mut lines = vec![desired.service.to_string()];
    match &desired.file {
        Some(file) => lines.push(format!("  file      {}", file.key)),
        None => lines.push("  file      none: it is not followed".into()),
    }
    if let Some(hold) = &desired.hold {
        lines.push(format!(
            "  on hold   since {:.0}: {}",
            hold.since, hold.reason
        ));
    }
    for (container, rule) in desired.waiting_for() {
        lines.push(format!(
            "  waits     for the first push of {}:{} (container {container})",
            rule.repository, rule.tag
        ));
    }
    for (container, image, release) in desired.left_out() {
        lines.push(format!(
            "  left out  {}:{} (container {container}): release {release} was bad",
            image.repository, image.tag
        ));
    }
    match &desired.last_good {
        Some(good) => lines.push(format!(
            "  last good release {}, {}",
            good.number, good.task_definition.arn
        )),
        None => lines.push("  last good none yet".into()),
    }
    for release in &desired.open {
        lines.push(format!(
            "  release {:<3} {} ({})",
            release.number,
            match desired.next_release() {
                Some(next) if next.number >= release.number => "on its way",
                _ => "waits for the end of the hold",
            },
            release.cause
        ));
    }
    for record in records {
        let verdict = record.verdict.to_string();
        lines.push(format!(
            "  release {:<3} {verdict:<11} {} ({})",
            record.release.number, record.reason, record.release.cause
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

//! `landfall verify`: whether everything is there that a service file takes for granted.

use std::{io::Write, process::ExitCode};

use anstyle::{AnsiColor, Style};
use clap::Args;
use landfall::prerequisites::{self, Finding, Prerequisite, Thing};
use landfall_aws::{Inspection, config, descriptions::Descriptions, state_bucket::StateBucket};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::json;

use crate::{clients::report_aws, file::FileArguments, running_service::RunningService};

/// Which service file.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: FileArguments,
    /// The installation's state bucket: whether the way back to the last good release is there is only known there.
    #[arg(long)]
    state_bucket: Option<String>,
}

/// Asks, and exits with 1 if something is missing. What may not be asked is unknown, and no failure.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sdk = config::load().await;
    let file = arguments.file.read(&sdk).await?;
    let service = file.service_id().map_err(|refusal| miette!("{refusal}"))?;
    let task_definition = if file.owns_task_definition() {
        file.task_definition.clone()
    } else {
        let live = RunningService::find(&Descriptions::new(&sdk), &service).await?;
        let live = live.ok_or_else(|| {
            miette!(
                "{}",
                landfall::step::update_service::nothing_to_adopt(&service)
            )
        })?;
        live.revision.fields
    };
    let inspection = Inspection::new(&sdk);
    let mut found = Vec::new();
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    for needed in prerequisites::of(&file, &task_definition, &region) {
        let finding = inspection.look(&needed.thing).await;
        found.push((needed, finding));
    }
    if let Some(bucket) = &arguments.state_bucket {
        let state = StateBucket::named(&sdk, bucket);
        let desired = state.read(&service).await.map_err(report_aws)?;
        for (container, image) in desired
            .last_good
            .iter()
            .flat_map(|good| &good.content.images)
        {
            let needed = Prerequisite {
                path: format!("the last good release, container {container}"),
                thing: Thing::WayBack(image.clone()),
            };
            let finding = inspection.look(&needed.thing).await;
            found.push((needed, finding));
        }
    }
    let text = if arguments.file.json {
        let documents = found.iter().map(|(needed, finding)| {
            let mut document = json!(finding);
            document["path"] = needed.path.clone().into();
            document["what"] = named(&needed.thing).into();
            document
        });
        format!("{:#}\n", json!(documents.collect::<Vec<_>>()))
    } else {
        describe(&found)
    };
    anstream::stdout()
        .write_all(text.as_bytes())
        .into_diagnostic()?;
    let missing = found
        .iter()
        .any(|(_, finding)| matches!(finding, Finding::Missing(_)));
    Ok(ExitCode::from(u8::from(missing)))
}

const OK: Style = AnsiColor::Green.on_default();
const MISSING: Style = AnsiColor::Red.on_default();
const UNKNOWN: Style = AnsiColor::Yellow.on_default();

fn describe(found: &[(Prerequisite, Finding)]) -> String {
    let mut text = String::new();
    let mut counts = [0; 3];
    for (needed, finding) in found {
        let (index, word, style, about) = match finding {
            Finding::Ok(about) => (0, "ok", OK, about),
            Finding::Missing(about) => (1, "missing", MISSING, about),
            Finding::Unknown(about) => (2, "unknown", UNKNOWN, about),
        };
        counts[index] += 1;
        text += &format!(
            "{style}{word:<8}{style:#}{} ({})\n",
            named(&needed.thing),
            needed.path
        );
        if !about.is_empty() {
            text += &format!("        {about}\n");
        }
    }
    let [ok, missing, unknown] = counts;
    text + &format!("{ok} ok, {missing} missing, {unknown} unknown.\n")
}

fn named(thing: &Thing) -> String {
    match thing {
        Thing::Role(name, _) => format!("role {name}"),
        Thing::InstanceProfile(name) => format!("instance profile {name}"),
        Thing::Image(rule, _) => format!("image {}:{}", rule.repository, rule.tag),
        Thing::WayBack(image) => format!("image {}@{}", image.repository, image.digest),
        Thing::Subnet(id) => format!("subnet {id}"),
        Thing::SecurityGroup(id) => format!("security group {id}"),
        Thing::TargetGroup(arn, _) => format!("target group {arn}"),
        Thing::Secret(arn) => format!("secret {arn}"),
        Thing::Parameter(name) => format!("parameter {name}"),
        Thing::LogGroup(name, None) => format!("log group {name}"),
        Thing::LogGroup(name, Some(region)) => format!("log group {name} in {region}"),
        Thing::Listener(arn) => format!("listener {arn}"),
        Thing::Namespace(name) => format!("namespace {name}"),
        Thing::Registry(arn) => format!("Cloud Map service {arn}"),
        Thing::CapacityProvider(name, _) => format!("capacity provider {name}"),
        Thing::AutoScalingGroup(name) => format!("Auto Scaling group {name}"),
    }
}

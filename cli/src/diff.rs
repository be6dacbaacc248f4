//! `landfall diff`: what a release would change against what is live.

use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode};

use anstyle::{AnsiColor, Style};
use clap::Args;
use landfall::{
    difference::{self, Difference},
    export::Reference,
    image::Image,
    record::{Cause, Content, Release},
    service_file::ServiceFile,
    service_id::ServiceId,
    step::register_task_definition::{render, render_live},
};
use landfall_aws::{config, ecr::Ecr};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::{Map, Value, json};

use crate::{
    clients::report,
    file,
    live::{LiveService, best},
};

/// Which service file.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service file.
    file: PathBuf,
    /// The installation's `FileParameters`, for placeholders such as `${param:NAME}`.
    #[arg(long, default_value = "")]
    parameters: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Compares, and exits with 0 if a release would change nothing, 2 if it would, 1 if that cannot be said.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sdk = config::load().await;
    let file = file::read(&arguments.file, &arguments.parameters, &sdk).await?;
    let service = file.service_id().map_err(|refusal| miette!("{refusal}"))?;
    let ecr = Ecr::new(&sdk);
    let live = LiveService::find(&sdk, &service).await?;
    let release = newest(&file, &ecr).await?;
    let registration = match (&live, file.owns_task_definition()) {
        (_, true) => render(&file, &release, &service),
        (Some(live), false) => render_live(&live.revision, &file, &release, &service),
        (None, false) => Err(landfall::step::update_service::nothing_to_adopt(&service)),
    };
    let wanted = registration.map_err(|refusal| miette!("{refusal}"))?.body;
    let (runs, tags) = match &live {
        Some(live) => pinned(live, &file, &ecr).await?,
        None => Default::default(),
    };
    let nothing = Map::new();
    let mut differences = difference::task_definition(&runs, &wanted);
    differences.extend(difference::service(
        live.as_ref().map_or(&nothing, |live| &live.fields),
        &file.service,
    ));
    let comparison = Comparison {
        service,
        revision: live.as_ref().map(|live| live.revision_arn().to_owned()),
        differences,
        names: names(&release, tags),
    };
    comparison.print(arguments.json)?;
    Ok(match comparison.differences.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

/// The release that an upload of the file would make now.
async fn newest(file: &ServiceFile, ecr: &Ecr) -> Result<Release> {
    let mut images = BTreeMap::new();
    for (container, rule) in &file.images {
        let image = ecr.latest(rule).await.map_err(report)?;
        let image = image.ok_or_else(|| {
            miette!(
                help = "push one: until then no release is made",
                "{} has no image that {} admits (container {container})",
                rule.repository,
                rule.tag
            )
        })?;
        images.insert(container.clone(), image);
    }
    let (content, _) = file.stored().into_diagnostic()?;
    Ok(Release {
        number: 0,
        content: Content {
            file: content,
            images,
        },
        cause: Cause::ServiceFileChanged {
            key: String::new(),
            version_id: String::new(),
        },
        created_at: Default::default(),
    })
}

/// What the service runs, with the digests of followed images that it names by tag, and the tags of those that it names by
/// digest.
async fn pinned(
    live: &LiveService,
    file: &ServiceFile,
    ecr: &Ecr,
) -> Result<(Map<String, Value>, BTreeMap<String, String>)> {
    let mut runs = live.revision.registrable();
    let registry = live.registry();
    let mut names = BTreeMap::new();
    let containers = runs
        .get_mut("containerDefinitions")
        .and_then(Value::as_array_mut);
    for container in containers
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let followed = container
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| file.images.contains_key(name));
        let image = container
            .get("image")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let reference = Reference::read(&image).filter(|known| known.registry == registry);
        let Some(reference) = reference.filter(|_| followed) else {
            continue;
        };
        let (repository, known) = match (reference.digest, reference.tag) {
            (Some(digest), _) => {
                let tags = ecr
                    .tags(reference.repository, digest)
                    .await
                    .map_err(report)?;
                (
                    reference.repository,
                    best(tags).map(|tag| (image.clone(), tag)),
                )
            }
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                let found = ecr.image(reference.repository, tag).await.map_err(report)?;
                (
                    reference.repository,
                    found.map(|found| (found.pinned(), tag.to_owned())),
                )
            }
        };
        if let Some((pinned, tag)) = known {
            names.insert(pinned.clone(), format!("{repository}:{tag}"));
            container.insert("image".into(), pinned.into());
        }
    }
    Ok((runs, names))
}

/// For each pinned image the repository and tag that people know it by.
fn names(release: &Release, mut known: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let images = release.content.images.values();
    known.extend(images.map(|image: &Image| {
        (
            image.pinned(),
            format!("{}:{}", image.repository, image.tag),
        )
    }));
    known
}

struct Comparison {
    service: ServiceId,
    revision: Option<String>,
    differences: Vec<Difference>,
    names: BTreeMap<String, String>,
}

const PLAIN: Style = Style::new();
const GONE: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();

impl Comparison {
    fn print(&self, json: bool) -> Result<()> {
        let text = if json {
            let document = json!({
                "service": self.service,
                "taskDefinition": self.revision,
                "differences": self.differences,
                "images": self.names,
            });
            format!("{document:#}\n")
        } else {
            self.told()
        };
        match anstream::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.into_diagnostic(),
        }
    }

    fn told(&self) -> String {
        let against = match &self.revision {
            Some(arn) => format!("{}, which runs {}", self.service, short(arn)),
            None => format!("{}, which is not there: a release creates it", self.service),
        };
        let mut text = format!("{against}\n");
        for one in &self.differences {
            let (sign, style) = match (&one.before, &one.after) {
                (None, _) => ('+', NEW),
                (_, None) => ('-', GONE),
                _ => ('~', CHANGED),
            };
            let values = match (&one.before, &one.after) {
                (Some(before), Some(after)) => {
                    format!("{} → {}", self.shown(before), self.shown(after))
                }
                (Some(one), None) | (None, Some(one)) => self.shown(one),
                (None, None) => String::new(),
            };
            let left = match one.fixed && self.revision.is_some() {
                true => "  (cannot be changed in place: a release leaves it)",
                false => "",
            };
            text += &format!(
                "  {style}{sign} {}{style:#}: {PLAIN}{values}{PLAIN:#}{left}\n",
                one.path
            );
        }
        text += &match self.differences.len() {
            0 => "No differences.\n".to_owned(),
            1 => "1 difference.\n".to_owned(),
            several => format!("{several} differences.\n"),
        };
        text
    }

    fn shown(&self, value: &Value) -> String {
        match value {
            Value::String(text) => match (self.names.get(text), text.split_once("@sha256:")) {
                (Some(name), Some((_, digest))) => {
                    format!("{name} (sha256:{})", &digest[..digest.len().min(12)])
                }
                _ => text.clone(),
            },
            other => other.to_string(),
        }
    }
}

/// `hello:7` of a revision's ARN.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

//! `landfall watch`: a release on its way, until its verdict.

mod stage;

use std::{process::ExitCode, time::Duration};

use clap::Args;
use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    image::Image,
    live::LiveService,
    record::{Content, Record, Release, Verdict},
    service_id::ServiceId,
};
use landfall_aws::{Fault, Kind, ecr::Shown};
use miette::{Result, miette};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    output::print,
    view::Reader,
    which::{self, Landfall, Which},
};

/// How often it is looked. Once the release is known, a look costs up to six calls.
const EVERY: Duration = Duration::from_secs(1);

/// How many of the newest releases are looked through for one of an image.
const NEWEST: usize = 20;

/// Which release.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    service: String,
    /// Wait for the newest release with this image, as repository:tag: the one that a pipeline has just pushed. Without it, for
    /// the newest release on its way, or else for the next one.
    #[arg(long, value_name = "REPOSITORY:TAG")]
    image: Option<String>,
    /// Give up after so many minutes.
    #[arg(long, default_value_t = 60, value_name = "MINUTES")]
    timeout: u64,
    #[command(flatten)]
    which: Which,
    /// Print JSON, one line for each change.
    #[arg(long)]
    json: bool,
}

/// What a look has found.
#[derive(Clone, Debug, PartialEq)]
enum Look {
    /// No service file has described the service yet.
    Undescribed,
    /// No such release is there yet.
    Waits,
    /// It is on its way.
    OnItsWay {
        /// Its number.
        release: u64,
        /// What it was made for.
        cause: String,
        /// Where it is.
        stage: String,
        /// How many of the service's tasks run of which deployment.
        tasks: Option<String>,
    },
    /// Its image was passed over, and why.
    PassedOver(String),
    /// It has its verdict.
    Ended(Box<Record>),
}

/// Exit codes beside those for an error, 1, and for wrong arguments, 2.
const OVERTAKEN: u8 = 3;
const TIMED_OUT: u8 = 4;
const PASSED_OVER: u8 = 5;

/// Watches it.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let service = which::service(&arguments.service)?;
    let named = arguments.image.as_deref().map(repository_and_tag);
    let named = named.transpose()?;
    let landfall = arguments.which.find().await?;
    let image = match named {
        Some((repository, tag)) => Some(Wanted::of(&landfall, repository, tag).await?),
        None => None,
    };
    let watch = Watch {
        reader: Reader::of(&landfall),
        landfall: &landfall,
        service: &service,
        image,
    };
    let began = Instant::now();
    let (mut release, mut last) = (None, None);
    loop {
        // What is not answered now is asked again: whoever waits for a verdict waits through a throttled call.
        let look = match watch.look(release).await {
            Ok(look) => look,
            Err(fault) if fault.is_transient() && last.is_some() => {
                sleep(EVERY).await;
                continue;
            }
            Err(fault) => return Err(landfall.report(fault)),
        };
        if let Look::OnItsWay { release: found, .. } = &look {
            release = Some(*found);
        }
        if last.as_ref() != Some(&look) {
            print(&match arguments.json {
                true => format!("{}\n", document(&service, &look)),
                false => line(&service, &look, last.as_ref(), began.elapsed()),
            })?;
        }
        match &look {
            Look::Ended(record) => return Ok(exit_code(record.verdict)),
            Look::PassedOver(_) => return Ok(PASSED_OVER.into()),
            Look::Undescribed | Look::Waits | Look::OnItsWay { .. } => {}
        }
        if began.elapsed() >= Duration::from_secs(60 * arguments.timeout) {
            eprintln!("No verdict within {} minutes.", arguments.timeout);
            return Ok(TIMED_OUT.into());
        }
        last = Some(look);
        sleep(EVERY).await;
    }
}

fn repository_and_tag(image: &str) -> Result<(String, String)> {
    // A registry with a port has a colon too, and no tag a slash.
    let parts = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    let parts = parts.filter(|(repository, tag)| !repository.is_empty() && !tag.is_empty());
    let Some((repository, tag)) = parts else {
        return Err(miette!(
            help = "write it as repository:tag, e.g. hello:1.1.0",
            "`{image}` has no tag"
        ));
    };
    // `docker push` names the registry too.
    let repository = match repository.split_once('/') {
        Some((registry, name)) if registry.contains('.') => name,
        _ => repository,
    };
    Ok((repository.into(), tag.into()))
}

fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Succeeded => ExitCode::SUCCESS,
        Verdict::RolledBack | Verdict::Failed | Verdict::Rejected => ExitCode::FAILURE,
        Verdict::Superseded | Verdict::Unproven | Verdict::Drifted | Verdict::Undecided => {
            OVERTAKEN.into()
        }
    }
}

struct Watch<'a> {
    reader: Reader,
    landfall: &'a Landfall,
    service: &'a ServiceId,
    image: Option<Wanted>,
}

/// The image that a release is waited for of.
struct Wanted {
    repository: String,
    tag: String,
    /// What has the tag now. Releases of what had it before are not waited for. None if that may not be asked.
    digest: Option<String>,
}

impl Wanted {
    async fn of(landfall: &Landfall, repository: String, tag: String) -> Result<Self> {
        let digest = match landfall.ecr().shown(&repository, &tag).await {
            Ok(Shown::Image(image) | Shown::Index(image)) => Some(image.digest),
            Ok(Shown::Artifact(media_type)) => {
                return Err(miette!("{repository}:{tag} is no image: {media_type}"));
            }
            Ok(Shown::Nothing) => {
                return Err(miette!(
                    help = "push it first, and name it as in ECR: repository:tag, in the account and Region of Landfall",
                    "there is no image {repository}:{tag}"
                ));
            }
            Err(fault) if fault.kind == Kind::Denied => None,
            Err(fault) => return Err(landfall.report(fault)),
        };
        Ok(Self {
            repository,
            tag,
            digest,
        })
    }

    fn is(&self, image: &Image) -> bool {
        image.repository == self.repository
            && match &self.digest {
                Some(digest) => image.digest == *digest,
                None => image.tag == self.tag,
            }
    }
}

impl Watch<'_> {
    /// Looks once. `release` is the number of the one that was found before.
    async fn look(&self, release: Option<u64>) -> Result<Look, Fault> {
        let service = self.service;
        let view = match (release, &self.image) {
            // The release of the image may have ended long ago.
            (None, Some(_)) => self.reader.one(service, NEWEST).await?,
            _ => self.reader.last(service).await?,
        };
        let Some(view) = view else {
            return Ok(Look::Undescribed);
        };
        let wanted = |one: &Release| match release {
            Some(number) => one.number == number,
            None => self.has_image(&one.content),
        };
        if let Some(open) = view.desired.open.iter().rev().find(|open| wanted(open)) {
            return self.on_its_way(&view.desired, open).await;
        }
        let mut records = view.records.into_iter();
        let ended = match (release, &self.image) {
            (Some(number), _) => self.reader.record(service, number).await?,
            (None, Some(_)) => records.find(|record| wanted(&record.release)),
            (None, None) => None,
        };
        if let Some(record) = ended {
            return Ok(Look::Ended(Box::new(record)));
        }
        Ok(match self.passed_over(&view.desired) {
            Some(reason) => Look::PassedOver(reason),
            None => Look::Waits,
        })
    }

    fn has_image(&self, content: &Content) -> bool {
        let wanted = self.image.as_ref();
        wanted.is_none_or(|wanted| content.images.values().any(|image| wanted.is(image)))
    }

    /// Why no release will come of the image.
    fn passed_over(&self, desired: &DesiredState) -> Option<String> {
        let Wanted {
            repository, tag, ..
        } = self.image.as_ref()?;
        let mut ignored = desired.ignored.iter().rev();
        let ignored = ignored.find(|each| each.repository == *repository && each.tag == *tag);
        ignored.map(ToString::to_string)
    }

    async fn on_its_way(&self, desired: &DesiredState, open: &Release) -> Result<Look, Fault> {
        let claim = desired
            .claim
            .as_ref()
            .filter(|claim| claim.release == open.number);
        let (mut stage, mut tasks) = ("waits for its turn".to_owned(), None);
        if let Some(pause) = desired.pause_of(open.number) {
            stage = pause.sentence();
        } else if let Some(claim) = claim {
            let executions = self.landfall.executions();
            let state = executions.state(&claim.execution).await?;
            let state = state.as_deref().and_then(stage::of);
            stage = state.unwrap_or("is worked on").to_owned();
        } else if desired.hold.is_some() {
            stage = "waits for the end of the hold".into();
        }
        if claim.is_some() {
            let live = self.landfall.ecs().service(self.service).await?;
            tasks = live.as_ref().map(running);
        }
        Ok(Look::OnItsWay {
            release: open.number,
            cause: open.cause.to_string(),
            stage,
            tasks,
        })
    }
}

/// How many tasks are wanted, and how many run of which revision.
fn running(live: &LiveService) -> String {
    let parts = live.deployments.iter().map(|deployment| {
        let revision = deployment.task_definition.rsplit('/').next();
        let revision = revision.unwrap_or(&deployment.task_definition);
        let failed = match deployment.failed_tasks {
            0 => String::new(),
            failed => format!(" ({failed} failed)"),
        };
        format!("{revision} runs {}{failed}", deployment.running_count)
    });
    let parts: Vec<_> = parts.collect();
    format!("{} tasks wanted, {}", live.desired_count, parts.join(", "))
}

fn line(service: &ServiceId, look: &Look, last: Option<&Look>, elapsed: Duration) -> String {
    let after = format!("{:>4} s  ", elapsed.as_secs());
    match look {
        Look::Undescribed => {
            format!("{after}waits: no service file has described {service} yet\n")
        }
        Look::Waits => format!("{after}waits for a release of {service}\n"),
        Look::OnItsWay {
            release,
            cause,
            stage,
            tasks,
        } => {
            let head = match last {
                Some(Look::OnItsWay { .. }) => String::new(),
                _ => format!("{after}{service} release {release}: {cause}\n"),
            };
            let tasks = tasks.as_ref().map(|tasks| format!("; {tasks}"));
            format!("{head}{after}{stage}{}\n", tasks.unwrap_or_default())
        }
        Look::PassedOver(reason) => format!("{after}no release: {reason}\n"),
        Look::Ended(record) => {
            let number = record.release.number;
            let more = match record.verdict {
                Verdict::Succeeded => String::new(),
                _ => format!("More: landfall show {service} {number}\n"),
            };
            format!(
                "{after}{service} release {number} {}: {}\n{more}",
                record.verdict, record.reason
            )
        }
    }
}

fn document(service: &ServiceId, look: &Look) -> serde_json::Value {
    let at = Timestamp::now();
    match look {
        Look::Undescribed => json!({ "at": at, "service": service, "is": "undescribed" }),
        Look::Waits => json!({ "at": at, "service": service, "is": "waiting" }),
        Look::OnItsWay {
            release,
            cause,
            stage,
            tasks,
        } => json!({
            "at": at, "service": service, "is": "on-its-way", "release": release, "cause": cause, "stage": stage,
            "tasks": tasks,
        }),
        Look::PassedOver(reason) => {
            json!({ "at": at, "service": service, "is": "passed-over", "reason": reason })
        }
        Look::Ended(record) => {
            json!({ "at": at, "service": service, "is": "ended", "record": record })
        }
    }
}

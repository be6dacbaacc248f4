//! `landfall watch`: a release on its way, until its verdict.

mod balance;
mod progress;
pub(crate) mod stage;

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    image::Image,
    live::LiveService,
    record::{Content, Record, Release, Verdict},
    service_file::Verify,
    service_id::ServiceId,
};
use landfall_aws::{Fault, Kind, ecr::Shown, elb::Elb};
use miette::{Result, miette};
use serde_json::json;
use tokio::time::{Instant, sleep};

use self::{
    balance::Balance,
    progress::{Progress, Until},
};
use crate::{
    output::{self, print},
    view::Reader,
    which::{self, Landfall, Which},
};

/// How often it is looked. While a release is worked on, a look costs three calls: of S3, Step Functions and ECS.
const EVERY: Duration = Duration::from_secs(1);

/// After how many looks Elastic Load Balancing is asked again: up to three calls for each load balancer.
const LOOKS_PER_BALANCE: u32 = 2;

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
        progress: Progress,
        /// How many of the service's tasks run of which deployment.
        tasks: Option<String>,
        /// How its load balancers see it.
        balance: Balance,
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
    let mut watch = Watch {
        reader: Reader::of(&landfall),
        landfall: &landfall,
        service: &service,
        image,
        release: None,
        seen: None,
        verify: None,
        looks: 0,
        balance: Balance::default(),
    };
    let began = Instant::now();
    let countdown = Countdown::new(arguments.json);
    let mut last = None;
    loop {
        // What is not answered now is asked again: whoever waits for a verdict waits through a throttled call.
        let look = match watch.look().await {
            Ok(look) => look,
            Err(fault) if fault.is_transient() && last.is_some() => {
                sleep(EVERY).await;
                continue;
            }
            Err(fault) => return Err(landfall.report(fault)),
        };
        if last.as_ref() != Some(&look) {
            let text = if arguments.json {
                format!("{}\n", document(&service, &look))
            } else {
                let text = line(&service, &look, last.as_ref(), began.elapsed());
                output::wrapped(&text, INDENT, output::width())
            };
            countdown.above(|| print(&text))?;
        }
        countdown.show(&look);
        match &look {
            Look::Ended(record) => return Ok(exit_code(record.verdict)),
            Look::PassedOver(_) => return Ok(PASSED_OVER.into()),
            Look::Undescribed | Look::Waits | Look::OnItsWay { .. } => {}
        }
        if began.elapsed() >= Duration::from_secs(60 * arguments.timeout) {
            countdown.above(|| {
                eprintln!("No verdict within {} minutes.", arguments.timeout);
                Ok(())
            })?;
            return Ok(TIMED_OUT.into());
        }
        last = Some(look);
        sleep(EVERY).await;
    }
}

/// The time that is left, in a line below the others that changes each second; nothing where no terminal reads.
struct Countdown(ProgressBar);

impl Countdown {
    fn new(json: bool) -> Self {
        let bar = if json {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        } else {
            ProgressBar::new_spinner()
        };
        let style = ProgressStyle::with_template(&format!("{INDENT}{{msg}}"));
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())))
    }

    /// Prints above it.
    fn above(&self, print: impl FnOnce() -> Result<()>) -> Result<()> {
        self.0.suspend(print)
    }

    fn show(&self, look: &Look) {
        let until = match look {
            Look::OnItsWay { progress, .. } => progress.until,
            _ => None,
        };
        let left = until.and_then(|until| until.counted_down(Timestamp::now()));
        self.0.set_message(left.unwrap_or_default());
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
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
    /// The number of the release, once it was found.
    release: Option<u64>,
    /// The number of the newest release and of the one concluded last, as of the last look for one of an image.
    seen: Option<(u64, Option<u64>)>,
    /// That section of the release's file, once it was read.
    verify: Option<Verify>,
    /// How often a release on its way was looked at.
    looks: u32,
    balance: Balance,
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
    /// Looks once.
    async fn look(&mut self) -> Result<Look, Fault> {
        match self.release {
            Some(number) => self.look_at(number).await,
            None => self.look_for_one().await,
        }
    }

    /// Looks at the release that was found.
    async fn look_at(&mut self, number: u64) -> Result<Look, Fault> {
        let Some(desired) = self.reader.desired(self.service).await? else {
            return Ok(Look::Undescribed);
        };
        if let Some(open) = desired.open.iter().find(|open| open.number == number) {
            return self.on_its_way(&desired, open).await;
        }
        // Of one that was passed over, the record is written a moment later.
        Ok(match self.reader.record(self.service, number).await? {
            Some(record) => Look::Ended(Box::new(record)),
            None => Look::Waits,
        })
    }

    /// Looks for a release: of the image, or the newest that is open. One of the image may have ended long ago, so the records
    /// are read each time that a release was made or concluded.
    async fn look_for_one(&mut self) -> Result<Look, Fault> {
        let Some(mut desired) = self.reader.desired(self.service).await? else {
            return Ok(Look::Undescribed);
        };
        let concluded = desired.concluded.as_ref().map(|last| last.number);
        let now = Some((desired.last_number, concluded));
        let mut records = Vec::new();
        if self.image.is_some() && self.seen != now {
            if let Some(view) = self.reader.one(self.service, NEWEST).await? {
                (desired, records) = (view.desired, view.records);
            }
            self.seen = now;
        }
        // What waits behind a release that an operator made by hand is not on its way.
        let next = desired.next_release().into_iter();
        let mut open = next.chain(desired.open.iter().rev());
        if let Some(open) = open.find(|open| self.has_image(&open.content)) {
            self.release = Some(open.number);
            return self.on_its_way(&desired, open).await;
        }
        let mut records = records.into_iter();
        if let Some(record) = records.find(|record| self.has_image(&record.release.content)) {
            return Ok(Look::Ended(Box::new(record)));
        }
        Ok(match self.passed_over(&desired) {
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

    async fn on_its_way(&mut self, desired: &DesiredState, open: &Release) -> Result<Look, Fault> {
        let claim = desired
            .claim
            .as_ref()
            .filter(|claim| claim.release == open.number);
        let said = |stage: String| Progress {
            stage,
            found: None,
            probes: Vec::new(),
            until: None,
        };
        let landfall = self.landfall;
        let (executions, ecs) = (landfall.executions(), landfall.ecs());
        let (mut progress, mut tasks) = (said("waits for its turn".into()), None);
        if let Some(claim) = claim {
            let (entered, live) = tokio::try_join!(
                executions.entered(&claim.execution),
                ecs.service(self.service)
            )?;
            if let Some(entered) = entered {
                progress = Progress::of(&entered, self.verify(open).await);
            }
            if let Some(live) = &live {
                tasks = Some(running(live));
                self.see_balance(live).await;
            }
        } else if desired.hold.is_some() {
            progress = said("waits for the end of the hold".into());
        }
        if let Some(pause) = desired.pause_of(open.number) {
            progress = said(pause.sentence());
        }
        Ok(Look::OnItsWay {
            release: open.number,
            cause: open.cause.to_string(),
            progress,
            tasks,
            balance: self.balance.clone(),
        })
    }

    /// Asks the load balancers, if it is time. What they do not let be seen is not shown.
    async fn see_balance(&mut self, live: &LiveService) {
        self.looks += 1;
        if self.looks % LOOKS_PER_BALANCE != 1 || live.balancers.is_empty() {
            return;
        }
        let elb = Elb::new(&self.landfall.config);
        let seen = Balance::of(&elb, &live.balancers).await;
        self.balance = seen.unwrap_or_default();
    }

    /// The section of the release's file; none while that cannot be read.
    async fn verify(&mut self, open: &Release) -> Option<&Verify> {
        if self.verify.is_none() {
            let file = self.reader.file(&open.content).await;
            self.verify = file.ok().map(|file| file.verify);
        }
        self.verify.as_ref()
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

/// What stands below the time in a line.
const INDENT: &str = "        ";

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
            progress,
            tasks,
            balance,
        } => {
            let head = match last {
                Some(Look::OnItsWay { .. }) => String::new(),
                _ => format!("{after}{service} release {release}: {cause}\n"),
            };
            let until = progress.until;
            let left = until.and_then(|until| until.in_words(Timestamp::now()));
            let Balance { targets, traffic } = balance;
            let more = [&left, &progress.found].into_iter().flatten().cloned();
            let more = more.chain(progress.probes.iter().map(ToString::to_string));
            let more = more.chain([tasks, targets, traffic].into_iter().flatten().cloned());
            let more: String = more.map(|part| format!("; {part}")).collect();
            format!("{head}{after}{}{more}\n", progress.stage)
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
            progress,
            tasks,
            balance,
        } => {
            let until = progress.until.map(|until| match until {
                Until::Baked(at) => json!({ "baked": at }),
                Until::TooLong(at) => json!({ "tooLong": at }),
            });
            json!({
                "at": at, "service": service, "is": "on-its-way", "release": release, "cause": cause,
                "stage": progress.stage, "found": progress.found, "probes": progress.probes, "until": until,
                "tasks": tasks,
                "targets": balance.targets, "requests": balance.traffic,
            })
        }
        Look::PassedOver(reason) => {
            json!({ "at": at, "service": service, "is": "passed-over", "reason": reason })
        }
        Look::Ended(record) => {
            json!({ "at": at, "service": service, "is": "ended", "record": record })
        }
    }
}

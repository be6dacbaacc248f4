//! `landfall run`: a task of the service file, by hand.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    live::{Failure, Placement},
    record::{Cause, Release},
    service_file::{OneOffTask, Phase, ServiceFile},
    service_id::ServiceId,
    step::run_task::{Ended, Input, Observation, Run, body_by_hand, judge, listed},
};
use landfall_aws::{caller, descriptions::Descriptions, ecs::LoggedTask};
use miette::{Result, miette};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    logs::{
        EVERY,
        sources::Sources,
        tail::{Shape, Tail},
    },
    output::print,
    steering::{agree, described},
    which::{self, Landfall, Which},
};

/// The exit code of a task that ended for a reason of the platform's, or of which ECS no longer knows how it ended: nothing speaks
/// against what it ran.
const LOST: u8 = 3;

/// How long the last lines of a task may take to be shown.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Which task.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    service: String,
    /// The name of the task in the section `before` or `after` of the service file; before/NAME or after/NAME, if both have it.
    task: String,
    /// Wait until it has ended: exits with 0 if its container does, with 1 if that fails, and with 3 if ECS lost the task.
    #[arg(long)]
    wait: bool,
    /// Print what it writes, and wait until it has ended.
    #[arg(long, short)]
    follow: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    which: Which,
    /// Print JSON, one document a line: the lines that it writes, and what became of it.
    #[arg(long)]
    json: bool,
}

/// A task that is run by hand, with what it runs.
struct ByHand<'a> {
    landfall: &'a Landfall,
    service: &'a ServiceId,
    file: ServiceFile,
    task: OneOffTask,
    input: Input,
}

/// How it ended, as far as that is known.
enum End {
    Ended(Ended),
    Lost(String),
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let service = which::service(&arguments.service)?;
    let landfall = arguments.which.find().await?;
    let desired = described(&landfall, &service).await?;
    let by_hand = ByHand::find(&landfall, &desired, &arguments.task).await?;
    let now = Timestamp::now();
    let run = by_hand.input.run_by_hand(&by_hand.task, now);
    let cluster = service.cluster();
    let ecs = landfall.ecs();
    let running = ecs.running_started_by(cluster, &run.started_by).await;
    let running = running.map_err(|fault| landfall.report(fault))?;
    let (arn, is_new) = match running {
        Some(arn) => (arn, false),
        None => {
            let plan = || async { Ok(by_hand.plan(&desired)) };
            let question = format!("Run {} of {service}?", by_hand.task.name);
            agree(arguments.yes, plan, &question).await?;
            (by_hand.start(&run).await?, true)
        }
    };
    let waits = arguments.wait || arguments.follow;
    let mut message = by_hand.started(&arn, is_new);
    if !waits {
        message += &format!(
            "\nTo see what it writes: landfall run {service} {} --follow",
            arguments.task
        );
    }
    match (arguments.json, waits) {
        (true, false) => print(&format!("{}\n", by_hand.document(&arn, is_new, None)))?,
        (false, false) => print(&format!("{message}\n"))?,
        // What it writes is the answer.
        (_, true) => eprintln!("{message}"),
    }
    if !waits {
        return Ok(ExitCode::SUCCESS);
    }
    let shape = arguments.follow.then(|| Shape::of(arguments.json));
    let end = by_hand.wait(&run, &arn, shape).await?;
    if arguments.json {
        print(&format!("{}\n", by_hand.document(&arn, is_new, Some(&end))))?
    } else {
        eprintln!("{}", by_hand.ended(&end))
    }
    Ok(match end {
        End::Ended(ended) if ended.succeeded => ExitCode::SUCCESS,
        End::Ended(_) => ExitCode::FAILURE,
        End::Lost(_) => LOST.into(),
    })
}

impl<'a> ByHand<'a> {
    /// The task of this name in the file of the release that runs.
    async fn find(landfall: &'a Landfall, desired: &'a DesiredState, name: &str) -> Result<Self> {
        let service = &desired.service;
        let (release, revision) = running(landfall, desired).await?;
        let file = landfall.state().file(&release.content.file).await;
        let file = file.map_err(|fault| landfall.report(fault))?;
        let Some((phase, task)) = found(&file, name) else {
            return Err(missing(landfall, desired, &release, &file, name).await);
        };
        Ok(Self {
            landfall,
            service,
            task: task.clone(),
            input: Input::by_hand(service, release, revision, phase),
            file,
        })
    }

    /// What will be run.
    fn plan(&self, desired: &DesiredState) -> Vec<String> {
        let OneOffTask {
            name,
            container,
            command,
            timeout_seconds,
            ..
        } = &self.task;
        let revision = short(&self.input.task_definition);
        let command = if command.is_empty() {
            "its own command".into()
        } else {
            command.join(" ")
        };
        let mut plan = vec![
            format!(
                "Runs {name} with {revision}, the revision of release {}: container {container}, {command}.",
                self.input.release.number
            ),
            format!(
                "It may take {timeout_seconds} s, and is stopped after that if somebody waits for it. How it ends changes \
                 nothing of the service."
            ),
        ];
        if let Some(release) = desired.next_release() {
            plan.push(format!(
                "Release {} is on its way ({}), and may run tasks of its own.",
                release.number, release.cause
            ));
        }
        plan
    }

    /// Asks ECS for it, and answers its ARN.
    async fn start(&self, run: &Run) -> Result<String> {
        let by = caller::arn(&self.landfall.config).await;
        let by = by.unwrap_or_else(|fault| format!("somebody unknown, because {fault}"));
        let body = body_by_hand(&self.input, &self.file, &self.task, run, &by);
        let placed = self.landfall.ecs().run_task(&body).await;
        match placed.map_err(|fault| self.landfall.report(fault))? {
            Placement::Placed(arn) => Ok(arn),
            Placement::NotPlaced(failures) => {
                let help = if failures.iter().any(Failure::may_pass) {
                    "there may be room later: run it again"
                } else {
                    "mend that in the service file or in ECS, and run it again"
                };
                Err(miette!(
                    help = help,
                    "ECS does not run {}: {}",
                    self.task.name,
                    listed(&failures)
                ))
            }
        }
    }

    /// Waits until it has ended; prints what it writes in this shape, if one is given.
    async fn wait(&self, run: &Run, arn: &str, shape: Option<Shape>) -> Result<End> {
        let cluster = self.service.cluster();
        let ecs = self.landfall.ecs();
        let mut tail = shape.map(|shape| Tail::new(self.landfall, run.started_at, None, shape));
        let definition = match &tail {
            Some(_) => {
                let descriptions = Descriptions::new(&self.landfall.config);
                let revision = descriptions.task_definition(&self.input.task_definition);
                revision
                    .await
                    .map_err(|fault| self.landfall.report(fault))?
                    .fields
            }
            None => Default::default(),
        };
        let mut said_elsewhere = false;
        loop {
            let live = ecs.task(cluster, arn).await;
            let live = match live {
                Err(fault) if fault.is_transient() => {
                    sleep(EVERY).await;
                    continue;
                }
                live => live.map_err(|fault| self.landfall.report(fault))?,
            };
            let now = Timestamp::now();
            let (input, task, file) = (&self.input, &self.task, &self.file);
            let end = match judge(input, task, run, arn, live.as_ref(), file, now) {
                Observation::Runs { stop } => {
                    if let Some(reason) = stop {
                        self.stop(arn, &reason).await?;
                    }
                    None
                }
                Observation::Ended(ended, others_run) => {
                    if others_run {
                        let reason = "Landfall: the container that counts has ended";
                        self.stop(arn, reason).await?;
                    }
                    Some(End::Ended(ended))
                }
                Observation::Lost(reason) => Some(End::Lost(reason)),
            };
            if let Some(tail) = &mut tail {
                if end.is_some() {
                    sleep(LAST_LINES).await;
                }
                let known = ecs.logged_tasks_at(cluster, vec![arn.to_owned()]).await;
                let known = known.map_err(|fault| self.landfall.report(fault))?;
                let known = if known.is_empty() {
                    vec![self.unseen(arn)]
                } else {
                    known
                };
                let sources = Sources::of(self.landfall, &definition, &known, None);
                if !said_elsewhere {
                    sources.tell_elsewhere(self.landfall)?;
                    said_elsewhere = true;
                }
                tail.look(&sources).await?;
            }
            match end {
                Some(end) => return Ok(end),
                None => sleep(EVERY).await,
            }
        }
    }

    /// A task that ECS does not show yet.
    fn unseen(&self, arn: &str) -> LoggedTask {
        LoggedTask {
            arn: arn.to_owned(),
            task_definition: self.input.task_definition.clone(),
            containers: Vec::new(),
        }
    }

    async fn stop(&self, arn: &str, reason: &str) -> Result<()> {
        let ecs = self.landfall.ecs();
        let stopped = ecs.stop_task(self.service.cluster(), arn, reason).await;
        stopped.map_err(|fault| self.landfall.report(fault))
    }

    fn started(&self, arn: &str, is_new: bool) -> String {
        let (name, service) = (&self.task.name, self.service);
        let id = arn.rsplit('/').next().unwrap_or(arn);
        if is_new {
            format!(
                "{name} of {service} was started with {}: task {id}",
                short(&self.input.task_definition)
            )
        } else {
            format!("{name} of {service} runs by hand already: task {id}")
        }
    }

    fn ended(&self, end: &End) -> String {
        let name = &self.task.name;
        match end {
            End::Ended(ended) => {
                let log = ended.report.log.as_ref();
                let log = log.filter(|_| !ended.succeeded);
                let log = log.map(|log| format!("; its log is {} in {}", log.stream, log.group));
                let how = if ended.succeeded {
                    "succeeded"
                } else {
                    "failed"
                };
                format!(
                    "{name} {how}: {}{}",
                    ended.report.reason,
                    log.unwrap_or_default()
                )
            }
            End::Lost(reason) => format!(
                "{name} was lost, which says nothing about what it runs: {reason}\nTo run it again: landfall run {} {name}",
                self.service
            ),
        }
    }

    fn document(&self, arn: &str, is_new: bool, end: Option<&End>) -> Value {
        let ended = end.map(|end| match end {
            End::Ended(ended) => json!({
                "succeeded": ended.succeeded,
                "exitCode": ended.report.exit_code,
                "reason": ended.report.reason,
                "log": ended.report.log,
            }),
            End::Lost(reason) => {
                json!({ "succeeded": null, "exitCode": null, "reason": reason, "log": null })
            }
        });
        json!({
            "verb": "run",
            "changed": is_new,
            "service": self.service,
            "name": self.task.name,
            "section": self.input.phase,
            "release": self.input.release.number,
            "taskDefinition": self.input.task_definition,
            "task": arn,
            "ended": ended,
        })
    }
}

/// The release whose revision the service was given last and that is not known to be bad, and its revision.
async fn running(landfall: &Landfall, desired: &DesiredState) -> Result<(Release, String)> {
    let service = &desired.service;
    let good = desired.last_good.as_ref();
    let unproven = desired.unproven.as_ref();
    let unproven = unproven.map(|each| (each.number, each.task_definition.clone()));
    let Some((number, revision)) = good
        .map(|good| (good.number, good.task_definition.arn.clone()))
        .or(unproven)
    else {
        return Err(miette!(
            help = format!("how they ended: landfall history {service}"),
            "no release of {service} has been good yet, so there is no revision to run tasks with"
        ));
    };
    let record = landfall.state().record(service, number).await;
    let record = record.map_err(|fault| landfall.report(fault))?;
    let release = record.map(|record| record.release).or_else(|| {
        good.map(|good| Release {
            number,
            content: good.content.clone(),
            cause: Cause::Unknown,
            created_at: Timestamp::UNIX_EPOCH,
            acts: Vec::new(),
        })
    });
    let gone =
        || miette!("the record of release {number} of {service} is gone from the state bucket");
    Ok((release.ok_or_else(gone)?, revision))
}

/// A task by its name, or by its section and name.
fn found<'a>(file: &'a ServiceFile, name: &str) -> Option<(Phase, &'a OneOffTask)> {
    let sections = [(Phase::Before, &file.before), (Phase::After, &file.after)];
    let mut tasks = sections
        .into_iter()
        .flat_map(|(phase, tasks)| tasks.iter().map(move |task| (phase, task)));
    tasks.find(|(phase, task)| {
        task.name == name || name.split_once('/') == Some((phase.word(), &*task.name))
    })
}

/// Which tasks there are, in place of one that is not there.
async fn missing(
    landfall: &Landfall,
    desired: &DesiredState,
    release: &Release,
    file: &ServiceFile,
    name: &str,
) -> miette::Report {
    let service = &desired.service;
    let tasks = file.before.iter().chain(&file.after);
    let names: Vec<_> = tasks.map(|task| &*task.name).collect();
    let newest = desired.file.as_ref().map(|file| &file.content);
    let newest = match newest.filter(|newest| **newest != release.content.file) {
        Some(newest) => landfall.state().file(newest).await.ok(),
        None => None,
    };
    let help = match (newest, &*names) {
        (Some(newest), _) if found(&newest, name).is_some() => format!(
            "the newest file has it, and no release of that has been good yet: landfall status {service}"
        ),
        (_, []) => {
            "its file has no tasks: docs/service-file.md tells of the sections `before` and `after`"
                .into()
        }
        (_, names) => format!("there are: {}", names.join(", ")),
    };
    miette!(
        help = help,
        "the file of release {} of {service} has no task {name}",
        release.number
    )
}

/// `hello:3` of a revision's ARN.
fn short(revision: &str) -> &str {
    revision.rsplit('/').next().unwrap_or(revision)
}

//! `landfall status`: what should run, and how the releases ended.

use std::io::{ErrorKind, Write};

use clap::Args;
use landfall::{
    desired::DesiredState,
    record::{Record, Release},
    service_id::ServiceId,
    undecided::duration,
};
use landfall_aws::{config, state_bucket::StateBucket};
use landfall_local::local::{REGION, STATE_BUCKET};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::json;

use crate::clients::{PORT, report};

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
        let desired = state.read(service).await.map_err(report)?.into_value();
        if desired.file.is_none() && desired.last_number == 0 {
            return Err(miette!(
                help = "`landfall status` without a name lists the services that are",
                "no service file has described {service} yet"
            ));
        }
        let mut records = Vec::new();
        let numbers = state.record_numbers(service).await.map_err(report)?;
        for (position, number) in numbers.iter().rev().enumerate() {
            let open = |release: &Release| release.number == *number;
            if position < arguments.releases || desired.open.iter().any(open) {
                records.extend(state.record(service, *number).await.map_err(report)?);
            }
        }
        let desired = caught_up(desired, &records);
        records.truncate(arguments.releases);
        if arguments.json {
            documents.push(json!({ "desired": desired, "releases": records }));
        } else {
            text += &describe(&desired, &records);
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

/// The desired state once it holds the verdicts that `records`, newest first, have given: a conclusion writes its
/// records first and the desired state next, and a reader in between would find a release open that has a verdict.
fn caught_up(mut desired: DesiredState, records: &[Record]) -> DesiredState {
    for record in records.iter().rev() {
        let number = record.release.number;
        if desired.open.iter().any(|release| release.number == number) {
            desired.conclude(
                number,
                record.verdict,
                record.against(),
                record.task_definition.as_ref(),
                record.timeline.concluded_at,
            );
        }
    }
    desired
}

fn describe(desired: &DesiredState, records: &[Record]) -> String {
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
    for left in desired.left_out() {
        let why = match left.waits {
            true => format!(
                "it waits, the images of release {} are tried one container at a time",
                left.release
            ),
            false => format!("release {} was no success", left.release),
        };
        let (image, container) = (left.image, left.container);
        lines.push(format!(
            "  left out  {}:{} (container {container}): {why}",
            image.repository, image.tag
        ));
    }
    for ignored in &desired.ignored {
        lines.push(format!("  ignored   {ignored}"));
    }
    match &desired.last_good {
        Some(good) => lines.push(format!(
            "  last good release {}, {}",
            good.number, good.task_definition.arn
        )),
        None => lines.push("  last good none yet".into()),
    }
    if let Some(danger) = &desired.danger {
        lines.push(format!(
            "  danger    since {:.0}: {}",
            danger.since,
            danger.message()
        ));
    }
    if let Some(unproven) = &desired.unproven {
        lines.push(format!(
            "  unproven  release {}, {}: no task of it has run yet",
            unproven.number, unproven.task_definition
        ));
    }
    for release in &desired.open {
        lines.push(format!(
            "  release {:<3} {} ({})",
            release.number,
            match desired.next_release() {
                Some(_) if desired.pause_of(release.number).is_some() => "is paused",
                Some(next) if next.number >= release.number => "on its way",
                _ => "waits for the end of the hold",
            },
            release.cause
        ));
        if let Some(pause) = desired.pause_of(release.number) {
            lines.push(format!("  paused    {}", pause.sentence()));
            let commands = pause.commands().into_iter();
            lines.extend(commands.map(|command| format!("  continue  {command}")));
        }
    }
    for record in records {
        let verdict = record.verdict.to_string();
        let unseen = match record.timeline.blind_seconds {
            0 => String::new(),
            blind => format!("; nobody could look for {}", duration(blind)),
        };
        let paused = match record.timeline.paused_seconds {
            0 => String::new(),
            paused => format!("; paused for {}", duration(paused)),
        };
        let withheld = match record.timeline.withheld_seconds {
            0 => String::new(),
            withheld => format!("; ECS could not start its tasks for {}", duration(withheld)),
        };
        lines.push(format!(
            "  release {:<3} {verdict:<11} {}{unseen}{paused}{withheld} ({})",
            record.release.number, record.reason, record.release.cause
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use landfall::{
        content::ContentHash,
        desired::{Claim, FollowedFile},
        ignored::Reason,
        live::HookAction,
        pause::{AwaitedHook, Pause},
        record::{TaskDefinition, Timeline, Verdict},
    };

    use super::*;

    fn file(content: &str) -> FollowedFile {
        FollowedFile {
            key: "services/hello.yaml".into(),
            version_id: format!("version of {content}"),
            containers: None,
            content: ContentHash::of(&json!(content)),
            follows: [].into(),
            placeholders: None,
        }
    }

    /// A service whose releases, one for each file, are all open; the newest is claimed.
    fn open(files: &[&str]) -> DesiredState {
        let mut desired = DesiredState::new(ServiceId::new("web", "hello").unwrap());
        for content in files {
            desired.follow_file(file(content), [].into(), Timestamp::UNIX_EPOCH);
        }
        desired.claim = Some(Claim {
            execution: "execution".into(),
            release: desired.last_number,
            attempt: 1,
            applied_file: None,
            taken_at: None,
            spared: 0,
        });
        desired
    }

    fn record(release: &Release, verdict: Verdict) -> Record {
        let at = Timestamp::UNIX_EPOCH;
        Record {
            service: ServiceId::new("web", "hello").unwrap(),
            release: release.clone(),
            verdict,
            reason: format!("it {verdict}"),
            task_definition: (verdict == Verdict::Succeeded).then(|| TaskDefinition {
                arn: format!("hello:{}", release.number),
                content: ContentHash::of(&json!(release.number)),
            }),
            diagnosis: None,
            execution: Some("execution".into()),
            timeline: Timeline {
                created_at: at,
                execution_started_at: Some(at),
                concluded_at: at,
                blind_seconds: 0,
                paused_seconds: 0,
                withheld_seconds: 0,
            },
        }
    }

    #[test]
    fn between_a_record_and_its_desired_state_a_release_is_shown_once_with_its_verdict() {
        let desired = open(&["one"]);
        let records = [record(&desired.open[0], Verdict::Succeeded)];
        let shown = describe(&caught_up(desired, &records), &records);
        assert_eq!(
            shown,
            "web/hello\n  file      services/hello.yaml\n  last good release 1, hello:1\n  \
             release 1   succeeded   it succeeded (services/hello.yaml changed)\n"
        );
    }

    #[test]
    fn the_tags_that_were_passed_over_are_shown_with_the_reason() {
        let mut desired = open(&["one"]);
        let earlier = Reason::Earlier {
            than: "main-102".into(),
        };
        desired.ignore("hello", "main-101", earlier, Timestamp::UNIX_EPOCH);
        let shown = describe(&desired, &[]);
        let line = "\n  ignored   hello:main-101: main-102 comes later\n";
        assert!(shown.contains(line), "{shown}");
    }

    #[test]
    fn a_release_that_nobody_could_see_for_a_while_says_for_how_long() {
        let desired = open(&["one"]);
        let mut seen_late = record(&desired.open[0], Verdict::Succeeded);
        seen_late.timeline.blind_seconds = 1205;
        let shown = describe(&desired, &[seen_late]);
        let line = "  release 1   succeeded   it succeeded; nobody could look for 20 minutes \
                    (services/hello.yaml changed)\n";
        assert!(shown.ends_with(line), "{shown}");

        let mut started_late = record(&desired.open[0], Verdict::Succeeded);
        started_late.timeline.withheld_seconds = 1205;
        let shown = describe(&desired, &[started_late]);
        let line = "it succeeded; ECS could not start its tasks for 20 minutes (services/hello.yaml changed)\n";
        assert!(shown.ends_with(line), "{shown}");
    }

    #[test]
    fn a_paused_release_says_what_is_waited_for_until_when_and_how_to_continue() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut desired = open(&["one"]);
        let pause = Pause {
            deployment: "arn:deployment".into(),
            stage: Some("PRE_SCALE_UP".into()),
            hooks: vec![AwaitedHook {
                id: "ecs-pause-1".into(),
                until: Some(at(1_750_086_400)),
                then: Some(HookAction::Rollback),
            }],
            since: at(1_750_000_000),
        };
        desired.note_pause(1, Some(&pause));
        let shown = describe(&desired, &[]);
        let lines = "  release 1   is paused (services/hello.yaml changed)\n  \
                     paused    ECS paused the deployment at PRE_SCALE_UP and has waited for somebody to continue it since \
                     2025-06-15T15:06:40Z; hook ecs-pause-1 waits until 2025-06-16T15:06:40Z, then ECS does ROLLBACK\n  \
                     continue  aws ecs continue-service-deployment --service-deployment-arn arn:deployment --hook-id \
                     ecs-pause-1 --action CONTINUE\n";
        assert!(shown.ends_with(lines), "{shown}");

        let mut seen = record(&desired.open[0], Verdict::Succeeded);
        seen.timeline.paused_seconds = 3 * 86_400;
        let shown = describe(&caught_up(desired, &[seen.clone()]), &[seen]);
        assert!(
            shown.contains("it succeeded; paused for 72 hours"),
            "{shown}"
        );
        assert!(!shown.contains("is paused"), "{shown}");
    }

    #[test]
    fn what_took_the_place_of_others_concludes_them_and_what_is_newer_stays_on_its_way() {
        let desired = open(&["one", "two", "three"]);
        let [one, two, _] = &desired.open[..] else {
            panic!("{:?}", desired.open)
        };
        let superseding = record(two, Verdict::Failed);
        let superseded = record(one, Verdict::Superseded);
        // The record of the release that ran is written before those of the ones that it passed over.
        for records in [
            vec![superseding.clone()],
            vec![superseding.clone(), superseded.clone()],
        ] {
            let now = caught_up(desired.clone(), &records);
            let open: Vec<_> = now.open.iter().map(|release| release.number).collect();
            assert_eq!((open, now.claim), (vec![3], None));
            assert_eq!(now.concluded.unwrap().number, 2);
        }
        let untouched = caught_up(desired.clone(), &[]);
        assert_eq!(untouched, desired);
    }
}

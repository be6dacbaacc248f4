//! `landfall status`: what should run, what runs, and what somebody has to do about it.

use clap::Args;
use jiff::Timestamp;
use landfall::{service_id::ServiceId, status::FileStatus, undecided::duration};
use miette::{Result, miette};
use serde_json::{Value, json};

use crate::{
    output::{self, print},
    table::table,
    view::{Reader, Standing, View, ago},
    which::{self, Which},
};

/// Which services.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// One service, as cluster/service. Without it, all services are listed.
    service: Option<String>,
    #[command(flatten)]
    which: Which,
    /// How many of the newest releases of the service to show.
    #[arg(long, default_value_t = 5)]
    releases: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = arguments.service.as_deref().map(which::service);
    let service = service.transpose()?;
    let landfall = arguments.which.find().await?;
    let reader = Reader::of(&landfall);
    let (views, rejected) = match &service {
        Some(service) => {
            let view = reader.one(service, arguments.releases).await;
            let view = view.map_err(|fault| landfall.report(fault))?;
            (vec![view.ok_or_else(|| undescribed(service))?], Vec::new())
        }
        None => {
            let views = reader.all().await.map_err(|fault| landfall.report(fault))?;
            let rejected = reader.rejected(&views).await;
            (views, rejected.map_err(|fault| landfall.report(fault))?)
        }
    };
    print(&match (arguments.json, &service) {
        (true, _) => format!("{:#}\n", document(&views, &rejected)),
        (false, Some(_)) => views.iter().map(describe).collect(),
        (false, None) => overview(&views, &rejected, Timestamp::now(), output::width()),
    })
}

/// That nothing is known of a service.
pub(crate) fn undescribed(service: &ServiceId) -> miette::Report {
    miette!(
        help = "`landfall status` without a name lists the services that are",
        "no service file has described {service} yet"
    )
}

/// All services, then the rejected files that describe none.
fn document(views: &[View], rejected: &[(String, FileStatus)]) -> Value {
    let files = rejected.iter().map(
        |(key, status)| json!({ "key": key, "desired": null, "releases": [], "upload": status }),
    );
    views.iter().map(object).chain(files).collect()
}

/// A service, as `--json` has it.
pub(crate) fn object(view: &View) -> Value {
    json!({ "desired": view.desired, "releases": view.records, "upload": view.upload })
}

/// A line for each service, and for each file that describes none.
fn overview(
    views: &[View],
    rejected: &[(String, FileStatus)],
    now: Timestamp,
    width: Option<usize>,
) -> String {
    if views.is_empty() && rejected.is_empty() {
        return "No service is described yet: put a service file into the config bucket, under services/.\n".into();
    }
    let rows: Vec<_> = views
        .iter()
        .map(|view| {
            let (number, standing, since) = view.newest();
            vec![
                view.desired.service.to_string(),
                view.runs(),
                number.map_or_else(String::new, |number| number.to_string()),
                standing.to_string(),
                since.map_or_else(String::new, |since| ago(since, now)),
                view.needs().join("; "),
            ]
        })
        .collect();
    let header = ["SERVICE", "RUNS", "RELEASE", "IS", "SINCE", "NEEDS"];
    let mut text = table(&header, &rows, width);
    for (key, status) in rejected {
        let FileStatus::Rejected { message, .. } = status else {
            continue;
        };
        let first = message.lines().next().unwrap_or(key);
        text += &format!("rejected: {first}\n");
    }
    text
}

fn describe(view: &View) -> String {
    let View {
        desired,
        records,
        upload,
    } = view;
    let mut lines = vec![desired.service.to_string()];
    match &desired.file {
        Some(file) => lines.push(format!("  file      {}", file.key)),
        None => lines.push("  file      none: it is not followed".into()),
    }
    if let Some(FileStatus::Rejected { message, .. }) = upload {
        lines.push("  rejected  its newest version, so the one before is followed:".into());
        lines.extend(message.lines().map(|line| format!("            {line}")));
    }
    if let Some(hold) = &desired.hold {
        let by = hold.by.as_ref().map(|by| format!(" (by {by})"));
        lines.push(format!(
            "  on hold   since {:.0}: {}{}",
            hold.since,
            hold.reason,
            by.unwrap_or_default()
        ));
    }
    for (container, rule) in desired.waiting_for() {
        lines.push(format!(
            "  waits     for the first push of {}:{} (container {container})",
            rule.repository, rule.tag
        ));
    }
    for left in desired.left_out() {
        let why = if left.waits {
            format!(
                "it waits, the images of release {} are tried one container at a time",
                left.release
            )
        } else {
            format!("release {} was no success", left.release)
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
            match view.standing_of(release.number) {
                Standing::Held => "waits for the end of the hold".into(),
                standing => standing.to_string(),
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
        desired::{Claim, DesiredState, FollowedFile},
        ignored::Reason,
        live::HookAction,
        pause::{AwaitedHook, Pause},
        record::{Record, Release, TaskDefinition, Timeline, Verdict},
    };

    use super::*;
    use crate::view::caught_up;

    fn view(desired: DesiredState, records: &[Record]) -> View {
        View {
            desired: caught_up(desired, records),
            records: records.to_vec(),
            upload: None,
        }
    }

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
        let shown = describe(&view(desired, &records));
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
        let shown = describe(&view(desired.clone(), &[]));
        let line = "\n  ignored   hello:main-101: main-102 comes later\n";
        assert!(shown.contains(line), "{shown}");
    }

    #[test]
    fn a_release_that_nobody_could_see_for_a_while_says_for_how_long() {
        let desired = open(&["one"]);
        let mut seen_late = record(&desired.open[0], Verdict::Succeeded);
        seen_late.timeline.blind_seconds = 1205;
        let shown = describe(&view(desired.clone(), &[seen_late]));
        let line = "  release 1   succeeded   it succeeded; nobody could look for 20 minutes \
                    (services/hello.yaml changed)\n";
        assert!(shown.ends_with(line), "{shown}");

        let mut started_late = record(&desired.open[0], Verdict::Succeeded);
        started_late.timeline.withheld_seconds = 1205;
        let shown = describe(&view(desired.clone(), &[started_late]));
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
        let shown = describe(&view(desired.clone(), &[]));
        let lines = "  release 1   is paused (services/hello.yaml changed)\n  \
                     paused    ECS paused the deployment at PRE_SCALE_UP and has waited for somebody to continue it since \
                     2025-06-15T15:06:40Z; hook ecs-pause-1 waits until 2025-06-16T15:06:40Z, then ECS does ROLLBACK\n  \
                     continue  aws ecs continue-service-deployment --service-deployment-arn arn:deployment --hook-id \
                     ecs-pause-1 --action CONTINUE\n";
        assert!(shown.ends_with(lines), "{shown}");

        let mut seen = record(&desired.open[0], Verdict::Succeeded);
        seen.timeline.paused_seconds = 3 * 86_400;
        let shown = describe(&view(desired, &[seen]));
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

//! `landfall hold` and `landfall resume`: a service stays as it is, until it may change again.

use clap::Args;
use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    follow::FollowRule,
    hold::{Hold, SetBy},
    live::LiveService,
    service_id::ServiceId,
};
use miette::Result;

use crate::{
    steering::{Done, Manner, described},
    which::{self, Landfall, Which},
};

/// Which service, of which Landfall.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The service, as cluster/service.
    service: String,
    #[command(flatten)]
    which: Which,
}

/// What to hold, and why.
#[derive(Debug, Args)]
pub(crate) struct HoldArguments {
    #[command(flatten)]
    target: Target,
    /// Why, for whoever looks at the status.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    manner: Manner,
}

/// What is let go on or tried again, and why.
#[derive(Debug, Args)]
pub(crate) struct AgainArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Why, for the record of the release.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// Holds a service.
pub(crate) async fn hold(arguments: HoldArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let manner = &arguments.manner;
    let before = described(&landfall, &service).await?;
    if stays(&before).is_none() {
        let plan = || async { Ok(holding(&before)) };
        let question = format!("Put {service} on hold?");
        manner.agree(plan, &question).await?;
    }
    let held = landfall.operator().hold(&service, &arguments.reason).await;
    let after = held.map_err(|fault| landfall.report(fault))?;
    let done = Done {
        verb: "hold",
        changed: before.hold != after.hold,
        message: held_as(&before, &after),
    };
    manner.tell(&landfall, &service, done).await
}

/// The hold that another one would leave as it is.
fn stays(desired: &DesiredState) -> Option<&Hold> {
    let hold = desired.hold.as_ref();
    hold.filter(|hold| hold.set_by != SetBy::Undecided)
}

/// What a hold of the service will mean.
fn holding(desired: &DesiredState) -> Vec<String> {
    let service = &desired.service;
    let mut plan = Vec::new();
    if let Some(hold) = &desired.hold {
        plan.push(format!(
            "{} A hold of yours takes its place, which ends with your word alone.",
            on_hold(service, hold)
        ));
    }
    plan.push(format!(
        "No release of {service} begins until `landfall resume {service}`, whatever is pushed or uploaded."
    ));
    if let Some(release) = desired.next_release() {
        plan.push(format!(
            "Release {} is on its way ({}): it is brought to its end, or back.",
            release.number, release.cause
        ));
    }
    plan
}

fn held_as(before: &DesiredState, after: &DesiredState) -> String {
    let service = &after.service;
    let mut lines = Vec::new();
    match (&after.hold, stays(before)) {
        (Some(hold), Some(_)) => lines.push(format!(
            "{} It stays as it is.",
            on_hold(service, hold).replacen("on hold", "on hold already,", 1)
        )),
        (Some(hold), None) => lines.push(format!("{service} is on hold: {}", hold.reason)),
        (None, _) => lines.push(format!("{service} was resumed meanwhile.")),
    }
    if let Some(release) = after.next_release() {
        lines.push(format!(
            "Release {} was begun and is brought to its end.",
            release.number
        ));
    }
    lines.push(format!("To let it change again: landfall resume {service}"));
    lines.join("\n")
}

/// Since when a service is on hold, why, and by whom.
fn on_hold(service: &ServiceId, hold: &Hold) -> String {
    let by = hold.by.as_ref().map(|by| format!(" (by {by})"));
    format!(
        "{service} is on hold since {:.0}: {}{}.",
        hold.since,
        hold.reason.trim_end_matches('.'),
        by.unwrap_or_default()
    )
}

/// Ends a hold.
pub(crate) async fn resume(arguments: AgainArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let manner = &arguments.manner;
    let before = described(&landfall, &service).await?;
    let plan = || async {
        let live = landfall.ecs().service(&service).await;
        let live = live.map_err(|fault| landfall.report(fault))?;
        let live = live.filter(LiveService::is_active);
        let primary = live.as_ref().and_then(LiveService::primary);
        let revision = primary.map(|primary| &*primary.task_definition);
        Ok(resuming(&before, revision, Timestamp::now()))
    };
    let question = format!("Let {service} change again?");
    manner.agree(plan, &question).await?;
    let state_machine = landfall.state_machine.as_deref();
    let reason = arguments.reason.as_deref();
    let operator = landfall.operator();
    let changed = operator.resume(&service, reason, state_machine).await;
    let after = changed.map_err(|fault| landfall.report(fault))?;
    let done = Done {
        verb: "resume",
        changed: before.hold.is_some() || after.last_number > before.last_number,
        message: resumed(&before, &after),
    };
    manner.tell(&landfall, &service, done).await
}

/// What will happen when the service is resumed, which runs the revision `live` in ECS.
fn resuming(desired: &DesiredState, live: Option<&str>, now: Timestamp) -> Vec<String> {
    let service = &desired.service;
    let mut plan = vec![match &desired.hold {
        Some(hold) => on_hold(service, hold),
        None => format!("{service} is not on hold."),
    }];
    let mut after = desired.clone();
    after.resume(live, now);
    let accepted = after.accepted.as_ref();
    if let Some(theirs) = accepted.filter(|_| after.accepted != desired.accepted) {
        plan.push(format!(
            "It runs {theirs}, which is not Landfall's: Landfall may replace that."
        ));
    }
    plan.push(match after.next_release() {
        Some(release) => format!(
            "Release {} goes on its way ({}).",
            release.number, release.cause
        ),
        None => match waits_for(&after) {
            Some(pushes) => format!("It waits for {pushes}."),
            None => "Nothing waits to be deployed; an image that is gone from ECR gives way to the latest that is there.".into(),
        },
    });
    plan
}

fn resumed(before: &DesiredState, after: &DesiredState) -> String {
    let service = &after.service;
    let may_change = match &before.hold {
        Some(_) => format!("{service} may change again"),
        None => format!("{service} was not on hold"),
    };
    match after.next_release() {
        Some(release) => format!(
            "{may_change}: release {} is on its way ({}).",
            release.number, release.cause
        ),
        None => match waits_for(after) {
            Some(pushes) => format!("{may_change}. It waits for {pushes}."),
            None => format!("{may_change}. Nothing is left to deploy."),
        },
    }
}

/// The pushes without which nothing can be released, if any are missing.
pub(crate) fn waits_for(desired: &DesiredState) -> Option<String> {
    let pushes = desired.waiting_for().into_iter();
    let pushes = pushes.map(|(container, rule)| {
        let FollowRule {
            repository, tag, ..
        } = rule;
        format!("a push of {repository}:{tag} (container {container})")
    });
    let pushes: Vec<_> = pushes.collect();
    (!pushes.is_empty()).then(|| pushes.join(" and "))
}

impl Target {
    /// That Landfall, and the service.
    pub(crate) async fn find(&self) -> Result<(Landfall, ServiceId)> {
        let service = which::service(&self.service)?;
        Ok((self.which.find().await?, service))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landfall::{
        content::ContentHash,
        desired::{Claim, FollowedFile},
        evidence::Against,
        record::{TaskDefinition, Verdict},
    };
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn file(content: &str) -> FollowedFile {
        FollowedFile {
            key: "services/hello.yaml".into(),
            version_id: content.into(),
            containers: None,
            content: ContentHash::of(&json!(content)),
            follows: [].into(),
            placeholders: None,
        }
    }

    /// A service whose release 1 is on its way.
    fn on_its_way() -> DesiredState {
        let mut desired = DesiredState::new("web/hello".parse().unwrap());
        desired.follow_file(file("one"), [].into(), NOW);
        desired.claim = Some(Claim {
            execution: "execution".into(),
            release: 1,
            attempt: 1,
            applied_file: None,
            taken_at: None,
            spared: 0,
        });
        desired
    }

    fn succeeded() -> DesiredState {
        let mut desired = on_its_way();
        let revision = TaskDefinition {
            arn: "hello:1".into(),
            content: ContentHash::of(&json!(1)),
        };
        let verdict = Verdict::Succeeded;
        desired.conclude(1, verdict, Against::Release, Some(&revision), NOW);
        desired
    }

    #[test]
    fn a_hold_says_what_is_under_way_and_that_another_hold_stays() {
        let before = on_its_way();
        assert_eq!(
            holding(&before),
            [
                "No release of web/hello begins until `landfall resume web/hello`, whatever is pushed or uploaded.",
                "Release 1 is on its way (services/hello.yaml changed): it is brought to its end, or back.",
            ]
        );
        let mut after = before.clone();
        after.hold("a sale".into(), SetBy::Operator, NOW);
        assert_eq!(
            held_as(&before, &after),
            "web/hello is on hold: a sale\nRelease 1 was begun and is brought to its end.\n\
             To let it change again: landfall resume web/hello"
        );
        assert!(stays(&after).is_some());
        let again = held_as(&after, &after);
        let told = "web/hello is on hold already, since 1970-01-01T00:00:00Z: a sale. It stays as it is.\n";
        assert!(again.starts_with(told), "{again}");

        // One that ends by itself gives way, and the plan says so.
        let mut undecided = succeeded();
        undecided.hold("AWS is away".into(), SetBy::Undecided, NOW);
        assert!(stays(&undecided).is_none());
        let plan = holding(&undecided);
        let told = "AWS is away. A hold of yours takes its place, which ends with your word alone.";
        assert!(plan[0].ends_with(told), "{plan:?}");
    }

    #[test]
    fn a_resumption_says_what_is_deployed_and_what_is_replaced() {
        let mut held = succeeded();
        held.hold("a sale".into(), SetBy::Operator, NOW);
        let sentence = "web/hello is on hold since 1970-01-01T00:00:00Z: a sale.";
        assert_eq!(
            resuming(&held, Some("hello:1"), NOW),
            [
                sentence,
                "Nothing waits to be deployed; an image that is gone from ECR gives way to the latest that is there."
            ]
        );
        assert_eq!(
            resuming(&held, Some("theirs:7"), NOW),
            [
                sentence,
                "It runs theirs:7, which is not Landfall's: Landfall may replace that.",
                "Release 2 goes on its way (its hold was ended)."
            ]
        );
        held.follow_file(file("two"), [].into(), NOW);
        assert_eq!(
            resuming(&held, Some("hello:1"), NOW)[1],
            "Release 2 goes on its way (services/hello.yaml changed)."
        );
        let plan = resuming(&succeeded(), Some("hello:1"), NOW);
        assert_eq!(plan[0], "web/hello is not on hold.");
        for (before, said) in [
            (
                &held,
                "web/hello may change again. Nothing is left to deploy.",
            ),
            (
                &succeeded(),
                "web/hello was not on hold. Nothing is left to deploy.",
            ),
        ] {
            assert_eq!(resumed(before, &succeeded()), said);
        }
    }
}

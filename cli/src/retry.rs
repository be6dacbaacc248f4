//! `landfall retry`: the newest images are tried again.

use jiff::Timestamp;
use landfall::desired::DesiredState;
use miette::Result;

use crate::{
    hold::{AgainArguments, waits_for},
    steering::{Done, described},
    view::tags,
};

/// Tries it again.
pub(crate) async fn run(arguments: AgainArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let manner = &arguments.manner;
    let before = described(&landfall, &service).await?;
    let plan = || async { Ok(trying(&before, Timestamp::now())) };
    let question = format!("Try {service} again?");
    manner.agree(plan, &question).await?;
    let state_machine = landfall.state_machine.as_deref();
    let reason = arguments.reason.as_deref();
    let operator = landfall.operator();
    let tried_again = operator.retry(&service, reason, state_machine).await;
    let after = tried_again.map_err(|fault| landfall.report(fault))?;
    let done = Done {
        verb: "retry",
        changed: after.last_number > before.last_number || after.quarantine != before.quarantine,
        message: tried(&after),
    };
    manner.tell(&landfall, &service, done).await
}

/// What will be tried again.
fn trying(desired: &DesiredState, now: Timestamp) -> Vec<String> {
    let service = &desired.service;
    let left_out = desired.left_out().into_iter();
    let mut plan: Vec<_> = left_out
        .map(|left| {
            let image = left.image;
            format!(
                "{}:{} (container {}) is no longer left out, although release {} was no success with it.",
                image.repository, image.tag, left.container, left.release
            )
        })
        .collect();
    let mut after = desired.clone();
    after.retry(now);
    let is_new = after.last_number > desired.last_number;
    plan.push(match (after.newest_open(), &after.hold) {
        (Some(release), None) if is_new => format!(
            "Release {} is made ({}) and goes on its way.",
            release.number,
            tags(&release.content)
        ),
        (Some(release), Some(_)) if is_new => format!(
            "Release {} is made ({}), and waits for `landfall resume {service}`.",
            release.number,
            tags(&release.content)
        ),
        (Some(release), _) => format!("Release {} is on its way already.", release.number),
        (None, _) => match waits_for(&after) {
            Some(pushes) => format!("Nothing can be tried: {service} waits for {pushes}."),
            None => format!(
                "There is nothing to try again: {service} was given its newest images. An image that is gone from ECR \
                 gives way to the latest that is there."
            ),
        },
    });
    plan
}

fn tried(desired: &DesiredState) -> String {
    let service = &desired.service;
    match (desired.newest_open(), desired.next_release()) {
        (Some(_), Some(release)) => format!(
            "{service} is tried again: release {} is on its way ({}).",
            release.number, release.cause
        ),
        (Some(release), None) => format!(
            "{service} is on hold: release {} waits for `landfall resume {service}`.",
            release.number
        ),
        (None, _) => match waits_for(desired) {
            Some(pushes) => format!("There is nothing to try again: {service} waits for {pushes}."),
            None => {
                format!("There is nothing to try again: {service} was given its newest images.")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use landfall::{
        content::ContentHash,
        desired::FollowedFile,
        evidence::Against,
        follow::{FollowRule, TagPolicy},
        hold::SetBy,
        record::Verdict,
        service_id::ServiceId,
    };

    use super::*;

    #[test]
    fn it_says_what_becomes_of_the_try() {
        let now = Timestamp::UNIX_EPOCH;
        let mut desired = DesiredState::new(ServiceId::new("web", "hello").unwrap());
        let file = FollowedFile {
            key: "services/hello.yaml".into(),
            version_id: "1".into(),
            containers: None,
            content: ContentHash::of(&serde_json::json!("a file")),
            follows: [].into(),
            placeholders: None,
        };
        desired.follow_file(file, [].into(), now);
        assert_eq!(trying(&desired, now), ["Release 1 is on its way already."]);
        let mut bad = desired.clone();
        bad.conclude(1, Verdict::Failed, Against::Release, None, now);
        assert_eq!(
            trying(&bad, now),
            ["Release 2 is made (as the file says) and goes on its way."]
        );
        desired.conclude(1, Verdict::Succeeded, Against::Release, None, now);
        desired.retry(now);
        assert_eq!(
            tried(&desired),
            "There is nothing to try again: web/hello was given its newest images."
        );
        let mut gone = desired.clone();
        let rule = FollowRule {
            repository: "hello".into(),
            tag: TagPolicy::parse("semver:^1").unwrap(),
            with: None,
        };
        gone.file
            .as_mut()
            .unwrap()
            .follows
            .insert("web".into(), rule);
        assert_eq!(
            tried(&gone),
            "There is nothing to try again: web/hello waits for a push of hello:semver:^1 (container web)."
        );
        bad.retry(now);
        assert_eq!(
            tried(&bad),
            "web/hello is tried again: release 2 is on its way (it was tried again)."
        );
        bad.hold("a move".into(), SetBy::Operator, now);
        assert_eq!(
            tried(&bad),
            "web/hello is on hold: release 2 waits for `landfall resume web/hello`."
        );
    }
}

//! `landfall retry`: the newest images are tried again.

use landfall::desired::DesiredState;
use miette::Result;

use crate::hold::{AgainArguments, waits_for};

/// Tries it again.
pub(crate) async fn run(arguments: AgainArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let state_machine = landfall.state_machine.as_deref();
    let reason = arguments.reason.as_deref();
    let operator = landfall.operator();
    let tried_again = operator.retry(&service, reason, state_machine).await;
    let desired = tried_again.map_err(|fault| landfall.report(fault))?;
    println!("{}", tried(&desired));
    Ok(())
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
        let mut bad = desired.clone();
        bad.conclude(1, Verdict::Failed, Against::Release, None, now);
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

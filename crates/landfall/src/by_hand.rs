//! Releases by hand: an operator says what runs, and it stays until the service is resumed.
//!
//! What should run in the end, the followed file and the newest images, is not changed by that. The service is held, with
//! one release that may begin all the same ([`HeldAt`]); whatever is pushed or uploaded waits. Resuming the service
//! deploys the newest again.
//!
//! The release by hand is part of the hold, a field of [`DesiredState`]; the methods about it are here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    hold::SetBy,
    image::Image,
    record::{Cause, Content, Release, Verdict},
    refusal::Refusal,
    together::group,
};

/// Which release a roll-back by hand goes back to, where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The last good one: something else is on its way, or was left in the service.
    ToLastGood(u64),
    /// The newest one before this that succeeded with another content: this one runs.
    Before(u64),
    /// The service was taken back already, to what the release of this number ran, and stays there.
    IsBackAt(u64),
}

/// At which release by hand a service is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAt {
    /// The release, which may begin although the service is held.
    pub release: u64,
    /// The number of the earlier release whose content it has, if it goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
}

/// What an operator releases.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// What is to run.
    pub content: Content,
    /// What is done, as the release's cause has it.
    pub cause: Cause,
    /// Why the service is held then.
    pub reason: String,
}

impl DesiredState {
    /// Which release a roll-back by hand goes back to, where none is named; none if no release has succeeded yet.
    pub fn back(&self) -> Option<Back> {
        let at = self.hold.as_ref().and_then(|hold| hold.at);
        if let Some(back_to) = at.and_then(|at| at.back_to)
            && self.given_by_hand().is_some()
        {
            return Some(Back::IsBackAt(back_to));
        }
        let good = self.last_good.as_ref()?.number;
        let left = self.concluded.as_ref().is_some_and(|concluded| {
            matches!(
                concluded.verdict,
                Verdict::Failed | Verdict::Undecided | Verdict::Drifted
            )
        });
        Some(
            if self.next_release().is_some() || self.unproven.is_some() || left {
                Back::ToLastGood(good)
            } else {
                Back::Before(good)
            },
        )
    }

    /// The content at which the service is held, because an operator has released it; none if its release was no success.
    pub fn given_by_hand(&self) -> Option<&Content> {
        let at = self.hold.as_ref()?.at?;
        if let Some(release) = self.permitted() {
            return Some(&release.content);
        }
        let concluded = self.concluded.as_ref()?;
        let stays = matches!(concluded.verdict, Verdict::Succeeded | Verdict::Unproven);
        (stays && concluded.number == at.release).then_some(&concluded.content)
    }

    /// Releases what an operator has chosen, and holds the service at it; `live` is the ARN of the revision that the service
    /// runs, which may be replaced by that. A hold that an operator has set before keeps its reason, unless it was for another
    /// release by hand. Nothing changes if the service is held at the same content already.
    pub fn release_by_hand(&mut self, chosen: ByHand, live: Option<&str>, now: Timestamp) {
        let is_given = |given: &Content| given.runs_the_same_as(&chosen.content);
        if self.given_by_hand().is_some_and(is_given) {
            return;
        }
        let before = self
            .hold
            .take_if(|hold| hold.set_by != SetBy::Operator || hold.at.is_some());
        if self.claim.is_none() {
            self.accept_live(live, before.as_ref());
        }
        self.hold(chosen.reason, SetBy::Operator, now);
        if let Some(hold) = &mut self.hold {
            hold.at = Some(HeldAt {
                release: self.last_number + 1,
                back_to: match chosen.cause {
                    Cause::WentBack { to } => Some(to),
                    _ => None,
                },
            });
        }
        self.open_release(chosen.content, chosen.cause, now);
    }

    /// What runs with these images, by container, and with what should run in the others.
    ///
    /// # Errors
    /// Refused if a container has no image then, or if one is released together with another that these images leave out.
    pub fn content_with(&self, images: BTreeMap<String, Image>) -> Result<Content, Refusal> {
        let service = &self.service;
        let Some(file) = &self.file else {
            return Err(Refusal::new(format!("{service} follows no service file")));
        };
        let has = |container: &str| images.contains_key(container);
        for container in images.keys() {
            let group = group(&file.follows, container);
            if let Some(other) = group.into_iter().find(|other| !has(other)) {
                let rule = file.follows.get(other);
                let repository = rule.map_or("", |rule| &*rule.repository);
                return Err(Refusal::new(format!(
                    "the containers {container} and {other} of {service} are released together, and {repository} has no such \
                     tag: push it there too"
                )));
            }
        }
        let mut waiting = self.waiting_for().into_iter();
        if let Some((container, rule)) = waiting.find(|(container, _)| !has(container)) {
            return Err(Refusal::new(format!(
                "container {container} of {service} waits for the first push of {}:{}",
                rule.repository, rule.tag
            )));
        }
        let mut run = self.images_to_run();
        run.extend(images);
        Ok(file.with_images(run))
    }

    /// The newest open release, unless it was made by hand: that one says nothing about what comes by itself.
    pub(crate) fn newest_by_itself(&self) -> Option<&Release> {
        let open = self.newest_open();
        open.filter(|release| !release.cause.is_by_hand())
    }

    /// The open release that may begin although the service is held.
    pub(crate) fn permitted(&self) -> Option<&Release> {
        let at = self.hold.as_ref()?.at?;
        let mut open = self.open.iter();
        open.find(|release| release.number == at.release)
    }
}

#[cfg(test)]
mod tests;

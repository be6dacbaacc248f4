//! What operators release by hand: what an earlier release ran, or a tag.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use landfall::{
    act::{Act, Verb},
    by_hand::{Back, ByHand},
    desired::{DesiredState, FollowedFile},
    follow::FollowRule,
    followed::Tagged,
    image::Image,
    record::{Cause, Content, Record, Verdict},
    refusal::Refusal,
    service_id::ServiceId,
};

use super::{Operator, refuse_unknown};
use crate::{Fault, fitting::Fitting};

/// How many releases are looked through for one to go back to. Each costs a call.
const FURTHEST: usize = 50;

/// What became of a release by hand.
#[derive(Debug)]
pub struct Given {
    /// The desired state afterwards.
    pub desired: DesiredState,
    /// The release that was made; none if nothing had to be.
    pub made: Option<u64>,
}

/// Who releases something by hand, and over what.
#[derive(Clone)]
struct By {
    act: Act,
    /// The ARN of the revision that the service runs.
    live: Option<String>,
}

impl By {
    /// Releases this; `why` is the reason of the hold if none was said.
    fn gives(&self, desired: &mut DesiredState, content: Content, cause: Cause, why: String) {
        let chosen = ByHand {
            content,
            cause,
            reason: self.act.reason.clone().unwrap_or(why),
        };
        desired.release_by_hand(chosen, self.live.as_deref(), self.act.at);
    }
}

impl Operator {
    /// The release that a roll-back goes back to: `to`, or the one that ran before. None if the service was taken back already,
    /// and stays there.
    ///
    /// # Errors
    /// Refused if there is no such release, if it was no success, or if an image of it is gone from ECR.
    pub async fn goes_back_to(
        &self,
        service: &ServiceId,
        to: Option<u64>,
    ) -> Result<Option<Record>, Fault> {
        let desired = self.state.read(service).await?.into_value();
        refuse_unknown(&desired)?;
        self.way_back(&desired, to).await
    }

    /// Gives a service what an earlier release ran, its file and its images, and holds it there. Without `to` that is what ran
    /// before. Nothing changes if the service was taken back there already, and stays.
    ///
    /// # Errors
    /// As [`Self::goes_back_to`] and [`Self::resume`].
    pub async fn roll_back(
        &self,
        service: &ServiceId,
        to: Option<u64>,
        reason: Option<&str>,
        state_machine: Option<&str>,
    ) -> Result<Given, Fault> {
        let change = |mut desired: DesiredState, by: By| async move {
            if let Some(record) = self.way_back(&desired, to).await? {
                let number = record.release.number;
                let content = record.release.content;
                let cause = Cause::WentBack { to: number };
                let why = format!("it was taken back to release {number}");
                by.gives(&mut desired, content, cause, why);
            }
            Ok(desired)
        };
        let act = self.act(Verb::Rollback, reason).await;
        self.give("rollback", service, act, state_machine, change)
            .await
    }

    /// Releases what should run: the newest images that the follow rules admit, of which an event may have been lost. With `tag`,
    /// the containers whose repositories have that tag get it; if that is not what comes by itself, the service is held there.
    ///
    /// # Errors
    /// Refused if no followed repository has the tag, or has something under it that the tasks cannot run; and as
    /// [`Self::resume`].
    pub async fn deploy(
        &self,
        service: &ServiceId,
        tag: Option<&str>,
        reason: Option<&str>,
        state_machine: Option<&str>,
    ) -> Result<Given, Fault> {
        let change = |mut desired: DesiredState, by: By| async move {
            let mut newest = desired.clone();
            self.take_newest(&mut newest, by.act.at).await?;
            let Some(tag) = tag else {
                return Ok(newest);
            };
            let content = desired.content_with(self.tagged(&desired, tag).await?)?;
            let wanted = newest.wanted();
            let comes_by_itself = wanted.is_some_and(|wanted| wanted.runs_the_same_as(&content));
            if desired.hold.is_none() && comes_by_itself {
                return Ok(newest);
            }
            let cause = Cause::Deployed { tag: tag.into() };
            let why = format!("{tag} was deployed by hand");
            by.gives(&mut desired, content, cause, why);
            Ok(desired)
        };
        let act = self.act(Verb::Deploy, reason).await;
        self.give("deploy", service, act, state_machine, change)
            .await
    }
}

impl Operator {
    /// Does `change`, notes in the release that it makes who did that, and starts an execution.
    async fn give<F>(
        &self,
        verb: &str,
        service: &ServiceId,
        act: Act,
        state_machine: Option<&str>,
        change: impl Fn(DesiredState, By) -> F,
    ) -> Result<Given, Fault>
    where
        F: Future<Output = Result<DesiredState, Fault>>,
    {
        let state_machine = self.state_machine(service, state_machine).await?;
        let live = self.live_revision(service).await?;
        let by = &By { act, live };
        let change = &change;
        let noted = |desired: DesiredState| async move {
            let last = desired.last_number;
            let mut desired = change(desired, by.clone()).await?;
            let made = (desired.last_number > last).then_some(desired.last_number);
            if made.is_some() {
                desired.note(by.act.clone());
            }
            Ok((desired, made))
        };
        let (desired, made) = self.change_and_say(service, noted).await?;
        self.start(verb, &state_machine, &desired).await?;
        Ok(Given { desired, made })
    }

    /// The record of the release to go back to; none if the service is back.
    async fn way_back(
        &self,
        desired: &DesiredState,
        to: Option<u64>,
    ) -> Result<Option<Record>, Fault> {
        let service = &desired.service;
        let record = match (to, desired.back()) {
            (Some(number), _) => self.succeeded(service, number).await?,
            (None, Some(Back::IsBackAt(_))) => return Ok(None),
            (None, Some(Back::ToLastGood(number))) => self.succeeded(service, number).await?,
            (None, Some(Back::Before(number))) => self.succeeded_before(desired, number).await?,
            (None, None) => {
                return Err(Fault::refused(format!(
                    "no release of {service} has succeeded yet, so there is nothing to go back to; `landfall history \
                     {service}` lists its releases"
                )));
            }
        };
        for (container, image) in &record.release.content.images {
            if !self.ecr.has(&image.repository, &image.digest).await? {
                return Err(Fault::refused(format!(
                    "release {} ran {}:{} (container {container}), and {} is gone from ECR: go back further with --to; \
                     `landfall history {service}` lists the releases",
                    record.release.number, image.repository, image.tag, image.digest
                )));
            }
        }
        Ok(Some(record))
    }

    async fn succeeded(&self, service: &ServiceId, number: u64) -> Result<Record, Fault> {
        let Some(record) = self.state.record(service, number).await? else {
            return Err(Fault::refused(format!(
                "{service} has no release {number} with a verdict; `landfall history {service}` lists its releases"
            )));
        };
        match record.verdict {
            Verdict::Succeeded => Ok(record),
            verdict => Err(Fault::refused(format!(
                "release {number} of {service} was {verdict}: it can only go back to one that succeeded; `landfall history \
                 {service}` lists them"
            ))),
        }
    }

    /// The newest release before this one that succeeded with something else than the last good one has.
    async fn succeeded_before(&self, desired: &DesiredState, number: u64) -> Result<Record, Fault> {
        let service = &desired.service;
        let good = desired.last_good.as_ref().map(|good| &good.content);
        for earlier in (1..number).rev().take(FURTHEST) {
            let record = self.state.record(service, earlier).await?;
            let succeeded = record.filter(|record| record.verdict == Verdict::Succeeded);
            if let Some(record) = succeeded
                && !good.is_some_and(|good| good.runs_the_same_as(&record.release.content))
            {
                return Ok(record);
            }
        }
        Err(Fault::refused(format!(
            "no release of {service} before {number} succeeded with something else, so there is nothing to go back to; \
             `landfall history {service}` lists its releases"
        )))
    }

    /// Takes up the newest images that are there, and makes a release of them if that changes what should run.
    async fn take_newest(&self, desired: &mut DesiredState, at: Timestamp) -> Result<(), Fault> {
        let file = followed(desired)?;
        let fitting = Fitting::of_stored(&self.ecr, &self.state, file);
        let gone = fitting.search_gone(desired.searches_for_known());
        let gone = gone.await?;
        let containers = file.follows.keys().map(String::as_str);
        let searches = desired.searches(&file.follows, containers);
        let found = fitting.search(searches).await?;
        desired.change_without(&gone, at, |desired| desired.take_found(&found, at));
        Ok(())
    }

    /// What has `tag` now, for each container that follows a repository which has it.
    async fn tagged(
        &self,
        desired: &DesiredState,
        tag: &str,
    ) -> Result<BTreeMap<String, Image>, Fault> {
        let file = followed(desired)?;
        let fitting = Fitting::of_stored(&self.ecr, &self.state, file);
        let follows = file.follows.iter();
        let repositories: BTreeSet<&str> = follows.map(|(_, rule)| &*rule.repository).collect();
        let mut images = BTreeMap::new();
        for repository in &repositories {
            let image = match fitting.tagged(repository, tag).await? {
                Tagged::Nothing => continue,
                Tagged::Image(image) => image,
                Tagged::Unfit(reason) => {
                    return Err(Fault::refused(format!(
                        "the tasks of {} cannot run {repository}:{tag}: {reason}",
                        desired.service
                    )));
                }
            };
            let of_repository = |rule: &FollowRule| rule.repository == *repository;
            let follows = file.follows.iter();
            let follow = follows.filter(|(_, rule)| of_repository(rule));
            images.extend(follow.map(|(container, _)| (container.clone(), image.clone())));
        }
        if images.is_empty() {
            let repositories: Vec<_> = repositories.into_iter().collect();
            return Err(Fault::refused(if repositories.is_empty() {
                format!(
                    "no container of {} follows a repository: its file names the images",
                    desired.service
                )
            } else {
                format!(
                    "nothing has the tag {tag} in {}, which {} follows",
                    repositories.join(" or "),
                    desired.service
                )
            }));
        }
        Ok(images)
    }
}

fn followed(desired: &DesiredState) -> Result<&FollowedFile, Refusal> {
    let unfollowed = || {
        Refusal::new(format!(
            "the service file of {} is gone, so nothing says what should run: upload one",
            desired.service
        ))
    };
    desired.file.as_ref().ok_or_else(unfollowed)
}

//! The desired state: one small JSON object per service, changed only by compare-and-swap.
//!
//! Triggers change what should run: the file, the images and the open releases. The execution that holds the claim
//! writes the claim and the verdicts.
//!
//! [`DesiredState`] has methods in other modules too: the images that are followed are in [`crate::followed`], the tags that
//! were passed over in [`crate::ignored`], holds in [`crate::hold`], releases by hand in [`crate::by_hand`], images in quarantine
//! in [`crate::quarantine`], drift in [`crate::drift`], the way back in danger in [`crate::danger`], releases of which no task
//! ran in [`crate::unproven`], undecided ones in [`crate::undecided`]. These modules and this one import each other: they are
//! one type, a file for each of its fields.

mod acts;
mod paused;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    content::{ContentHash, FileContent},
    danger::Danger,
    evidence::Against,
    follow::FollowRule,
    hold::Hold,
    ignored::IgnoredTag,
    image::Image,
    pause::PausedRelease,
    quarantine::Quarantined,
    record::{Cause, Content, Release, TaskDefinition, Verdict},
    refusal::Refusal,
    service_id::ServiceId,
    unproven::UnprovenRelease,
};

/// The newest layout of the object that this code writes.
pub const SCHEMA: u32 = 1;

/// How many releases are open at most. A hold or a long task before the rollout may last for hundreds of pushes: of the
/// releases that can never begin, the oldest are passed over then.
const MOST_OPEN: usize = 16;

/// How many passed-over releases get their records at once.
const MOST_DUE: usize = 16;

/// What should run in a service, and which releases lead there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredState {
    /// The layout of this object, [`SCHEMA`].
    pub schema: u32,
    /// The service.
    pub service: ServiceId,
    /// The service file that is followed; none after it was deleted.
    pub file: Option<FollowedFile>,
    /// Container name → the newest admitted image that ECR showed.
    pub images: BTreeMap<String, Image>,
    /// Container name → the latest image, in the order of the container's follow rule, that was given up because its
    /// tag was moved back to an older image. A sweep takes only images after it for missed pushes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<String, Image>,
    /// The last tags that the follow rules passed over, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoredTag>,
    /// The number of the newest release.
    pub last_number: u64,
    /// Releases without a verdict, oldest first. The last one should run.
    pub open: Vec<Release>,
    /// Releases without a verdict that are open no longer, because too many were: newer ones have taken their places. Whoever
    /// changes this object next writes their records first, which say that they were superseded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Release>,
    /// The execution that may change the service in ECS; none while no release is worked on.
    pub claim: Option<Claim>,
    /// The newest release with the verdict `succeeded`: a bad release is rolled back to it.
    pub last_good: Option<GoodRelease>,
    /// The newest release with the verdict `unproven`, until a newer one ran: the service was given it, and the last good
    /// release is still the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<UnprovenRelease>,
    /// The release that got the newest verdict. A bad release is not tried again until its content changes.
    pub concluded: Option<Concluded>,
    /// The hash of the service file whose `service` section ECS has; none while Landfall cannot know that.
    pub applied_file: Option<ContentHash>,
    /// The hold on the service, while there is one: no release is started before it ends.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// The images that made releases bad, as long as one of a set is the newest of its container.
    #[serde(default)]
    pub quarantine: Vec<Quarantined>,
    /// The ARN of a foreign revision that an operator lets Landfall replace, until a release is good; or of the last good
    /// release's revision before its content was registered again.
    #[serde(default)]
    pub accepted: Option<String>,
    /// How many releases in a row ended undecided.
    #[serde(default)]
    pub undecided: u32,
    /// What of the last good release is gone, so that nobody gets back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub danger: Option<Danger>,
    /// The pause of the release that is worked on, while ECS waits until somebody continues its deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedRelease>,
}

/// The service file that a service follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowedFile {
    /// Its key in the config bucket.
    pub key: String,
    /// Its object version in S3.
    pub version_id: String,
    /// The hash of its accepted content.
    pub content: ContentHash,
    /// The hash of what its containers run with; none in a desired state from before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<ContentHash>,
    /// Container name → follow rule.
    pub follows: BTreeMap<String, FollowRule>,
    /// The hash under which the state bucket holds its placeholders whose values are asked for again with every push;
    /// none if the file has no such placeholder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholders: Option<ContentHash>,
}

impl FollowedFile {
    /// What a release of the file and these images has.
    pub(crate) fn with_images(&self, images: BTreeMap<String, Image>) -> Content {
        Content {
            file: self.content.clone(),
            images,
            containers: self.containers.clone(),
        }
    }
}

/// An execution's sole right to change the service in ECS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The execution's ARN.
    pub execution: String,
    /// The number of the release that the execution works on.
    pub release: u64,
    /// How many executions, this one included, have taken up this release.
    pub attempt: u32,
    /// [`DesiredState::applied_file`] as it was when the release was first claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_file: Option<ContentHash>,
    /// When the execution took the claim; none in a claim from before that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// How many of these executions ended while ECS had paused the deployment: what is not the release's to answer for.
    #[serde(default, skip_serializing_if = "is_none_spared")]
    pub spared: u32,
}

fn is_none_spared(spared: &u32) -> bool {
    *spared == 0
}

/// A release that proved good, and how to get back to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodRelease {
    /// Its number.
    pub number: u64,
    /// Its service file and images.
    #[serde(flatten)]
    pub content: Content,
    /// The revision that ECS runs for it.
    pub task_definition: TaskDefinition,
}

/// A release that got its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concluded {
    /// Its number.
    pub number: u64,
    /// Its service file and images.
    #[serde(flatten)]
    pub content: Content,
    /// Its verdict.
    pub verdict: Verdict,
}

/// Whether content is released again that the last concluded release had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It is not.
    IfChanged,
    /// It is, if that release got a bad verdict.
    EvenIfBad,
    /// It is, also after a good verdict: the service may run another revision by now.
    EvenIfGood,
}

impl DesiredState {
    /// The state of a service for which no service file has been accepted yet.
    pub fn new(service: ServiceId) -> Self {
        Self {
            schema: SCHEMA,
            service,
            file: None,
            images: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            ignored: Vec::new(),
            last_number: 0,
            open: Vec::new(),
            passed_over: Vec::new(),
            claim: None,
            last_good: None,
            unproven: None,
            concluded: None,
            applied_file: None,
            hold: None,
            quarantine: Vec::new(),
            accepted: None,
            undecided: 0,
            danger: None,
            paused: None,
        }
    }

    /// The newest release without a verdict.
    pub fn newest_open(&self) -> Option<&Release> {
        self.open.last()
    }

    /// The passed-over releases whose records are written before the next release is made by an event. Whoever has written
    /// them [forgets](Self::forget) them.
    pub fn due(&self) -> &[Release] {
        &self.passed_over[..self.passed_over.len().min(MOST_DUE)]
    }

    /// Forgets releases that were passed over, because their records are written.
    pub fn forget(&mut self, recorded: &[Release]) {
        self.passed_over
            .retain(|release| recorded.iter().all(|known| known.number != release.number));
    }

    /// Whether a release newer than `number` should run. During a hold no newer release takes the place of one that was
    /// begun.
    pub fn supersedes(&self, number: u64) -> bool {
        self.next_release().is_some_and(|next| next.number > number)
    }

    /// Containers that follow a repository in which no image is admitted yet.
    pub fn waiting_for(&self) -> Vec<(&String, &FollowRule)> {
        let follows = self.file.iter().flat_map(|file| &file.follows);
        follows
            .filter(|(container, _)| !self.images.contains_key(*container))
            .collect()
    }

    /// The follow rules of `follows` that are not yet in force here: their repositories have to be looked through.
    pub fn new_rules(&self, follows: &BTreeMap<String, FollowRule>) -> Vec<(String, FollowRule)> {
        let in_force = |container: &String| {
            self.file
                .as_ref()
                .and_then(|file| file.follows.get(container))
        };
        let new = follows
            .iter()
            .filter(|(container, rule)| in_force(container) != Some(rule));
        new.map(|(container, rule)| (container.clone(), rule.clone()))
            .collect()
    }

    /// The containers that follow a repository, with their follow rules.
    pub fn rules_in_force(&self) -> Vec<(String, FollowRule)> {
        let follows = self.file.iter().flat_map(|file| &file.follows);
        follows
            .map(|(container, rule)| (container.clone(), rule.clone()))
            .collect()
    }

    /// Replaces the content of the followed file by `content`, which has other values for the placeholders. The next
    /// release is made of it.
    pub fn refresh_file(&mut self, content: FileContent) {
        if let Some(file) = &mut self.file {
            file.content = content.file;
            file.containers = Some(content.containers);
        }
    }

    /// Takes up an accepted service file. `found` holds, for each of [`Self::new_rules`], the newest admitted image of
    /// its repository, if there is one.
    ///
    /// Content that got a bad verdict is not released again by itself, and images that were bad are kept from other
    /// files too, if those give the containers nothing else to run with. The same content uploaded once more changes
    /// nothing: a fresh checkout that is synchronised with the bucket uploads every file. To try a bad release again is
    /// said: [`Self::retry`].
    pub fn follow_file(
        &mut self,
        file: FollowedFile,
        found: BTreeMap<String, Option<Image>>,
        now: Timestamp,
    ) {
        let cause = Cause::ServiceFileChanged {
            key: file.key.clone(),
            version_id: file.version_id.clone(),
        };
        self.images
            .retain(|container, _| file.follows.contains_key(container));
        self.withdrawn.retain(|container, _| {
            file.follows.contains_key(container) && !found.contains_key(container)
        });
        let changed_rules = file.follows.iter();
        let changed_rules = changed_rules.filter(|(container, _)| found.contains_key(*container));
        let repositories: Vec<_> = changed_rules.map(|(_, rule)| &*rule.repository).collect();
        self.no_longer_ignored(&repositories);
        for (container, image) in found {
            // A changed follow rule ends the quarantine of its container.
            self.quarantine
                .retain(|quarantined| !quarantined.images.contains_key(&container));
            match image {
                Some(image) => self.images.insert(container, image),
                None => self.images.remove(&container),
            };
        }
        let before = self.file.as_ref();
        let changed = before.is_none_or(|before| before.content != file.content);
        self.lift_quarantine();
        self.file = Some(file);
        let again = if changed {
            Again::EvenIfBad
        } else {
            Again::IfChanged
        };
        self.release(cause, again, now);
    }

    /// Tries the newest content again because an operator says so: no image is left out any more, and content that got a
    /// bad verdict is released again. What succeeded last is not.
    pub fn retry(&mut self, now: Timestamp) {
        self.quarantine.clear();
        self.release(Cause::Retried, Again::EvenIfBad, now);
    }

    /// Stops following the service file: the service stays as it is. An open release still gets its verdict.
    pub fn forget_file(&mut self) {
        self.file = None;
        self.images.clear();
        self.withdrawn.clear();
        self.ignored.clear();
        self.quarantine.clear();
    }

    /// Makes a release of the followed file and the newest images, even if the last good release had the same: the
    /// service may run another revision by now.
    pub(crate) fn release_anew(&mut self, cause: Cause, now: Timestamp) {
        self.release(cause, Again::EvenIfGood, now);
    }

    /// Makes a release of the followed file and the newest images because tasks run of one that is unproven.
    pub(crate) fn release_for_proof(&mut self, now: Timestamp) {
        self.release(Cause::TasksCame, Again::EvenIfGood, now);
    }

    /// Makes a release of the followed file and the images that are to run now, unless the last one was of the same.
    pub(crate) fn release_if_changed(&mut self, cause: Cause, now: Timestamp) {
        self.release(cause, Again::IfChanged, now);
    }

    /// What should run: the followed file and the images that are to run now; none if there is no file, or if a container
    /// waits for its first image.
    pub fn wanted(&self) -> Option<Content> {
        let file = self.file.as_ref()?;
        self.waiting_for()
            .is_empty()
            .then(|| file.with_images(self.images_to_run()))
    }

    fn release(&mut self, cause: Cause, again: Again, now: Timestamp) {
        let Some(content) = self.wanted() else { return };
        // The last good release runs, and something newer of the same file was bad.
        let keeps_good = |concluded: &Concluded| {
            let good = self.last_good.as_ref();
            concluded.verdict != Verdict::Unproven
                && !self.left_out().is_empty()
                && concluded.content.file == content.file
                && good.is_some_and(|good| good.content.runs_the_same_as(&content))
        };
        let settled = match (self.newest_open(), &self.concluded) {
            (Some(open), _) => open.content.runs_the_same_as(&content),
            (None, Some(concluded)) if again != Again::EvenIfGood => {
                let was_good = concluded.verdict == Verdict::Succeeded;
                keeps_good(concluded)
                    || concluded.content.runs_the_same_as(&content)
                        && (was_good || again == Again::IfChanged)
            }
            (None, _) => false,
        };
        if settled {
            return;
        }
        self.open_release(content, cause, now);
    }

    /// Makes the next release; what is open besides may be too much by that.
    pub(crate) fn open_release(&mut self, content: Content, cause: Cause, now: Timestamp) {
        self.last_number += 1;
        self.open.push(Release {
            number: self.last_number,
            content,
            cause,
            created_at: now,
            acts: Vec::new(),
        });
        self.pass_over();
    }

    /// Takes the oldest releases that were not begun from the open ones, while those are too many. They can never begin: there
    /// are newer ones, or one by hand.
    fn pass_over(&mut self) {
        while self.open.len() > MOST_OPEN {
            let kept = [self.begun(), self.permitted()];
            let kept = kept.map(|release| release.map(|release| release.number));
            let mut open = self.open.iter();
            let oldest = open.position(|release| !kept.contains(&Some(release.number)));
            let passed_over = self.open.remove(oldest.unwrap_or_default());
            self.passed_over.push(passed_over);
        }
    }

    /// Whether the section that ECS was last given is the last good release's.
    pub fn gave_section_of_good(&self) -> bool {
        let good = self.last_good.as_ref().map(|good| &good.content.file);
        good.is_some() && self.applied_file.as_ref() == good
    }

    /// Notes that the content of the last good release was registered again as this revision, because ECS gives no service
    /// the one before. That one may still run, and may be replaced.
    pub fn renew_good(&mut self, number: u64, task_definition: &TaskDefinition) {
        if let Some(good) = &mut self.last_good
            && good.number == number
        {
            let before = std::mem::replace(&mut good.task_definition, task_definition.clone());
            self.accepted.get_or_insert(before.arn);
        }
    }

    /// Notes that the revision to go back to, which nothing proved good, was registered again as this one. An execution that
    /// takes over finds no foreign revision then.
    pub fn renew_way_back(&mut self, task_definition: &str) {
        self.accepted = Some(task_definition.to_owned());
    }

    /// Whether the execution may change the service in ECS for the release with this number: it holds the claim for it.
    pub fn is_claimed_by(&self, execution: &str, release: u64) -> bool {
        let claim = self.claim.as_ref();
        claim.is_some_and(|claim| claim.execution == execution && claim.release == release)
    }

    /// Refuses an execution that does not hold the claim for the release with this number. One that was redriven goes on
    /// where it stopped, up to 14 days later, and another has taken its claim by then
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>).
    ///
    /// # Errors
    /// The refusal.
    pub fn refuse_unclaimed(&self, execution: &str, release: u64) -> Result<(), Refusal> {
        if self.is_claimed_by(execution, release) {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "{execution} does not hold the claim of {} for release {release}: another execution took it, or concluded \
             the release",
            self.service
        )))
    }

    /// Gives the claim for the release with this number to the execution `me`. Its `applied_file` stays as it was when
    /// the release was first claimed.
    pub(crate) fn take_claim(&mut self, me: &str, release: u64, attempt: u32) {
        let before = self.claim.take().filter(|claim| claim.release == release);
        let mine = before.as_ref().filter(|claim| claim.execution == me);
        let spared = match (&before, mine) {
            (Some(claim), None) => claim.spared + u32::from(self.pause_of(release).is_some()),
            (Some(claim), Some(_)) => claim.spared,
            (None, _) => 0,
        };
        self.claim = Some(Claim {
            execution: me.into(),
            release,
            attempt,
            taken_at: mine.and_then(|claim| claim.taken_at),
            spared,
            applied_file: match before {
                Some(claim) => claim.applied_file,
                None => self.applied_file.clone(),
            },
        });
    }

    /// Writes the verdict of release `number` and gives up the claim; a bad verdict rests on evidence `against` somebody.
    /// Older open releases are dropped, as are those that were passed over: they were superseded. Newer ones stay open; if
    /// the newest has images that are left out now, another release without them takes its place. If none is open, and it
    /// is not known which images of a bad release were bad, a release tries the next of them ([`crate::quarantine`]); `now`
    /// is when that is made.
    pub fn conclude(
        &mut self,
        number: u64,
        verdict: Verdict,
        against: Against,
        task_definition: Option<&TaskDefinition>,
        now: Timestamp,
    ) {
        let doubted = self.in_doubt();
        let concluded = self
            .open
            .iter()
            .find(|release| release.number == number)
            .cloned();
        self.open.retain(|release| release.number > number);
        self.passed_over.clear();
        self.claim = None;
        self.paused = None;
        let Some(release) = concluded else { return };
        if let (Verdict::Succeeded, Some(task_definition)) = (verdict, task_definition) {
            self.applied_file = Some(release.content.file.clone());
            self.accepted = None;
            self.unproven = None;
            self.danger = None;
            self.last_good = Some(GoodRelease {
                number,
                content: release.content.clone(),
                task_definition: task_definition.clone(),
            });
        }
        if let (Verdict::Unproven, Some(task_definition)) = (verdict, task_definition) {
            self.applied_file = Some(release.content.file.clone());
            self.unproven = Some(UnprovenRelease {
                number,
                file: release.content.file.clone(),
                task_definition: task_definition.arn.clone(),
            });
        }
        if verdict == Verdict::RolledBack {
            self.unproven = None;
            self.applied_file = self
                .last_good
                .as_ref()
                .map(|good| good.content.file.clone());
        }
        self.judge_images(&release, verdict, against);
        self.count_undecided(verdict);
        self.concluded = Some(Concluded {
            number,
            content: release.content,
            verdict,
        });
        self.release_after_verdict(doubted, now);
    }
}

#[cfg(test)]
mod tests;

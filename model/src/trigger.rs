//! The triggers, call by call: `image-pushed`, `config-changed`, `execution-ended` and `rollout-changed`.

use std::collections::BTreeMap;

use landfall::{
    desired::DesiredState,
    event::image_pushed::PushedTag,
    followed::{Found, Search, Tagged},
    image::TagTime,
    protocol::{
        follow::{self, File, Follow, TakingStage, UnfollowStage},
        join::{self, Join},
    },
    record::Record,
    versioned::{Versioned, WriteOutcome},
};

use crate::{
    clock::THEN,
    protocol::{KEY, Protocol},
    scenario::Guard,
    state::{Call, Event, Invocation, State},
};

impl Call {
    /// Whether another invocation or execution could tell that the call was made.
    pub(crate) fn has_effect(&self) -> bool {
        use follow::Stage;
        let is_write = match self {
            Self::Join(join) => matches!(
                join.stage,
                join::Stage::Record(_) | join::Stage::WriteDesired(_)
            ),
            Self::Follow(follow) => match &follow.stage {
                Stage::Take(taking) => match &taking.stage {
                    TakingStage::Unfollow { unfollow, .. } => writes(&unfollow.stage),
                    stage => matches!(
                        stage,
                        TakingStage::PutFollower { .. }
                            | TakingStage::PutSource { .. }
                            | TakingStage::PutSourceAgain
                            | TakingStage::Record(_)
                            | TakingStage::WriteDesired(_)
                            | TakingStage::WriteCaughtUp(_)
                    ),
                },
                Stage::Unfollow(unfollow) => writes(&unfollow.stage),
                _ => false,
            },
            _ => false,
        };
        is_write || self.starts().is_some()
    }

    /// The release for which an execution is started, if the call is that.
    pub(crate) fn starts(&self) -> Option<u64> {
        match self {
            Self::Join(join) => match join.stage {
                join::Stage::Start { release } => Some(release),
                _ => None,
            },
            Self::Follow(follow) => match &follow.stage {
                follow::Stage::Start { release, .. } => Some(*release),
                follow::Stage::Unfollow(unfollow) => match unfollow.stage {
                    UnfollowStage::Start { release } => Some(release),
                    _ => None,
                },
                _ => None,
            },
            Self::StartExecution { release } => Some(*release),
            _ => None,
        }
    }

    /// Whether the call has no effect that another could see, and reads nothing that another changes. It comes with the call
    /// before it.
    fn comes_at_once(&self) -> bool {
        match self {
            Self::Join(join) => matches!(
                join.stage,
                join::Stage::IsThere { .. }
                    | join::Stage::LookForKept(_)
                    | join::Stage::Refresh(_)
                    | join::Stage::Distrust(_)
                    | join::Stage::KeepStatus(_)
            ),
            Self::Follow(follow) => match &follow.stage {
                follow::Stage::Take(taking) => matches!(
                    taking.stage,
                    TakingStage::Expect { .. }
                        | TakingStage::LookForKept(_)
                        | TakingStage::PutStatus(_)
                ),
                stage => matches!(
                    stage,
                    follow::Stage::Reject(_) | follow::Stage::DeleteStatus
                ),
            },
            _ => false,
        }
    }
}

fn writes(stage: &UnfollowStage) -> bool {
    matches!(stage, UnfollowStage::WriteDesired { .. })
}

impl Protocol {
    /// Makes the invocation's next call. None if it was its last.
    pub(crate) fn call_of_trigger(
        &self,
        state: &mut State,
        mut invocation: Invocation,
    ) -> Option<Invocation> {
        loop {
            invocation.next = self.call(state, &invocation)?;
            if !invocation.next.comes_at_once() {
                return Some(invocation);
            }
        }
    }

    fn call(&self, state: &mut State, invocation: &Invocation) -> Option<Call> {
        let started = invocation.started;
        match invocation.next.clone() {
            Call::ListFollowers if !state.is_follower => None,
            Call::ListFollowers => Some(Call::Join(Join::begin(self.guards()))),
            Call::Join(join) => self.call_of_join(state, invocation.event, started, join),
            Call::Follow(follow) => self.call_of_follow(state, started, follow),
            Call::ReadDesired => {
                let release = state.desired.next_release()?.number;
                Some(Call::StartExecution { release })
            }
            Call::StartExecution { release } => {
                self.start_named(state, started, release);
                None
            }
            Call::ReadSleeper => Some(Call::Wake(Some(state.sleeper?))),
            Call::Wake(token) => {
                state.wake(token);
                None
            }
        }
    }

    fn call_of_join(
        &self,
        state: &mut State,
        event: Event,
        started: Option<u64>,
        mut join: Join,
    ) -> Option<Call> {
        use join::{Answer, Ask};
        let Event::Pushed(image) = event else {
            return None;
        };
        let image = &self.images[image];
        let pushed = PushedTag {
            repository: image.repository.clone(),
            tag: image.tag.clone(),
            at: TagTime::Unknown,
        };
        let answer = match join.ask() {
            Ask::ReadDesired => Answer::Desired(state.desired.clone()),
            Ask::ReadImage(_) => {
                let tagged = self.image_tagged(state, &pushed.tag);
                Answer::Tagged(tagged.map_or(Tagged::Nothing, |image| {
                    Tagged::Image(self.images[image].clone())
                }))
            }
            // Nobody deletes a tag here.
            Ask::IsThere(_) => Answer::IsThere(true),
            Ask::LookThrough(_, searches) => Answer::Found(self.found(state, searches)),
            // Nor an image.
            Ask::LookForKept(..) => Answer::Found(BTreeMap::new()),
            Ask::Refresh(_) => Answer::Refreshed(None),
            Ask::Distrust(_) | Ask::KeepStatus(_) => Answer::Done,
            Ask::Record(records) => {
                self.put_records(state, records);
                Answer::Done
            }
            Ask::WriteDesired { over, desired } => {
                Answer::Written(self.write_desired(state, over, *desired))
            }
            Ask::Start(release) => {
                self.start_named(state, started, release);
                Answer::Done
            }
        };
        match join.on(&pushed, answer, THEN) {
            Some(_) => None,
            None => Some(Call::Join(join)),
        }
    }

    fn call_of_follow(
        &self,
        state: &mut State,
        started: Option<u64>,
        mut follow: Follow,
    ) -> Option<Call> {
        use follow::{Answer, Ask};
        let answer = match follow.ask() {
            Ask::ReadFile => Answer::File(match state.file {
                Some(file) => File::Accepted(self.accepted[file].clone()),
                None => File::Gone,
            }),
            Ask::ReadSource => Answer::Source(state.is_source.then(|| self.service.clone())),
            Ask::ReadDesired(_) => Answer::Desired(state.desired.clone()),
            // There is one file, which nothing is wrong with.
            Ask::IsThere(_) => Answer::IsThere(true),
            Ask::Reject(_) | Ask::Expect | Ask::PutStatus(_) | Ask::DeleteStatus => Answer::Done,
            Ask::PutFollower(..) => {
                state.is_follower = true;
                Answer::Done
            }
            Ask::PutSource(_) => {
                state.is_source = true;
                Answer::Done
            }
            Ask::LookThrough(_, searches) => Answer::Found(self.found(state, searches)),
            // Nor an image.
            Ask::LookForKept(..) => Answer::Found(BTreeMap::new()),
            Ask::CurrentVersion => Answer::Version(state.file.map(|file| file.to_string())),
            Ask::Record(records) => {
                self.put_records(state, records);
                Answer::Done
            }
            Ask::WriteDesired { over, desired } => {
                Answer::Written(self.write_desired(state, over, *desired))
            }
            Ask::Start(_, release) => {
                self.start_named(state, started, release);
                Answer::Done
            }
        };
        let over = follow.on(KEY, answer, THEN);
        (!over).then_some(Call::Follow(follow))
    }

    fn found(&self, state: &State, searches: Vec<Search>) -> BTreeMap<String, Found> {
        let found = searches.into_iter().map(|search| {
            let latest = self.latest_of(state, &search.rule);
            let found = Found {
                image: latest.map(|image| self.images[image].clone()),
                unfit: Vec::new(),
            };
            (search.container, found)
        });
        found.collect()
    }

    /// `StartExecution`. A repeated invocation has the same request id, so its execution for the same release is there already.
    fn start_named(&self, state: &mut State, started: Option<u64>, release: u64) {
        let is_taken = match started {
            Some(_) if self.lacks(Guard::NameExecutionsByRelease) => true,
            started => started == Some(release),
        };
        if !is_taken {
            self.start(state);
        }
    }

    /// No scenario has so many pushes that releases are passed over.
    fn put_records(&self, state: &mut State, records: Vec<Record>) {
        for record in records {
            self.put_record(state, record);
        }
    }

    fn write_desired(
        &self,
        state: &mut State,
        over: &Versioned<DesiredState>,
        mut desired: DesiredState,
    ) -> WriteOutcome {
        // Nothing is decided by the tags that were passed over, and there are many orders of them.
        desired.ignored.clear();
        if state.desired == *over {
            self.check_order(state, &desired);
        }
        self.compare_and_swap(state, over, desired)
    }
}

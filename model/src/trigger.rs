//! The triggers, call by call: `image-pushed`, `config-changed`, `execution-ended` and `rollout-changed`.

use landfall::{desired::DesiredState, versioned::Versioned};

use crate::{
    protocol::{Protocol, THEN},
    scenario::Guard,
    state::{Again, Call, Event, Invocation, State},
};

impl Call {
    /// Whether another invocation or execution could tell that the call was made.
    pub(crate) fn has_effect(&self) -> bool {
        matches!(
            self,
            Self::PutFollower { .. } | Self::WriteDesired { .. } | Self::StartExecution { .. }
        )
    }
}

impl Protocol {
    /// Makes the invocation's next call. None if it was its last.
    pub(crate) fn call_of_trigger(
        &self,
        state: &mut State,
        mut invocation: Invocation,
    ) -> Option<Invocation> {
        let event = invocation.event;
        let next = match invocation.next {
            Call::ListFollowers if !state.is_follower => return None,
            Call::ListFollowers => Call::ReadDesired,
            Call::ReadDesired => self.desired_read(state, event)?,
            Call::ReadImage { read } => self.join(read, self.tagged_by(state, event)?)?,
            Call::GetFile => Call::ReadDesiredForFile { file: state.file? },
            Call::ReadDesiredForFile { file } => {
                let read = state.desired.clone();
                if read.file.is_none() {
                    Call::PutFollower { file, read }
                } else {
                    self.look_through(file, read)
                }
            }
            Call::PutFollower { file, read } => {
                state.is_follower = true;
                self.look_through(file, read)
            }
            Call::LookThrough { file, read } => Call::HeadFile {
                file,
                read,
                found: self.latest(state, file),
            },
            Call::HeadFile { file, .. } if state.file != Some(file) => Call::GetFile,
            Call::HeadFile { file, read, found } => {
                let mut desired = DesiredState::clone(&read);
                let found = self.found(&read, file, found);
                desired.follow_file(self.followed(file), found, THEN);
                let unchanged = desired == *read;
                if unchanged && self.catches_up(&read, file) {
                    Call::ReadDesiredToCatchUp
                } else {
                    self.write(read, desired, Again::File(file))?
                }
            }
            Call::ReadDesiredToCatchUp => Call::LookThroughToCatchUp {
                read: state.desired.clone(),
            },
            Call::LookThroughToCatchUp { read } => {
                let mut desired = DesiredState::clone(&read);
                let followed = read.file.as_ref().map(|file| self.file_of(&file.content));
                if let Some(image) = followed.and_then(|file| self.latest(state, file)) {
                    desired.join_image(&self.images[image], THEN);
                }
                self.write(read, desired, Again::CatchUp)?
            }
            Call::WriteDesired { read, write, again } => {
                if state.desired == read {
                    let start = self.write_desired(state, write);
                    match again {
                        Again::Desired if self.moved_tag(&read, &state.desired, event) => {
                            Call::ReadDesired
                        }
                        Again::File(file) if self.catches_up(&read, file) => {
                            Call::ReadDesiredToCatchUp
                        }
                        _ => start?,
                    }
                } else {
                    match again {
                        Again::Desired => Call::ReadDesired,
                        Again::File(file) => Call::ReadDesiredForFile { file },
                        Again::CatchUp => Call::ReadDesiredToCatchUp,
                    }
                }
            }
            Call::StartExecution { release } => {
                let is_taken = match invocation.started {
                    Some(_) if self.lacks(Guard::NameExecutionsByRelease) => true,
                    started => started == Some(release),
                };
                if !is_taken {
                    self.start(state);
                }
                return None;
            }
            Call::ReadSleeper => Call::Wake(Some(state.sleeper?)),
            Call::Wake(token) => {
                state.wake(token);
                return None;
            }
        };
        invocation.next = next;
        Some(invocation)
    }

    /// What the tag of the push points to now.
    fn tagged_by(&self, state: &State, event: Event) -> Option<usize> {
        let Event::Pushed(image) = event else {
            return None;
        };
        self.image_tagged(state, &self.images[image].tag)
    }

    fn desired_read(&self, state: &State, event: Event) -> Option<Call> {
        let read = state.desired.clone();
        match event {
            Event::Pushed(image) => {
                let image = &self.images[image];
                let followers = read.followers_of(&image.repository, &image.tag);
                (!followers.is_empty()).then_some(Call::ReadImage { read })
            }
            _ => starts(&read),
        }
    }

    fn join(&self, read: Versioned<DesiredState>, image: usize) -> Option<Call> {
        let mut desired = DesiredState::clone(&read);
        desired.join_image(&self.images[image], THEN);
        self.write(read, desired, Again::Desired)
    }

    fn look_through(&self, file: usize, read: Versioned<DesiredState>) -> Call {
        if read.new_rules(&self.files[file].1.images).is_empty() {
            let found = None;
            return Call::HeadFile { file, read, found };
        }
        Call::LookThrough { file, read }
    }

    /// Nothing is written that would change nothing.
    fn write(
        &self,
        read: Versioned<DesiredState>,
        desired: DesiredState,
        again: Again,
    ) -> Option<Call> {
        if desired != *read {
            let write = self.desired.keep(desired);
            return Some(Call::WriteDesired { read, write, again });
        }
        starts(&read)
    }

    /// Whether an invocation that takes up the version looks through the repository once more.
    fn catches_up(&self, read: &DesiredState, file: usize) -> bool {
        let version_id = self.followed(file).version_id;
        let may_repeat = read
            .file
            .as_ref()
            .is_some_and(|before| before.version_id == version_id);
        let has_new_rules = !read.new_rules(&self.files[file].1.images).is_empty();
        !self.lacks(Guard::LookThroughOnceMore) && (may_repeat || has_new_rules)
    }

    /// Whether an invocation followed a moved tag, so that it looks once more.
    fn moved_tag(&self, read: &DesiredState, written: &DesiredState, event: Event) -> bool {
        let is_push = matches!(event, Event::Pushed(_));
        let mut images = written.images.values();
        is_push
            && !self.lacks(Guard::LookAgainAfterATagMoved)
            && images.any(|image| read.moves_tag(image))
    }

    fn write_desired(&self, state: &mut State, write: Versioned<DesiredState>) -> Option<Call> {
        self.check_order(state, &write);
        state.desired = write;
        starts(&state.desired)
    }
}

fn starts(desired: &DesiredState) -> Option<Call> {
    let release = desired.next_release()?.number;
    Some(Call::StartExecution { release })
}

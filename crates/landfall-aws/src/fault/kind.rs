//! The kinds of failures, by what operating people do about them.

/// What operating people do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AWS is throttling, unavailable or unreachable: the state machine tries again.
    Transient,
    /// AWS refuses what it takes a while later ([`crate::not_yet`]): the state machine tries again for some minutes.
    NotYet,
    /// AWS or Landfall refuses: a retry would be refused too, until an operator changes something.
    Refused,
    /// AWS denies a read: what the function has to know cannot be seen, until an operator changes a policy. That says nothing
    /// about what the function was to do.
    Denied,
    /// Something that should not happen.
    Unexpected,
}

impl Kind {
    /// The name of this kind, one of [`Fault::NAMES`](super::Fault::NAMES).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "Transient",
            Self::NotYet => "NotYet",
            Self::Refused => "Refused",
            Self::Denied => "Denied",
            Self::Unexpected => "Unexpected",
        }
    }
}

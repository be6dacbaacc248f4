//! Protocols without I/O: what is asked of S3, ECR, ECS and Step Functions, in which order, and what each answer leads
//! to.
//!
//! In these four the order of reads and writes carries the proof that nothing is lost and nothing runs twice
//! (docs/design.md, "The order of reads and writes"). A protocol is a value: `ask` says what it wants to know or have
//! done next, `on` takes the answer, and the time where that matters. A function carries out what is asked, one call
//! after the other; the model carries out the same on a simulated AWS, and lets other invocations act between any two
//! calls.
//!
//! An answer that does not fit to the question changes nothing: the same question is asked again.

pub mod claim;
pub mod conclude;
pub mod follow;
pub mod join;

/// A precaution of a protocol that the model leaves out, to see that its checker finds what the precaution prevents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// The claim is taken only from an execution that has ended.
    AskWhetherTheHolderLives,
    /// The claim of an execution that has ended is left until its last function can do nothing any more.
    WaitForTheLastCallOfTheDead,
    /// An execution that finds itself to be the holder looks whether its release has a record already.
    LookForTheRecordOfTheHeldClaim,
    /// The record is written before the verdict.
    RecordBeforeTheVerdict,
    /// The verdict is written only over the desired state that was read.
    CompareAndSwapTheVerdict,
    /// An invocation that followed a moved tag asks ECR once more.
    LookAgainAfterATagMoved,
    /// After a follow rule came into force, its repository is looked through once more.
    LookThroughOnceMore,
    /// A service that follows a file for the first time makes sure once more that the file is there.
    LookAgainAfterTheFirstFollow,
}

/// The guards of a protocol: all of them, but in the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guards {
    left_out: Option<Guard>,
}

impl Guards {
    /// Every guard, as the functions have them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Every guard but one. Only the model does this.
    pub fn without(guard: Guard) -> Self {
        Self {
            left_out: Some(guard),
        }
    }

    fn has(self, guard: Guard) -> bool {
        self.left_out != Some(guard)
    }
}

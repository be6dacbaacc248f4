//! The claim and supersede protocol as a model: one service, its desired state in S3 with compare-and-swap, the images
//! that ECR shows, the service in ECS, the task token, triggers and executions. Every call that a handler makes of AWS
//! is one step, so that the checker tries every interleaving of every handler's calls, with executions that die,
//! answers that are lost and events that come twice.
//!
//! How an execution asks for the claim and concludes a release, how an image is joined and a file is followed: these are
//! the functions' own protocols (`landfall::protocol`), whose questions the model answers from its state. What `update-service`,
//! `check-rollout`, `verify-health` and `roll-back` decide is decided by `landfall` too, but the order of their calls stands
//! here (`rollout.rs`), as do the few calls of `execution-ended` and `rollout-changed`. The way from step to step is that of the
//! state machine itself (`machine.rs`, walked by `walk.rs`): what a step answers is put where it says, its choices say what comes
//! next, and what went wrong and how a release ends follows from what it sends to `roll-back` and `conclude-release`.
//!
//! To keep the number of states down, an execution dies only just after a call with an effect (what it reads after that
//! nobody else can tell), a minute of sleep passes only where there is something to see, and a call that reads what
//! nobody will change any more is made at once.
//!
//! Left out: calls that change nothing that another call looks at (status files, clusters, log lines, events to
//! people), pushes whose event is lost, steps that are refused for good, ECS running out of time, other people's changes in
//! ECS, and answers of DescribeExecution that are behind the times.

mod checks;
mod clock;
mod conclude;
mod counterexample;
mod ecs;
mod execution;
mod machine;
mod protocol;
mod rollout;
mod scenario;
mod schedule;
mod shelf;
mod state;
mod trigger;
mod walk;

pub use checks::CHECKS;
pub use counterexample::describe;
pub use protocol::Protocol;
pub use scenario::{Faults, Guard, Happening, Pushed, Quality, Scenario};
pub use schedule::Action;
pub use state::State;

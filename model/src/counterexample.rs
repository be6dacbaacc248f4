//! A counterexample, for people.

use landfall::protocol::{claim::Stage, conclude, follow, join};
use stateright::Path;

use crate::{
    protocol::Protocol,
    schedule::Action,
    state::{Call, Event, Execution, State, Step},
};

/// The way to a state that must not be, a line for each step, and the state.
pub fn describe(protocol: &Protocol, path: &Path<State, Action>) -> String {
    let steps = path.clone().into_vec();
    let mut text = String::new();
    for (number, (state, action)) in (1..).zip(&steps) {
        if let Some(action) = action {
            text.push_str(&format!("{number:3}. {}\n", line(protocol, state, *action)));
        }
    }
    text.push_str(&summary(protocol, path.last_state()));
    text
}

fn line(protocol: &Protocol, state: &State, action: Action) -> String {
    let tag = |image: usize| format!("hello:{} (image {image})", protocol.images[image].tag);
    let happening = |list: usize| match protocol.scenario.happenings[list][state.happened[list]] {
        crate::Happening::Push(image) => format!("{} is pushed", tag(image)),
        crate::Happening::Hold => "an operator holds the service".into(),
        crate::Happening::Resume => "an operator resumes the service".into(),
        crate::Happening::Delete => "the service file is deleted".into(),
        crate::Happening::Upload(file) => format!("version {file} of the service file is uploaded"),
    };
    let trigger = |index: usize| {
        let invocation = &state.invocations[index];
        let who = match invocation.event {
            Event::Pushed(image) => format!("image-pushed for {}", tag(image)),
            Event::FileChanged => "config-changed".into(),
            Event::ExecutionEnded(execution) => {
                format!("execution-ended for e{}", execution + 1)
            }
            Event::RolloutChanged => "rollout-changed".into(),
        };
        format!("{who} {}", call(&invocation.next))
    };
    let execution = |index: usize| {
        format!(
            "e{} {}",
            index + 1,
            next(protocol, &state.executions[index])
        )
    };
    match action {
        Action::Happen(list) => happening(list),
        Action::HappenAnnouncedTwice(list) => format!("{}; the event comes twice", happening(list)),
        Action::Trigger(index) => trigger(index),
        Action::TriggerLosesAnswer(index) => {
            format!("{}, is killed and is invoked again", trigger(index))
        }
        Action::Execution(index) => execution(index),
        Action::ExecutionLosesAnswer(index) => {
            format!(
                "{}; the answer is lost, the step begins again",
                execution(index)
            )
        }
        Action::Dies(index) => format!("e{} dies", index + 1),
        Action::Stops(index) => format!("e{} is stopped, and its function goes on", index + 1),
        Action::LastCall(index) => format!("the last function of {}", execution(index)),
        Action::Minute(index) => format!("e{} has slept for a minute", index + 1),
        Action::EcsFinishes => "ECS comes to the end of the deployment".into(),
        Action::StrayWake => "an event of ECS comes for no reason".into(),
        Action::Unanswered(index) => format!("{}, and AWS never answers", execution(index)),
        Action::SightRestored => "AWS answers again, and a sweep goes on".into(),
    }
}

fn call(call: &Call) -> &'static str {
    match call {
        Call::ListFollowers => "lists who follows the repository",
        Call::ReadDesired => "reads the desired state",
        Call::Join(join) => match join.stage {
            join::Stage::ReadDesired => "reads the desired state",
            join::Stage::ReadImage { .. } => "asks ECR for the image",
            join::Stage::LookThrough(_) => "looks through the repository",
            join::Stage::WriteDesired(_) => "writes the desired state, if it is as it was read",
            join::Stage::Record(_) => "records what was passed over",
            join::Stage::Start { .. } => "starts an execution",
            join::Stage::IsThere { .. }
            | join::Stage::LookForKept(_)
            | join::Stage::Refresh(_)
            | join::Stage::Distrust(_)
            | join::Stage::KeepStatus(_) => "does what nobody sees",
        },
        Call::Follow(follow) => match follow.ask() {
            follow::Ask::ReadFile => "reads the service file",
            follow::Ask::ReadSource => "reads which service the file describes",
            follow::Ask::ReadDesired(_) => "reads the desired state",
            follow::Ask::PutFollower(..) => "notes that the service follows the repository",
            follow::Ask::PutSource(_) => "notes that the file describes the service",
            follow::Ask::LookThrough(..) => "looks through the repository",
            follow::Ask::CurrentVersion => "asks for the file's current version",
            follow::Ask::WriteDesired { .. } => "writes the desired state, if it is as it was read",
            follow::Ask::Record(_) => "records what was passed over",
            follow::Ask::Start(..) => "starts an execution",
            follow::Ask::IsThere(_)
            | follow::Ask::LookForKept(..)
            | follow::Ask::Reject(_)
            | follow::Ask::Expect
            | follow::Ask::PutStatus(_)
            | follow::Ask::DeleteStatus => "does what nobody sees",
        },
        Call::StartExecution { .. } => "starts an execution",
        Call::ReadSleeper => "reads the task token",
        Call::Wake(_) => "sends task success",
    }
}

fn next(protocol: &Protocol, execution: &Execution) -> String {
    let (claim, step) = match execution {
        Execution::Claiming(claim) => {
            return match claim.stage {
                Stage::ReadDesired => "reads the desired state for the claim",
                Stage::DescribeHolder { .. } => "asks whether the holder of the claim lives",
                Stage::ReadRecord { .. } => "reads the record of the claim's release",
                Stage::WriteClaim { .. } => {
                    "writes its claim, if the desired state is as it was read"
                }
                Stage::ReadSleeper => "leaves the claim to its holder, and reads the task token",
                Stage::Wake(_) => "sends task success",
            }
            .into();
        }
        Execution::Waiting(holder) => {
            return format!("has waited for the last call of e{}", holder + 1);
        }
        Execution::Working { claim, step } => (claim, step),
        Execution::Dying(last) => return next(protocol, last),
        Execution::Done | Execution::Dead => return "is over".into(),
    };
    let what = claim.release.as_ref().map_or_else(String::new, |release| {
        let image = protocol.image_in(release);
        format!(" (release {}, image {image})", release.number)
    });
    let call = match step {
        Step::DescribeForUpdate => "describes the service",
        Step::Update { .. } => "calls UpdateService",
        Step::PutSleeper(_) | Step::PutSleeperLate(_) => "stores its task token",
        Step::LookAtDesired { .. } => "looks: reads the desired state",
        Step::LookAtService { .. } => "looks: describes the service",
        Step::LookAtDeployment { .. } => "looks: describes the newest service deployment",
        Step::Asleep(_) => "sleeps",
        Step::VerifyDesired => "verifies: reads the desired state",
        Step::VerifyService { .. } => "verifies: describes the service and probes it",
        Step::RollBackDesired(_) => "rolls back: reads the desired state",
        Step::RollBackService { .. } => "rolls back: describes the service",
        Step::RollBackUpdate { .. } => "rolls back: calls UpdateService",
        Step::Conclude { ending, conclude } => {
            let verdict = ending.verdict;
            return match conclude.stage {
                conclude::Stage::Look => format!("concludes: looks at the service{what}"),
                conclude::Stage::PutRecord { .. } => "puts a record, unless it is there".into(),
                conclude::Stage::WriteVerdict { .. } => {
                    format!("writes the verdict {verdict}{what}")
                }
                _ => format!("concludes as {verdict}: reads the desired state{what}"),
            };
        }
    };
    format!("{call}{what}")
}

fn summary(protocol: &Protocol, state: &State) -> String {
    let desired = &state.desired;
    let open: Vec<_> = desired
        .open
        .iter()
        .map(|release| format!("{} (image {})", release.number, protocol.image_in(release)))
        .collect();
    let records: Vec<_> = state
        .records
        .iter()
        .map(|(number, record)| format!("{number} {}", record.verdict))
        .collect();
    let verdicts: Vec<_> = state
        .verdicts
        .iter()
        .map(|(number, verdict)| format!("{number} {verdict}"))
        .collect();
    let claim = desired.claim.as_ref().map_or("nobody".to_owned(), |claim| {
        format!(
            "{} for release {}, attempt {}",
            claim.execution, claim.release, claim.attempt
        )
    });
    let service = state.service.map_or("none".to_owned(), |service| {
        format!(
            "image {} {:?}, section of version {}, wanted: {}",
            service.primary, service.deployment, service.section, service.wanted
        )
    });
    let good = desired.last_good.as_ref().map(|good| good.number);
    format!(
        "  open: {open:?}\n  claim: {claim}\n  last good: {good:?}\n  verdicts: {verdicts:?}\n  records: \
         {records:?}\n  ECS: {service}\n  offence: {:?}\n",
        state.offence
    )
}

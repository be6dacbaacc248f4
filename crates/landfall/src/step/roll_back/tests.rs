#![allow(clippy::unwrap_used)]

mod undo;
mod way_back;

use super::*;
use crate::{
    drift::{self, Registered, Revision},
    sample::*,
};

const STAGES: [Stage; 5] = [
    Stage::Refused,
    Stage::Task,
    Stage::Step,
    Stage::Rollout,
    Stage::Health,
];

/// Nothing was ever good.
fn never_good() -> DesiredState {
    DesiredState {
        last_good: None,
        applied_file: None,
        ..desired(&[1])
    }
}

/// It is uncertain which `service` section ECS has.
fn uncertain() -> DesiredState {
    DesiredState {
        applied_file: None,
        ..desired(&[2])
    }
}

/// Where what the service runs came from, by the rule that production asks: of revisions with the service's tags for a
/// release that did not succeed, or without tags.
fn provenance(
    desired: &DesiredState,
    live: Option<&LiveService>,
    is_tagged: bool,
    noted: Option<u64>,
) -> Provenance {
    let noted = noted.map(revision);
    let whose = live.and_then(|live| {
        let revision = Revision {
            registered: Some(is_tagged.then_some(Registered { release: None })),
            noted: Some(noted.clone()),
            is_described: Some(true),
            ..Revision::new(&live.primary()?.task_definition)
        };
        Some(drift::whose(desired, live, &revision).unwrap())
    });
    Provenance {
        whose,
        way_back: desired.accepted.clone().or(noted),
        fails: false,
    }
}

/// Where it came from if Landfall registered all that it runs.
fn ours(desired: &DesiredState, live: Option<&LiveService>) -> Provenance {
    provenance(desired, live, true, None)
}

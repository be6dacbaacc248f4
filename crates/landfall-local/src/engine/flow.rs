//! Whether a state machine's states hang together: every target exists, every state can be reached, no name is used twice.

use std::collections::BTreeSet;

use super::{
    asl::{Flow, Kind, Next, State},
    fields::Fields,
    load::LoadError,
};

/// Checks one flow. `fields` is where the flow stands, for errors.
pub(super) fn check_targets(flow: &Flow, fields: &Fields) -> Result<(), LoadError> {
    if !flow.states.contains_key(&flow.start_at) {
        return Err(fields.error("StartAt", format!("there is no state `{}`", flow.start_at)));
    }
    for (name, state) in &flow.states {
        for (field, target) in targets(state) {
            if !flow.states.contains_key(target) {
                return Err(LoadError {
                    place: format!("state `{name}`, field `{field}`"),
                    reason: format!("there is no state `{target}` beside it"),
                });
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut open = vec![flow.start_at.as_str()];
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(
                targets(&flow.states[name])
                    .into_iter()
                    .map(|(_, target)| target),
            );
        }
    }
    match flow
        .states
        .keys()
        .find(|name| !reached.contains(name.as_str()))
    {
        Some(name) => Err(LoadError {
            place: format!("state `{name}`"),
            reason: "no state leads here, so it would never run".into(),
        }),
        None => Ok(()),
    }
}

/// State names are unique in the whole state machine, branches included.
pub(super) fn check_names(flow: &Flow) -> Result<(), LoadError> {
    fn visit<'a>(flow: &'a Flow, seen: &mut BTreeSet<&'a str>) -> Result<(), LoadError> {
        for (name, state) in &flow.states {
            if !seen.insert(name) {
                return Err(LoadError {
                    place: format!("state `{name}`"),
                    reason: "the name is used twice; names are unique in the whole state machine"
                        .into(),
                });
            }
            if let Kind::Parallel(parallel) = &state.kind {
                parallel
                    .branches
                    .iter()
                    .try_for_each(|branch| visit(branch, seen))?;
            }
        }
        Ok(())
    }
    visit(flow, &mut BTreeSet::new())
}

/// The states a state can lead to, with the field that says so.
fn targets(state: &State) -> Vec<(&'static str, &str)> {
    let mut targets = Vec::new();
    let (next, catchers) = match &state.kind {
        Kind::Task(task) => (Some(&task.next), task.catch.as_slice()),
        Kind::Parallel(parallel) => (Some(&parallel.next), parallel.catch.as_slice()),
        Kind::Wait(_, next) => (Some(next), [].as_slice()),
        Kind::Pass(pass) => (Some(&pass.next), [].as_slice()),
        Kind::Choice(_) | Kind::Succeed | Kind::Fail(_) => (None, [].as_slice()),
    };
    if let Some(Next::State(name)) = next {
        targets.push(("Next", name.as_str()));
    }
    targets.extend(
        catchers
            .iter()
            .map(|catcher| ("Catch", catcher.next.as_str())),
    );
    if let Kind::Choice(choice) = &state.kind {
        targets.extend(
            choice
                .rules
                .iter()
                .map(|(_, next)| ("Choices", next.as_str())),
        );
        targets.extend(choice.default.iter().map(|next| ("Default", next.as_str())));
    }
    targets
}

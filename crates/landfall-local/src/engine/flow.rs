//! Whether a state machine's states hang together: every target exists, every state can be reached.

use std::collections::BTreeSet;

use super::{
    asl::{Definition, Kind},
    fields::Fields,
    load_error::LoadError,
};

/// Checks a definition. `fields` is where it stands, for errors.
pub(super) fn check_targets(definition: &Definition, fields: &Fields) -> Result<(), LoadError> {
    if !definition.states.contains_key(&definition.start_at) {
        return Err(fields.error(
            "StartAt",
            format!("there is no state `{}`", definition.start_at),
        ));
    }
    for (name, state) in &definition.states {
        for (field, target) in targets(state) {
            if !definition.states.contains_key(target) {
                return Err(LoadError {
                    place: format!("state `{name}`, field `{field}`"),
                    reason: format!("there is no state `{target}`"),
                });
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut open = vec![definition.start_at.as_str()];
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(
                targets(&definition.states[name])
                    .into_iter()
                    .map(|(_, target)| target),
            );
        }
    }
    match definition
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

/// The states a state can lead to, with the field that says so.
fn targets(state: &Kind) -> Vec<(&'static str, &str)> {
    match state {
        Kind::Task(task) => {
            let catchers = task.catch.iter();
            let caught = catchers.map(|catcher| ("Catch", catcher.next.as_str()));
            caught.chain([("Next", task.next.as_str())]).collect()
        }
        Kind::Wait(wait) => vec![("Next", &wait.next)],
        Kind::Choice(choice) => {
            let rules = choice.rules.iter();
            let chosen = rules.map(|(_, next)| ("Choices", next.as_str()));
            chosen
                .chain([("Default", choice.default.as_str())])
                .collect()
        }
        Kind::Succeed | Kind::Fail(_) => Vec::new(),
    }
}

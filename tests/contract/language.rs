//! The engine implements of the Amazon States Language what the state machine uses: not less, and not more.

use std::collections::{BTreeMap, BTreeSet};

use landfall_local::engine::language;
use serde_json::Value;

use super::ASL;

/// Names by where they stand.
type Names = BTreeMap<&'static str, BTreeSet<String>>;

/// What the state machine uses.
#[derive(Default)]
struct Used(Names);

impl Used {
    fn note(&mut self, place: &'static str, name: &str) {
        self.0.entry(place).or_default().insert(name.to_owned());
    }

    fn fields(&mut self, place: &'static str, object: &Value) {
        for name in object.as_object().unwrap().keys() {
            self.note(place, name);
        }
    }

    fn state(&mut self, state: &Value) {
        let kind = state["Type"].as_str().unwrap();
        let listed = language::STATES.iter().find(|(name, _)| *name == kind);
        let (place, _) = listed.unwrap_or_else(|| panic!("the engine has no {kind} state"));
        self.0.entry(place).or_default();
        self.fields(place, state);
        let elements = |field: &str| state[field].as_array().cloned().unwrap_or_default();
        for (place, handlers) in [("Retry", elements("Retry")), ("Catch", elements("Catch"))] {
            for handler in handlers {
                self.fields(place, &handler);
                for error in handler["ErrorEquals"].as_array().unwrap() {
                    let error = error.as_str().unwrap();
                    if error.starts_with("States.") {
                        self.note("errors", error);
                    }
                }
            }
        }
        for rule in elements("Choices") {
            self.fields("rule", &rule);
            for inner in rule["And"].as_array().into_iter().flatten() {
                self.fields("rule", inner);
            }
        }
        if let Some(integration) = state["Resource"].as_str()
            && !integration.starts_with("${")
        {
            // The engine is given the definition of an installation in the partition `aws`.
            self.note("integrations", &integration.replace("${Partition}", "aws"));
            self.fields("invoke", &state["Parameters"]);
        }
        self.expressions(state);
    }

    /// Paths into the context object and calls of intrinsic functions, wherever they may stand.
    fn expressions(&mut self, value: &Value) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let computed = name.ends_with(".$") || name.ends_with("Path");
            if let Some(text) = value.as_str().filter(|_| computed) {
                let place = match text {
                    _ if text.starts_with("$$") => "context",
                    _ if text.starts_with('$') => continue,
                    _ => "intrinsic functions",
                };
                let inside = |known: &&&str| text.starts_with(&format!("{known}."));
                let known = language::CONTEXT.iter().find(inside);
                self.note(place, known.unwrap_or(&text));
            }
            self.expressions(value);
        }
    }
}

fn implemented() -> Names {
    let states = language::STATES.iter().map(|(kind, fields)| {
        let fields = fields.iter().chain(&["Type"]);
        (*kind, fields.map(ToString::to_string).collect())
    });
    let lists = [
        ("definition", language::DEFINITION),
        ("integrations", language::INTEGRATIONS),
        ("invoke", language::INVOKE),
        ("Retry", language::RETRY),
        ("Catch", language::CATCH),
        ("errors", language::ERRORS),
        ("rule", language::RULE),
        ("context", language::CONTEXT),
    ];
    let lists =
        lists.map(|(place, names)| (place, names.iter().map(ToString::to_string).collect()));
    states.chain(lists).collect()
}

#[test]
fn the_engine_implements_what_the_state_machine_uses_and_nothing_else() {
    let asl: Value = serde_json::from_str(ASL).unwrap();
    let mut used = Used::default();
    used.fields("definition", &asl);
    for state in asl["States"].as_object().unwrap().values() {
        used.state(state);
    }
    let implemented = implemented();
    let places: BTreeSet<_> = used.0.keys().chain(implemented.keys()).collect();
    for place in places {
        let names = |all: &Names| all.get(place).cloned().unwrap_or_default();
        let (used, implemented) = (names(&used.0), names(&implemented));
        let unused: Vec<_> = implemented.difference(&used).collect();
        let unknown: Vec<_> = used.difference(&implemented).collect();
        assert!(
            unused.is_empty() && unknown.is_empty(),
            "{place}: the engine implements {unused:?}, which the state machine does not use; \
             the state machine uses {unknown:?}, which the engine does not know"
        );
    }
}

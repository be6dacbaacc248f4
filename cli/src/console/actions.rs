//! What can be changed by the page. Each action is a row of [`ALL`]: when it is offered, what it says that it will do, and what
//! it does, which is what the command of its name does.

use futures_util::future::BoxFuture;
use landfall::{by_hand::Back, live::HookAction, record::Verdict, service_id::ServiceId};
use landfall_aws::Fault;
use maud::{Markup, html};

use super::page;
use crate::{view::View, which::Landfall};

/// An action.
pub(crate) struct Action {
    /// The command that does it, and the end of its address.
    pub(crate) name: &'static str,
    /// What its button says.
    pub(crate) label: &'static str,
    /// Whether a service is in a state for it.
    pub(crate) is_offered: fn(&View) -> bool,
    /// What it will do, in sentences.
    says: fn(&View) -> Vec<String>,
    /// Whether a reason has to be given.
    needs_reason: bool,
    /// Does it.
    pub(crate) carry_out: Carry,
}

/// What carries an action out, for a reason.
type Carry = for<'a> fn(&'a Landfall, &'a ServiceId, Option<&'a str>) -> Done<'a>;
type Done<'a> = BoxFuture<'a, Result<(), Fault>>;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// All of them, in the order of their buttons.
pub(crate) static ALL: [Action; 7] = [
    Action {
        name: "continue",
        label: "Continue …",
        is_offered: is_paused,
        says: |view| {
            let mut says = pause(view);
            says.push("ECS is told to go on with the deployment.".into());
            says
        },
        needs_reason: false,
        carry_out: |landfall, service, reason| {
            answer(landfall, service, HookAction::Continue, reason)
        },
    },
    Action {
        name: "abort",
        label: "Abort …",
        is_offered: is_paused,
        says: |view| {
            let mut says = pause(view);
            says.push("ECS is told to take the deployment back. The release is bad then, and its images are left out.".into());
            says
        },
        needs_reason: false,
        carry_out: |landfall, service, reason| {
            answer(landfall, service, HookAction::Rollback, reason)
        },
    },
    Action {
        name: "retry",
        label: "Retry …",
        is_offered: is_bad,
        says: |view| {
            let left_out = view.desired.left_out().into_iter().map(|left| {
                let image = left.image;
                format!(
                    "{}:{} is no longer left out (container {}).",
                    image.repository, image.tag, left.container
                )
            });
            let then = match &view.desired.hold {
                Some(_) => {
                    "A release is made of the newest images and the file, and waits for the end of the hold."
                }
                None => {
                    "A release is made of the newest images and the file, unless they are what succeeded last, and rolled out."
                }
            };
            left_out.chain([then.to_owned()]).collect()
        },
        needs_reason: false,
        carry_out: |landfall, service, reason| {
            Box::pin(async move {
                let machine = landfall.state_machine.as_deref();
                landfall.operator().retry(service, reason, machine).await?;
                Ok(())
            })
        },
    },
    Action {
        name: "deploy",
        label: "Deploy …",
        is_offered: |view| view.desired.file.is_some(),
        says: |view| {
            let service = &view.desired.service;
            let looks = format!(
                "ECR is asked for the newest images that the follow rules of {service} admit, in case that an event was lost. \
                 A release is made of them, unless they are what was released last."
            );
            let held = view.desired.hold.is_some();
            let waits = held.then(|| "It waits for the end of the hold.".to_owned());
            [looks].into_iter().chain(waits).collect()
        },
        needs_reason: false,
        carry_out: |landfall, service, reason| {
            Box::pin(async move {
                let machine = landfall.state_machine.as_deref();
                let operator = landfall.operator();
                operator.deploy(service, None, reason, machine).await?;
                Ok(())
            })
        },
    },
    Action {
        name: "rollback",
        label: "Roll back …",
        is_offered: |view| {
            let back = view.desired.back();
            back.is_some_and(|back| !matches!(back, Back::IsBackAt(_)))
        },
        says: |view| {
            let service = &view.desired.service;
            let goes = match view.desired.back() {
                Some(Back::ToLastGood(number)) => {
                    format!("{service} is given what release {number} ran, the last good one.")
                }
                Some(Back::Before(number)) => format!(
                    "{service} is given what the newest release before {number} ran that succeeded with something else."
                ),
                Some(Back::IsBackAt(number)) => {
                    format!("{service} was taken back to release {number} already.")
                }
                None => format!("No release of {service} has succeeded yet."),
            };
            let stays = "That is a release of its own, with the service file of then. The service stays at it, on hold, whatever \
                         is pushed or uploaded, until it is resumed.";
            vec![goes, stays.to_owned()]
        },
        needs_reason: true,
        carry_out: |landfall, service, reason| {
            Box::pin(async move {
                let machine = landfall.state_machine.as_deref();
                let operator = landfall.operator();
                operator.roll_back(service, None, reason, machine).await?;
                Ok(())
            })
        },
    },
    Action {
        name: "hold",
        label: "Hold …",
        is_offered: |view| view.desired.hold.is_none(),
        says: |view| {
            let begun = view.desired.next_release().map(|release| {
                format!(
                    "Release {} was begun and is brought to its end.",
                    release.number
                )
            });
            let stays = format!(
                "{} stays as it is, whatever is pushed or uploaded, until it is resumed.",
                view.desired.service
            );
            [stays].into_iter().chain(begun).collect()
        },
        needs_reason: true,
        carry_out: |landfall, service, reason| {
            Box::pin(async move {
                let reason = reason.unwrap_or_default();
                landfall.operator().hold(service, reason).await?;
                Ok(())
            })
        },
    },
    Action {
        name: "resume",
        label: "Resume …",
        is_offered: |view| view.desired.hold.is_some(),
        says: |view| {
            let hold = view.desired.hold.iter();
            let held =
                hold.map(|hold| format!("It is on hold: {}.", hold.reason.trim_end_matches('.')));
            let then = match view.desired.newest_open() {
                Some(release) => format!(
                    "{} may change again, and release {} is rolled out ({}).",
                    view.desired.service, release.number, release.cause
                ),
                None => format!(
                    "{} may change again. A revision that somebody else gave it is replaced, and after a roll-back the newest \
                     is deployed again.",
                    view.desired.service
                ),
            };
            held.chain([then]).collect()
        },
        needs_reason: false,
        carry_out: |landfall, service, reason| {
            Box::pin(async move {
                let machine = landfall.state_machine.as_deref();
                landfall.operator().resume(service, reason, machine).await?;
                Ok(())
            })
        },
    },
];

/// Whether something was left out, or the last release was no success, and no other one is under way.
fn is_bad(view: &View) -> bool {
    let desired = &view.desired;
    let last = desired.concluded.as_ref();
    let no_success = last.is_some_and(|last| last.verdict != Verdict::Succeeded);
    let is_still = desired.file.is_some() && desired.open.is_empty();
    is_still && (no_success || !desired.left_out().is_empty())
}

fn is_paused(view: &View) -> bool {
    view.desired.paused.is_some()
}

fn pause(view: &View) -> Vec<String> {
    let paused = view.desired.paused.iter();
    let sentences =
        paused.map(|paused| format!("Release {}: {}.", paused.release, paused.pause.sentence()));
    sentences.collect()
}

fn answer<'a>(
    landfall: &'a Landfall,
    service: &'a ServiceId,
    answer: HookAction,
    reason: Option<&'a str>,
) -> Done<'a> {
    Box::pin(async move {
        let operator = landfall.operator();
        operator.answer_pause(service, &answer, reason).await?;
        Ok(())
    })
}

/// The action of this name.
pub(crate) fn named(name: &str) -> Option<&'static Action> {
    ALL.iter().find(|action| action.name == name)
}

/// What a decision is about: what was shown when somebody decided has to be so when it is carried out.
pub(crate) fn stamp(view: &View) -> String {
    let desired = &view.desired;
    let hold = desired.hold.as_ref().map(|hold| hold.since.as_nanosecond());
    let paused = desired.paused.as_ref().map(|paused| paused.release);
    let open = desired.newest_open().map(|release| release.number);
    let [hold, paused, open] = [
        hold.map(|since| since.to_string()),
        paused.map(|release| release.to_string()),
        open.map(|release| release.to_string()),
    ]
    .map(Option::unwrap_or_default);
    format!("{}.{open}.{hold}.{paused}", desired.last_number)
}

/// A form that was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// What it was about.
    pub(crate) stamp: String,
    /// Why.
    pub(crate) reason: Option<String>,
}

impl Sent {
    /// Reads the fields of a form.
    ///
    /// # Errors
    /// What is wrong with them, in a sentence.
    pub(crate) fn read(action: &Action, body: &[u8]) -> Result<Self, String> {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
            .map_err(|error| format!("The form cannot be read: {error}."))?;
        let mut sent = Self::default();
        for (name, value) in fields {
            match &*name {
                "stamp" => sent.stamp = value,
                "reason" => {
                    let value = value.trim();
                    sent.reason = (!value.is_empty()).then(|| value.to_owned());
                }
                _ => {}
            }
        }
        match &sent.reason {
            None if action.needs_reason => Err("Say why, for whoever looks at the service.".into()),
            Some(reason) if reason.chars().count() > LONGEST_REASON => Err(format!(
                "A reason has at most {LONGEST_REASON} characters; this one has {}.",
                reason.chars().count()
            )),
            _ => Ok(sent),
        }
    }
}

/// What can be done about a service, as links to the pages that ask for it.
pub(crate) fn buttons<'a>(
    service: &ServiceId,
    actions: impl Iterator<Item = &'a Action>,
) -> Markup {
    html! {
        @for action in actions {
            a.button data-asks href={ (page::address(service)) "/actions/" (action.name) } { (action.label) }
            " "
        }
    }
}

/// What an action will do, and the form that has it done. `problem` is why it was not.
pub(crate) fn form(action: &Action, view: &View, problem: Option<&str>) -> Markup {
    let service = &view.desired.service;
    let title = action.label.trim_end_matches(" …");
    html! {
        form.asked #asking method="post" action={ (page::address(service)) "/actions/" (action.name) } {
            h1 { (title) " " (service) "?" }
            @if let Some(problem) = problem { p.notice role="alert" { (problem) } }
            @if (action.is_offered)(view) {
                @for sentence in (action.says)(view) { p { (sentence) } }
                input type="hidden" name="stamp" value=(stamp(view));
                label {
                    "Why" @if !action.needs_reason { span.quiet { " (may be left empty)" } }
                    input type="text" name="reason" maxlength=(LONGEST_REASON) required[action.needs_reason] autocomplete="off" autofocus;
                }
            }
            p.actions {
                @if (action.is_offered)(view) { button.button.strong { (title) } " " }
                a.button.plain data-closes href=(page::address(service)) { "Leave it" }
            }
            p.quiet { "The same as " code { "landfall " (action.name) " " (service) } ", with your own AWS credentials." }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_form_is_read_with_its_reason_which_a_hold_cannot_do_without() {
        let (hold, retry) = (named("hold").unwrap(), named("retry").unwrap());
        let sent = Sent::read(hold, b"stamp=1..&reason=+a+sale+%26+more&other=1").unwrap();
        assert_eq!(
            (&*sent.stamp, sent.reason.as_deref()),
            ("1..", Some("a sale & more"))
        );
        let missing = Sent::read(hold, b"stamp=1&reason=+").unwrap_err();
        assert!(missing.starts_with("Say why"), "{missing}");
        assert_eq!(Sent::read(retry, b"stamp=1&reason=").unwrap().reason, None);
        let long = format!("reason={}", "x".repeat(501));
        let long = Sent::read(retry, long.as_bytes()).unwrap_err();
        assert!(long.contains("at most 500"), "{long}");
    }

    #[test]
    fn the_names_are_those_of_commands_and_each_is_there_once() {
        let names: Vec<_> = ALL.iter().map(|action| action.name).collect();
        assert_eq!(
            names,
            [
                "continue", "abort", "retry", "deploy", "rollback", "hold", "resume"
            ]
        );
        assert!(named("delete").is_none());
    }
}

//! What all pages share: their frame, and how verdicts, times and images look.

use jiff::Timestamp;
use landfall::{image::Image, record::Verdict, service_id::ServiceId};
use maud::{DOCTYPE, Markup, html};

use super::{assets, section::Section};
use crate::{commit::commit, view::Standing};

/// The frame of a page.
pub(crate) struct Page<'a> {
    /// Its title.
    pub(crate) title: &'a str,
    /// The address of the part of the site that it belongs to.
    pub(crate) part: &'a str,
    /// Which Landfall it shows.
    pub(crate) landfall: &'a str,
    /// Where its changes come from, and the version that it shows; none if it does not change.
    pub(crate) changes: Option<(String, u64)>,
}

impl Page<'_> {
    /// The document around `main`.
    pub(crate) fn around(&self, main: &Markup) -> Markup {
        let parts = [("/", "Services"), ("/figures", "Figures")];
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Landfall" }
                    link rel="icon" type="image/svg+xml" href=(assets::ICON.address());
                    link rel="stylesheet" href=(assets::STYLE.address());
                    script src=(assets::SCRIPT.address()) defer {}
                }
                body {
                    a.skip href="#main" { "To the content" }
                    header.bar {
                        a.brand href="/" { (assets::mark()) "Landfall" }
                        nav aria-label="Parts" {
                            @for (address, name) in parts {
                                a href=(address) aria-current=[(address == self.part).then_some("page")] { (name) }
                            }
                        }
                        span.where title="Which Landfall this is" { (self.landfall) }
                        span #connection role="status" data-is="still" {
                            @if self.changes.is_some() { "connecting" }
                        }
                    }
                    main #main tabindex="-1" data-changes=[self.changes.as_ref().map(|(from, _)| from)]
                        data-version=[self.changes.as_ref().map(|(_, version)| version)] { (main) }
                    dialog #asked aria-label="Confirm" {}
                }
            }
        }
    }
}

/// The elements of sections, one after the other.
pub(crate) fn elements(sections: &[Section]) -> Markup {
    html! { @for section in sections { (section.element()) } }
}

/// How something looks: told by a word and a sign, and by a colour besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Wary,
    Busy,
    Quiet,
}

/// A word with its sign.
pub(crate) fn mark(tone: Tone, sign: &str, word: &str) -> Markup {
    let class = match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Wary => "wary",
        Tone::Busy => "busy",
        Tone::Quiet => "quiet",
    };
    html! { span class={ "mark " (class) } { span aria-hidden="true" { (sign) } (word) } }
}

/// A verdict.
pub(crate) fn verdict(verdict: Verdict) -> Markup {
    let (tone, sign, word) = match verdict {
        Verdict::Succeeded => (Tone::Good, "✓", "succeeded"),
        Verdict::RolledBack => (Tone::Bad, "↩", "rolled back"),
        Verdict::Failed => (Tone::Bad, "✕", "failed"),
        Verdict::Rejected => (Tone::Bad, "⊘", "rejected"),
        Verdict::Drifted => (Tone::Wary, "≠", "drifted"),
        Verdict::Undecided => (Tone::Wary, "?", "undecided"),
        Verdict::Unproven => (Tone::Wary, "◌", "unproven"),
        Verdict::Superseded => (Tone::Quiet, "»", "superseded"),
    };
    mark(tone, sign, word)
}

/// Where a release is.
pub(crate) fn standing(standing: Standing) -> Markup {
    match standing {
        Standing::None => mark(Tone::Quiet, "–", "no release"),
        Standing::OnItsWay => mark(Tone::Busy, "▸", "on its way"),
        Standing::Paused => mark(Tone::Wary, "‖", "paused"),
        Standing::Held => mark(Tone::Wary, "■", "waits"),
        Standing::Ended(ended) => verdict(ended),
    }
}

/// How long ago something was, which the page keeps up to date; without scripts, when it was.
pub(crate) fn ago(at: Timestamp) -> Markup {
    html! { time datetime=(seconds(at)) data-ago { (clock(at)) } }
}

/// For how long something has lasted, which the page keeps up to date; without scripts, since when.
pub(crate) fn for_now(since: Timestamp) -> Markup {
    html! { time datetime=(seconds(since)) data-for { (clock(since)) } }
}

/// How long it is until something, which the page keeps up to date; without scripts, when it is.
pub(crate) fn until(at: Timestamp) -> Markup {
    html! { time datetime=(seconds(at)) data-until { (clock(at)) } }
}

/// When something was.
pub(crate) fn when(at: Timestamp) -> Markup {
    html! { time datetime=(seconds(at)) data-when { (clock(at)) } }
}

fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// `2026-11-28 23:48:47 UTC`
fn clock(at: Timestamp) -> String {
    seconds(at).replace('T', " ").replace('Z', " UTC")
}

/// How long something took.
pub(crate) fn lasted(seconds: f64) -> String {
    match seconds.max(0.0) {
        seconds if seconds < 0.1 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.1} h", seconds / 3600.0),
        seconds => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// How long it was from one time to another.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    lasted(to.duration_since(from).as_secs_f64())
}

/// The page of a service.
pub(crate) fn address(service: &ServiceId) -> String {
    format!("/services/{service}")
}

/// The page of a release.
pub(crate) fn address_of(service: &ServiceId, release: u64) -> String {
    format!("/services/{service}/releases/{release}")
}

/// A link to another site; nothing but text where the address is none of the web.
pub(crate) fn link(address: &str, text: &str) -> Markup {
    let is_web = ["https://", "http://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    html! {
        @if is_web { a href=(address) target="_blank" rel="noopener noreferrer" { (text) } }
        @else { (text) }
    }
}

/// The first digits of a digest.
pub(crate) fn digest(digest: &str) -> Markup {
    let short = digest.strip_prefix("sha256:").unwrap_or(digest);
    let short: String = short.chars().take(12).collect();
    html! { code title=(digest) { (short) } }
}

/// An image, with the commit that its tag names.
pub(crate) fn image(image: &Image) -> Markup {
    html! {
        span.image { (image.repository) ":" strong { (image.tag) } } " " (digest(&image.digest))
        @if let Some(commit) = commit(&image.tag) { " " span.commit { "commit " code { (commit) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_escaped_and_only_the_web_is_linked() {
        let hostile = "<script>alert('1')</script>\"";
        let shown = image(&Image {
            registry: "registry".into(),
            repository: "hello".into(),
            tag: hostile.into(),
            digest: hostile.into(),
            pushed_at: Timestamp::UNIX_EPOCH,
            tagged_at: None,
        });
        assert!(!shown.0.contains("<script"), "{}", shown.0);
        assert!(!shown.0.contains("\"\""), "{}", shown.0);
        assert_eq!(link("javascript:alert(1)", "it").0, "it");
        assert!(
            link("https://a.example/?\"", "it")
                .0
                .starts_with("<a href=\"https://a.example/?&quot;\"")
        );
    }

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        let told = [2.04, 59.6, 300.0, 9000.0, 400_000.0].map(lasted);
        assert_eq!(told, ["2.0 s", "60 s", "5 min", "2.5 h", "4.6 d"]);
    }
}

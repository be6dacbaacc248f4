//! The page of all services: which there are, what runs, and which need somebody.

use landfall::{
    hold::SetBy,
    ignored::{IgnoredTag, Reason},
    status::FileStatus,
};
use maud::{Markup, html};

use super::{
    page::{self, Tone, mark},
    section::Section,
};
use crate::view::{Standing, View};

/// What somebody has to know of a service before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Held,
    Drifted,
    Paused,
    Waits,
    LeftOut,
    PassedOver,
    Rejected,
    Unfollowed,
    InDanger,
    Unproven,
}

impl Sign {
    /// All that a service shows.
    pub(crate) fn of(view: &View) -> Vec<Self> {
        let desired = &view.desired;
        let drifted = desired.hold.as_ref();
        let drifted = drifted.is_some_and(|hold| hold.set_by == SetBy::Drift);
        let rejected = matches!(view.upload, Some(FileStatus::Rejected { .. }));
        [
            (desired.hold.is_some() && !drifted, Self::Held),
            (drifted, Self::Drifted),
            (desired.paused.is_some(), Self::Paused),
            (!desired.waiting_for().is_empty(), Self::Waits),
            (!desired.left_out().is_empty(), Self::LeftOut),
            (desired.ignored.iter().any(tells), Self::PassedOver),
            (rejected, Self::Rejected),
            (desired.file.is_none(), Self::Unfollowed),
            (desired.danger.is_some(), Self::InDanger),
            (desired.unproven.is_some(), Self::Unproven),
        ]
        .into_iter()
        .filter_map(|(shows, sign)| shows.then_some(sign))
        .collect()
    }

    /// The sign and its word.
    pub(crate) fn mark(self) -> Markup {
        let (tone, sign, word) = self.looks();
        mark(tone, sign, word)
    }

    /// The sign beside what is said of it.
    fn alone(self) -> Markup {
        let (tone, sign, _) = self.looks();
        mark(tone, sign, "")
    }

    fn looks(self) -> (Tone, &'static str, &'static str) {
        match self {
            Self::Held => (Tone::Wary, "■", "on hold"),
            Self::Drifted => (Tone::Wary, "≠", "drift"),
            Self::Paused => (Tone::Wary, "‖", "paused"),
            Self::Waits => (Tone::Quiet, "…", "waiting"),
            Self::LeftOut => (Tone::Wary, "⊖", "left out"),
            Self::PassedOver => (Tone::Quiet, "↷", "passed over"),
            Self::Rejected => (Tone::Bad, "⊘", "file rejected"),
            Self::Unfollowed => (Tone::Quiet, "∅", "not followed"),
            Self::InDanger => (Tone::Bad, "⚠", "no way back"),
            Self::Unproven => (Tone::Quiet, "◌", "unproven"),
        }
    }
}

/// Whether a tag that was passed over is worth a word: every image has its signature.
pub(crate) fn tells(ignored: &IgnoredTag) -> bool {
    ignored.reason != Reason::Attachment
}

/// What somebody may have to do something about, each in a sentence.
pub(crate) fn needs(view: &View) -> Vec<String> {
    let mut needs = view.needs();
    let mistakes = view.desired.ignored.iter().filter(|tag| tag.is_mistake());
    needs.extend(mistakes.map(ToString::to_string));
    needs
}

/// The sections of the page.
pub(crate) fn sections(
    views: &[View],
    rejected: &[(String, FileStatus)],
    every_seconds: u64,
) -> Vec<Section> {
    vec![
        Section::whole("count", &count(views, rejected, every_seconds)),
        Section::whole("rejected", &rejections(rejected)),
        services(views),
    ]
}

/// What is above them and does not change: the search.
pub(crate) fn search(text: &str, needs_only: bool) -> Markup {
    html! {
        h1.visually-hidden { "Services" }
        form.search role="search" action="/" {
            label {
                span.visually-hidden { "Search" }
                input #search type="search" name="q" value=(text) placeholder="Search services, tags, words"
                    autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
                kbd aria-hidden="true" { "/" }
            }
            label.toggle {
                input #needs type="checkbox" name="needs" value="1" checked[needs_only];
                "only what needs me"
            }
            span #found role="status" {}
        }
    }
}

fn count(views: &[View], rejected: &[(String, FileStatus)], every_seconds: u64) -> Markup {
    let on_the_way = views
        .iter()
        .filter(|view| view.newest().1 == Standing::OnItsWay);
    let (on_the_way, waiting) = (
        on_the_way.count(),
        views.iter().filter(|view| !needs(view).is_empty()).count() + rejected.len(),
    );
    html! {
        p.count {
            strong { (views.len()) } @if views.len() == 1 { " service" } @else { " services" }
            " · " strong { (on_the_way) } " on the way"
            " · " strong { (waiting) } @if waiting == 1 { " needs somebody" } @else { " need somebody" }
            span.quiet { " · read every " (every_seconds) " s" }
        }
        @if views.is_empty() && rejected.is_empty() {
            p.empty {
                "No service is described yet: put a service file into the config bucket, under " code { "services/" } "."
            }
        }
    }
}

fn rejections(rejected: &[(String, FileStatus)]) -> Markup {
    html! {
        @for (key, status) in rejected {
            @if let FileStatus::Rejected { message, .. } = status {
                details.rejected {
                    summary { (Sign::Rejected.mark()) " " code { (key) } " describes no service" }
                    pre { (message) }
                }
            }
        }
    }
}

fn services(views: &[View]) -> Section {
    let header = html! {
        caption.visually-hidden { "All services" }
        thead {
            tr {
                th scope="col" { "Service" }
                th scope="col" { "Runs" }
                th scope="col" { "Release" }
                th.number scope="col" { "When" }
                th scope="col" { "Needs" }
            }
        }
    };
    Section::table("services", &header, views.iter().map(row).collect())
}

fn row(view: &View) -> (String, Markup) {
    let service = &view.desired.service;
    let id = format!("service-{service}");
    let (number, standing, since) = view.newest();
    let (needs, signs) = (needs(view), Sign::of(view));
    let row = html! {
        tr id=(id) data-needs[!needs.is_empty()] {
            th scope="row" {
                a href=(page::address(service)) { span.quiet { (service.cluster()) "/" } (service.service()) }
            }
            td.runs data-name="Runs" { (view.runs()) }
            td data-name="Release" {
                @if let Some(number) = number { span.number { (number) } " " }
                (page::standing(standing))
            }
            td.number data-name="When" { @if let Some(since) = since { (page::ago(since)) } }
            td.needs data-name="Needs" {
                @for sign in signs.iter().filter(|sign| **sign != Sign::PassedOver) { (sign.alone()) " " }
                @for need in &needs { span.need { (need) } " " }
                @if signs.contains(&Sign::PassedOver) { (Sign::PassedOver.mark()) }
            }
        }
    };
    (id, row)
}

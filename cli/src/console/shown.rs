//! What is shown on pages that are open, by topic and version.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use landfall::service_id::ServiceId;
use tokio::sync::watch;

use super::section::Section;

/// How many earlier versions are kept, for pages that have been shown one of them.
const EARLIER: usize = 8;

/// What pages show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// All services.
    All,
    /// One.
    Service(ServiceId),
    /// The figures of one, or of all.
    Figures(Option<ServiceId>),
}

/// What a page shows, or has shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Its number: no two of a console are the same. 0 before anything was read.
    pub(crate) version: u64,
    /// What it consists of.
    pub(crate) sections: Arc<Vec<Section>>,
    /// What was shown before, newest last.
    earlier: Vec<(u64, Arc<Vec<Section>>)>,
}

/// The topics that pages show now.
#[derive(Default)]
pub(crate) struct Feed {
    /// What is shown of each, and who hears of it.
    pub(crate) topics: Mutex<HashMap<Topic, watch::Sender<Shown>>>,
    versions: AtomicU64,
}

impl Topic {
    /// Where the changes come from.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::All => "/changes".into(),
            Self::Service(service) => format!("/changes/{service}"),
            Self::Figures(None) => "/changes/figures".into(),
            Self::Figures(Some(service)) => format!("/changes/{service}/figures"),
        }
    }
}

impl Feed {
    /// A number that no version has had.
    pub(crate) fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Shown {
    /// What an earlier version consisted of; none if it is not kept.
    pub(crate) fn known(&self, version: u64) -> Option<Arc<Vec<Section>>> {
        let mut earlier = self.earlier.iter();
        let known = earlier.find(|(known, _)| *known == version);
        known.map(|(_, sections)| sections.clone())
    }

    /// Shows these sections from now on.
    pub(crate) fn become_these(&mut self, sections: Vec<Section>, version: u64) {
        let before = std::mem::replace(&mut self.sections, Arc::new(sections));
        self.earlier.push((self.version, before));
        let over = self.earlier.len().saturating_sub(EARLIER);
        self.earlier.drain(..over);
        self.version = version;
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn the_last_versions_are_known() {
        let mut shown = Shown::default();
        for version in 1..=20 {
            let text = version.to_string();
            shown.become_these(vec![Section::whole("a", &html! { (text) })], version);
        }
        assert_eq!((shown.version, shown.earlier.len()), (20, EARLIER));
        assert!(shown.known(11).is_none() && shown.known(20).is_none());
        let known = shown.known(19).unwrap_or_default();
        assert_eq!(known.len(), 1);
    }
}

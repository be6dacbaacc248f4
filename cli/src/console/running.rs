//! A console that runs, with what all of its pages are made from.

use super::{guard::Guard, shown::Feed};
use crate::{view::Reader, which::Landfall};

/// A console that runs.
pub(crate) struct Console {
    pub(crate) landfall: Landfall,
    pub(crate) reader: Reader,
    pub(crate) guard: Guard,
    pub(crate) feed: Feed,
}

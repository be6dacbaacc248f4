//! Which chapters there are, by their names and their titles.

/// The chapters' names in the report.
pub(crate) const NAMES: [&str; 5] = [
    "first-release",
    "new-image",
    "broken-image",
    "two-pushes",
    "invalid-file",
];
/// The chapters' titles in the story.
pub(crate) const TITLES: [&str; 5] = [
    "(a) A service file and an image become a service behind a load balancer",
    "(b) 1.1.0 is pushed while a client asks all the time",
    "(c) 1.2.0 is broken",
    "(d) Two pushes at once, delivered in the wrong order, one of them twice",
    "(e) A service file with a mistake",
];

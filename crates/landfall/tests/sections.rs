//! Landfall's own sections of the service file: what is kept of them, and what is said about mistakes in them.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use landfall::{service_file::ServiceFile, yaml::flow};

const EVERYTHING: &str = include_str!("sections/everything.yaml");
const LEAST: &str = include_str!("sections/least.yaml");
const MISTAKES: &str = include_str!("sections/mistakes.yaml");

/// A file's hash is a hash of what is kept of it, and a file with another hash is released anew. So what is kept of a
/// file must not change with Landfall's version.
#[test]
fn what_is_kept_of_each_section_stays_as_it_is_and_is_read_again() {
    for (text, expected) in [
        (EVERYTHING, include_str!("sections/everything.stored.json")),
        (LEAST, include_str!("sections/least.stored.json")),
    ] {
        let file = ServiceFile::parse(text.as_bytes()).unwrap();
        let (_, stored) = file.stored().unwrap();
        assert_eq!(stored, expected.trim_end());
        let again: ServiceFile = serde_json::from_str(expected).unwrap();
        assert_eq!(again, file);
    }
}

/// The file `least.yaml` with `line` in place of its section of that name.
fn with(line: &str) -> String {
    let (section, _) = line.split_once(':').unwrap();
    let others = LEAST
        .lines()
        .filter(|other| !other.starts_with(&format!("{section}:")));
    let others: Vec<_> = others.collect();
    format!("{line}\n{}\n", others.join("\n"))
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("sections");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// The messages are in `sections/mistakes.snap`. After a change of one:
/// `INSTA_UPDATE=always cargo test -p landfall --test sections`, and read the difference.
#[test]
fn every_mistake_in_a_section_is_reported_with_its_place_and_what_to_do() {
    let mut report = String::new();
    for line in MISTAKES.lines().filter(|line| !line.starts_with('#')) {
        writeln!(report, "{line}").unwrap();
        for problem in ServiceFile::check(with(line).as_bytes()).problems {
            for line in problem.to_string().lines() {
                writeln!(report, "    {line}").unwrap();
            }
        }
    }
    settings().bind(|| insta::assert_snapshot!("mistakes", report));
}

/// What `landfall init` writes for a live service.
#[test]
fn a_section_is_written_without_what_it_need_not_say() {
    let mut written = String::new();
    for text in [EVERYTHING, LEAST] {
        let file = ServiceFile::parse(text.as_bytes()).unwrap();
        for section in [
            file.ingress.unwrap().written().into(),
            file.autoscaling.unwrap().written(),
            file.discovery.unwrap().written(),
        ] {
            writeln!(written, "{}", flow(&section)).unwrap();
        }
    }
    settings().bind(|| insta::assert_snapshot!("written", written));
}

//! Service files and events as people and other tools really send them by mistake, and what is reported to them.
//!
//! The files are in `malformed/`, the messages in its `.snap` files. After a change of a message:
//! `INSTA_UPDATE=always cargo test -p landfall --test malformed`, and read the difference.
#![allow(clippy::unwrap_used)]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use landfall::{
    event::{Heard, config_changed, execution_ended, image_pushed, rollout_changed},
    refusal::Refusal,
    service_file::ServiceFile,
};

const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:landfall-release";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/malformed")
        .join(name)
}

/// The files of a folder, by name.
fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(name)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let text = fs::read(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    files.sort();
    files
}

/// What an editor or a tool makes of a good file without anybody seeing it, or that is better not kept in a repository.
fn made() -> Vec<(&'static str, Vec<u8>)> {
    let good = include_str!("../../../examples/flask-hello/hello.yaml");
    let utf16 = |unit: fn(u16) -> [u8; 2]| {
        let units = std::iter::once(0xfeff).chain(good.encode_utf16());
        units.flat_map(unit).collect::<Vec<_>>()
    };
    let mut latin1 = good.replace("Hello", "Gr\u{fc}ezi").into_bytes();
    let umlaut = latin1.iter().position(|byte| *byte == 0xc3).unwrap();
    latin1.splice(umlaut..umlaut + 2, [0xfc]);
    let bomb = (b'b'..=b'j').fold(
        "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, name| {
            let (name, before) = (char::from(name), char::from(name - 1));
            let nine = vec![format!("*{before}"); 9].join(", ");
            format!("{text}{name}: &{name} [{nine}]\n")
        },
    );
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10".to_vec();
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03services".to_vec();
    vec![
        (
            "a good file with a byte order mark",
            format!("\u{feff}{good}").into_bytes(),
        ),
        (
            "a good file with Windows' line ends",
            good.replace('\n', "\r\n").into_bytes(),
        ),
        (
            "a good file with old Mac line ends",
            good.replace('\n', "\r").into_bytes(),
        ),
        ("UTF-16, little end first", utf16(u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(u16::to_be_bytes)),
        ("Latin-1", latin1),
        (
            "a null character",
            good.replace("hello", "hel\0lo").into_bytes(),
        ),
        (
            "a colour of the terminal",
            good.replace("web", "\u{1b}[31mweb\u{1b}[0m").into_bytes(),
        ),
        ("a PNG picture", png),
        ("a gzip archive", gzip),
        (
            "aliases that expand to a thousand million",
            bomb.into_bytes(),
        ),
        ("ten thousand brackets", "[".repeat(10_000).into_bytes()),
        (
            "ten megabytes",
            format!("# {}\n{good}", "x".repeat(10 << 20)).into_bytes(),
        ),
        ("spaces only", b"   \n\n  ".to_vec()),
    ]
}

fn chapter(book: &mut String, name: &str, shown: &str) {
    writeln!(book, "── {name}\n{shown}\n").unwrap();
}

/// One readable file with everything that is reported.
fn compare(name: &str, book: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder(""));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, book));
}

fn report(text: &[u8]) -> String {
    match ServiceFile::parse(text) {
        Ok(_) => "accepted".into(),
        Err(rejection) => rejection.to_string(),
    }
}

#[test]
fn a_malformed_service_file_is_rejected_with_what_is_wrong_where_and_what_to_do() {
    let mut book = String::new();
    for (name, text) in files("service-files") {
        chapter(&mut book, &name, &report(&text));
    }
    for (name, text) in made() {
        chapter(&mut book, name, &report(&text));
    }
    compare("service-files", &book);
}

fn heard<T: std::fmt::Debug>(heard: Result<Heard<T>, Refusal>) -> String {
    match heard {
        Ok(Heard::Look(there)) => format!("looks at {there:?}"),
        Ok(Heard::Ignore(reason)) => format!("ignored: {reason}"),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

#[test]
fn an_event_that_is_not_for_landfall_is_refused_or_ignored_with_a_reason() {
    let mut book = String::new();
    for (name, text) in files("events") {
        let shown = match serde_json::from_slice(&text) {
            Err(error) => format!("no event: {error}"),
            Ok(event) => match name.split('.').next().unwrap() {
                "image-pushed" => heard(image_pushed::read(&event, "123456789012", "eu-west-1")),
                "config-changed" => heard(config_changed::read(&event, "landfall-config")),
                "rollout-changed" => heard(rollout_changed::read(&event)),
                "execution-ended" => heard(execution_ended::read(&event, MACHINE)),
                other => panic!("{name}: there is no trigger {other}"),
            },
        };
        chapter(&mut book, &name, &shown);
    }
    compare("events", &book);
}

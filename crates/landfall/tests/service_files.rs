//! Task definitions and services in the shapes that people use, and the examples: nothing is to be reported about them.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use landfall::service_file::ServiceFile;

/// The service files that a folder has itself.
fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|name| name == "yaml"))
        .collect()
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("examples/flask-hello/hello.yaml")];
    files.extend(folder(&root.join("tests/service-files")));
    files.sort();
    files
}

#[test]
fn nothing_is_reported_about_files_that_ecs_takes() {
    let files = files();
    assert!(files.len() > 40, "there are only {}", files.len());
    let mut report = String::new();
    for path in files {
        for problem in ServiceFile::check(&fs::read(&path).unwrap()).problems {
            report += &format!("{}:{problem}\n", path.display());
        }
    }
    assert_eq!(report, "");
}

/// What AWS documents, or has answered somebody with: each file says it in its first line.
#[test]
fn files_that_ecs_refuses_are_refused_at_the_field_and_the_others_are_not() {
    let judged = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/service-files/judged");
    let expected = fs::read_to_string(judged.join("expected.tsv")).unwrap();
    let mut expected: Vec<_> = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    expected.sort();
    let files = folder(&judged);
    assert!(files.len() > 50, "there are only {}", files.len());
    let mut found = Vec::new();
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        for problem in ServiceFile::check(&fs::read(&path).unwrap()).problems {
            let severity = if problem.is_error() {
                "error"
            } else {
                "warning"
            };
            found.push(format!("{name}\t{severity}\t{}", problem.path));
            assert!(
                problem.hint.is_some() || problem.message.len() > 20,
                "{problem}"
            );
        }
    }
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_is_kept_of_an_accepted_file_is_read_again_as_it_was() {
    for path in files() {
        let file = ServiceFile::parse(&fs::read(&path).unwrap()).unwrap();
        let (_, stored) = file.stored().unwrap();
        let again: ServiceFile = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, file, "{}", path.display());
    }
}

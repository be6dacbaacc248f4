//! Task definitions and services in the shapes that people use, and the examples: nothing is to be reported about them.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use landfall::service_file::ServiceFile;

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("examples/flask-hello/hello.yaml")];
    for entry in fs::read_dir(root.join("tests/service-files")).unwrap() {
        files.push(entry.unwrap().path());
    }
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

#[test]
fn what_is_kept_of_an_accepted_file_is_read_again_as_it_was() {
    for path in files() {
        let file = ServiceFile::parse(&fs::read(&path).unwrap()).unwrap();
        let (_, stored) = file.stored().unwrap();
        let again: ServiceFile = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, file, "{}", path.display());
    }
}

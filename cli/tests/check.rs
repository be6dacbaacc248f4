//! `landfall check`, as somebody sees it who runs it.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

const GOOD: &str = "cluster: { clusterName: web }\n\
                    taskDefinition: { family: a, containerDefinitions: [{ name: a, image: a, memory: 64 }] }\n\
                    service: { serviceName: a }\n";

fn check(folder: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("check")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    process.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_problem_of_every_file_is_shown_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("services");
    fs::create_dir_all(services.join("deep")).unwrap();
    fs::write(services.join("good.yaml"), GOOD).unwrap();
    fs::write(
        services.join("deep/bad.yml"),
        GOOD.replace("image", "Image").replace("64", "\"64\""),
    )
    .unwrap();
    fs::write(
        services.join("odd.json"),
        GOOD.replace("serviceName", "tomorrow: 1, serviceName"),
    )
    .unwrap();
    fs::write(services.join("notes.txt"), "not a service file").unwrap();

    let output = check(folder.path(), &["services"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "3 files: 2 errors, 1 warning\n");
    let shown = text(&output.stderr);
    for expected in [
        "taskDefinition.containerDefinitions[0].Image: there is no such field",
        "╭─[services/deep/bad.yml:2:64]",
        "help: did you mean `image`?",
        "taskDefinition.containerDefinitions[0].memory: expected a whole number, found text",
        "╭─[services/odd.json:3:12]",
        "service.tomorrow: not in the ECS API of",
    ] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }

    for (arguments, code, expected) in [
        (&["services/*.yaml"] as &[&str], 0, "1 file: no problems\n"),
        (
            &["services/**/*.{yml,json}"],
            1,
            "2 files: 2 errors, 1 warning\n",
        ),
        (
            &["services/good.yaml", "services/odd.json"],
            0,
            "2 files: 1 warning\n",
        ),
        (
            &["--deny-warnings", "services/odd.json"],
            1,
            "1 file: 1 warning\n",
        ),
    ] {
        let output = check(folder.path(), arguments, "");
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(code), expected.into()),
            "{arguments:?}"
        );
    }
}

#[test]
fn standard_input_is_checked_and_reported_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(
        folder.path(),
        &["--json", "-"],
        &GOOD.replace("clusterName", "clustername"),
    );
    assert_eq!(output.status.code(), Some(1));
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports[0]["file"], "<stdin>");
    assert_eq!(
        reports[0]["problems"][1]["hint"], "did you mean `clusterName`?",
        "{reports:#}"
    );
    assert_eq!(reports[0]["problems"][1]["severity"], "error");
}

#[test]
fn what_a_file_asks_for_is_listed_with_its_places() {
    let folder = tempfile::tempdir().unwrap();
    let asking = GOOD
        .replace("clusterName: web", "clusterName: \"${param:stage}-web\"")
        .replace(
            "image: a,",
            "image: a, command: [echo, \"${ssm:/a/b} $${ssm:/no} ${export:C} ${HOME}\"],",
        );
    fs::write(folder.path().join("asking.yaml"), asking).unwrap();
    fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    let output = check(folder.path(), &["asking.yaml", "good.yaml"], "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "asking.yaml is filled in when it is uploaded:\n\
        \x20 1:25  ${param:stage}  cluster.clusterName (from FileParameters of the installation)\n\
        \x20 2:90  ${ssm:/a/b}     taskDefinition.containerDefinitions[0].command[1] (from SSM Parameter Store)\n\
        \x20 2:90  ${export:C}     taskDefinition.containerDefinitions[0].command[1] (from exports of CloudFormation stacks)\n\
        2 files: no problems\n"
    );
    let output = check(folder.path(), &["--json", "asking.yaml"], "");
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        reports[0]["placeholders"][1],
        serde_json::json!({
            "line": 2, "column": 90, "path": "taskDefinition.containerDefinitions[0].command[1]",
            "source": "ssm", "name": "/a/b", "placeholder": "${ssm:/a/b}",
        })
    );
}

#[test]
fn what_is_not_there_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    for (argument, expected) in [
        ("absent.yaml", "absent.yaml"),
        ("*.yaml", "no file matches it"),
        (".", "there is no .yaml, .yml or .json file in it"),
    ] {
        let output = check(folder.path(), &[argument], "");
        assert!(!output.status.success());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(expected), "{argument}: {stderr}");
    }
}

#[test]
fn a_generated_file_in_one_line_is_not_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let containers = vec!["{\"name\": \"a\", \"Image\": 1}"; 500].join(",");
    let text_of = format!("{{\"taskDefinition\": {{\"containerDefinitions\": [{containers}]}}}}");
    let output = check(folder.path(), &["-"], &text_of);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stderr.len() < 512 * 1024,
        "{} bytes are shown",
        output.stderr.len()
    );
}

#[test]
fn lambdas_name_of_a_handler_in_a_shell_does_not_make_a_function_of_the_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("--version")
        .env("_HANDLER", "claim-release")
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .output()
        .unwrap();
    assert!(text(&output.stdout).starts_with("landfall "), "{output:?}");
}

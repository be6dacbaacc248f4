//! What people see of releases: `watch`, `history`, `show` and the table of `status`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::stage::*;

/// The exit code of a command, and what it printed.
fn ended(arguments: &[&str]) -> (i32, String) {
    let output = landfall(arguments);
    (output.status.code().unwrap(), text(&output.stdout))
}

/// What a command prints at a terminal where `answer` is typed, its lines joined: where they are wrapped depends on the terminal.
fn on_a_terminal(arguments: &[&str], answer: &str) -> String {
    let mut command = Command::new("script");
    let line = [&[LANDFALL], arguments].concat();
    let quoted: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
    command
        .args(["-q", "-e", "-c", &quoted.join(" "), "/dev/null"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux");
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(format!("{answer}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = text(&output.stdout);
    printed.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_followed_to_its_verdict_and_told_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let port = local.port.clone();
    let here = ["--port", port.as_str()];
    let of = |arguments: &[&'static str]| [arguments, &here].concat();

    local.put_file("services/hello.yaml", FILE).await;
    local.put_file("services/broken.yaml", "images: [").await;
    let waiting = until_shown(&of(&["status"]), "waits for the first push").await;
    assert!(
        waiting.starts_with("SERVICE    RUNS         RELEASE  IS          SINCE  NEEDS\n"),
        "{waiting}"
    );
    let rejected = until_shown(&of(&["status"]), "rejected: services/broken.yaml:1:9: ").await;
    assert_eq!(rejected.lines().count(), 3, "{rejected}");
    let listed = success(&of(&["status", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["desired"]["service"], "web/hello");
    assert_eq!(listed[1]["key"], "services/broken.yaml");
    assert_eq!(listed[1]["upload"]["status"], "rejected", "{listed}");

    push(&port, "hello:1.0.0", &["sleep", "1000"]);
    let (code, told) = ended(&of(&["watch", "web/hello", "--image", "hello:1.0.0"]));
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("web/hello release 1: hello:1.0.0 was pushed"),
        "{told}"
    );
    assert!(
        told.ends_with("web/hello release 1 succeeded: rolled out and verified\n"),
        "{told}"
    );
    // It is told once more to whoever comes late, and as JSON, each line a document.
    let late = of(&[
        "watch",
        "web/hello",
        "--image",
        "000000000000.dkr.ecr.eu-west-1.amazonaws.com/hello:1.0.0",
        "--json",
    ]);
    let (code, told) = ended(&late);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["record"]["verdict"]), (0, &"succeeded".into()));

    // No release comes of what no rule admits.
    push(&port, "hello:2.0.0", &["sleep", "1000"]);
    let (code, told) = ended(&of(&["watch", "web/hello", "--image", "hello:2.0.0"]));
    assert_eq!(code, 5, "{told}");
    assert!(told.contains("no release: hello:2.0.0: "), "{told}");
    let message = failure(&of(&["watch", "web/hello", "--image", "hello:3.0.0"]));
    assert!(
        message.contains("there is no image hello:3.0.0"),
        "{message}"
    );

    // What somebody does by hand is remembered with who did it and why.
    // On a terminal it is asked first.
    let asked = on_a_terminal(&of(&["hold", "web/hello", "--reason", "unsure"]), "n");
    for said in [
        "No release of web/hello begins until `landfall resume web/hello`",
        "Put web/hello on hold? [y/N]",
        "nothing was changed",
    ] {
        assert!(asked.contains(said), "{said}\n{asked}");
    }
    let hold = of(&["hold", "web/hello", "--reason", "a sale", "--json"]);
    let json = |arguments: &[&str]| serde_json::from_str::<Value>(&success(arguments)).unwrap();
    let done = json(&hold);
    assert_eq!(
        (&done["verb"], &done["changed"]),
        (&"hold".into(), &true.into())
    );
    assert_eq!(done["service"]["desired"]["hold"]["reason"], "a sale");
    let again = json(&hold);
    assert_eq!(again["changed"], false, "{again}");
    let again = success(&of(&["hold", "web/hello", "--reason", "another"]));
    assert!(
        again.starts_with("web/hello is on hold already, since "),
        "{again}"
    );
    assert!(again.contains(": a sale (by "), "{again}");
    let held = until_shown(&of(&["status", "web/hello"]), "  on hold   since ").await;
    let by = "arn:aws:iam::000000000000:root";
    assert!(held.contains(&format!(": a sale (by {by})\n")), "{held}");
    push(&port, "hello:1.1.0", &["sleep", "1000"]);
    until_shown(&of(&["status"]), "  2        waits ").await;
    let asked = on_a_terminal(&of(&["resume", "web/hello", "--reason", "it is over"]), "y");
    for said in [
        ": a sale (by arn:aws:iam::000000000000:root).",
        "Release 2 goes on its way (hello:1.1.0 was pushed).",
        "Let web/hello change again? [y/N]",
        "web/hello may change again: release 2 is on its way",
    ] {
        assert!(asked.contains(said), "{said}\n{asked}");
    }
    let message = failure(&of(&["continue", "web/hello"]));
    assert!(
        message.contains("no release of web/hello is paused")
            && message.contains("landfall status web/hello"),
        "{message}"
    );
    let (code, told) = ended(&of(&["watch", "web/hello", "--image", "hello:1.1.0"]));
    assert_eq!(code, 0, "{told}");
    let shown = success(&of(&["show", "web/hello", "2"]));
    let act = format!("\nact       resumed by {by}: it is over\n");
    assert!(shown.contains(&act), "{shown}");

    // A task before the rollout fails, which takes no time.
    let failing = FILE.replace("memory: 64", "memory: 128")
        + "before: [{ name: migrate, container: web, command: ['false'] }]\n";
    local.put_file("services/hello.yaml", &failing).await;
    until_shown(&of(&["history", "web/hello"]), "\n1        succeeded ").await;
    let shown = until_shown(&of(&["history", "web/hello"]), "\n3        failed ").await;
    assert!(
        shown.contains("services/hello.yaml changed; the task `migrate`"),
        "{shown}"
    );
    let shown = success(&of(&["show", "web/hello"]));
    for line in [
        "web/hello release 3: failed\n",
        "file      changed since release 2:\n",
        "~ taskDefinition.containerDefinitions[web].memory: 64 → 128\n",
        "image     web: hello:1.1.0 (sha256:",
        "What was found speaks against the release:\n  task migrate of the section before: ",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let json: Value =
        serde_json::from_str(&success(&of(&["show", "web/hello", "1", "--json"]))).unwrap();
    assert_eq!(
        (&json["record"]["verdict"], &json["before"]),
        (&"succeeded".into(), &Value::Null)
    );
    let message = failure(&of(&["show", "web/hello", "9"]));
    assert!(
        message.contains("release 9 of web/hello has not ended"),
        "{message}"
    );
    let message = failure(&of(&["history", "web/helo"]));
    assert!(
        message.contains("no service file has described web/helo yet"),
        "{message}"
    );

    // In an account the stack's outputs say which Landfall it is.
    let by_stack = landfall_at(
        &local.endpoint,
        &["status", "web/hello", "--stack", "landfall"],
    );
    assert!(
        text(&by_stack.stdout).contains("  release 3   failed"),
        "{by_stack:?}"
    );
    let missing = landfall_at(&local.endpoint, &["status", "--stack", "landfal"]);
    let told = text(&missing.stderr);
    assert!(told.contains("there is no stack `landfal`"), "{told}");
    local.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_taken_back_by_hand_and_goes_on_when_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let port = local.port.clone();
    let run = |arguments: &[&str]| success(&[arguments, &["--port", &port]].concat());
    let refused = |arguments: &[&str]| failure(&[arguments, &["--port", &port]].concat());

    local.put_file("services/hello.yaml", FILE).await;
    for image in ["hello:1.0.0", "hello:1.1.0"] {
        push(&port, image, &["sleep", "1000"]);
        run(&["watch", "web/hello", "--image", image]);
    }
    let told = run(&["rollback", "web/hello", "--reason", "prices are wrong"]);
    assert_eq!(
        told,
        "Release 3 takes web/hello back to release 1 (1.0.0) and is on its way.\n\
         To see how it ends: landfall watch web/hello\n\
         web/hello stays there, on hold. To deploy the newest again: landfall resume web/hello\n"
    );
    run(&["watch", "web/hello"]);
    let status = run(&["status"]);
    assert!(
        status.contains("web/hello  1.0.0  3        succeeded "),
        "{status}"
    );
    assert!(status.contains("on hold: prices are wrong"), "{status}");
    let history = run(&["history", "web/hello"]);
    assert!(
        history.contains("an operator went back to release 1"),
        "{history}"
    );
    let told = run(&["rollback", "web/hello"]);
    assert!(told.contains("web/hello was taken back already"), "{told}");

    let message = refused(&["rollback", "web/hello", "--to", "7"]);
    assert!(
        message.contains("has no release 7") && message.contains("`landfall history web/hello`"),
        "{message}"
    );
    let message = refused(&["deploy", "web/hello", "--tag", "2.0.0"]);
    assert!(
        message.contains("nothing has the tag 2.0.0 in hello"),
        "{message}"
    );
    push(&port, "hello:pr-7", &["sleep", "1000"]);
    let told = run(&["deploy", "web/hello", "--tag", "pr-7"]);
    assert!(
        told.starts_with(
            "Release 4 of web/hello is on its way: pr-7 (an operator had pr-7 deployed)."
        ),
        "{told}"
    );
    let told = run(&["resume", "web/hello"]);
    assert!(told.contains("release 5 is on its way"), "{told}");
    run(&["watch", "web/hello"]);
    let status = run(&["status"]);
    assert!(
        status.contains("web/hello  1.1.0  5        succeeded "),
        "{status}"
    );
}

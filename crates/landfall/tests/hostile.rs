//! Whatever is sent: no panic, no hang, little memory. A program of its own, because it counts every byte that is
//! allocated.
//!
//! Each of the three properties is asked of 2,048 inputs, also in CI. More:
//! `PROPTEST_CASES=100000 cargo test --profile simulation -p landfall --test hostile`.
#![allow(clippy::unwrap_used)]

#[path = "../src/processor_time.rs"]
mod processor_time;

use std::{
    fs,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use landfall::{
    desired::DesiredState,
    event::{Received, config_changed, execution_ended, image_pushed, rollout_changed, sweep_due},
    follow::TagPolicy,
    record::Record,
    service_file::ServiceFile,
};
use peak_alloc::PeakAlloc;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most that reading one input may take, besides the input.
const MOST: usize = 64 << 20;
/// The most processor time that reading one input may take in a build for tests.
const LONGEST: Duration = Duration::from_secs(20);
/// Lambda takes no larger event from EventBridge
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). Larger ones are read all the same.
const LARGEST_EVENT: usize = 1 << 20;

/// One test at a time: memory is counted for the whole program.
static ALONE: Mutex<()> = Mutex::new(());

/// Calls `read` and sees to its time and memory.
#[track_caller]
fn bounded(what: &str, read: impl FnOnce()) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let ((), took) = processor_time::of(read);
    let most = MEMORY.peak_usage().saturating_sub(before);
    assert!(most < MOST, "{what}: {} KiB", most >> 10);
    assert!(took < LONGEST, "{what}: {took:?}");
}

/// Everything that reads what others wrote.
fn read_all(text: &[u8]) {
    if let Err(rejection) = ServiceFile::parse(text) {
        assert!(!rejection.problems.is_empty());
        assert!(rejection.to_string().len() < 64 << 10);
    }
    let _ = serde_json::from_slice::<DesiredState>(text);
    let _ = serde_json::from_slice::<Record>(text);
    if let Ok(text) = std::str::from_utf8(text) {
        let policy = TagPolicy::parse(text);
        let _admitted = policy.is_ok_and(|policy| policy.admits("1.0.0"));
    }
    if let Ok(Received(event)) = serde_json::from_slice(text) {
        read_event(&event);
    }
}

fn read_event(event: &Value) {
    const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:landfall-release";
    let refusals = [
        image_pushed::read(event, "123456789012", "eu-west-1").err(),
        config_changed::read(event, "landfall-config").err(),
        rollout_changed::read(event).err(),
        execution_ended::read(event, MACHINE).err(),
        sweep_due::read(event).err(),
    ];
    for refusal in refusals.into_iter().flatten() {
        assert!(refusal.0.len() < 4096, "{} bytes", refusal.0.len());
    }
}

/// Files that people and AWS really write.
fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "tests/malformed/service-files",
        "../../events",
        "../../events/steps",
    ];
    let mut paths = vec![root.join("../../examples/flask-hello/hello.yaml")];
    for folder in folders {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    let files = paths.iter().filter(|path| path.is_file());
    let mut seeds: Vec<_> = files.map(|path| fs::read(path).unwrap()).collect();
    seeds.push(desired().to_string().into_bytes());
    seeds
}

fn desired() -> Value {
    let step = include_str!("../../../events/steps/register-task-definition.json");
    let step: Value = serde_json::from_str(step).unwrap();
    json!({
        "schema": 1, "service": "web/hello", "lastNumber": 8, "open": [step["release"]], "concluded": null,
        "images": step["release"]["images"], "lastGood": step["lastGood"], "appliedFile": null,
        "claim": {"execution": step["execution"], "release": 8, "attempt": 1},
        "file": {
            "key": "services/hello.yaml", "versionId": "1", "content": step["release"]["file"],
            "follows": {"web": {"repository": "hello", "tag": "semver:^1"}}
        }
    })
}

#[test]
fn the_seeds_are_what_they_seem() {
    serde_json::from_value::<DesiredState>(desired()).unwrap();
    assert!(seeds().len() > 90);
}

static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

#[derive(Clone, Debug)]
struct Damage {
    at: Index,
    length: usize,
    with: Vec<u8>,
}

/// Bytes that mean something in YAML and JSON, and bytes that mean nothing.
fn splinter() -> impl Strategy<Value = Vec<u8>> {
    const MEANING: [&str; 26] = [
        "&a ",
        "*a",
        "<<: *a",
        "!!binary ",
        "!Ref ",
        "---\n",
        "...\n",
        "- ",
        "? ",
        ": ",
        "|\n",
        ">-\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "#",
        "\t",
        "\r\n",
        "\u{feff}",
        "null",
        "1e999",
        "-0x7fffffffffffffffffff",
    ];
    prop_oneof![
        prop::sample::select(MEANING.as_slice()).prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
        ("[a-z{}\\[\\],:&*#-]{1,3}", 1..4000_usize)
            .prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let damage = (any::<Index>(), 0..40_usize, splinter());
    let damage = damage.prop_map(|(at, length, with)| Damage { at, length, with });
    proptest::collection::vec(damage, 1..8)
}

/// YAML by its grammar: nested in block and flow style, with anchors, aliases, tags and keys of Landfall's.
fn yaml() -> impl Strategy<Value = String> {
    const KEYS: [&str; 14] = [
        "cluster",
        "clusterName",
        "images",
        "web",
        "repository",
        "tag",
        "taskDefinition",
        "family",
        "containerDefinitions",
        "name",
        "image",
        "service",
        "serviceName",
        "verify",
    ];
    let key = prop_oneof![
        4 => prop::sample::select(KEYS.as_slice()).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9_.]{1,8}",
    ];
    let leaf = prop_oneof![
        "[a-zA-Z0-9:^*/._-]{0,12}",
        Just("*a".to_owned()),
        Just("&a x".to_owned()),
        Just("!!str 1".to_owned()),
        Just("~".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "(semver|glob|regex):.{0,20}".prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let pairs = proptest::collection::vec((key.clone(), inner.clone()), 0..6);
        let items = proptest::collection::vec(inner, 0..6);
        prop_oneof![
            pairs.clone().prop_map(|pairs| {
                let pairs = pairs.iter().map(|(key, value)| format!("{key}: {value}"));
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }),
            pairs.prop_map(|pairs| {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("\n{key}: {}", value.replace('\n', "\n  ")));
                pairs.collect::<String>()
            }),
            items.prop_map(|items| {
                let items = items
                    .iter()
                    .map(|item| format!("\n- {}", item.replace('\n', "\n  ")));
                items.collect::<String>()
            }),
        ]
    })
}

/// As many as `PROPTEST_CASES` says, else 2,048.
fn cases() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 2048;
    }
    config
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        bounded("bytes", || read_all(&bytes));
    }

    #[test]
    fn a_real_file_damaged(seed in any::<Index>(), damages in damages()) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let seeds = SEEDS.get_or_init(seeds);
        let mut text = seed.get(seeds).clone();
        for Damage { at, length, with } in damages {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, with);
        }
        bounded("a damaged file", || read_all(&text));
    }

    #[test]
    fn yaml_by_its_grammar(text in yaml()) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        bounded(&text, || read_all(text.as_bytes()));
    }
}

#[test]
fn ten_megabytes_of_anything_that_nests_repeats_or_expands() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    const PATTERNS: [&str; 22] = [
        "[", "{", "{\"a\":", "[[],", "{a: ", "- ", "? ", "a: ", "\"", "'", " ", "\n", "\t", "&a ",
        "*a ", "!a ", "# ", "|\n", "0,", "\\", "a:\n ", "\u{feff}",
    ];
    for pattern in PATTERNS {
        // A service file may have 256 KiB, an event 1 MiB; whatever is larger has to be refused for that.
        for size in [250 << 10, LARGEST_EVENT, 10 << 20] {
            let text = pattern.repeat(size / pattern.len());
            bounded(&format!("{size} bytes of {pattern:?}"), || {
                read_all(text.as_bytes())
            });
            let open = format!("[{}0]", text.replace('\n', " "));
            bounded(&format!("a list of {size} bytes of {pattern:?}"), || {
                read_all(open.as_bytes())
            });
        }
    }
}

/// Any field of a true event may be what somebody else blew up.
#[test]
fn a_true_event_of_ten_megabytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let long = format!("\"{}\"", "x".repeat(10 << 20));
    let many = format!("[{}0]", "{\"a\":0},".repeat((10 << 20) / 8));
    for text in [
        include_str!("../../../events/image-pushed.json"),
        include_str!("../../../events/service-file-created.json"),
        include_str!("../../../events/rollout-completed.json"),
        include_str!("../../../events/execution-aborted.json"),
    ] {
        let event: Value = serde_json::from_str(text).unwrap();
        let details = event["detail"].as_object().unwrap().keys();
        let details = details
            .take(2)
            .map(|name| (format!("/detail/{name}"), &long));
        let others = [("/version", &long), ("/resources", &many)];
        let others = others.map(|(place, blown)| (place.to_owned(), blown));
        for (place, blown) in details.chain(others) {
            let mut event = event.clone();
            *event.pointer_mut(&place).unwrap() = "PLACE".into();
            let text = event.to_string().replace("\"PLACE\"", blown);
            bounded(&place, || {
                let Received(event) = serde_json::from_str(&text).unwrap();
                read_event(&event);
            });
        }
    }
}

/// A small text that becomes a large automaton, as often as a file has place for it.
#[test]
fn many_follow_rules_that_are_small_only_in_the_file() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let policies = [
        r"regex:\\w{90}\\w{90}",
        r"regex:(\\pL{1,50}){1,50}",
        "regex:((a{1,20}){1,20}){1,20}",
        "glob:{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}*",
        "semver:>=1, <2, >=1, <2, >=1, <2",
    ];
    for policy in policies {
        let mut containers = String::new();
        let mut images = String::new();
        for index in 0.. {
            let container = format!("{{ name: c{index} }},");
            let image = format!("  c{index}: {{ repository: hello, tag: \"{policy}\" }}\n");
            if containers.len() + container.len() + images.len() + image.len() > 250 << 10 {
                break;
            }
            containers.push_str(&container);
            images.push_str(&image);
        }
        let text = format!(
            "cluster: {{ clusterName: web }}\nservice: {{ serviceName: hello }}\nimages:\n{images}taskDefinition: {{ \
             family: hello, containerDefinitions: [{containers}] }}\n"
        );
        bounded(policy, || read_all(text.as_bytes()));
    }
}

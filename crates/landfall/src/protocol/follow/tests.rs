#![allow(clippy::unwrap_used)]

use super::{
    Answer::{Desired, Done, File as Read, Found, IsThere, Source, Version, Written as Wrote},
    *,
};
use crate::{
    evidence::Against,
    follow::{FollowRule, TagPolicy},
    followed,
    image::Image,
    protocol::Guard,
    record::Verdict,
    sample,
};

const KEY: &str = "services/hello.yaml";
const YES: Answer = Wrote(WriteOutcome::Done);
const CONFLICT: Answer = Wrote(WriteOutcome::Conflict);

fn followed_file(key: &str, version: &str, policy: &str) -> FollowedFile {
    let rule = FollowRule {
        repository: "hello".into(),
        tag: TagPolicy::parse(policy).unwrap(),
        with: None,
    };
    FollowedFile {
        key: key.into(),
        version_id: version.into(),
        containers: None,
        content: crate::content::ContentHash::of(&serde_json::json!(version)),
        follows: [("web".to_owned(), rule)].into(),
        placeholders: None,
    }
}

/// Version `version` of the service file, which follows 1.x.
fn accepted(version: &str) -> Answer {
    let accepted = Accepted {
        service: sample::service(),
        file: followed_file(KEY, version, "semver:^1"),
        warnings: Vec::new(),
    };
    Read(File::Accepted(Versioned::new(accepted, version)))
}

fn rejected() -> Answer {
    let rejection = Rejection::of_file("no", "yes");
    Read(File::Rejected(Versioned::new(rejection, "3")))
}

/// What is desired of a service that follows this file, after its release 1 succeeded.
fn follows(file: FollowedFile) -> DesiredState {
    let mut desired = DesiredState::new(sample::service());
    desired.follow_file(file, images(), sample::at(0));
    let good = sample::good(1).task_definition;
    desired.conclude(
        1,
        Verdict::Succeeded,
        Against::Release,
        Some(&good),
        sample::at(0),
    );
    desired
}

fn images() -> BTreeMap<String, Option<Image>> {
    let image = sample::release(1).content.images["web"].clone();
    [("web".to_owned(), Some(image))].into()
}

fn found() -> BTreeMap<String, followed::Found> {
    let found = images().into_iter().map(|(container, image)| {
        let found = followed::Found {
            image,
            unfit: Vec::new(),
        };
        (container, found)
    });
    found.collect()
}

fn desired(desired: &DesiredState, etag: &str) -> Answer {
    Desired(Versioned::new(desired.clone(), etag))
}

fn nothing() -> Answer {
    Desired(Versioned::absent(DesiredState::new(sample::service())))
}

fn version(version: &str) -> Answer {
    Version(Some(version.into()))
}

fn describes(service: &str) -> Answer {
    Source(Some(service.parse().unwrap()))
}

fn word(ask: &Ask<'_>) -> String {
    match ask {
        Ask::ReadFile => "read file".into(),
        Ask::Reject(_) => "reject".into(),
        Ask::ReadSource => "source".into(),
        Ask::ReadDesired(service) => format!("read {}", service.service()),
        Ask::IsThere(key) => format!("is {key} there"),
        Ask::Expect => "expect".into(),
        Ask::PutFollower(repository, service) => {
            format!("{} follows {repository}", service.service())
        }
        Ask::PutSource(service) => format!("describes {}", service.service()),
        Ask::LookThrough(_, searches) => format!("look through {}", searches.len()),
        Ask::LookForKept(_, kept) => format!("look for {}", kept.len()),
        Ask::CurrentVersion => "version".into(),
        Ask::Record(records) => {
            let numbers = records.iter().map(|record| record.release.number);
            format!("record {:?}", Vec::from_iter(numbers))
        }
        Ask::WriteDesired { over, desired } => {
            let what = desired.file.as_ref();
            let what = what.map_or("nothing", |file| &file.version_id);
            format!("write {what} over {}", over.etag().unwrap_or("absent"))
        }
        Ask::PutStatus(_) => "put status".into(),
        Ask::DeleteStatus => "delete status".into(),
        Ask::Start(service, release) => format!("start {} {release}", service.service()),
    }
}

fn play(guards: Guards, answers: Vec<Answer>) -> String {
    let mut follow = Follow::begin(guards);
    let mut asked = Vec::new();
    let mut answers = answers.into_iter();
    loop {
        asked.push(word(&follow.ask()));
        let answer = answers
            .next()
            .unwrap_or_else(|| panic!("an answer to {asked:?}"));
        if follow.on(KEY, answer, sample::at(100)) {
            assert_eq!(answers.count(), 0, "every answer is asked for: {asked:?}");
            return asked.join(", ");
        }
    }
}

#[test]
fn releases_that_were_passed_over_are_recorded_before_the_next_upload_makes_them_forgotten() {
    let mut long = follows(followed_file(KEY, "1", "semver:^1"));
    long.hold(
        "incident 7".into(),
        crate::hold::SetBy::Operator,
        sample::at(0),
    );
    for version in 2..20 {
        let file = followed_file(KEY, &version.to_string(), "semver:^1");
        long.follow_file(file, [].into(), sample::at(0));
    }
    let passed_over: Vec<_> = long.due().iter().map(|release| release.number).collect();
    assert_eq!(passed_over, [2, 3]);
    let answers = vec![
        accepted("20"),
        Source(Some(sample::service())),
        desired(&long, "a"),
        version("20"),
        Found(BTreeMap::new()),
        Done,
        YES,
        Done,
    ];
    assert_eq!(
        play(Guards::all(), answers),
        "read file, source, read hello, version, look for 1, record [2, 3], write 20 over a, put status"
    );
}

#[test]
fn a_first_file_is_announced_to_everything_that_may_find_it_before_it_is_followed() {
    let first = || {
        vec![
            accepted("1"),
            Source(None),
            nothing(),
            Done,
            Done,
            Done,
            Found(found()),
            version("1"),
            YES,
        ]
    };
    let taken = follows(followed_file(KEY, "1", "semver:^1"));
    let mut open = DesiredState::new(sample::service());
    open.follow_file(
        followed_file(KEY, "1", "semver:^1"),
        images(),
        sample::at(0),
    );
    let caught_up = || vec![desired(&open, "b"), Found(found()), Done, Done];
    let asked = play(
        Guards::all(),
        [first(), vec![version("1")], caught_up()].concat(),
    );
    assert_eq!(
        asked,
        "read file, source, read hello, expect, hello follows hello, describes hello, look through 1, version, \
         write 1 over absent, version, read hello, look through 1, put status, start hello 1"
    );
    // It was deleted while it was taken up, and nobody could know which service follows it.
    let gone = vec![
        Version(None),
        Done,
        Read(File::Gone),
        describes("web/hello"),
        desired(&taken, "b"),
        Version(None),
        YES,
        Done,
    ];
    let asked = play(Guards::all(), [first(), gone].concat());
    assert!(
        asked.ends_with(
            "write 1 over absent, version, describes hello, read file, source, read hello, version, \
             write nothing over b, delete status"
        ),
        "{asked}"
    );
    let guards = Guards::without(Guard::LookAgainAfterTheFirstFollow);
    let asked = play(guards, [first(), caught_up()].concat());
    assert!(asked.contains("write 1 over absent, read hello"), "{asked}");
    let guards = Guards::without(Guard::LookThroughOnceMore);
    let asked = play(guards, [first(), vec![version("1"), Done, Done]].concat());
    assert!(
        asked.ends_with("version, put status, start hello 1"),
        "{asked}"
    );
}

#[test]
fn a_slow_invocation_with_an_old_file_loses() {
    let before = follows(followed_file(KEY, "1", "semver:^1"));
    let begins = || vec![accepted("2"), describes("web/hello"), desired(&before, "a")];
    let newer = vec![version("3"), accepted("3"), describes("web/hello")];
    let after = vec![
        desired(&before, "b"),
        version("3"),
        Found(BTreeMap::new()),
        CONFLICT,
        desired(&before, "c"),
        version("3"),
        Found(BTreeMap::new()),
        YES,
        Done,
        Done,
    ];
    let asked = play(Guards::all(), [begins(), newer, after].concat());
    assert_eq!(
        asked,
        "read file, source, read hello, version, read file, source, read hello, version, look for 1, write 3 over b, \
         read hello, version, look for 1, write 3 over c, put status, start hello 2"
    );
    // A repeated invocation may follow one that was killed before it looked through the repositories once more.
    let asked = play(
        Guards::all(),
        vec![
            accepted("1"),
            describes("web/hello"),
            desired(&before, "a"),
            version("1"),
            desired(&before, "a"),
            Found(found()),
            Done,
        ],
    );
    assert_eq!(
        asked,
        "read file, source, read hello, version, read hello, look through 1, put status"
    );
}

#[test]
fn the_service_that_a_file_described_before_lets_go_of_it_first() {
    let before = follows(followed_file(KEY, "1", "semver:^1"));
    let mut other = before.clone();
    other.service = "web/other".parse().unwrap();
    let begins = || {
        vec![
            accepted("2"),
            describes("web/other"),
            nothing(),
            Done,
            Done,
            desired(&other, "o"),
        ]
    };
    let goes_on = vec![
        version("2"),
        YES,
        Done,
        Found(found()),
        version("2"),
        YES,
        version("2"),
        nothing(),
    ];
    let asked = play(Guards::all(), [begins(), goes_on].concat());
    assert_eq!(
        asked,
        "read file, source, read hello, expect, hello follows hello, read other, version, write nothing over o, \
         describes hello, look through 1, version, write 2 over absent, version, read hello"
    );
    let asked = play(
        Guards::all(),
        [
            begins(),
            vec![version("3"), Read(File::Gone), Source(None), Done],
        ]
        .concat(),
    );
    assert!(
        asked.ends_with("read other, version, read file, source, delete status"),
        "{asked}"
    );
}

#[test]
fn what_changes_nothing_still_starts_what_is_open() {
    let mut open = follows(followed_file(KEY, "1", "semver:^1"));
    open.open = vec![sample::release(2)];
    let elsewhere = follows(followed_file("services/other.yaml", "1", "semver:^1"));
    for (story, answers, expected) in [
        (
            "a rejected file",
            vec![
                rejected(),
                Done,
                describes("web/hello"),
                desired(&open, "a"),
                Done,
            ],
            "read file, reject, source, read hello, start hello 2",
        ),
        (
            "a rejected file that never described anything",
            vec![rejected(), Done, Source(None)],
            "read file, reject, source",
        ),
        (
            "a deleted file that never described anything",
            vec![Read(File::Gone), Source(None), Done],
            "read file, source, delete status",
        ),
        (
            "a deleted file, put again meanwhile",
            vec![
                Read(File::Gone),
                describes("web/hello"),
                desired(&open, "a"),
                version("2"),
                Done,
            ],
            "read file, source, read hello, version, delete status",
        ),
        (
            "a deleted file with an open release",
            vec![
                Read(File::Gone),
                describes("web/hello"),
                desired(&open, "a"),
                Version(None),
                CONFLICT,
                desired(&open, "b"),
                Version(None),
                YES,
                Done,
                Done,
            ],
            "read file, source, read hello, version, write nothing over a, read hello, version, write nothing over b, \
             start hello 2, delete status",
        ),
        (
            "a file for a service that another describes",
            vec![
                accepted("1"),
                Source(None),
                desired(&elsewhere, "a"),
                IsThere(true),
                Done,
                Source(None),
            ],
            "read file, source, read hello, is services/other.yaml there, reject, source",
        ),
    ] {
        assert_eq!(play(Guards::all(), answers), expected, "{story}");
    }
}

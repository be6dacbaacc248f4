#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Answer::{Desired, Done, Found as Sought, IsThere, Refreshed, Written as Wrote},
    *,
};
use crate::{
    content::ContentHash,
    evidence::Against,
    follow::{FollowRule, TagPolicy},
    followed,
    ignored::Reason,
    image::TagTime,
    sample,
};

const YES: Answer = Wrote(WriteOutcome::Done);
const NONE: Answer = Answer::Tagged(Tagged::Nothing);
const CONFLICT: Answer = Wrote(WriteOutcome::Conflict);

/// Version `digest` of an image with this tag.
fn image(tag: &str, digest: u64) -> Image {
    Image {
        tag: tag.into(),
        digest: format!("sha256:{digest:064}"),
        ..sample::release(1).content.images["web"].clone()
    }
}

/// A desired state that follows `policy`, and has release 1 of these images concluded.
fn followed(policy: &str, images: &[Image], placeholders: bool) -> DesiredState {
    let rule = FollowRule {
        repository: "hello".into(),
        tag: TagPolicy::parse(policy).unwrap(),
        with: None,
    };
    let file = FollowedFile {
        key: "services/hello.yaml".into(),
        version_id: "1".into(),
        containers: None,
        content: sample::release(1).content.file,
        follows: BTreeMap::from([("web".to_owned(), rule)]),
        placeholders: placeholders.then(|| ContentHash::of(&json!("places"))),
    };
    let mut desired = DesiredState::new(sample::service());
    let found = images.first().cloned();
    desired.follow_file(file, [("web".to_owned(), found)].into(), sample::at(0));
    let good = sample::good(1).task_definition;
    desired.conclude(
        1,
        crate::record::Verdict::Succeeded,
        Against::Release,
        Some(&good),
        sample::at(0),
    );
    desired
}

fn read(desired: &DesiredState, etag: &str) -> Answer {
    Desired(Versioned::new(desired.clone(), etag))
}

fn has(image: Image) -> Answer {
    Answer::Tagged(Tagged::Image(image))
}

fn word(ask: &Ask<'_>) -> String {
    match ask {
        Ask::ReadDesired => "read desired".into(),
        Ask::ReadImage(_) => "read image".into(),
        Ask::LookForKept(_, kept) => {
            let of: Vec<_> = kept.iter().map(|search| &*search.container).collect();
            format!("look for {}", of.join(", "))
        }
        Ask::IsThere(tag) => format!("is {tag} there"),
        Ask::LookThrough(_, searches) => {
            let of: Vec<_> = searches.iter().map(|search| &*search.container).collect();
            format!("look through for {}", of.join(", "))
        }
        Ask::Refresh(_) => "refresh".into(),
        Ask::Distrust(image) => format!("distrust {}", image.repository),
        Ask::Record(records) => {
            let record = |record: &Record| {
                format!(
                    "record {} of release {}",
                    record.verdict, record.release.number
                )
            };
            records.iter().map(record).collect::<Vec<_>>().join(", ")
        }
        Ask::WriteDesired { over, desired } => {
            let over = over.etag().unwrap();
            format!("write release {} over {over}", desired.last_number)
        }
        Ask::KeepStatus(_) => "keep status".into(),
        Ask::Start(release) => format!("start {release}"),
    }
}

fn play(guards: Guards, tag: &str, answers: Vec<Answer>) -> (String, Output) {
    let pushed = PushedTag {
        repository: "hello".into(),
        tag: tag.into(),
        at: TagTime::Unknown,
    };
    let mut join = Join::begin(guards);
    let mut asked = Vec::new();
    let mut answers = answers.into_iter();
    loop {
        asked.push(word(&join.ask()));
        let answer = answers.next().expect("an answer to what is asked");
        if let Some(output) = join.on(&pushed, answer, sample::at(100)) {
            assert_eq!(answers.count(), 0, "every answer is asked for");
            return (asked.join(", "), output);
        }
    }
}

fn sought(image: Option<Image>) -> Answer {
    let found = followed::Found {
        image,
        unfit: Vec::new(),
    };
    Sought([("web".to_owned(), found)].into())
}

fn artifact() -> Answer {
    Answer::Tagged(Tagged::Unfit(Reason::Artifact {
        media_type: "application/vnd.cncf.helm.config.v1+json".into(),
    }))
}

#[test]
fn a_tag_that_is_gone_gives_way_to_the_latest_that_is_there() {
    let runs = followed("semver:^1", &[image("1.9.0", 9)], false);
    let lower = || image("1.1.0", 2);
    let unheld = Output::NothingToStart { held: false };
    for (story, tag, answers, expected, output) in [
        (
            "a lower version is pushed, and the higher is still there",
            "1.1.0",
            vec![read(&runs, "a"), has(lower()), IsThere(true), YES, Done],
            "read desired, read image, is 1.9.0 there, write release 1 over a, keep status",
            unheld,
        ),
        (
            "a lower version is pushed, and the higher was deleted",
            "1.1.0",
            vec![
                read(&runs, "a"),
                has(lower()),
                IsThere(false),
                sought(Some(image("1.2.0", 3))),
                CONFLICT,
                read(&runs, "b"),
                has(lower()),
                IsThere(false),
                sought(Some(image("1.2.0", 3))),
                YES,
                Done,
                Done,
            ],
            "read desired, read image, is 1.9.0 there, look through for web, write release 2 over a, read desired, \
             read image, is 1.9.0 there, look through for web, write release 2 over b, keep status, start 2",
            Output::Started(2),
        ),
        (
            "a sweep finds nothing under the followed tag",
            "1.9.0",
            vec![
                read(&runs, "a"),
                NONE,
                sought(Some(lower())),
                YES,
                Done,
                Done,
            ],
            "read desired, read image, look through for web, write release 2 over a, keep status, start 2",
            Output::Started(2),
        ),
        (
            "no other image is there, and the digest is gone too: nothing can be released",
            "1.9.0",
            vec![read(&runs, "a"), NONE, sought(None), YES, Done],
            "read desired, read image, look through for web, write release 1 over a, keep status",
            unheld,
        ),
        (
            "no other image is there, but the digest is",
            "1.9.0",
            vec![
                read(&runs, "a"),
                NONE,
                sought(Some(image("1.9.0", 9))),
                Done,
            ],
            "read desired, read image, look through for web, keep status",
            unheld,
        ),
        (
            "the followed tag was put on something that is no image",
            "1.9.0",
            vec![read(&runs, "a"), artifact(), YES, Done],
            "read desired, read image, write release 1 over a, keep status",
            Output::Unfit,
        ),
    ] {
        let (asked, ended) = play(Guards::all(), tag, answers);
        assert_eq!((&*asked, ended), (expected, output), "{story}");
    }
}

#[test]
fn ecr_is_asked_after_the_desired_state_and_a_moved_tag_is_looked_at_once_more() {
    let runs = followed("semver:^1", &[image("1.0.0", 1)], false);
    let mut released = runs.clone();
    released.join_image(&image("1.1.0", 2), sample::at(0));
    let mut passed = runs.clone();
    let why = Reason::NotAdmitted {
        why: "it is no full version".into(),
    };
    passed.ignore("hello", "main", why, sample::at(0));
    let stable = followed("stable", &[image("stable", 1)], false);
    let mut moved = stable.clone();
    moved.join_image(&image("stable", 2), sample::at(0));
    let waiting = followed("semver:^1", &[], false);
    let asks = followed("semver:^1", &[image("1.0.0", 1)], true);
    let named = || {
        Refreshed(Some(FileContent {
            file: ContentHash::of(&json!("filled")),
            containers: ContentHash::of(&json!("what they run with")),
        }))
    };
    let unheld = Output::NothingToStart { held: false };
    for (story, tag, answers, expected, output) in [
        (
            "a tag that no rule admits",
            "main",
            vec![read(&runs, "a"), YES, Done],
            "read desired, write release 1 over a, keep status",
            Output::NotAdmitted,
        ),
        (
            "announced again",
            "main",
            vec![read(&passed, "a")],
            "read desired",
            Output::NotAdmitted,
        ),
        (
            "a tag that is gone",
            "1.1.0",
            vec![read(&runs, "a"), NONE],
            "read desired, read image",
            Output::NotTagged,
        ),
        (
            "a newer image, and another invocation that is faster",
            "1.1.0",
            vec![
                read(&runs, "a"),
                has(image("1.1.0", 2)),
                CONFLICT,
                read(&runs, "b"),
                has(image("1.1.0", 2)),
                YES,
                Done,
            ],
            "read desired, read image, write release 2 over a, read desired, read image, write release 2 over b, start 2",
            Output::Started(2),
        ),
        (
            "announced again, while the release is open: it may have died before its execution was started",
            "1.1.0",
            vec![read(&released, "a"), has(image("1.1.0", 2)), Done],
            "read desired, read image, start 2",
            Output::Started(2),
        ),
        (
            "announced again, after the verdict",
            "1.0.0",
            vec![read(&runs, "a"), has(image("1.0.0", 1))],
            "read desired, read image",
            unheld,
        ),
        (
            "a tag that moved",
            "stable",
            vec![
                read(&stable, "a"),
                has(image("stable", 2)),
                Done,
                YES,
                read(&moved, "b"),
                has(image("stable", 2)),
                Done,
            ],
            "read desired, read image, distrust hello, write release 2 over a, read desired, read image, start 2",
            Output::Started(2),
        ),
        (
            "the first admitted image",
            "1.1.0",
            vec![read(&waiting, "a"), has(image("1.1.0", 2)), YES, Done, Done],
            "read desired, read image, write release 1 over a, keep status, start 1",
            Output::Started(1),
        ),
        (
            "placeholders have their values now",
            "1.1.0",
            vec![
                read(&asks, "a"),
                has(image("1.1.0", 2)),
                named(),
                YES,
                Done,
                Done,
            ],
            "read desired, read image, refresh, write release 2 over a, keep status, start 2",
            Output::Started(2),
        ),
        (
            "a placeholder has no value: the image is taken in, and nothing is released",
            "1.1.0",
            vec![
                read(&asks, "a"),
                has(image("1.1.0", 2)),
                Refreshed(None),
                YES,
            ],
            "read desired, read image, refresh, write release 1 over a",
            unheld,
        ),
    ] {
        let (asked, ended) = play(Guards::all(), tag, answers);
        assert_eq!((&*asked, ended), (expected, output), "{story}");
    }
    let mut long = runs.clone();
    long.hold(
        "incident 7".into(),
        crate::hold::SetBy::Operator,
        sample::at(0),
    );
    for version in 2..20 {
        long.join_image(&image(&format!("1.{version}.0"), version), sample::at(0));
    }
    let (held, newest) = (Output::NothingToStart { held: true }, image("1.20.0", 20));
    let answers = vec![
        read(&long, "a"),
        has(newest.clone()),
        Done,
        CONFLICT,
        read(&long, "b"),
        has(newest),
        Done,
        YES,
    ];
    let (asked, ended) = play(Guards::all(), "1.20.0", answers);
    assert_eq!(ended, held);
    assert_eq!(
        asked,
        "read desired, read image, record superseded of release 2, record superseded of release 3, write release 20 over a, \
         read desired, read image, record superseded of release 2, record superseded of release 3, write release 20 over b"
    );
    let without = Guards::without(Guard::LookAgainAfterATagMoved);
    let answers = vec![read(&stable, "a"), has(image("stable", 2)), Done, YES, Done];
    let (asked, _) = play(without, "stable", answers);
    assert_eq!(
        asked,
        "read desired, read image, distrust hello, write release 2 over a, start 2"
    );
}

//! What an execution knows of a release on its way: its last look, and until when it waits.

use jiff::{SignedDuration, Timestamp};
use landfall::{
    live::Rollout,
    look::{self, Look},
    probe::ProbeAnswer,
    service_file::Verify,
    step::verify_health,
};
use landfall_aws::sfn::Entered;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::stage;
use crate::view::shortly;

/// Where a release is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    /// What is done.
    pub(super) stage: String,
    /// What the last look found, in a clause.
    pub(super) found: Option<String>,
    /// What each HTTP probe was answered at the last look.
    pub(super) probes: Vec<ProbeAnswer>,
    /// When that ends.
    pub(super) until: Option<Until>,
}

/// The end of something that takes time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Until {
    /// Of the bake time of a release that is healthy.
    Baked(Timestamp),
    /// Of the time that it may take: after that it is bad.
    TooLong(Timestamp),
}

type LastLook = Look<look::Outcome, Option<verify_health::Progress>>;

impl Progress {
    /// Where the release is whose execution has entered this state. `verify` is that section of its service file, if it is known.
    pub(super) fn of(entered: &Entered, verify: Option<&Verify>) -> Self {
        let look: Option<LastLook> = member(&entered.input, "look");
        let bare = Self {
            stage: stage::of(&entered.name)
                .unwrap_or("is worked on")
                .to_owned(),
            found: None,
            probes: Vec::new(),
            until: None,
        };
        match &*entered.name {
            "RunBefore" | "RanBefore" | "WaitForBefore" | "RunAfter" | "RanAfter"
            | "WaitForAfter" => Self {
                found: look
                    .map(|look| look.reason)
                    .filter(|reason| !reason.is_empty()),
                ..bare
            },
            "AwaitRollout" | "CheckRollout" | "RolledOut" => Self {
                until: member(&entered.input, "rollout")
                    .and_then(|rollout| rolled_out(&rollout, look.as_ref())),
                ..bare
            },
            "VerifyHealth" | "Healthy" | "WaitForHealth" => match look {
                Some(look) => bare.verified(&look, verify),
                None => bare,
            },
            _ => bare,
        }
    }

    fn verified(self, look: &LastLook, verify: Option<&Verify>) -> Self {
        // The first look at the health is still to come.
        let Some(progress) = &look.progress else {
            return self;
        };
        let probes = progress.probes.clone();
        let Some(since) = progress.healthy_since else {
            let longest = verify.map(|verify| verify.timeout_seconds + verify.bake_seconds);
            let started = progress.started_at.zip(longest);
            return Self {
                found: Some(look.reason.clone()),
                probes,
                until: started
                    .and_then(|(start, longest)| after(start, longest))
                    .map(Until::TooLong),
                ..self
            };
        };
        Self {
            stage: "is healthy".into(),
            probes,
            until: verify
                .and_then(|verify| after(since, verify.bake_seconds))
                .map(Until::Baked),
            ..self
        }
    }
}

impl Until {
    /// When that is.
    pub(super) fn at(self) -> Timestamp {
        match self {
            Self::Baked(at) | Self::TooLong(at) => at,
        }
    }

    /// How long that is from `now`, in words; none if it is over.
    pub(super) fn in_words(self, now: Timestamp) -> Option<String> {
        self.left(now).map(|left| self.said(&shortly(left)))
    }

    /// The same to the second, for whoever watches it pass.
    pub(super) fn counted_down(self, now: Timestamp) -> Option<String> {
        let left = self.left(now)?;
        Some(self.said(&format!("{}:{:02}", left / 60, left % 60)))
    }

    fn left(self, now: Timestamp) -> Option<i64> {
        let left = self.at().duration_since(now).as_secs();
        (left > 0).then_some(left)
    }

    fn said(self, left: &str) -> String {
        match self {
            Self::Baked(_) => format!("bakes for {left} more"),
            Self::TooLong(_) => format!("for at most {left} more"),
        }
    }
}

/// Until when a rollout may take: what nobody could see, what was paused and what ECS withheld does not count.
fn rolled_out(rollout: &Rollout, look: Option<&LastLook>) -> Option<Until> {
    let uncounted = look.map_or(0, |look| {
        look.blind_seconds + look.paused_seconds + look.withheld_seconds
    });
    after(rollout.started_at, rollout.timeout_seconds + uncounted).map(Until::TooLong)
}

fn after(start: Timestamp, seconds: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(seconds).ok()?;
    start.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn member<T: DeserializeOwned>(input: &Value, name: &str) -> Option<T> {
    T::deserialize(input.get(name)?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landfall::service_file::ServiceFile;
    use serde_json::json;

    use super::*;

    fn progress(name: &str, input: Value) -> Progress {
        let file = b"cluster: { clusterName: web }\nservice: { serviceName: hello }\n\
                     taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64, image: hello }] }\n\
                     verify: { timeout: 5m, bake: 2m }\n";
        let file = ServiceFile::parse(file).unwrap();
        let name = name.to_owned();
        Progress::of(&Entered { name, input }, Some(&file.verify))
    }

    #[test]
    fn each_stage_says_what_was_found_and_how_long_it_may_take() {
        let now: Timestamp = "2026-11-29T10:00:00Z".parse().unwrap();
        let look = |reason: &str, progress: Value| json!({ "outcome": "waiting", "reason": reason, "progress": progress, "seenAt": now });
        let words = |progress: Progress| {
            let until = progress.until.and_then(|until| until.in_words(now));
            let probes = progress.probes.iter().map(ToString::to_string);
            let found: Vec<_> = progress.found.into_iter().chain(probes).collect();
            (progress.stage, found.join("; "), until.unwrap_or_default())
        };
        let rollout = json!({ "taskDefinition": "hello:1", "startedAt": "2026-11-29T09:59:00Z", "timeoutSeconds": 300 });
        let mut paused = look("2 of 3 tasks run", Value::Null);
        paused["outcome"] = "in-progress".into();
        paused["pausedSeconds"] = 60.into();
        let started =
            json!({ "startedAt": now, "successes": 1, "failures": 0, "healthySince": null });
        let mut healthy = started.clone();
        healthy["healthySince"] = "2026-11-29T09:58:30Z".into();
        let answered = |url: &str, status: Value, error: Value| json!({ "url": url, "status": status, "body": "", "error": error, "milliseconds": null });
        let mut probed = started.clone();
        probed["probes"] = json!([
            answered("http://hello.example.com/", 200.into(), Value::Null),
            answered(
                "http://hello.example.com/db",
                Value::Null,
                "timed out".into()
            ),
        ]);
        for (name, input, expected) in [
            (
                "AwaitRollout",
                json!({ "rollout": rollout, "look": null }),
                ("rolls out", "", "for at most 4 min more"),
            ),
            (
                "CheckRollout",
                json!({ "rollout": rollout, "look": paused }),
                ("rolls out", "", "for at most 5 min more"),
            ),
            (
                "WaitForHealth",
                json!({ "look": look("1 of 3 good looks in a row", started) }),
                (
                    "is verified",
                    "1 of 3 good looks in a row",
                    "for at most 7 min more",
                ),
            ),
            (
                "WaitForHealth",
                json!({ "look": look("verify.http[1] did not answer", probed) }),
                (
                    "is verified",
                    "verify.http[1] did not answer; http://hello.example.com/ answered 200; \
                     http://hello.example.com/db: timed out",
                    "for at most 7 min more",
                ),
            ),
            (
                "WaitForHealth",
                json!({ "look": look("healthy; bakes for 30 more seconds", healthy) }),
                ("is healthy", "", "bakes for 30 s more"),
            ),
            (
                "WaitForBefore",
                json!({ "look": look("the task `migrate` is RUNNING", Value::Null) }),
                (
                    "runs the tasks before the rollout",
                    "the task `migrate` is RUNNING",
                    "",
                ),
            ),
            // What a later version passes is not understood, and not shown.
            (
                "VerifyHealth",
                json!({ "look": { "new": 1 } }),
                ("is verified", "", ""),
            ),
            ("AwaitRollout", Value::Null, ("rolls out", "", "")),
        ] {
            let (stage, found, until) = words(progress(name, input));
            assert_eq!((&*stage, &*found, &*until), expected, "{name}");
        }
        let until = Until::Baked("2026-11-29T10:01:05Z".parse().unwrap());
        assert_eq!(
            until.counted_down(now).as_deref(),
            Some("bakes for 1:05 more")
        );
        assert_eq!(until.counted_down(until.at()), None);
    }
}

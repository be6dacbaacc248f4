//! Who says how many tasks run: an update is sent a desired count only where it changes something and nobody else scales
//! the service.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    desired::DesiredState,
    live::{LiveService, LiveTarget},
    service_file::ServiceFile,
    service_id::ServiceId,
    unseen::{may_be_unseen, went_back_lately},
};

const COUNT: &str = "desiredCount";

/// The desired count of a service; none if ECS may show one that has changed since: another release set it a moment ago, or the
/// way back of the last one did.
pub fn shown_count(desired: &DesiredState, live: &LiveService, now: Timestamp) -> Option<i32> {
    let unseen = may_be_unseen(desired, now) || went_back_lately(desired, now);
    (!unseen).then_some(live.desired_count)
}

/// Leaves a desired count out of an update that the service has anyway, if it is known which it has; answers whether one is
/// left, so that it has to be known who scales the service.
pub fn changes_count(body: &mut Map<String, Value>, shown: Option<i32>) -> bool {
    let asked = body.get(COUNT);
    if shown.is_some_and(|shown| asked.is_some_and(|count| *count == shown)) {
        body.remove(COUNT);
    }
    body.contains_key(COUNT)
}

/// Leaves a desired count out of an update that asks for as many tasks as the section did that ECS was given last: where
/// ECS has another number, somebody has set it since, and the change of the file is about something else. `previous` is
/// that section's file; none if it is the same one. A file that scaled the service asked for no count.
pub fn keep_count(body: &mut Map<String, Value>, previous: Option<&ServiceFile>) {
    let asks_for_the_same = previous.is_none_or(|previous| {
        previous.autoscaling.is_none() && previous.service.get(COUNT) == body.get(COUNT)
    });
    if asks_for_the_same {
        body.remove(COUNT);
    }
}

/// Leaves the desired count out of an update if the scalable target is not Landfall's. Landfall's own stands in no file's way:
/// a file that scales the service names no count, and the target of one that does so no longer is about to go.
pub fn drop_unowned_count(body: &mut Map<String, Value>, target: Option<&LiveTarget>) {
    if target.is_some_and(|target| !target.is_ours) {
        body.remove(COUNT);
    }
}

/// That it could not be asked who scales a service, whose count would have to change.
pub fn who_counts(service: &ServiceId, wanted: &Value, refused: &str) -> String {
    format!(
        "{service} is to run {wanted} tasks and runs another number; whether somebody scales it could not be asked: \
         {refused}. Allow it, or remove service.desiredCount"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::{
        desired::{Claim, Concluded},
        record::Verdict,
        sample::*,
    };

    #[test]
    fn a_count_that_somebody_set_survives_a_change_of_the_file_that_asks_for_no_other_count() {
        let with = |count: Option<i32>| {
            let mut file = file();
            file.service.remove(COUNT);
            let count = count.map(|count| (COUNT.to_owned(), json!(count)));
            file.service.extend(count);
            file
        };
        for (story, before, now, sent) in [
            ("the same count", Some(Some(2)), Some(2), None),
            ("another count", Some(Some(2)), Some(4), Some(4)),
            ("the first count", Some(None), Some(4), Some(4)),
            ("none any more", Some(Some(2)), None, None),
            ("the same file", None, Some(2), None),
        ] {
            let previous = before.map(with);
            let mut body = with(now).service;
            keep_count(&mut body, previous.as_ref());
            let sent = sent.map(|count| json!(count));
            assert_eq!(body.get(COUNT), sent.as_ref(), "{story}");
        }
        // Autoscaling counted the tasks until now, whatever that file says of a count.
        let mut scaling = with(Some(2));
        scaling.autoscaling = serde_json::from_value(json!({ "min": 1, "max": 9 })).unwrap();
        let mut body = with(Some(2)).service;
        keep_count(&mut body, Some(&scaling));
        assert_eq!(body.get(COUNT), Some(&json!(2)));
    }

    #[test]
    fn a_count_is_sent_only_where_it_changes_something_and_nobody_else_scales_the_service() {
        let target = |is_ours| LiveTarget {
            min: 1,
            max: 9,
            is_ours,
        };
        let (ours, theirs) = (target(true), target(false));
        for (story, count, target, asked, sent) in [
            ("the file names none", None, None, false, None),
            ("the service has it", Some(3), None, false, None),
            ("it differs", Some(4), None, true, Some(4)),
            (
                "somebody else scales it",
                Some(4),
                Some(&theirs),
                true,
                None,
            ),
            ("scaled to the same", Some(3), Some(&theirs), false, None),
            (
                "somebody else scales it to 0",
                Some(0),
                Some(&theirs),
                true,
                None,
            ),
            (
                "the section `autoscaling` goes",
                Some(4),
                Some(&ours),
                true,
                Some(4),
            ),
        ] {
            let shown = Some(live(1).desired_count);
            let mut body = Map::from_iter([("service".into(), json!("hello"))]);
            body.extend(count.map(|count| (COUNT.to_owned(), json!(count))));
            assert_eq!(changes_count(&mut body, shown), asked, "{story}");
            if asked {
                drop_unowned_count(&mut body, target);
            }
            assert_eq!(
                body.get(COUNT),
                sent.map(|sent| json!(sent)).as_ref(),
                "{story}"
            );
            assert_eq!(body["service"], "hello");
        }
    }

    #[test]
    fn a_count_is_sent_although_ecs_shows_it_where_the_last_release_may_have_changed_it() {
        let now = at(1000);
        let after = |verdict, since: i64| DesiredState {
            concluded: Some(Concluded {
                number: 2,
                verdict,
                content: release(2).content,
            }),
            claim: Some(Claim {
                taken_at: Some(at(1000 - since)),
                ..claim("execution", 3)
            }),
            ..desired(&[3])
        };
        for (verdict, since, sent) in [
            (Verdict::Superseded, 30, true),
            (Verdict::Superseded, 121, false),
            // Before any release was good, its way back is a count of 0.
            (Verdict::Failed, 30, true),
            (Verdict::RolledBack, 30, true),
            (Verdict::Failed, 121, false),
            (Verdict::Succeeded, 30, false),
            (Verdict::Unproven, 30, false),
        ] {
            let live = live(2);
            let shown = shown_count(&after(verdict, since), &live, now);
            let mut body = Map::from_iter([(COUNT.to_owned(), json!(live.desired_count))]);
            assert_eq!(changes_count(&mut body, shown), sent, "{verdict} {since}");
            assert_eq!(body.contains_key(COUNT), sent, "{verdict} {since}");
        }
    }
}

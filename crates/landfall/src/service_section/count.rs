//! Who says how many tasks run: an update is sent a desired count only where it changes something and nobody else scales
//! the service.

use serde_json::{Map, Value};

use crate::{
    live::{LiveService, LiveTarget},
    service_id::ServiceId,
};

const COUNT: &str = "desiredCount";

/// Whether an update would change the number of tasks, so that it has to be known who scales the service.
pub fn changes_count(body: &Map<String, Value>, live: Option<&LiveService>) -> bool {
    let count = body.get(COUNT);
    count.is_some_and(|count| live.is_none_or(|live| *count != live.desired_count))
}

/// Leaves the desired count out of an update unless it is the file's to say: not what the service has anyway, and not
/// where somebody else registered a scalable target. Landfall's own target stands in no file's way: a file that scales the
/// service names no count, and of one that does so no longer it is about to go.
pub fn keep_count(
    body: &mut Map<String, Value>,
    live: Option<&LiveService>,
    target: Option<&LiveTarget>,
) {
    let somebody_elses = target.is_some_and(|target| !target.is_ours);
    if somebody_elses || !changes_count(body, live) {
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
    use serde_json::json;

    use super::*;
    use crate::sample::live;

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
            let live = live(1);
            let mut body = Map::from_iter([("service".into(), json!("hello"))]);
            body.extend(count.map(|count| (COUNT.to_owned(), json!(count))));
            assert_eq!(changes_count(&body, Some(&live)), asked, "{story}");
            keep_count(&mut body, Some(&live), target);
            assert_eq!(
                body.get(COUNT),
                sent.map(|sent| json!(sent)).as_ref(),
                "{story}"
            );
            assert_eq!(body["service"], "hello");
        }
    }
}

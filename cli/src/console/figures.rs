//! Figures of many releases, week by week: how often, how well and how quickly. They are DORA's four, as far as records tell
//! them (<https://dora.dev/guides/dora-metrics-four-keys/>): of a change, the time counts from its push, for nothing here knows its
//! commit; and a failure is what Landfall itself found to be one.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use landfall::record::{Cause, Record, Verdict};

/// How many weeks are shown, the present one included.
pub(crate) const WEEKS: usize = 12;

/// The figures of some releases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    /// Week by week, oldest first; none before the first release.
    pub(crate) weeks: Vec<(Date, Week)>,
    /// Of all of these weeks.
    pub(crate) all: Week,
    /// How many releases were looked through.
    pub(crate) records: usize,
}

/// The figures of a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Week {
    /// How many releases succeeded.
    pub(crate) succeeded: usize,
    /// How many were bad: rolled back, or failed.
    pub(crate) bad: usize,
    /// How many ended otherwise: nothing was found for them or against them.
    pub(crate) others: usize,
    /// How many seconds each pushed image that was released took from its push to the verdict, sorted.
    pub(crate) to_verified: Vec<f64>,
    /// How many seconds each bad release took from its beginning until the service was good again, sorted.
    pub(crate) to_restored: Vec<f64>,
}

impl Week {
    /// How many releases ended.
    pub(crate) fn releases(&self) -> usize {
        self.succeeded + self.bad + self.others
    }

    /// Which share of those that succeeded or were bad was bad; none without any.
    pub(crate) fn share_bad(&self) -> Option<f64> {
        let judged = self.succeeded + self.bad;
        (judged > 0).then(|| self.bad as f64 / judged as f64)
    }

    fn take(&mut self, record: &Record, restored_at: Option<Timestamp>) {
        match record.verdict {
            Verdict::Succeeded => self.succeeded += 1,
            Verdict::RolledBack | Verdict::Failed => self.bad += 1,
            Verdict::Superseded
            | Verdict::Rejected
            | Verdict::Unproven
            | Verdict::Drifted
            | Verdict::Undecided => self.others += 1,
        }
        self.to_verified.extend(to_verified(record));
        let begun = record.timeline.execution_started_at;
        let begun = begun.unwrap_or(record.timeline.created_at);
        self.to_restored
            .extend(restored_at.map(|at| seconds(begun, at)));
    }

    fn sort(&mut self) {
        self.to_verified.sort_by(f64::total_cmp);
        self.to_restored.sort_by(f64::total_cmp);
    }
}

impl Figures {
    /// The figures of `records`, whose order does not matter.
    pub(crate) fn of(records: &[Record], now: Timestamp) -> Self {
        let this_week = monday(now);
        let first = this_week.saturating_sub(before_last());
        let mut weeks: BTreeMap<Date, Week> = BTreeMap::new();
        let mut all = Week::default();
        let mut of_services: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
        for record in records {
            of_services.entry(&record.service).or_default().push(record);
        }
        for mut of_one in of_services.into_values() {
            of_one.sort_by_key(|record| record.release.number);
            for (index, record) in of_one.iter().enumerate() {
                let week = monday(record.timeline.concluded_at);
                if week < first {
                    continue;
                }
                let restored_at = restored_at(record, &of_one[index + 1..]);
                weeks.entry(week).or_default().take(record, restored_at);
                all.take(record, restored_at);
            }
        }
        if let Some((earliest, _)) = weeks.first_key_value() {
            let mut week = *earliest;
            while week <= this_week {
                weeks.entry(week).or_default();
                week = week.saturating_add(7.days());
            }
        }
        weeks.values_mut().for_each(Week::sort);
        all.sort();
        Self {
            weeks: weeks.into_iter().collect(),
            all,
            records: records.len(),
        }
    }

    /// The first and the last week that there is room for.
    pub(crate) fn ends(&self) -> Option<[Date; 2]> {
        let (last, _) = self.weeks.last()?;
        Some([last.saturating_sub(before_last()), *last])
    }
}

/// From the first week shown to the last.
fn before_last() -> Span {
    (7 * (WEEKS as i64 - 1)).days()
}

/// What most of `sorted` do not exceed: the least of them that `percent` of a hundred do not. None of nothing.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// From the push of an image to the verdict of the release that it made.
fn to_verified(record: &Record) -> Option<f64> {
    let Cause::ImagePushed { digest, .. } = &record.release.cause else {
        return None;
    };
    if record.verdict != Verdict::Succeeded {
        return None;
    }
    let mut images = record.release.content.images.values();
    let pushed = images.find(|image| image.digest == *digest)?.since();
    Some(seconds(pushed, record.timeline.concluded_at))
}

/// When the service was good again after a bad release: with its verdict if it was rolled back, else with the next of `later` that
/// succeeded.
fn restored_at(record: &Record, later: &[&Record]) -> Option<Timestamp> {
    match record.verdict {
        Verdict::RolledBack => Some(record.timeline.concluded_at),
        Verdict::Failed => {
            let mut later = later.iter();
            let next = later.find(|next| next.verdict == Verdict::Succeeded)?;
            Some(next.timeline.concluded_at)
        }
        _ => None,
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// The Monday of a time's week, in UTC.
fn monday(at: Timestamp) -> Date {
    let day = at.to_zoned(TimeZone::UTC).date();
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.saturating_sub(since.days())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landfall::{
        content::ContentHash,
        image::Image,
        record::{Content, Release, Timeline},
    };
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-{text}Z").parse().unwrap()
    }

    /// A release of an image that was pushed at `pushed`, or of a file.
    fn record(
        number: u64,
        verdict: Verdict,
        pushed: Option<&str>,
        made: &str,
        ended: &str,
    ) -> Record {
        let image = pushed.map(|pushed| Image {
            registry: "registry".into(),
            repository: "hello".into(),
            tag: format!("1.{number}.0"),
            digest: format!("sha256:{number}"),
            pushed_at: at(pushed),
            tagged_at: None,
        });
        let cause = match &image {
            Some(image) => Cause::ImagePushed {
                repository: image.repository.clone(),
                tag: image.tag.clone(),
                digest: image.digest.clone(),
            },
            None => Cause::ServiceFileChanged {
                key: "services/hello.yaml".into(),
                version_id: "1".into(),
            },
        };
        Record {
            service: "web/hello".parse().unwrap(),
            release: Release {
                number,
                content: Content {
                    file: ContentHash::of(&json!("a file")),
                    images: image
                        .map(|image| ("web".into(), image))
                        .into_iter()
                        .collect(),
                    containers: None,
                },
                cause,
                created_at: at(made),
                acts: Vec::new(),
            },
            verdict,
            reason: "a reason".into(),
            task_definition: None,
            diagnosis: None,
            execution: None,
            timeline: Timeline {
                created_at: at(made),
                execution_started_at: None,
                concluded_at: at(ended),
                blind_seconds: 0,
                paused_seconds: 0,
                withheld_seconds: 0,
            },
        }
    }

    #[test]
    fn releases_are_counted_by_week_and_the_weeks_between_are_empty() {
        let records = [
            record(
                1,
                Verdict::Succeeded,
                Some("11-02T08:00:00"),
                "11-02T08:00:10",
                "11-02T08:01:40",
            ),
            record(
                2,
                Verdict::RolledBack,
                Some("11-08T23:50:00"),
                "11-08T23:50:00",
                "11-08T23:59:59",
            ),
            record(
                3,
                Verdict::Superseded,
                None,
                "11-16T00:00:00",
                "11-16T00:00:30",
            ),
            record(4, Verdict::Failed, None, "11-16T00:00:00", "11-16T00:01:00"),
            record(
                5,
                Verdict::Succeeded,
                None,
                "11-17T00:00:00",
                "11-17T00:00:20",
            ),
        ];
        let figures = Figures::of(&records, at("11-25T12:00:00"));
        let told: Vec<_> = figures
            .weeks
            .iter()
            .map(|(monday, week)| {
                let counts = (week.succeeded, week.bad, week.others);
                (monday.to_string(), counts, week.to_restored.clone())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("2026-11-02".into(), (1, 1, 0), vec![599.0]),
                ("2026-11-09".into(), (0, 0, 0), vec![]),
                // The failed one was made good by the next that succeeded, a day and twenty seconds later.
                ("2026-11-16".into(), (1, 1, 1), vec![86_420.0]),
                ("2026-11-23".into(), (0, 0, 0), vec![]),
            ]
        );
        // From the push, not from the release; and a changed file was no push.
        assert_eq!(figures.all.to_verified, [100.0]);
        assert_eq!(figures.all.share_bad(), Some(0.5));
        assert_eq!((figures.all.releases(), figures.records), (5, 5));
        let ends = figures.ends().unwrap().map(|monday| monday.to_string());
        assert_eq!(ends, ["2026-09-07", "2026-11-23"]);
    }

    #[test]
    fn what_is_older_than_the_weeks_shown_is_left_out_and_nothing_has_no_share() {
        let old = record(
            1,
            Verdict::Succeeded,
            None,
            "01-02T08:00:00",
            "01-02T08:00:10",
        );
        let figures = Figures::of(&[old], at("11-25T12:00:00"));
        assert_eq!((figures.weeks, figures.all.share_bad()), (vec![], None));
    }

    #[test]
    fn what_never_became_good_again_has_no_time_to_it() {
        let bad = record(1, Verdict::Failed, None, "11-24T08:00:00", "11-24T08:00:10");
        let figures = Figures::of(&[bad], at("11-25T12:00:00"));
        assert_eq!((figures.all.bad, figures.all.to_restored), (1, vec![]));
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        for (values, percent, expected) in [
            (&ten[..], 50, Some(5.0)),
            (&ten, 90, Some(9.0)),
            (&ten, 100, Some(10.0)),
            (&ten, 0, Some(1.0)),
            (&ten[..1], 90, Some(1.0)),
            (&ten[..3], 50, Some(2.0)),
            (&[], 50, None),
        ] {
            assert_eq!(
                percentile(values, percent),
                expected,
                "{percent} of {values:?}"
            );
        }
    }
}

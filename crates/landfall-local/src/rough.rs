//! Rough weather for a Landfall that a person watches: what AWS does to everybody now and then, decided by a seed.
//!
//! Nothing here is a mode of Landfall or of the embedded cloud. The same settings and outages make the world of the
//! simulation, where nobody can watch.

use std::{fmt, ops::Range, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::cloud::{
    Settings,
    ecs::{NotYet, Quota},
    outage::{Away, Outage, Refusal},
};

/// For how long outages are foreseen. After that the weather is fair.
const DAY: Duration = Duration::from_secs(86_400);

/// The APIs that may be away, and more often those of which a release needs most.
const APIS: [&str; 8] = [
    "ecs",
    "ecs",
    "ecs",
    "elasticloadbalancing",
    "ecr",
    "s3",
    "lambda",
    "events",
];

/// The weather of one day.
#[derive(Clone, Debug)]
pub struct Rough {
    /// How long ECS's reads answer as before, after a service was created or updated.
    read_lag: Duration,
    /// How long ECS's service-linked role takes, which the first request creates.
    linked_role: Duration,
    /// One after the other, never two at once.
    outages: Vec<Outage<Refusal>>,
}

impl Rough {
    /// The weather of a seed: the same every time.
    pub fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let read_lag = seconds(&mut rng, 2..20);
        let linked_role = seconds(&mut rng, 5..30);
        let mut outages = Vec::new();
        let mut from = seconds(&mut rng, 20..90);
        while from < DAY {
            let lasts = seconds(&mut rng, 20..100);
            let api = APIS[rng.random_range(0..APIS.len())];
            let throttled = api == "lambda" || rng.random_bool(0.5);
            outages.push(Outage {
                away: Away::Api(api),
                fault: if throttled {
                    Refusal::Throttled
                } else {
                    Refusal::ServerError
                },
                from,
                lasts,
            });
            from += lasts + seconds(&mut rng, 60..240);
        }
        Self {
            read_lag,
            linked_role,
            outages,
        }
    }

    /// Makes the cloud so.
    pub(crate) fn settle(self, settings: &mut Settings) {
        settings.ecs.read_lag = self.read_lag;
        settings.ecs.not_yet = vec![NotYet::linked_role(self.linked_role)];
        settings.ecs.quotas = [("RegisterTaskDefinition", Quota::REGISTRATIONS)].into();
        settings.outages = self.outages;
    }
}

fn seconds(rng: &mut StdRng, range: Range<u64>) -> Duration {
    Duration::from_secs(rng.random_range(range))
}

impl fmt::Display for Rough {
    /// What to expect, up to the tenth outage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ECS's reads lag {} s behind a change of a service, its service-linked role takes {} s, and it registers 20 task \
             definitions at once, then one a second. To the functions these do not answer:\n",
            self.read_lag.as_secs(),
            self.linked_role.as_secs()
        )?;
        for outage in self.outages.iter().take(10) {
            let Away::Api(what) = outage.away else {
                continue;
            };
            let instead = match outage.fault {
                Refusal::Throttled => "is throttled",
                Refusal::ServerError => "answers 500",
            };
            let (from, until) = (Clock(outage.from), Clock(outage.until()));
            writeln!(f, "  {from} to {until}  {what} {instead}")?;
        }
        Ok(())
    }
}

/// Minutes and seconds since the start.
struct Clock(Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{:02}:{:02}", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_its_weather_and_another_one_another() {
        assert_eq!(Rough::of(7).to_string(), Rough::of(7).to_string());
        assert_ne!(Rough::of(7).to_string(), Rough::of(8).to_string());
    }

    #[test]
    fn there_is_time_between_outages_all_day_and_whatever_a_release_needs_is_away_sometime() {
        let Rough { outages, .. } = Rough::of(1);
        assert!(outages.len() > 300, "{}", outages.len());
        for pair in outages.windows(2) {
            assert!(pair[1].from >= pair[0].until() + Duration::from_secs(60));
        }
        for api in APIS {
            assert!(
                outages.iter().any(|outage| outage.away == Away::Api(api)),
                "{api}"
            );
        }
    }
}

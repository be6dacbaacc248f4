//! HTTP probes: one that does not come to the service, and several.

use super::*;
use crate::probe::HttpProbe;

/// What came of one that the load balancer itself answered.
fn answered_by_balancer(status: u16) -> Probed {
    probed(Ok(Answer {
        status,
        server: Some("awselb/2.0".into()),
        ..Answer::default()
    }))
}

#[test]
fn a_probe_that_does_not_come_to_the_service_ends_the_release_without_speaking_against_it() {
    let after_one_more = |probe: &Probed, observation: Observation| {
        let mut last = input();
        last.progress = Some(Progress {
            failures: 1,
            ..Progress::default()
        });
        let observation = Observation {
            probes: vec![probe.clone()],
            ..observation
        };
        decide(&last, &probing(), &desired(&[2]), observation, at(0))
    };
    let no_way = probed(Err(NoAnswer::Misaimed("no listener leads there".into())));
    for probe in [
        &no_way,
        &answered_by_balancer(301),
        &answered_by_balancer(503),
    ] {
        let output = after_one_more(probe, good_observation());
        assert_eq!(output.outcome, Outcome::Misaimed);
        let failure = output.failure.unwrap();
        assert_eq!(failure.against, Against::File);
        assert_eq!(failure.probe.as_ref(), Some(&probe.answer));
    }
    // A listener rule that was made a moment ago is not known everywhere at once.
    let observation = Observation {
        probes: vec![no_way],
        ..good_observation()
    };
    let looks = looks(
        &probing(),
        vec![(0, observation.clone()), (10, observation)],
    );
    let outcomes: Vec<_> = looks.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Waiting, Outcome::Misaimed]);
    // Without a target of the release's the load balancer has none for the request.
    let mut short = good_observation();
    short.tasks.pop();
    let output = after_one_more(&answered_by_balancer(503), short);
    assert_eq!(output.outcome, Outcome::Unhealthy);
}

#[test]
fn of_several_probes_each_has_to_be_answered_and_says_how_often_it_may_not_be() {
    let [http] = <[HttpProbe; 1]>::try_from(probing().http).unwrap();
    let patient = HttpProbe {
        failures: 3,
        successes: 1,
        interval_seconds: 30,
        ..http.clone()
    };
    let both = Verify {
        http: vec![http, patient],
        bake_seconds: 0,
        ..probing()
    };
    let seen = |first: Probed, second: Probed| Observation {
        probes: vec![first, second],
        ..good_observation()
    };
    let good = || answer(200, "Hello");
    let wrong = || answer(500, "");
    let outcomes = |observation: &dyn Fn() -> Observation| -> Vec<_> {
        let all = (0..3).map(|number| (number * 10, observation())).collect();
        looks(&both, all)
    };
    // The least `interval`, and the most `successes`.
    let well = outcomes(&|| seen(good(), good()));
    assert_eq!(well[..2], [(Outcome::Waiting, 10), (Outcome::Healthy, 0)]);
    let of = |seen: Vec<(Outcome, u64)>| -> Vec<_> {
        seen.into_iter().map(|(outcome, _)| outcome).collect()
    };
    let first = of(outcomes(&|| seen(wrong(), good())));
    assert_eq!(first[..2], [Outcome::Waiting, Outcome::Unhealthy]);
    let second = of(outcomes(&|| seen(good(), wrong())));
    assert_eq!(
        second,
        [Outcome::Waiting, Outcome::Waiting, Outcome::Unhealthy]
    );

    let mut last = input();
    last.progress = Some(Progress {
        failures: 2,
        ..Progress::default()
    });
    let output = decide(&last, &both, &desired(&[2]), seen(good(), wrong()), at(0));
    let reason = "3 looks in a row were bad; the last: verify.http[1]: http://hello/ answered 500, expected 200";
    assert_eq!(output.reason, reason);
    assert_eq!(output.failure.unwrap().probe, Some(wrong().answer));
}

#[test]
fn a_look_says_what_each_probe_was_answered_without_the_bodies() {
    let [http] = <[HttpProbe; 1]>::try_from(probing().http).unwrap();
    let both = Verify {
        http: vec![http.clone(), http],
        ..probing()
    };
    let observation = Observation {
        probes: vec![answer(200, "Hello"), answer(500, "a long story")],
        ..good_observation()
    };
    let first = decide(&input(), &both, &desired(&[2]), observation, at(0));
    let told: Vec<_> = first
        .progress
        .probes
        .iter()
        .map(|answer| (answer.to_string(), &*answer.body))
        .collect();
    let expected = [
        ("http://hello/ answered 200".to_owned(), ""),
        ("http://hello/ answered 500".to_owned(), ""),
    ];
    assert_eq!(told, expected);
    // A look at which none was sent has none.
    let mut next = input();
    next.look = Some(last(first));
    let observation = Observation {
        probes: Vec::new(),
        ..good_observation()
    };
    let next = decide(&next, &both, &desired(&[2]), observation, at(10));
    assert_eq!(next.progress.probes, []);
}

use super::*;
use crate::service_file::ProbeTarget;

const URL: &str = "http://hello/";

fn probe() -> HttpProbe {
    HttpProbe {
        target: ProbeTarget::Path("/".into()),
        host: None,
        status: 200,
        body: Some("Hello".into()),
        timeout_seconds: 5,
        interval_seconds: 10,
        successes: 2,
        failures: 2,
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.into(),
        ..Answer::default()
    }
}

fn by_load_balancer(status: u16) -> Answer {
    Answer {
        server: Some("awselb/2.0".into()),
        ..answer(status, "Hello")
    }
}

fn finding(http: &HttpProbe, answer: Result<Answer, NoAnswer>) -> Finding {
    judge(http, URL, answer).finding
}

#[test]
fn an_answer_is_good_if_it_has_the_status_and_the_text() {
    let http = probe();
    assert_eq!(
        finding(&http, Ok(answer(200, "Hello, World!"))),
        Finding::Good
    );
    let wrong = |text: &str| Finding::Wrong(text.into());
    for (answer, expected) in [
        (
            Ok(answer(503, "Hello")),
            "http://hello/ answered 503, expected 200",
        ),
        (
            Ok(answer(200, "Goodbye")),
            "http://hello/ answered without the text `Hello`",
        ),
        (
            Err(NoAnswer::Failed("connection refused".into())),
            "http://hello/ did not answer: connection refused",
        ),
    ] {
        assert_eq!(finding(&http, answer), wrong(expected));
    }
}

#[test]
fn what_a_load_balancer_answers_by_itself_says_nothing_about_the_release() {
    let told = |answer| match finding(&probe(), Ok(answer)) {
        Finding::Misaimed(why) => why,
        other => panic!("{other:?}"),
    };
    let redirect = Answer {
        location: Some("https://hello:443/".into()),
        ..by_load_balancer(301)
    };
    let why = told(redirect);
    assert!(
        why.starts_with(
            "http://hello/: the load balancer itself redirects to https://hello:443/, so"
        ),
        "{why}"
    );
    assert!(why.contains("verify.http.url"), "{why}");
    assert!(told(by_load_balancer(302)).contains("answers 302"));
    assert!(told(by_load_balancer(401)).contains("log in"));
    assert!(told(by_load_balancer(561)).contains("log in"));
    assert!(told(by_load_balancer(403)).contains("WAF"));
    assert!(told(by_load_balancer(404)).contains("answers 404"));
    // Also where it is what is asked for: no task has answered.
    assert!(told(by_load_balancer(200)).contains("answers 200"));
}

#[test]
fn a_target_that_fails_behind_a_load_balancer_speaks_against_the_release() {
    for status in [502, 504, 500] {
        let finding = finding(&probe(), Ok(by_load_balancer(status)));
        let expected = format!("{URL} answered {status}, expected 200");
        assert_eq!(finding, Finding::Wrong(expected));
    }
    let unserved = finding(&probe(), Ok(by_load_balancer(503)));
    assert!(matches!(unserved, Finding::Unserved(_)), "{unserved:?}");
}

#[test]
fn who_asks_for_the_redirect_of_a_load_balancer_gets_it() {
    let http = HttpProbe {
        status: 301,
        ..probe()
    };
    assert_eq!(finding(&http, Ok(by_load_balancer(301))), Finding::Good);
}

#[test]
fn the_record_keeps_the_beginning_of_the_body_or_what_was_looked_for() {
    let kept = |body: &str| judge(&probe(), URL, Ok(answer(200, body))).answer.body;
    assert_eq!(kept("Hello"), "Hello");
    let long = "x".repeat(2000);
    assert_eq!(kept(&long), "x".repeat(512));
    assert_eq!(kept(&format!("{long}Hello, World!")), "Hello, World!");
    let misaimed = judge(&probe(), URL, Err(NoAnswer::Misaimed("no way".into())));
    assert_eq!(misaimed.answer.error.as_deref(), Some("no way"));
    assert_eq!(
        misaimed.finding,
        Finding::Misaimed("http://hello/ was not asked: no way".into())
    );
}

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::{
    probe::{BodyPattern, JsonPath, Statuses},
    sample::http_probe,
};

const URL: &str = "http://hello/";

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
    let http = http_probe();
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
    let told = |answer| match finding(&http_probe(), Ok(answer)) {
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
        let finding = finding(&http_probe(), Ok(by_load_balancer(status)));
        let expected = format!("{URL} answered {status}, expected 200");
        assert_eq!(finding, Finding::Wrong(expected));
    }
    let unserved = finding(&http_probe(), Ok(by_load_balancer(503)));
    assert!(matches!(unserved, Finding::Unserved(_)), "{unserved:?}");
}

#[test]
fn who_asks_for_the_redirect_of_a_load_balancer_gets_it() {
    let http = HttpProbe {
        status: Statuses::one(301),
        ..http_probe()
    };
    assert_eq!(finding(&http, Ok(by_load_balancer(301))), Finding::Good);
}

#[test]
fn the_record_keeps_the_beginning_of_the_body_or_what_was_looked_for() {
    let kept = |body: &str| judge(&http_probe(), URL, Ok(answer(200, body))).answer.body;
    assert_eq!(kept("Hello"), "Hello");
    let long = "x".repeat(2000);
    assert_eq!(kept(&long), "x".repeat(512));
    assert_eq!(kept(&format!("{long}Hello, World!")), "Hello, World!");
    let misaimed = judge(&http_probe(), URL, Err(NoAnswer::Misaimed("no way".into())));
    assert_eq!(misaimed.answer.error.as_deref(), Some("no way"));
    assert_eq!(
        misaimed.finding,
        Finding::Misaimed("http://hello/ was not asked: no way".into())
    );
}

/// What is wrong with a body, or a status.
fn complaint(http: &HttpProbe, status: u16, body: &str) -> Option<String> {
    match finding(http, Ok(answer(status, body))) {
        Finding::Good => None,
        Finding::Wrong(why) => Some(why.replace("http://hello/ ", "")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn statuses_may_be_ranges() {
    let http = HttpProbe {
        status: Statuses::parse("200-299,404").unwrap(),
        ..http_probe()
    };
    assert_eq!(complaint(&http, 204, "Hello"), None);
    assert_eq!(complaint(&http, 404, "Hello"), None);
    assert_eq!(
        complaint(&http, 301, "Hello").unwrap(),
        "answered 301, expected 200-299,404"
    );
}

#[test]
fn a_body_may_have_to_match_a_regular_expression() {
    let http = HttpProbe {
        body: None,
        body_matches: Some(BodyPattern::try_from("v[0-9]+ .*ready$".to_owned()).unwrap()),
        ..http_probe()
    };
    assert_eq!(complaint(&http, 200, "hello v12 is ready"), None);
    assert_eq!(
        complaint(&http, 200, "hello v12 starts").unwrap(),
        "answered with a body that does not match `v[0-9]+ .*ready$`"
    );
}

#[test]
fn values_of_a_json_document_are_compared_by_what_they_are() {
    let wanted = [("$.status", json!("ok")), ("$.checks[-1].up", json!(1))];
    let json = wanted.map(|(path, value)| (JsonPath::parse(path).unwrap(), value));
    let http = HttpProbe {
        body: None,
        json: json.into(),
        ..http_probe()
    };
    let said = |body: Value| complaint(&http, 200, &body.to_string());
    let all = json!({ "status": "ok", "checks": [{}, { "up": 1.0 }] });
    assert_eq!(said(all), None);
    assert_eq!(
        said(json!({ "status": "starting", "checks": [{ "up": 1 }] })).unwrap(),
        "answered with \"starting\" at $.status, expected \"ok\""
    );
    assert_eq!(
        said(json!({ "status": "ok" })).unwrap(),
        "answered without $.checks[-1].up, expected 1"
    );
    assert_eq!(
        said(json!({ "status": "ok", "checks": [{ "up": "1" }] })).unwrap(),
        "answered with \"1\" at $.checks[-1].up, expected 1"
    );
    assert_eq!(
        complaint(&http, 200, "<html>").unwrap(),
        "answered with a body that is no JSON"
    );
}

#[test]
fn an_answer_that_comes_too_late_is_wrong_and_the_record_says_how_long_it_took() {
    let http = HttpProbe {
        within_milliseconds: Some(500),
        ..http_probe()
    };
    let after = |milliseconds| {
        let took = Duration::from_millis(milliseconds);
        let answer = Answer {
            took,
            ..answer(200, "Hello")
        };
        judge(&http, URL, Ok(answer))
    };
    assert_eq!(after(500).finding, Finding::Good);
    let late = after(501);
    let why = "http://hello/ answered after 501 ms, expected within 500 ms";
    assert_eq!(late.finding, Finding::Wrong(why.into()));
    assert_eq!(late.answer.milliseconds, Some(501));
}

#[test]
fn of_several_probes_a_wrong_answer_counts_more_than_a_way_that_is_not_found() {
    let good = || judge(&http_probe(), URL, Ok(answer(200, "Hello")));
    let wrong = || judge(&http_probe(), URL, Ok(answer(500, "")));
    let misaimed = || judge(&http_probe(), URL, Err(NoAnswer::Misaimed("no way".into())));
    assert_eq!(telling(&[]), None);
    assert_eq!(telling(&[good(), good()]), Some(0));
    assert_eq!(telling(&[good(), misaimed(), wrong()]), Some(2));
    assert_eq!(telling(&[good(), misaimed(), misaimed()]), Some(1));
}

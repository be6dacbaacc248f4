#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn who_knows_the_token_is_let_in_and_only_the_page_itself_may_change_something() {
    let guard = |allows_changes| Guard {
        token: "right".into(),
        port: 4600,
        allows_changes,
    };
    let cookie = "other=1; landfall-console-4600=right";
    let here = "http://127.0.0.1:4600";
    let refused = |why: &'static str| Some(why);
    for (story, allows, method, query, host, cookie, origin, expected) in [
        (
            "a visit",
            false,
            "GET",
            "",
            "127.0.0.1:4600",
            cookie,
            "",
            None,
        ),
        (
            "by the other name",
            false,
            "GET",
            "",
            "localhost:4600",
            cookie,
            "",
            None,
        ),
        (
            "without a cookie",
            false,
            "GET",
            "",
            "127.0.0.1:4600",
            "",
            "",
            refused("not been let in"),
        ),
        (
            "an old cookie",
            false,
            "GET",
            "",
            "127.0.0.1:4600",
            "landfall-console-4600=wrong",
            "",
            refused("not been let in"),
        ),
        (
            "the cookie of another console",
            false,
            "GET",
            "",
            "127.0.0.1:4600",
            "landfall-console-4601=right",
            "",
            refused("not been let in"),
        ),
        (
            "a wrong token",
            false,
            "GET",
            "token=wrong",
            "127.0.0.1:4600",
            "",
            "",
            refused("has ended"),
        ),
        (
            "another name for this address",
            false,
            "GET",
            "",
            "evil.example:4600",
            cookie,
            "",
            refused("127.0.0.1 and localhost only"),
        ),
        (
            "another port",
            false,
            "GET",
            "",
            "127.0.0.1:80",
            cookie,
            "",
            refused("127.0.0.1 and localhost only"),
        ),
        (
            "a token under another name",
            false,
            "GET",
            "token=right",
            "evil.example:4600",
            "",
            "",
            refused("127.0.0.1 and localhost only"),
        ),
        (
            "a change",
            true,
            "POST",
            "",
            "127.0.0.1:4600",
            cookie,
            here,
            None,
        ),
        (
            "a change that is not allowed",
            false,
            "POST",
            "",
            "127.0.0.1:4600",
            cookie,
            here,
            refused("--allow-changes"),
        ),
        (
            "a change from a website",
            true,
            "POST",
            "",
            "127.0.0.1:4600",
            cookie,
            "https://evil.example",
            refused("Only this page"),
        ),
        (
            "a change from another port",
            true,
            "POST",
            "",
            "127.0.0.1:4600",
            cookie,
            "http://127.0.0.1:4601",
            refused("Only this page"),
        ),
        (
            "a change from nowhere",
            true,
            "POST",
            "",
            "127.0.0.1:4600",
            cookie,
            "",
            refused("Only this page"),
        ),
        (
            "a change with a token only",
            true,
            "POST",
            "token=right",
            "127.0.0.1:4600",
            "",
            here,
            refused("not been let in"),
        ),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::HOST, host),
            (header::COOKIE, cookie),
            (header::ORIGIN, origin),
        ] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let method = method.parse().unwrap();
        let answer = guard(allows).judge(&method, "/", query, &headers);
        match (answer, expected) {
            (Answer::LetIn, None) => {}
            (Answer::Refused(why), Some(part)) if why.contains(part) => {}
            (other, _) => panic!("{story}: {other:?}"),
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, "localhost:4600".parse().unwrap());
    let answer = guard(false).judge(&Method::GET, "/figures", "a=b&token=right", &headers);
    assert_eq!(answer, Answer::Welcome("/figures".into()));
    assert_eq!(guard(false).address(), format!("{here}/?token=right"));
}

#[test]
fn each_console_has_a_token_of_its_own() {
    let (one, other) = (Guard::new(1, false), Guard::new(1, false));
    assert_eq!(one.token.len(), 64);
    assert_ne!(one.token, other.token);
}

//! `landfall console`, as a browser and those who are none ask it.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::stage::*;

const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";

/// `landfall console`, ended with its test.
struct Console {
    process: Child,
    /// `127.0.0.1:<port>`
    host: String,
    /// `/?token=…`
    entrance: String,
    client: Client<HttpConnector, Full<Bytes>>,
    cookie: String,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Console {
    /// One of the Landfall at this port; its browser has not been let in.
    fn start(port: &str, arguments: &[&str]) -> Self {
        let (process, line) = started(&[&["console", "--port", port], arguments].concat());
        let address = line.trim().strip_prefix("http://").unwrap();
        let (host, entrance) = address.split_once('/').unwrap();
        Self {
            process,
            host: host.into(),
            entrance: format!("/{entrance}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            cookie: String::new(),
        }
    }

    /// Opens the address that was printed, as a browser does, and keeps the cookie.
    async fn enter(&mut self) {
        let welcome = self.ask(Method::GET, &self.entrance, &[], "").await;
        assert_eq!(welcome.status(), StatusCode::SEE_OTHER);
        assert_eq!(welcome.headers()[header::LOCATION], "/");
        let cookie = welcome.headers()[header::SET_COOKIE].to_str().unwrap();
        let (cookie, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/");
        self.cookie = cookie.into();
    }

    /// Asks with these headers beside the cookie.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.host));
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.client.request(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        read(self.ask(Method::GET, path, &[], "").await).await
    }

    /// The page once this is in it: what takes long to read is brought later.
    async fn page(&self, path: &str, wanted: &str) -> String {
        let began = Instant::now();
        loop {
            let (status, page) = self.get(path).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            if page.contains(wanted) {
                return page;
            }
            assert!(began.elapsed() < PATIENCE, "{wanted} is not in {page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a form as the page does.
    async fn send(&self, path: &str, form: String) -> (StatusCode, String) {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("origin", &*origin),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        read(self.ask(Method::POST, path, &headers, form.leak()).await).await
    }
}

async fn read(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, text(&body))
}

/// A Landfall with one service, whose first release has succeeded.
async fn landfall_with_hello(folder: &tempfile::TempDir) -> Local {
    let local = Local::start(folder.path());
    local.put_file("services/hello.yaml", FILE).await;
    push(&local.port, "hello:1.0.0", &["sleep", "1000"]);
    success(&[
        "watch",
        "web/hello",
        "--image",
        "hello:1.0.0",
        "--port",
        &local.port,
    ]);
    local
}

/// The field of a form that says what it is about.
fn stamp(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"stamp\" value=\"").unwrap();
    rest.split('"').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_browser_that_was_given_the_token_sees_anything_and_the_page_runs_nothing_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let mut console = Console::start(&local.port, &[]);
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/assets/console.css"),
        (Method::GET, "/changes"),
        (Method::GET, "/services/web/hello"),
        (Method::GET, "/figures"),
        (Method::GET, "/nothing"),
        (Method::POST, "/services/web/hello/actions/hold"),
    ] {
        let refused = console.ask(method, path, &[], "").await;
        let policy = refused.headers()[header::CONTENT_SECURITY_POLICY].to_str();
        assert!(
            policy
                .unwrap()
                .starts_with("default-src 'none'; script-src 'self';")
        );
        let (status, why) = read(refused).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            why.contains("open the address that `landfall console` printed"),
            "{why}"
        );
    }
    let (status, why) = console.get("/?token=guessed").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(why.contains("of a console that has ended"), "{why}");

    console.enter().await;
    let page = console.ask(Method::GET, "/", &[], "").await;
    let headers = page.headers().clone();
    let (status, page) = read(page).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("No service is described yet"), "{page}");
    // Nothing in the page needs more than its policy allows.
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    for forbidden in [" style=", " onclick=", "<style", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // A name that a website has given this address is none of the page.
    let elsewhere = [("host", "console.example:80")];
    let (status, why) = read(console.ask(Method::GET, "/", &elsewhere, "").await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(why.contains("127.0.0.1 and localhost only"), "{why}");

    let (status, style) = console.get("/assets/console.css").await;
    assert!(status == StatusCode::OK && style.contains("prefers-color-scheme: dark"));
    for path in [
        "/nothing",
        "/assets/../Cargo.toml",
        "/services/web/h%20llo",
        "/services/web/hello/releases/x",
    ] {
        assert_eq!(console.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let unknown = "No service file has described it yet";
    console.page("/services/web/hello", unknown).await;

    let taken = console.host.rsplit(':').next().unwrap();
    let message = failure(&["console", "--port", &local.port, "--listen", taken]);
    assert!(
        message.contains("choose another with --listen"),
        "{message}"
    );
    local.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_what_changes_within_two_seconds_and_nothing_of_what_people_write_is_code() {
    let folder = tempfile::tempdir().unwrap();
    let local = landfall_with_hello(&folder).await;
    let mut console = Console::start(&local.port, &[]);
    console.enter().await;
    let page = console.page("/services/web/hello", "History").await;
    for shown in [
        "release <a href=\"/services/web/hello/releases/1\">1</a>",
        "hello:<strong>1.0.0</strong>",
        "semver:^1",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("/actions/"), "it only shows");

    let version = page
        .split_once("data-version=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let changes = format!("/changes/web/hello?since={version}");
    let mut changes = console
        .ask(Method::GET, &changes, &[], "")
        .await
        .into_body();
    let held = [
        "hold",
        "web/hello",
        "--reason",
        HOSTILE,
        "--port",
        &local.port,
    ];
    success(&held);
    let began = Instant::now();
    let mut sent = String::new();
    while !sent.contains("on hold") {
        let frame = tokio::time::timeout(PATIENCE, changes.frame())
            .await
            .unwrap();
        sent += &text(&frame.unwrap().unwrap().into_data().unwrap());
    }
    // Two seconds, and one for a machine that is busy.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(
        !sent.contains("id=\\\"history\\\""),
        "what did not change is not sent: {sent}"
    );

    local
        .put_file(
            &format!("services/{HOSTILE}.yaml"),
            &format!("{HOSTILE}: ["),
        )
        .await;
    until_shown(&["status", "--port", &local.port], "rejected: ").await;
    let of_all = console.page("/", "describes no service").await;
    let of_one = console.page("/services/web/hello", "on hold").await;
    let (_, searched) = console
        .get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    for page in [&sent, &of_all, &of_one, &searched] {
        assert!(page.contains("alert("), "{page}");
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{page}"
        );
    }

    let (status, page) = console.get("/services/web/hello/releases/1").await;
    assert_eq!(status, StatusCode::OK);
    for shown in [
        "rolled out and verified",
        "rolls out",
        "is verified",
        "is concluded",
        "landfall show web/hello 1",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert_eq!(
        console.get("/services/web/hello/releases/2").await.0,
        StatusCode::NOT_FOUND
    );
    let all = "Of the newest 1 releases of 1 services";
    console.page("/figures", all).await;
    let one = "Of its newest 1 releases";
    console.page("/services/web/hello/figures", one).await;
    local.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn something_is_changed_only_where_that_is_allowed_by_the_page_itself_and_by_who_saw_what_is_so()
 {
    let folder = tempfile::tempdir().unwrap();
    let local = landfall_with_hello(&folder).await;
    let status = ["status", "web/hello", "--port", &local.port];
    let hold = "/services/web/hello/actions/hold";

    let mut shows = Console::start(&local.port, &[]);
    shows.enter().await;
    for (code, why) in [
        shows.get(hold).await,
        shows.send(hold, "reason=a+sale".into()).await,
    ] {
        assert_eq!(code, StatusCode::FORBIDDEN);
        assert!(why.contains("start it with --allow-changes"), "{why}");
    }

    let mut console = Console::start(&local.port, &["--allow-changes"]);
    console.enter().await;
    let page = console.page("/services/web/hello", "History").await;
    assert!(
        page.contains("actions/hold") && !page.contains("actions/resume"),
        "{page}"
    );
    let (code, form) = console.get(hold).await;
    assert_eq!(code, StatusCode::OK);
    assert!(
        form.contains("web/hello stays as it is, whatever is pushed or uploaded"),
        "{form}"
    );
    let seen = stamp(&form).to_owned();
    let sent = format!("stamp={seen}&reason=a+sale");

    // From another site, which a browser says, and from whoever says nothing.
    for headers in [&[("origin", "https://evil.example")] as &[_], &[]] {
        let (code, why) = read(
            console
                .ask(Method::POST, hold, headers, sent.clone().leak())
                .await,
        )
        .await;
        assert_eq!(code, StatusCode::FORBIDDEN);
        assert!(why.contains("Only this page itself"), "{why}");
    }
    let (code, form) = console.send(hold, format!("stamp={seen}&reason=")).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(form.contains("Say why"), "{form}");
    assert!(!success(&status).contains("on hold"));

    let (code, _) = console.send(hold, sent.clone()).await;
    assert_eq!(code, StatusCode::SEE_OTHER);
    let held = success(&status);
    assert!(
        held.contains(": a sale (by arn:aws:iam::000000000000:root)\n"),
        "{held}"
    );
    // Sent twice it does nothing twice.
    let (code, form) = console.send(hold, sent).await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert!(
        form.contains("there is nothing to do this about now"),
        "{form}"
    );

    // A push meanwhile makes what was shown untrue.
    let resume = "/services/web/hello/actions/resume";
    let (_, form) = console.get(resume).await;
    let before = stamp(&form).to_owned();
    push(&local.port, "hello:1.1.0", &["sleep", "1000"]);
    until_shown(&status, "release 2   waits for the end of the hold").await;
    let (code, form) = console
        .send(resume, format!("stamp={before}&reason="))
        .await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert!(
        form.contains("and release 2 is rolled out (hello:1.1.0 was pushed)"),
        "{form}"
    );
    let now = stamp(&form).to_owned();
    let (code, _) = console
        .send(resume, format!("stamp={now}&reason=it+is+over"))
        .await;
    assert_eq!(code, StatusCode::SEE_OTHER);
    until_shown(&status, "release 2   succeeded").await;
    let (_, page) = console.get("/services/web/hello/releases/2").await;
    assert!(
        page.contains("resumed by arn:aws:iam::000000000000:root: it is over"),
        "{page}"
    );
    assert!(
        page.contains("hello:<strong>1.0.0</strong>"),
        "what ran before is told: {page}"
    );
    assert_eq!(
        console.get("/services/web/hello/actions/delete").await.0,
        StatusCode::NOT_FOUND
    );
    local.interrupt();
}

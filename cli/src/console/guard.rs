//! Who may see the page, and who may change something by it.
//!
//! Any website can have a browser ask `127.0.0.1`, and any account of the machine can ask it without one. So the page is
//! shown only to a browser that was given the token which the command printed, under a name that no website has; what
//! changes something has to come from the page itself; and the page runs nothing but its own files.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use uuid::Uuid;

/// What a browser may do with the page. `style-src 'self'` also keeps `style` attributes from being obeyed.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who is let in.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    token: String,
    port: u16,
    /// Whether something may be changed by the page.
    pub(crate) allows_changes: bool,
}

/// What is done with a request.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It is answered.
    LetIn,
    /// It has the token in its address: the browser is given the cookie, and sent to this path.
    Welcome(String),
    /// It is refused, and told why.
    Refused(&'static str),
}

impl Guard {
    /// One with a fresh token, for what listens on this port of `127.0.0.1`.
    pub(crate) fn new(port: u16, allows_changes: bool) -> Self {
        // Each has 122 bits of the system's randomness.
        let token = [Uuid::new_v4(), Uuid::new_v4()].map(|part| part.simple().to_string());
        Self {
            token: token.concat(),
            port,
            allows_changes,
        }
    }

    /// The address that lets a browser in.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// The name of the cookie. Cookies are of a host and not of a port: two consoles on one machine have one each.
    fn cookie(&self) -> String {
        format!("landfall-console-{}", self.port)
    }

    fn judge(&self, method: &Method, path: &str, query: &str, headers: &HeaderMap) -> Answer {
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(host) = text(header::HOST).filter(|host| hosts.iter().any(|each| each == host))
        else {
            // Whoever gives a name of theirs the address 127.0.0.1 is still no origin of this page.
            return Answer::Refused(
                "This page is at 127.0.0.1 and localhost only: open the address that the command printed.",
            );
        };
        if let Some(token) = token_of(query)
            && method == Method::GET
        {
            return if is_the_same(&token, &self.token) {
                Answer::Welcome(path.into())
            } else {
                Answer::Refused(
                    "The token of this address is of a console that has ended: open the address that the command \
                     printed when it last started.",
                )
            };
        }
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let name = self.cookie();
        let mut cookies = cookies.flat_map(|all| all.split("; "));
        let knows_the_token = cookies.any(|cookie| {
            let value = cookie.split_once('=').filter(|(known, _)| *known == name);
            value.is_some_and(|(_, value)| is_the_same(value, &self.token))
        });
        if !knows_the_token {
            return Answer::Refused(
                "This browser has not been let in: open the address that `landfall console` printed, with its token.",
            );
        }
        if method == Method::GET || method == Method::HEAD {
            return Answer::LetIn;
        }
        if text(header::ORIGIN) != Some(&format!("http://{host}")) {
            return Answer::Refused("Only this page itself may change something.");
        }
        if !self.allows_changes {
            return Answer::Refused(
                "This console only shows: start it with --allow-changes to change something by it.",
            );
        }
        Answer::LetIn
    }
}

/// The token that a query carries.
fn token_of(query: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let token = pairs.into_iter().find(|(name, _)| name == "token");
    token.map(|(_, value)| value)
}

/// Whether two texts are the same, in a time that does not tell how much of them is.
fn is_the_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

/// Lets a request in or refuses it, and says with each answer what the browser may do with it.
pub(crate) async fn keep(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let mut response = match guard.judge(request.method(), path, query, request.headers()) {
        Answer::LetIn => next.run(request).await,
        Answer::Welcome(path) => welcome(&guard, &path),
        Answer::Refused(why) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (StatusCode::FORBIDDEN, kind, format!("{why}\n")).into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` a browser would send no origin with forms
        // (<https://fetch.spec.whatwg.org/#append-a-request-origin-header>).
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(kept);
    response
}

/// Gives the browser the cookie. The address with the token does not stay in its bar.
fn welcome(guard: &Guard, path: &str) -> Response {
    let (name, token) = (guard.cookie(), &guard.token);
    let cookie = format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/");
    // `//host` would be another host.
    let path = format!("/{}", path.trim_start_matches('/'));
    let response = Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, path)
        .header(header::SET_COOKIE, cookie)
        .body(Body::empty());
    response.unwrap_or_else(|_| StatusCode::BAD_REQUEST.into_response())
}

#[cfg(test)]
mod tests;

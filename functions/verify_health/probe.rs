//! The request that a healthy service answers.

use std::{error::Error, io, sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header,
    uri::{InvalidUri, Scheme},
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Body;
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use landfall::probe::{
    Address, Answer, HttpProbe, Inadmissible, NoAnswer, ProbeTarget, Probed, Reach, USER_AGENT,
    judge,
};
use landfall_aws::{Aws, causes, web::Web};
use rustls::CertificateError;
use tokio::time::Instant;

/// How much of a body is read, in bytes.
const BODY_READ: usize = 1024 * 1024;

/// What the operating system trusts, read when the first probe needs it.
static TRUSTED: OnceLock<rustls::ClientConfig> = OnceLock::new();

type Failed = Box<dyn Error + Send + Sync>;

/// Whom a probe trusts. Users' URLs are not AWS's: their certificates may be of any authority that the operating system
/// knows, and of none that only the SDK's client knows.
fn trust(is_https: bool) -> rustls::ClientConfig {
    let settings = rustls::ClientConfig::builder;
    let nobody = || settings().with_root_certificates(rustls::RootCertStore::empty());
    if !is_https {
        return nobody().with_no_client_auth();
    }
    let trusted = TRUSTED.get_or_init(|| {
        // Without any root certificate HTTPS fails with the reason in the answer.
        let roots = settings().with_native_roots().unwrap_or_else(|_| nobody());
        roots.with_no_client_auth()
    });
    trusted.clone()
}

/// Every probe has a connection of its own, so that it goes through the load balancer afresh. It is made to the
/// machine of the address; its name is what certificate and rule are for. No address that the name has may be one that a
/// probe must not ask: whichever is connected to was looked at here.
fn client(
    address: &Address,
    tls: rustls::ClientConfig,
    reach: Reach,
) -> Client<impl Connect + Clone + Send + Sync + 'static, Empty<Bytes>> {
    let connect_to = address.connect_to.clone();
    let resolver = tower::service_fn(move |name: Name| {
        let host = connect_to.clone().unwrap_or_else(|| name.as_str().into());
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found = found.map_err(|why| Inadmissible::unresolved(&host, &why.to_string()))?;
            let found: Vec<_> = found.collect();
            for each in &found {
                reach.admit(each.ip()).map_err(|refused| Inadmissible {
                    why: format!("{host} leads there: {}", refused.why),
                    ..refused
                })?;
            }
            Ok::<_, Failed>(found.into_iter())
        }
    });
    let mut plain = HttpConnector::new_with_resolver(resolver);
    plain.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(plain);
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

/// Asks `address` as `http` says, and answers what came of it.
pub(crate) async fn ask(aws: &Aws, address: &Address, http: &HttpProbe) -> Probed {
    let timeout = Duration::from_secs(http.timeout_seconds);
    let asked = async {
        match aws.web() {
            None => get(address, http, aws.probes_reach()).await,
            Some(web) => get_by(web, address, http).await,
        }
    };
    let began = Instant::now();
    let answer = match tokio::time::timeout(timeout, asked).await {
        Ok(Ok(answer)) => Ok(Answer {
            took: began.elapsed(),
            ..answer
        }),
        Ok(Err(failed)) => Err(no_answer(&*failed, &http.target)),
        Err(_) => Err(NoAnswer::Failed(format!(
            "no answer within {} seconds",
            http.timeout_seconds
        ))),
    };
    judge(http, &address.url, answer)
}

/// A certificate for another name is the load balancer's, or that of whoever has the URL. Where a load balancer ends TLS,
/// everything about the certificate is.
fn no_answer(failed: &(dyn Error + 'static), target: &ProbeTarget) -> NoAnswer {
    if let Some(refused) = find::<Inadmissible>(failed) {
        return NoAnswer::Misaimed(refused.to_string());
    }
    let message = causes(failed).join(": ");
    if find::<InvalidUri>(failed).is_some() {
        return NoAnswer::Misaimed(format!(
            "this is no URL ({message}): correct verify.http.url"
        ));
    }
    let certificate = match find::<rustls::Error>(failed) {
        Some(rustls::Error::InvalidCertificate(certificate)) => certificate,
        _ => return NoAnswer::Failed(message),
    };
    match (certificate, target) {
        (
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            _,
        ) => NoAnswer::Misaimed(format!(
            "the certificate is for another name: write one that it is for into verify.http.url or verify.http.host ({message})"
        )),
        (_, ProbeTarget::Path(_)) => NoAnswer::Misaimed(format!(
            "the load balancer's certificate is not accepted: give it another, or give verify.http.url ({message})"
        )),
        (_, ProbeTarget::Url(_)) => NoAnswer::Failed(message),
    }
}

/// The error of this type among the causes. An [`io::Error`] hides the one that it was made of from its own causes.
fn find<'a, T: Error + 'static>(failed: &'a (dyn Error + 'static)) -> Option<&'a T> {
    if let Some(found) = failed.downcast_ref() {
        return Some(found);
    }
    let wrapped = failed.downcast_ref::<io::Error>();
    if let Some(inner) = wrapped.and_then(io::Error::get_ref) {
        return find(inner);
    }
    find(failed.source()?)
}

async fn get(address: &Address, http: &HttpProbe, reach: Reach) -> Result<Answer, Failed> {
    let uri: Uri = address.url.parse()?;
    // No resolver is asked for what is an address already.
    let connected = address.connect_to.as_deref().or(uri.host());
    if let Some(host) = connected {
        reach.admit_host(host)?;
    }
    let tls = trust(uri.scheme() == Some(&Scheme::HTTPS));
    let mut request = Request::get(uri).body(Empty::new())?;
    *request.headers_mut() = headers(http)?;
    let answer = client(address, tls, reach).request(request).await?;
    read(answer).await
}

async fn get_by(web: &Web, address: &Address, http: &HttpProbe) -> Result<Answer, Failed> {
    read(web.get(&address.url, headers(http)?).await?).await
}

/// The headers of the request: those of the file, and who asks if they do not say.
fn headers(http: &HttpProbe) -> Result<HeaderMap, Failed> {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in &http.headers {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(headers)
}

async fn read<B>(answer: Response<B>) -> Result<Answer, Failed>
where
    B: Body,
    B::Error: Into<Failed>,
{
    let (head, body) = answer.into_parts();
    let text = |name| {
        let value: Option<&HeaderValue> = head.headers.get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let body = Limited::new(body, BODY_READ).collect().await?.to_bytes();
    Ok(Answer {
        status: head.status.as_u16(),
        server: text(header::SERVER),
        location: text(header::LOCATION),
        body: String::from_utf8_lossy(&body).into_owned(),
        took: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused() -> Failed {
        let refused = Reach::Internet.admit_host("127.0.0.1").unwrap_err();
        refused.into()
    }

    fn probe(headers: &[(&str, &str)]) -> HttpProbe {
        let headers: std::collections::BTreeMap<_, _> = headers.iter().copied().collect();
        let probe = serde_json::json!({
            "target": by_path(), "headers": headers, "status": 200, "body": null, "timeoutSeconds": 1, "intervalSeconds": 1,
            "successes": 1, "failures": 1,
        });
        serde_json::from_value(probe).unwrap()
    }

    #[test]
    fn a_request_has_the_headers_of_the_file_which_may_say_who_asks() {
        let sent = headers(&probe(&[("X-Token", "a b")])).unwrap();
        assert_eq!(
            (&sent["x-token"], &sent["user-agent"]),
            (&"a b".parse().unwrap(), &USER_AGENT.parse().unwrap())
        );
        let sent = headers(&probe(&[("User-Agent", "curl")])).unwrap();
        assert_eq!(sent["user-agent"], "curl");
        assert_eq!(sent.len(), 1);
    }

    fn by_path() -> ProbeTarget {
        ProbeTarget::Path("/".into())
    }

    #[test]
    fn what_is_wrong_with_an_address_or_a_certificates_name_is_found_behind_all_that_wraps_it() {
        let wrapped = io::Error::other(io::Error::other(refused()));
        let misaimed = NoAnswer::Misaimed(refused().to_string());
        assert_eq!(no_answer(&wrapped, &by_path()), misaimed);

        let told = |error: CertificateError, target: &ProbeTarget| {
            let error = rustls::Error::InvalidCertificate(error);
            no_answer(&io::Error::other(error), target)
        };
        let by_url = ProbeTarget::Url("https://hello.example.com".into());
        for (error, target, is_misaimed) in [
            (CertificateError::NotValidForName, by_path(), true),
            (CertificateError::NotValidForName, by_url.clone(), true),
            (CertificateError::Expired, by_path(), true),
            // Whoever has the URL may be the release.
            (CertificateError::Expired, by_url, false),
        ] {
            let answer = told(error.clone(), &target);
            let found = matches!(answer, NoAnswer::Misaimed(_));
            assert_eq!(found, is_misaimed, "{error:?} {target:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_says_nothing_about_the_release() {
        // No such name ever exists (<https://www.rfc-editor.org/rfc/rfc6761#section-6.4>).
        let address = Address {
            url: "http://hello.invalid/".into(),
            connect_to: None,
        };
        let failed = get(&address, &probe(&[]), Reach::Internet).await;
        let answer = no_answer(&*failed.unwrap_err(), &by_path());
        let NoAnswer::Misaimed(why) = &answer else {
            panic!("{answer:?}");
        };
        assert!(
            why.starts_with("the name hello.invalid leads to no address"),
            "{why}"
        );
    }

    #[tokio::test]
    async fn a_name_is_looked_at_where_it_leads_and_never_connected_to_if_that_is_this_machine() {
        let http = probe(&[]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ask = |host: &str, connect_to: Option<&str>| Address {
            url: format!("http://{host}:{port}/"),
            connect_to: connect_to.map(str::to_owned),
        };
        for address in [
            ask("localhost", None),
            ask("127.0.0.1", None),
            ask("[::ffff:127.0.0.1]", None),
            // Forms that only the resolver understands.
            ask("2130706433", None),
            ask("0x7f.1", None),
            ask("hello.example.com", Some("localhost")),
            ask("hello.example.com", Some("127.1")),
        ] {
            for reach in [Reach::Internet, Reach::Subnets] {
                let failed = get(&address, &http, reach).await.unwrap_err();
                let answer = no_answer(&*failed, &by_path());
                let is_misaimed = matches!(answer, NoAnswer::Misaimed(_));
                assert!(is_misaimed, "{address:?} {answer:?}");
            }
        }
        let nobody_came = tokio::time::timeout(Duration::from_millis(50), listener.accept());
        assert!(nobody_came.await.is_err());
    }
}

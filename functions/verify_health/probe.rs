//! The request that a healthy service answers.

use std::{error::Error, sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::uri::Scheme;
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
use landfall::{record::ProbeAnswer, service_file::HttpProbe};
use landfall_aws::{causes, elb::Address, web::Web};

/// How much of a body is read, in bytes.
const BODY_READ: usize = 1024 * 1024;
/// How much of a body is kept for the record, in characters.
const BODY_RECORDED: usize = 512;

/// What the operating system trusts, read when the first probe needs it.
static TRUSTED: OnceLock<rustls::ClientConfig> = OnceLock::new();

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
/// machine of the address; its name is what certificate and rule are for.
fn client(
    address: &Address,
    tls: rustls::ClientConfig,
) -> Client<impl Connect + Clone + Send + Sync + 'static, Empty<Bytes>> {
    let connect_to = address.connect_to.clone();
    let resolver = tower::service_fn(move |name: Name| {
        let host = connect_to.clone().unwrap_or_else(|| name.as_str().into());
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok::<_, std::io::Error>(found.collect::<Vec<_>>().into_iter())
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

/// Asks `address` as `http` says, over the network or by `web`, and answers what came of it.
pub(crate) async fn ask(web: Option<&Web>, address: &Address, http: &HttpProbe) -> ProbeAnswer {
    let timeout = Duration::from_secs(http.timeout_seconds);
    let answer = async {
        match web {
            None => get(address).await,
            Some(web) => {
                let (status, body) = web.get(&address.url).await?;
                read(status, body).await
            }
        }
    };
    let (status, body, error) = match tokio::time::timeout(timeout, answer).await {
        Ok(Ok((status, body))) => (Some(status), body, None),
        Ok(Err(error)) => (None, String::new(), Some(causes(&*error).join(": "))),
        Err(_) => (
            None,
            String::new(),
            Some(format!("no answer within {} seconds", http.timeout_seconds)),
        ),
    };
    let start = match &http.body {
        // The decision looks for the text in what is kept, so keep the part that has it.
        Some(wanted) => body.find(wanted.as_str()).map_or(0, |at| at),
        None => 0,
    };
    let body = if start > BODY_RECORDED {
        &body[start..]
    } else {
        &body
    };
    let most = BODY_RECORDED.max(
        http.body
            .as_ref()
            .map_or(0, |wanted| wanted.chars().count() + BODY_RECORDED),
    );
    ProbeAnswer {
        url: address.url.clone(),
        status,
        body: body.chars().take(most).collect(),
        error,
    }
}

async fn get(address: &Address) -> Result<(u16, String), Box<dyn Error + Send + Sync>> {
    let request = http::Request::get(&address.url)
        .header("user-agent", "landfall-verify-health")
        .body(Empty::new())?;
    let tls = trust(request.uri().scheme() == Some(&Scheme::HTTPS));
    let answer = client(address, tls).request(request).await?;
    read(answer.status().as_u16(), answer.into_body()).await
}

async fn read<B>(status: u16, body: B) -> Result<(u16, String), Box<dyn Error + Send + Sync>>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let body = Limited::new(body, BODY_READ).collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

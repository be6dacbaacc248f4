//! The request that a healthy service answers.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use landfall::{record::ProbeAnswer, service_file::HttpProbe};
use landfall_aws::elb::Address;

/// How much of a body is read, in bytes.
const BODY_READ: usize = 1024 * 1024;
/// How much of a body is kept for the record, in characters.
const BODY_KEPT: usize = 512;

/// Sends probes. Users' URLs are not AWS's, so this is not the SDK's client.
#[derive(Debug)]
pub(crate) struct Prober(rustls::ClientConfig);

impl Prober {
    /// A client that trusts what the operating system trusts.
    pub(crate) fn new() -> Self {
        let settings = rustls::ClientConfig::builder;
        let config = match settings().with_native_roots() {
            Ok(trusting) => trusting,
            // Without any root certificate plain HTTP still works; HTTPS fails with the reason in the answer.
            Err(_) => settings().with_root_certificates(rustls::RootCertStore::empty()),
        };
        Self(config.with_no_client_auth())
    }

    /// Every probe has a connection of its own, so that it goes through the load balancer afresh. It is made to the
    /// machine of the address; its name is what certificate and rule are for.
    fn client(
        &self,
        address: &Address,
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
            .with_tls_config(self.0.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector)
    }

    /// Asks `address` as `http` says, and answers what came of it.
    pub(crate) async fn ask(&self, address: &Address, http: &HttpProbe) -> ProbeAnswer {
        let timeout = Duration::from_secs(http.timeout_seconds);
        let (status, body, error) = match tokio::time::timeout(timeout, self.get(address)).await {
            Ok(Ok((status, body))) => (Some(status), body, None),
            Ok(Err(error)) => (None, String::new(), Some(causes(&*error))),
            Err(_) => (
                None,
                String::new(),
                Some(format!("no answer within {} seconds", http.timeout_seconds)),
            ),
        };
        let kept = match &http.body {
            // The decision looks for the text in what is kept, so keep the part that has it.
            Some(wanted) => body.find(wanted.as_str()).map_or(0, |at| at),
            None => 0,
        };
        let body = if kept > BODY_KEPT {
            &body[kept..]
        } else {
            &body
        };
        let most = BODY_KEPT.max(
            http.body
                .as_ref()
                .map_or(0, |wanted| wanted.chars().count() + BODY_KEPT),
        );
        ProbeAnswer {
            url: address.url.clone(),
            status,
            body: body.chars().take(most).collect(),
            error,
        }
    }

    async fn get(&self, address: &Address) -> Result<(u16, String), Box<dyn Error + Send + Sync>> {
        let request = http::Request::get(&address.url)
            .header("user-agent", "landfall-verify-health")
            .body(Empty::new())?;
        let answer = self.client(address).request(request).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), BODY_READ)
            .collect()
            .await?
            .to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// An error with what caused it: hyper's outermost message alone says little.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

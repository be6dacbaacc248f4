//! Which authorities' certificates are trusted when AWS is called.

use aws_config::Region;
use aws_smithy_http_client::tls::{self, TlsContext};
use landfall::partition::{Partition, is_isolated};

use crate::Fault;

/// The five root certificates that Amazon Trust Services recommends for trust stores
/// (<https://www.amazontrust.com/repository/>): the certificates of AWS's endpoints are issued under these.
const AMAZON_TRUST_SERVICES: &str = include_str!("amazon-trust-services.pem");

/// Which authorities are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrustStore {
    /// Amazon Trust Services, from the executable: a cold start reads no authorities of an operating system.
    Bundled,
    /// Those that the operating system knows.
    Native,
}

impl TrustStore {
    /// The environment variable that `template.yaml` sets, after its parameter.
    pub(super) const VARIABLE: &str = "TRUST_STORE";

    /// The trust store that is `set`, `bundled` or `native`, for calls in `region`.
    ///
    /// # Errors
    /// Unexpected if it is neither.
    pub(super) fn of(set: Option<&str>, region: Option<&Region>) -> Result<Self, Fault> {
        let region = region.map(Region::as_ref).unwrap_or_default();
        // Amazon Trust Services is not documented to issue for the endpoints of others.
        let of_other_partition = is_isolated(region) || Partition::of(region) != Partition::Aws;
        match set {
            Some("native") => Ok(Self::Native),
            None | Some("bundled") if of_other_partition => Ok(Self::Native),
            None | Some("bundled") => Ok(Self::Bundled),
            Some(other) => Err(Fault::unexpected(format!(
                "{} is `{other}`: it is `bundled` or `native`",
                Self::VARIABLE
            ))),
        }
    }

    /// What the SDK's client takes.
    pub(super) fn context(self) -> TlsContext {
        let store = match self {
            Self::Bundled => tls::TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES),
            Self::Native => tls::TrustStore::empty().with_native_roots(true),
        };
        let context = TlsContext::builder().with_trust_store(store).build();
        // rustls looks at the certificates later; nothing else can be wrong.
        context.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_authorities_are_trusted_in_the_partition_of_which_that_is_documented() {
        let trusted = |set, region| TrustStore::of(set, Some(&Region::from_static(region))).ok();
        let (bundled, native) = (Some(TrustStore::Bundled), Some(TrustStore::Native));
        for (set, region, expected) in [
            (None, "eu-west-1", bundled),
            (Some("bundled"), "us-east-1", bundled),
            (Some("native"), "us-east-1", native),
            (Some("bundled"), "cn-north-1", native),
            (None, "us-gov-west-1", native),
            (None, "eusc-de-east-1", native),
            (None, "us-iso-east-1", native),
            (None, "eu-isoe-west-1", native),
            (Some("Native"), "us-east-1", None),
            (Some(""), "us-east-1", None),
        ] {
            assert_eq!(trusted(set, region), expected, "{set:?} in {region}");
        }
    }

    /// Building a client reads the certificates, and panics if one of them is none.
    #[test]
    fn the_bundled_certificates_can_be_read() {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(super::super::https(TrustStore::Bundled))
            .build();
        let _ = aws_sdk_ecs::Client::new(&config);
        let certificates = AMAZON_TRUST_SERVICES.matches("BEGIN CERTIFICATE").count();
        assert_eq!(certificates, 5);
    }
}

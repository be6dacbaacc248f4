//! An image in ECR.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::partition::Partition;

/// A tagged image of this account's registry, as ECR described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The registry's host, e.g. `<account>.dkr.ecr.<region>.amazonaws.com`.
    pub registry: String,
    /// The repository's name, e.g. `team/hello`.
    pub repository: String,
    /// The tag that a follow rule admitted.
    pub tag: String,
    /// `sha256:…` of the image's manifest.
    pub digest: String,
    /// ECR's `imagePushedAt`.
    pub pushed_at: Timestamp,
}

impl Image {
    /// The reference that a task definition gets: by digest, so that every task of a release runs the same bytes.
    pub fn pinned(&self) -> String {
        format!("{}/{}@{}", self.registry, self.repository, self.digest)
    }
}

/// The host of `account`'s private registry in `region`
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>).
pub fn registry_host(account: &str, region: &str) -> String {
    let suffix = Partition::of(region).dns_suffix();
    format!("{account}.dkr.ecr.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_in_the_domain_of_its_partition() {
        for (region, domain) in [
            ("eu-west-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
        ] {
            let host = format!("123456789012.dkr.ecr.{region}.{domain}");
            assert_eq!(registry_host("123456789012", region), host);
        }
    }
}

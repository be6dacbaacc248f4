//! What Cloud Map knows.

/// A namespace as Cloud Map describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNamespace {
    /// `ns-…`
    pub id: String,
    /// `DNS_PRIVATE`, `DNS_PUBLIC` or `HTTP`.
    pub kind: String,
}

/// A Cloud Map service as Cloud Map describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRegistry {
    /// Its ARN.
    pub arn: String,
    /// The types of its DNS records.
    pub records: Vec<String>,
}

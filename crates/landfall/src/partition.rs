//! AWS's partitions: groups of Regions with accounts, ARNs and host names of their own
//! (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).

/// A partition that Landfall is built for. The isolated ones of governments are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    China,
    /// `aws-eusc`, the European Sovereign Cloud.
    EuropeanSovereign,
    /// `aws-us-gov`
    GovCloud,
}

impl Partition {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Aws,
        Self::China,
        Self::EuropeanSovereign,
        Self::GovCloud,
    ];

    /// The partition of a Region, e.g. of `cn-north-1`.
    pub fn of(region: &str) -> Self {
        match region {
            name if name.starts_with("cn-") => Self::China,
            name if name.starts_with("eusc-") => Self::EuropeanSovereign,
            name if name.starts_with("us-gov-") => Self::GovCloud,
            _ => Self::Aws,
        }
    }

    /// What its host names end with: `dnsSuffix` in botocore's `partitions.json`.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::GovCloud => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuropeanSovereign => "amazonaws.eu",
        }
    }

    /// What the host names of its console end with, if a source says it
    /// (<https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/select-region.html>,
    /// <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-in.html>,
    /// <https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html>).
    pub fn console(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("console.aws.amazon.com"),
            Self::China => Some("console.amazonaws.cn"),
            Self::GovCloud => Some("console.amazonaws-us-gov.com"),
            Self::EuropeanSovereign => None,
        }
    }

    /// The Region for which requests to a service are signed that has one endpoint for the whole partition, as IAM has
    /// (<https://docs.aws.amazon.com/general/latest/gr/iam-service.html>).
    pub fn global_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::China => "cn-north-1",
            Self::EuropeanSovereign => "eusc-de-east-1",
            Self::GovCloud => "us-gov-west-1",
        }
    }

    /// What stands between the name of such a service and [`Self::dns_suffix`] in its host's name.
    pub fn global_label(self) -> Option<&'static str> {
        match self {
            Self::Aws => None,
            Self::GovCloud => Some("us-gov"),
            Self::China | Self::EuropeanSovereign => Some(self.global_region()),
        }
    }
}
/// Whether a host's name is one that AWS gives.
pub fn is_of_aws(host: &str) -> bool {
    let mut suffixes = Partition::ALL
        .iter()
        .map(|partition| partition.dns_suffix());
    suffixes.any(|suffix| {
        let name = host.strip_suffix(suffix);
        name.is_some_and(|name| name.ends_with('.'))
    })
}

/// Whether a Region is one of the isolated partitions' of governments, for which Landfall is not built
/// (<https://docs.aws.amazon.com/general/latest/gr/rande.html>).
pub fn is_isolated(region: &str) -> bool {
    ["us-iso", "eu-isoe-"]
        .iter()
        .any(|prefix| region.starts_with(prefix))
}

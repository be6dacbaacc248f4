//! The AWS clients that the verbs use.

use landfall_aws::{
    Fault, Kind, bucket::Bucket, config::SdkConfig, ecr::Ecr, elb::Elb, state_bucket::StateBucket,
};
use landfall_local::local::{CONFIG_BUCKET, REGION, STATE_BUCKET};
use miette::{Report, miette};

/// Where the embedded cloud listens unless told otherwise.
pub(crate) const PORT: u16 = 4599;

/// Clients of one embedded cloud.
pub(crate) struct Clients {
    pub(crate) files: Bucket,
    pub(crate) state: StateBucket,
    pub(crate) ecr: Ecr,
    pub(crate) elb: Elb,
}

impl Clients {
    /// Clients of the embedded cloud at `endpoint`.
    pub(crate) async fn local(endpoint: &str) -> Self {
        let config = landfall_aws::config::local(endpoint, REGION).await;
        Self::new(&config)
    }

    fn new(config: &SdkConfig) -> Self {
        Self {
            files: Bucket::new(config, CONFIG_BUCKET.into()),
            state: StateBucket::named(config, STATE_BUCKET),
            ecr: Ecr::new(config),
            elb: Elb::new(config),
        }
    }
}

/// A failed call to AWS as the user sees it.
pub(crate) fn report_aws(fault: Fault) -> Report {
    match fault.kind {
        Kind::Transient => miette!(
            help = "it asks in the Region and account of the environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL",
            "{fault}"
        ),
        Kind::NotYet | Kind::Refused | Kind::Denied | Kind::Unexpected => miette!("{fault}"),
    }
}

/// A failed call to the Landfall on this machine as the user sees it.
pub(crate) fn report(fault: Fault) -> Report {
    match fault.kind {
        Kind::Transient => miette!(
            help = "is `landfall local` running, and on this port?",
            "{fault}"
        ),
        Kind::NotYet | Kind::Refused | Kind::Denied | Kind::Unexpected => miette!("{fault}"),
    }
}

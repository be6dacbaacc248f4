//! An execution of the state machine.

use jiff::Timestamp;

/// How an execution stands, as `DescribeExecution` says
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// It may still run.
    Runs,
    /// It ended then.
    Ended(Timestamp),
    /// Step Functions does not know it: it started a moment ago, for the answer is eventually consistent, or it ended so
    /// long ago that its history was deleted
    /// (90 days, <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
    Unknown,
}

//! Who is calling: the invocation in whose task a call is made.

use std::sync::Arc;

use landfall::service_id::ServiceId;
use tokio::sync::Notify;

/// One invocation of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// The service that it works on; none for triggers.
    pub service: Option<ServiceId>,
    /// The ARN of the execution that invoked it; none for triggers.
    pub execution: Option<String>,
    /// The release that it works on; none for triggers and before the claim.
    pub release: Option<u64>,
    /// Ends the invocation as if its process had died.
    pub kill: Arc<Notify>,
}

tokio::task_local! {
    /// The invocation that the current task runs.
    pub static CURRENT: Invocation;
}

impl Invocation {
    /// Function and execution, for the journal.
    pub fn name(&self) -> String {
        match &self.execution {
            Some(execution) => format!("{} [{}]", self.function, short(execution)),
            None => self.function.clone(),
        }
    }
}

/// The end of an execution's ARN, long enough to tell executions apart.
pub fn short(execution: &str) -> &str {
    let name = execution.rsplit(':').next().unwrap_or(execution);
    name.get(name.len().saturating_sub(6)..).unwrap_or(name)
}

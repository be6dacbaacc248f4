//! What is answered about a resource that does not exist.

use crate::cloud::fault::Fault;

pub(super) fn no_load_balancer(wanted: &str) -> Fault {
    Fault::client(
        "LoadBalancerNotFound",
        format!("Load balancers '[{wanted}]' not found"),
    )
}

pub(super) fn no_listener(wanted: &str) -> Fault {
    Fault::client(
        "ListenerNotFound",
        format!("One or more listeners not found: {wanted}"),
    )
}

pub(super) fn no_rule(wanted: &str) -> Fault {
    Fault::client(
        "RuleNotFound",
        format!("One or more rules not found: {wanted}"),
    )
}

pub(super) fn no_target_group(wanted: &str) -> Fault {
    Fault::client(
        "TargetGroupNotFound",
        format!("One or more target groups not found: {wanted}"),
    )
}

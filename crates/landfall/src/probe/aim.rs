//! Where a probe of a path goes: of the load balancers' listeners the one whose rule, or default action, leads to the
//! service, by that rule's host name.
//!
//! That a request does not come to the service is a fault of the probe's aim and says nothing about the release. As far as
//! listeners and rules tell it, it is known before anything is touched.

mod condition;

use std::collections::BTreeMap;

pub use condition::Asked;
pub(crate) use condition::matches;

use super::address::{FROM_WITHIN, Reach};
use crate::live::{LiveRule, OwnAnswer};

/// Where a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The URL.
    pub url: String,
    /// The machine to connect to, if the host need not be known to DNS yet.
    pub connect_to: Option<String>,
}

/// A listener of a load balancer, as a probe finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Whether it speaks TLS: its certificate is for names of its owner's then, not for the load balancer's own.
    pub is_tls: bool,
    /// The port that it listens on.
    pub port: u16,
    /// The name by which the load balancer is reached.
    pub dns_name: String,
    /// Whether only its VPC reaches it.
    pub is_internal: bool,
    /// All its rules, its default among them.
    pub rules: Vec<LiveRule>,
}

/// What a probe is to reach.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The ARNs of the target groups that the service is in.
    pub groups: &'a [String],
    /// The rules by whose weights ECS moves requests between two of them: other rules are for tests.
    pub production: &'a [String],
    /// The path, with a query if there is one.
    pub path: &'a str,
    /// The host name to ask for; the rule's if there is none here.
    pub host: Option<&'a str>,
    /// The request's headers.
    pub headers: &'a BTreeMap<String, String>,
}

/// Why a probe cannot come to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misaim {
    /// What is in the way, and what to write instead.
    pub message: String,
    /// Whether it may pass by itself: nothing leads to the service yet.
    pub may_pass: bool,
}

/// A way to the service, and how sure it is: the least is the best.
struct Way {
    /// Whether a condition is not known to hold, or not to hold for a rule that comes before.
    is_doubtful: bool,
    /// Whether the rule is not the one by which ECS moves requests.
    is_for_tests: bool,
    /// Whether the rule sends requests to other services, too.
    is_shared: bool,
    is_tls: bool,
    /// Whether the host name is one of many that the rule takes.
    is_made_up: bool,
    address: Address,
}

/// The way by which a probe comes to the service.
///
/// # Errors
/// If there is none that a probe which has `reach` can go.
pub fn aim(doors: &[Door], wanted: &Wanted<'_>, reach: Reach) -> Result<Address, Misaim> {
    let mut ways = Vec::new();
    let mut obstacles: Vec<String> = Vec::new();
    for door in doors {
        for rule in door.rules.iter().filter(|rule| leads(rule, wanted.groups)) {
            for way in ways_through(door, rule, wanted, reach) {
                match way {
                    Ok(way) => ways.push(way),
                    Err(obstacle) if obstacles.contains(&obstacle) => {}
                    Err(obstacle) => obstacles.push(obstacle),
                }
            }
        }
    }
    // Of several that are as good, the first: listeners and rules come in the order that ELB says.
    let best = ways.into_iter().min_by_key(|way| {
        [
            way.is_for_tests,
            way.is_doubtful,
            way.is_shared,
            way.is_tls,
            way.is_made_up,
        ]
    });
    match best {
        Some(way) => Ok(way.address),
        None if obstacles.is_empty() => Err(Misaim {
            message: format!(
                "no rule or default action of a web listener forwards to {}: add one, or give verify.http.url",
                wanted.groups.join(" or ")
            ),
            may_pass: true,
        }),
        None => Err(Misaim {
            message: obstacles.join("; "),
            may_pass: false,
        }),
    }
}

/// Whether requests come to the service by the rule, however few of them.
fn leads(rule: &LiveRule, groups: &[String]) -> bool {
    let mut forwards = rule.forwards_to.iter();
    forwards.any(|forward| forward.weight > 0 && groups.contains(&forward.group))
}

/// The ways through a rule of a listener: one for each host name.
fn ways_through(
    door: &Door,
    rule: &LiveRule,
    wanted: &Wanted<'_>,
    reach: Reach,
) -> Vec<Result<Way, String>> {
    if door.is_internal && reach == Reach::Internet {
        return vec![Err(format!(
            "the load balancer {} is internal, and probes come from the internet: {FROM_WITHIN}",
            door.dns_name
        ))];
    }
    if rule.own_answer == Some(OwnAnswer::Authentication) {
        return vec![Err(format!(
            "{} wants users to log in before it forwards: let verify.http.path ask for a path that a rule forwards \
             without that, or give verify.http.url",
            place(door, rule)
        ))];
    }
    let hosts = match (wanted.host, rule.hosts.is_empty()) {
        (Some(host), _) => vec![(host.to_ascii_lowercase(), false)],
        (None, false) => rule.hosts.iter().map(|host| concrete(host)).collect(),
        (None, true) if door.is_tls => {
            return vec![Err(format!(
                "{} takes any host name, and its certificate is for none that the load balancer has by itself: write a name \
                 of the certificate into verify.http.host",
                place(door, rule)
            ))];
        }
        (None, true) => vec![(door.dns_name.clone(), false)],
    };
    let way = |(host, is_made_up)| way_by(door, rule, wanted, host, is_made_up);
    hosts.into_iter().map(way).collect()
}

fn way_by(
    door: &Door,
    rule: &LiveRule,
    wanted: &Wanted<'_>,
    host: String,
    is_made_up: bool,
) -> Result<Way, String> {
    let asked = Asked::new(&host, wanted.path, wanted.headers);
    let taken = asked.is_taken_by(rule);
    if let Err(unmet) = taken {
        return Err(format!("{} takes only {unmet}", place(door, rule)));
    }
    let mut is_doubtful = taken == Ok(false);
    for other in door.rules.iter().filter(|other| comes_before(other, rule)) {
        match asked.is_taken_by(other) {
            Ok(true) => {
                return Err(format!(
                    "of requests for {host}{}, {} comes first and {}: ask for others by verify.http.path or \
                     verify.http.host, or give verify.http.url",
                    asked.path,
                    place(door, other),
                    deed(other)
                ));
            }
            Ok(false) => is_doubtful = true,
            Err(_) => {}
        }
    }
    let scheme = if door.is_tls { "https" } else { "http" };
    let is_foreign = |group: &String| !wanted.groups.contains(group);
    let mut forwards = rule.forwards_to.iter();
    Ok(Way {
        is_doubtful,
        is_for_tests: !wanted.production.is_empty() && !wanted.production.contains(&rule.arn),
        is_shared: forwards.any(|forward| forward.weight > 0 && is_foreign(&forward.group)),
        is_tls: door.is_tls,
        is_made_up,
        address: Address {
            url: format!("{scheme}://{host}:{}{}", door.port, wanted.path),
            connect_to: (host != door.dns_name).then(|| door.dns_name.clone()),
        },
    })
}

/// A listener's rules are asked by their priority, its default last.
fn comes_before(other: &LiveRule, rule: &LiveRule) -> bool {
    match (other.priority, rule.priority) {
        (Some(other), Some(rule)) => other < rule,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A name that a host condition takes, and whether it is made up: something stands in place of its wildcards.
fn concrete(pattern: &str) -> (String, bool) {
    let host = pattern.replace('*', "landfall").replace('?', "x");
    let is_made_up = host != pattern;
    (host, is_made_up)
}

fn place(door: &Door, rule: &LiveRule) -> String {
    match rule.priority {
        Some(_) => rule.arn.clone(),
        None => format!(
            "the default action of {}'s listener at port {}",
            door.dns_name, door.port
        ),
    }
}

/// What a rule does with a request.
fn deed(rule: &LiveRule) -> String {
    match &rule.own_answer {
        Some(OwnAnswer::Redirect(to)) => format!("redirects to {to}"),
        Some(OwnAnswer::Fixed(status)) => format!("answers {status} by itself"),
        Some(OwnAnswer::Authentication) => "wants users to log in".into(),
        None => {
            let groups = rule.forwards_to.iter().map(|forward| &*forward.group);
            format!("forwards to {}", groups.collect::<Vec<_>>().join(" and "))
        }
    }
}

#[cfg(test)]
mod tests;

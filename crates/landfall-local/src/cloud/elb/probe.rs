//! Health checks: one loop per target, for as long as the target is registered.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::forwarding::load_balancers_of;
use super::targets::{Check, Health, SimulatedTarget, key};
use super::{Elb, Inner};

/// Everything one check needs, read under the lock.
struct Plan {
    in_use: bool,
    address: (String, u16),
    path: String,
    codes: String,
    interval: Duration,
    timeout: Duration,
    healthy_threshold: u64,
    unhealthy_threshold: u64,
    simulated: Option<SimulatedTarget>,
}

impl Elb {
    /// Starts the loop of one target. The first check comes at once.
    pub(super) fn check_target(&self, group: &str, id: &str, port: u16) {
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(check_until_gone(inner, group.to_owned(), key(id, port)));
    }

    pub(super) fn check_every_target(&self) {
        let targets: Vec<(String, String, u16)> = {
            let state = self.inner.lock();
            state
                .target_groups
                .iter()
                .flat_map(|(arn, group)| {
                    group
                        .targets
                        .values()
                        .map(|t| (arn.clone(), t.id.clone(), t.port))
                })
                .collect()
        };
        for (group, id, port) in targets {
            self.check_target(&group, &id, port);
        }
    }
}

async fn check_until_gone(inner: Weak<Inner>, group: String, target: String) {
    let registered = Instant::now();
    loop {
        let Some(plan) = inner
            .upgrade()
            .and_then(|inner| plan(&inner, &group, &target))
        else {
            return;
        };
        let check_began = Instant::now();
        if plan.in_use {
            let check = match plan.simulated {
                Some(target) if target.health.is_good() => Check::Passed,
                Some(_) => failed("Target.FailedHealthChecks", "Health checks failed".into()),
                None => ask(&plan).await,
            };
            let Some(inner) = inner.upgrade() else { return };
            let changed = {
                let mut state = inner.lock();
                let known = state
                    .target_groups
                    .get_mut(&group)
                    .and_then(|group| group.targets.get_mut(&target));
                let starting = registered.elapsed() < inner.settings.patience_with_starts
                    && matches!(
                        check,
                        Check::Failed {
                            reason: "Target.FailedHealthChecks",
                            ..
                        }
                    );
                known.is_some_and(|known| {
                    if let (true, Health::Initial { checked }) = (starting, &mut known.health) {
                        *checked = true;
                        return false;
                    }
                    known.checked(check, plan.healthy_threshold, plan.unhealthy_threshold)
                })
            };
            if changed {
                inner.changed();
            }
        }
        tokio::time::sleep_until(check_began + plan.interval).await;
    }
}

/// What to check next, or nothing when the target is no longer registered or drains.
fn plan(inner: &Inner, group_arn: &str, target: &str) -> Option<Plan> {
    let state = inner.lock();
    let group = state.target_groups.get(group_arn)?;
    let target = group
        .targets
        .get(target)
        .filter(|target| target.health != Health::Draining)?;
    let number = |member: &str, default: u64| {
        group
            .fields
            .get(member)
            .and_then(|v| v.as_u64())
            .unwrap_or(default)
    };
    let text = |member: &str| {
        group
            .fields
            .get(member)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    Some(Plan {
        in_use: !load_balancers_of(&state, group_arn).is_empty(),
        address: (
            target.id.clone(),
            text("HealthCheckPort").parse().unwrap_or(target.port),
        ),
        path: text("HealthCheckPath"),
        codes: group.fields["Matcher"]["HttpCode"]
            .as_str()
            .unwrap_or("200")
            .to_owned(),
        interval: inner.check_time(number("HealthCheckIntervalSeconds", 30)),
        timeout: Duration::from_secs(number("HealthCheckTimeoutSeconds", 5)),
        healthy_threshold: number("HealthyThresholdCount", 5),
        unhealthy_threshold: number("UnhealthyThresholdCount", 2),
        simulated: target.simulated,
    })
}

async fn ask(plan: &Plan) -> Check {
    match tokio::time::timeout(plan.timeout, status(plan)).await {
        Err(_) => failed("Target.Timeout", "Request timed out".into()),
        Ok(Err(_)) => failed("Target.FailedHealthChecks", "Health checks failed".into()),
        Ok(Ok(code)) if expected(&plan.codes, code) => Check::Passed,
        Ok(Ok(code)) => failed(
            "Target.ResponseCodeMismatch",
            format!("Health checks failed with these codes: [{code}]"),
        ),
    }
}

fn failed(reason: &'static str, description: String) -> Check {
    Check::Failed {
        reason,
        description,
    }
}

async fn status(plan: &Plan) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let (host, port) = &plan.address;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(Uri::try_from(plan.path.as_str())?)
        .header("host", format!("{host}:{port}"))
        .header("user-agent", "ELB-HealthChecker/2.0")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await;
    connection.abort();
    Ok(answer?.status().as_u16())
}

/// Whether `code` is among `codes`: single values, lists (`200,202`) and ranges (`200-299`).
fn expected(codes: &str, code: u16) -> bool {
    codes
        .split(',')
        .any(|part| match part.trim().split_once('-') {
            Some((low, high)) => {
                low.parse().is_ok_and(|low: u16| low <= code)
                    && high.parse().is_ok_and(|high: u16| code <= high)
            }
            None => part.trim().parse() == Ok(code),
        })
}

//! Where a probe goes.

use landfall::{
    live::{LiveBalancer, LiveRule},
    probe::{Address, Door, HttpProbe, Misaim, ProbeTarget, Wanted, aim, host_of},
    service_file::{Ingress, ServiceFile},
    service_id::ServiceId,
    step::ensure_ingress::rules_to_be,
    target_group::{group_names, is_ours},
};
use landfall_aws::{Aws, Fault};
use serde_json::Value;

/// Where a probe goes, or why it does not come to the service.
type Aimed = Result<Address, Misaim>;

/// The addresses of the file's probes of a service whose requests come as it is seen now: through the listener of the file's
/// `ingress`, or any that leads to its target groups.
///
/// # Errors
/// As Elastic Load Balancing answers.
pub(super) async fn addresses(
    aws: &Aws,
    file: &ServiceFile,
    balancers: &[LiveBalancer],
) -> Result<Vec<Aimed>, Fault> {
    let groups = balancers.iter().flat_map(LiveBalancer::groups);
    let groups: Vec<String> = groups.cloned().collect();
    let doors = match &file.ingress {
        _ if groups.is_empty() || !asks_load_balancer(file) => Vec::new(),
        Some(ingress) => vec![aws.elb().door_of(&ingress.listener_arn).await?],
        None => aws.elb().doors(&groups).await?,
    };
    let rules = balancers.iter().filter_map(|each| each.rule.clone());
    let production: Vec<String> = rules.collect();
    let aimed = |http| aimed(aws, http, &doors, &groups, &production);
    Ok(file.verify.http.iter().map(aimed).collect())
}

/// Makes sure, before anything is touched, that the probes will come to the service. `live` are the load balancers of an
/// adopted service, and `applies` says whether the file's `ingress` is still to be made.
///
/// # Errors
/// Refused, with what to write instead; not yet while no listener leads to the service: that may be about to be made, too.
pub(crate) async fn ensure(
    aws: &Aws,
    file: &ServiceFile,
    service: &ServiceId,
    live: &[LiveBalancer],
    applies: bool,
) -> Result<(), Fault> {
    for http in &file.verify.http {
        if let ProbeTarget::Url(url) = &http.target {
            admit(aws, url)?;
        }
    }
    if !asks_load_balancer(file) {
        return Ok(());
    }
    let all: Vec<Aimed> = match &file.ingress {
        Some(ingress) => {
            let (door, groups) = door_to_be(aws, file, ingress, service, applies).await?;
            let doors = [door];
            let aimed = |http| aimed(aws, http, &doors, &groups, &[]);
            file.verify.http.iter().map(aimed).collect()
        }
        None => {
            let mut balancers = said(file);
            balancers.extend_from_slice(live);
            addresses(aws, file, &balancers).await?
        }
    };
    for (index, aimed) in all.into_iter().enumerate() {
        let Err(misaim) = aimed else {
            continue;
        };
        let message = match file.verify.http.len() {
            1 => format!("verify.http: {}", misaim.message),
            _ => format!("verify.http[{index}]: {}", misaim.message),
        };
        return Err(if misaim.may_pass {
            Fault::not_yet(message)
        } else {
            Fault::refused(message)
        });
    }
    Ok(())
}

/// Makes sure that a probe may be sent to the host of `url`, as far as its name tells that.
fn admit(aws: &Aws, url: &str) -> Result<(), Fault> {
    let reach = aws.probes_reach();
    let admitted = host_of(url).map_or(Ok(()), |host| reach.admit_host(host));
    admitted.map_err(|refused| Fault::refused(format!("verify.http.url: {refused}")))
}

/// Whether a probe goes by the service's load balancer.
fn asks_load_balancer(file: &ServiceFile) -> bool {
    let mut probes = file.verify.http.iter();
    probes.any(|http| matches!(http.target, ProbeTarget::Path(_)))
}

fn aimed(
    aws: &Aws,
    http: &HttpProbe,
    doors: &[Door],
    groups: &[String],
    production: &[String],
) -> Aimed {
    let path = match &http.target {
        ProbeTarget::Url(url) => {
            return Ok(Address {
                url: url.clone(),
                connect_to: None,
            });
        }
        ProbeTarget::Path(path) => path,
    };
    if groups.is_empty() {
        let message = "no load balancer serves the service in ECS: give verify.http.url";
        return Err(Misaim {
            message: message.into(),
            may_pass: false,
        });
    }
    let wanted = Wanted {
        groups,
        production,
        path,
        host: http.host.as_deref(),
        headers: &http.headers,
    };
    aim(doors, &wanted, aws.probes_reach())
}

/// The listener of an `ingress`, with its rules as they are, or as they will be; and the service's target groups.
async fn door_to_be(
    aws: &Aws,
    file: &ServiceFile,
    ingress: &Ingress,
    service: &ServiceId,
    applies: bool,
) -> Result<(Door, Vec<String>), Fault> {
    let mut door = aws.elb().door_of(&ingress.listener_arn).await?;
    let groups = if applies {
        let (rules, groups) = rules_to_be(file, ingress, service, &door.rules)?;
        door.rules = rules;
        groups
    } else {
        let forwards = |rule: &LiveRule| {
            let forwards = rule.forwards_to.clone().into_iter();
            forwards.map(|forward| forward.group)
        };
        let mut groups: Vec<String> = door.rules.iter().flat_map(forwards).collect();
        groups.retain(|group| is_ours(group, service));
        if groups.is_empty() {
            group_names(service).into()
        } else {
            groups
        }
    };
    Ok((door, groups))
}

/// The load balancers of the file's section `service`.
fn said(file: &ServiceFile) -> Vec<LiveBalancer> {
    let items = file.service.get("loadBalancers").and_then(Value::as_array);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let balancer = |item: &Value| {
        let advanced = &item["advancedConfiguration"];
        Some(LiveBalancer {
            target_group: text(&item["targetGroupArn"])?,
            alternate: text(&advanced["alternateTargetGroupArn"]),
            rule: text(&advanced["productionListenerRule"]),
            ..LiveBalancer::default()
        })
    };
    items.into_iter().flatten().filter_map(balancer).collect()
}

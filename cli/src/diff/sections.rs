//! Landfall's own sections, as the steps that keep them would decide.

use landfall::{
    difference::{self, Difference, sections as compared},
    live::{Balancer, LiveScaling, LiveTarget},
    plan::{left_listener, scaling as may_differ},
    service_file::{Discovery, Ingress, ServiceFile},
    step::{
        ensure_cluster::{association, cluster_update},
        ensure_discovery,
        ensure_ingress::{self, GroupPlan, Plan, RulePlan},
        ensure_scaling::{needs_label, plan},
    },
    target_group::is_ours,
};
use landfall_aws::{
    Fault, clock::Clock, cloud_map::CloudMap, cluster::ClusterNeeds, elb::Elb, scaling::Scaling,
};
use miette::Result;
use serde_json::{Map, Value, json};

use super::{Subject, comparison::Found};
use crate::clients::report_aws;

/// What is refused in AWS's words is what a release would be refused for.
fn refused(fault: Fault) -> Result<Found> {
    if fault.is_refused() {
        Ok(Found::refused(fault.to_string()))
    } else {
        Err(report_aws(fault))
    }
}

/// The cluster and its capacity providers.
pub(super) async fn cluster(subject: &Subject<'_>) -> Result<Found> {
    let (file, service) = (subject.file, subject.service);
    let cluster_needs = ClusterNeeds::new(subject.sdk);
    let live = cluster_needs.cluster(service).await.map_err(report_aws)?;
    let live = live.filter(|live| live["status"] != "INACTIVE");
    let mut differences = Vec::new();
    for of_one_cluster in [false, true] {
        let missing = match (&live, of_one_cluster) {
            (None, true) => Vec::new(),
            _ => cluster_needs
                .missing_capacity_providers(file, service, of_one_cluster)
                .await
                .map_err(report_aws)?,
        };
        for body in missing {
            let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
            let path = format!("capacity[{name}]");
            let described = file
                .capacity
                .iter()
                .find(|each| each.get("name") == body.get("name"));
            let described = described.cloned().map(Value::Object);
            differences.extend(difference::member(&path, None, described.as_ref()));
        }
    }
    match live {
        None => {
            let wanted = Value::Object(file.cluster.clone());
            differences.extend(difference::member("cluster", None, Some(&wanted)));
        }
        Some(live) => {
            let mut changes = Map::new();
            changes.extend(cluster_update(file, &live).unwrap_or_default());
            changes.extend(association(file, &live).unwrap_or_default());
            changes.shift_remove("cluster");
            for (member, wanted) in &changes {
                let path = format!("cluster.{member}");
                differences.extend(difference::member(&path, live.get(member), Some(wanted)));
            }
        }
    }
    Ok(Found::differing(differences))
}

/// Log groups that would be created.
pub(super) async fn logs(subject: &Subject<'_>) -> Result<Found> {
    let cluster_needs = ClusterNeeds::new(subject.sdk);
    let missing = cluster_needs.missing_log_groups(subject.file).await;
    let made = json!({ "retentionDays": subject.file.logs.retention_days });
    let differences = missing
        .map_err(report_aws)?
        .into_iter()
        .flat_map(|name| difference::member(&format!("logs[{name}]"), None, Some(&made)));
    Ok(Found::differing(differences.collect()))
}

/// Target groups and the listener rule, and what the service would be reached by.
pub(super) async fn ingress(subject: &Subject<'_>) -> Result<(Found, Option<Balancer>)> {
    let elb = Elb::new(subject.sdk);
    let balancers = subject
        .live
        .and_then(|live| live.fields.get("loadBalancers")?.as_array());
    let managed = balancers.into_iter().flatten().find(|balancer| {
        let group = balancer["targetGroupArn"].as_str();
        group.is_some_and(|group| is_ours(group, subject.service))
    });
    let live = match managed {
        Some(balancer) => elb.ingress_of(balancer).await.map_err(report_aws)?,
        None => None,
    };
    let good = subject.next.known.as_ref();
    let good = good.and_then(|known| known.good.as_ref());
    let left = left_listener(subject.file, good);
    let Some(wanted) = &subject.file.ingress else {
        let gone = live
            .as_ref()
            .map(compared::ingress_gone)
            .unwrap_or_default();
        let mut found = Found::differing(gone);
        found.notes.extend(left.map(|listener| {
            format!("After the release proved good, the rule on {listener} and its target groups are deleted.")
        }));
        return Ok((found, None));
    };
    let differences = compared::ingress(live.as_ref(), wanted);
    let mut found = Found::differing(differences);
    found.notes.extend(left.map(|listener| {
        format!("After the release proved good, the rule on {listener} is deleted.")
    }));
    match balancer(subject, &elb, wanted, live.is_some()).await {
        Ok((balancer, groups)) => {
            found.differences.extend(groups);
            Ok((found, Some(balancer)))
        }
        Err(fault) => {
            found.add(refused(fault)?);
            Ok((found, None))
        }
    }
}

/// What the service would be reached by, with names in place of what is not there yet, and the target groups that would
/// be made besides the ones that are there.
async fn balancer(
    subject: &Subject<'_>,
    elb: &Elb,
    ingress: &Ingress,
    exists: bool,
) -> Result<(Balancer, Vec<Difference>), Fault> {
    let (file, service) = (subject.file, subject.service);
    let seen = elb.observe(file, ingress, service).await?;
    let Plan { groups, rule } = ensure_ingress::plan(ingress, service, &seen)?;
    let mut differences = Vec::new();
    for group in &groups {
        if let GroupPlan::Create(wanted) = group
            && exists
        {
            let path = format!("ingress.targetGroups[{}]", wanted.name);
            let made = json!({ "targetType": wanted.target_type });
            differences.extend(difference::member(&path, None, Some(&made)));
        }
    }
    let rule = match rule {
        RulePlan::Create { priority } => format!("a new rule with the priority {priority}"),
        RulePlan::Keep { arn, .. } => arn,
    };
    let groups = groups.iter().map(GroupPlan::arn_or_name);
    let mut groups = groups.map(str::to_owned);
    let balancer = Balancer {
        target_group: groups.next().unwrap_or_default(),
        alternate_target_group: groups.next(),
        rule,
    };
    Ok((balancer, differences))
}

/// The Cloud Map service, and its ARN, or what stands for one that is not there yet.
pub(super) async fn discovery(subject: &Subject<'_>) -> Result<(Found, Option<String>)> {
    let (mut found, arn) = registered(subject).await?;
    found.notes.extend(registry_left(subject));
    Ok((found, arn))
}

/// What becomes of the Cloud Map service of the last good file, if this one names another or none.
fn registry_left(subject: &Subject<'_>) -> Option<String> {
    let good = subject.next.known.as_ref()?.good.as_ref()?;
    let before = good.discovery.as_ref()?;
    let named = |discovery: &Discovery| (discovery.namespace.clone(), discovery.name.clone());
    let now = subject.file.discovery.as_ref().map(named);
    (now != Some(named(before))).then(|| {
        format!(
            "The Cloud Map service {} in {} stays, without tasks: nothing deletes it.",
            before.name, before.namespace
        )
    })
}

async fn registered(subject: &Subject<'_>) -> Result<(Found, Option<String>)> {
    let Some(wanted) = &subject.file.discovery else {
        return Ok((Found::default(), None));
    };
    let looked = async {
        let cloud_map = CloudMap::new(subject.sdk);
        let seen = cloud_map.observe(wanted).await?;
        let input = ensure_discovery::Input {
            service: subject.service.clone(),
            execution: String::new(),
            release: subject.next.release.clone(),
        };
        let plan = ensure_discovery::plan(&input, wanted, &seen);
        Ok(plan?)
    };
    Ok(match looked.await {
        Ok(ensure_discovery::Plan::Use { arn }) => (Found::default(), Some(arn)),
        Ok(ensure_discovery::Plan::Create(_)) => {
            let section = wanted.written();
            let differences = difference::member("discovery", None, Some(&section));
            let name = format!("{} in {}", wanted.name, wanted.namespace);
            (Found::differing(differences), Some(name))
        }
        Err(fault) => (refused(fault)?, None),
    })
}

/// Application Auto Scaling, and the bounds that the desired count is kept in now.
pub(super) async fn scaling(
    subject: &Subject<'_>,
    balancer: Option<&Balancer>,
) -> Result<(Found, Option<LiveTarget>)> {
    let wanted = subject.file.autoscaling.as_ref();
    let live = match subject.live {
        None => LiveScaling::default(),
        Some(_) => {
            let scaling = Scaling::new(subject.sdk);
            match scaling.of(subject.service, wanted.is_none()).await {
                Ok(live) => live,
                Err(fault) if fault.is_refused() && wanted.is_none() => {
                    let note =
                        format!("Whether something scales the service cannot be said: {fault}");
                    return Ok((Found::noted(note), None));
                }
                Err(fault) => return Err(report_aws(fault)),
            }
        }
    };
    let known = subject.next.known.as_ref();
    let may_differ = known.is_none_or(|known| may_differ(true, subject.file, known.good.as_ref()));
    let mut found = Found::default();
    if may_differ {
        let label = if needs_label(wanted) {
            label(subject, balancer).await?
        } else {
            None
        };
        let is_made = subject.live.is_none() || subject.file.ingress.is_some();
        if needs_label(wanted) && label.is_none() && !is_made {
            found.add(Found::noted(
                "ALBRequestCountPerTarget cannot be compared: no load balancer forwards to the service's first target group."
                    .into(),
            ));
        }
        let now = Clock::of(subject.sdk).now();
        let good = known.and_then(|known| known.good.as_ref());
        let before = good.and_then(|good| good.autoscaling.as_ref());
        let label = label.as_deref();
        let changes = plan(subject.service, wanted, before, &live, label, now);
        found.differences = compared::scaling(&live, &changes);
    }
    Ok((found, live.target))
}

/// The label of the target group that `EnsureScaling` would find: the service's first.
async fn label(subject: &Subject<'_>, balancer: Option<&Balancer>) -> Result<Option<String>> {
    let named = |file: &ServiceFile| {
        let balancers = file.service.get("loadBalancers")?.as_array()?;
        Some(balancers.first()?["targetGroupArn"].as_str()?.to_owned())
    };
    let group = named(subject.file).or_else(|| balancer.map(|known| known.target_group.clone()));
    let group = group.or_else(|| {
        let balancers = subject.live?.fields.get("loadBalancers")?.as_array()?;
        Some(balancers.first()?["targetGroupArn"].as_str()?.to_owned())
    });
    match group.filter(|group| group.starts_with("arn:")) {
        Some(group) => Elb::new(subject.sdk)
            .request_label(&group)
            .await
            .map_err(report_aws),
        None => Ok(None),
    }
}

//! Step `EnsureIngress`: the target group and listener rule of a service are there; step `TidyIngress`: those that the
//! service file does not ask for any more are gone.
//!
//! In: `Input`. Out: the target group and the rule, to `UpdateService`; for `TidyIngress` nothing.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::{
    live::Balancer,
    service_file::{Ingress, ServiceFile},
    service_id::ServiceId,
    step::ensure_ingress::{GroupPlan, Input, Purpose, RulePlan, leads_astray, plan, plan_rule},
    target_group::group_names,
};
use landfall_aws::{
    Aws, Fault,
    elb::ingress::Created,
    function::{Function, step_span},
};

/// Creates, keeps and removes a service's target group and listener rule.
#[derive(Debug)]
pub struct EnsureIngress;

/// How often another priority is chosen because another rule took the chosen one.
const CHOICES: usize = 5;

impl Function for EnsureIngress {
    const NAME: &'static str = "ensure-ingress";
    type Input = Input;
    type Output = Option<Balancer>;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Answers the target group and rule, created and changed as needed; nothing after tidying up.
    ///
    /// # Errors
    /// Refused as Elastic Load Balancing refuses, or if a foreign rule or target group is in the way.
    async fn handle(aws: &Aws, input: Input) -> Result<Option<Balancer>, Fault> {
        let desired = aws
            .state()
            .read_claimed(&input.service, &input.execution, input.release.number)
            .await?;
        let file = aws.state().file(&input.release.content.file).await?;
        match input.purpose {
            Purpose::Keep => keep(aws, &file, &input.service).await,
            Purpose::Tidy => {
                tidy(aws, file.ingress.as_ref(), &input.service).await?;
                if let (Some(ingress), Some(balancer)) = (&file.ingress, &input.balancer) {
                    lead_back(aws, ingress, balancer).await?;
                }
                Ok(None)
            }
            Purpose::Undo => {
                let ingress = match &desired.last_good {
                    Some(good) => aws.state().file(&good.content.file).await?.ingress,
                    None => None,
                };
                tidy(aws, ingress.as_ref(), &input.service).await?;
                Ok(None)
            }
        }
    }
}

/// Creates and changes what the file asks for; answers nothing if it asks for nothing.
///
/// # Errors
/// As [`EnsureIngress::handle`].
pub async fn keep(
    aws: &Aws,
    file: &ServiceFile,
    service: &ServiceId,
) -> Result<Option<Balancer>, Fault> {
    let Some(ingress) = &file.ingress else {
        return Ok(None);
    };
    let seen = aws.elb().observe(file, ingress, service).await?;
    let plan = plan(ingress, service, &seen)?;
    let mut groups = Vec::new();
    for planned in plan.groups {
        groups.push(group(aws, planned, ingress, &seen.vpc, service).await?);
    }
    let rule = rule(aws, ingress, service, plan.rule, &groups).await?;
    let mut groups = groups.into_iter();
    let target_group = groups
        .next()
        .ok_or_else(|| Fault::unexpected("no target group is wanted"))?;
    Ok(Some(Balancer {
        target_group,
        alternate_target_group: groups.next(),
        rule,
    }))
}

async fn group(
    aws: &Aws,
    planned: GroupPlan,
    ingress: &Ingress,
    vpc: &str,
    service: &ServiceId,
) -> Result<String, Fault> {
    let arn = match planned {
        GroupPlan::Keep {
            arn,
            modify_health_check,
        } => {
            if modify_health_check {
                aws.elb().modify_health_check(&arn, ingress).await?;
                tracing::info!(target_group = arn, "changed the health check");
            }
            arn
        }
        GroupPlan::Create(wanted) => {
            let created = aws
                .elb()
                .create_target_group(&wanted, ingress, vpc, service);
            let arn = created.await?;
            tracing::info!(target_group = arn, "created the target group");
            arn
        }
    };
    aws.elb().modify_attributes(&arn, ingress).await?;
    Ok(arn)
}

async fn rule(
    aws: &Aws,
    ingress: &Ingress,
    service: &ServiceId,
    mut planned: RulePlan,
    groups: &[String],
) -> Result<String, Fault> {
    for _ in 0..CHOICES {
        match planned {
            RulePlan::Create { priority } => {
                let created = aws.elb().create_rule(ingress, priority, groups, service);
                if let Created::Rule(arn) = created.await? {
                    tracing::info!(rule = arn, priority, "created the listener rule");
                    return Ok(arn);
                }
                let live = aws.elb().rules(&ingress.listener_arn).await?;
                planned = plan_rule(ingress, service, &live, groups)?;
            }
            RulePlan::Keep {
                arn,
                modify_conditions,
                modify_action,
                priority,
            } => {
                if modify_conditions || modify_action {
                    let groups = modify_action.then_some(groups);
                    aws.elb().modify_rule(&arn, ingress, groups).await?;
                    tracing::info!(rule = arn, "changed the listener rule");
                }
                if let Some(priority) = priority {
                    aws.elb().set_rule_priority(&arn, priority).await?;
                }
                return Ok(arn);
            }
        }
    }
    Err(Fault::transient(format!(
        "others took the priority of the rule {CHOICES} times"
    )))
}

/// Has all requests go to the only target group of the service again, if its rule sends some elsewhere.
async fn lead_back(aws: &Aws, ingress: &Ingress, balancer: &Balancer) -> Result<(), Fault> {
    let Some(group) = balancer.only_group() else {
        return Ok(());
    };
    let rules = aws.elb().rules(&ingress.listener_arn).await?;
    if let Some(rule) = rules.iter().find(|rule| leads_astray(rule, balancer)) {
        let groups = std::slice::from_ref(group);
        aws.elb()
            .modify_rule(&rule.arn, ingress, Some(groups))
            .await?;
        tracing::info!(rule = rule.arn, "took requests back to the target group");
    }
    Ok(())
}

/// Deletes the service's rules on listeners that the file does not name, and without an `ingress` its target groups.
///
/// # Errors
/// As Elastic Load Balancing answers.
pub async fn tidy(aws: &Aws, ingress: Option<&Ingress>, service: &ServiceId) -> Result<(), Fault> {
    let tag = landfall::tags::service_tag(service);
    for name in group_names(service) {
        let live = aws.elb().target_group(&name).await?;
        let Some(group) = live.filter(|group| group.tagged_for.as_ref() == Some(&tag)) else {
            continue;
        };
        for balancer in &group.load_balancers {
            for listener in aws.elb().listeners_of(balancer).await? {
                if ingress.is_some_and(|ingress| ingress.listener_arn == listener) {
                    continue;
                }
                let rules = aws.elb().rules(&listener).await?.into_iter();
                let managed =
                    rules.filter(|rule| rule.priority.is_some() && rule.forwards_to(&group.arn));
                for rule in managed {
                    aws.elb().delete_rule(&rule.arn).await?;
                    tracing::info!(rule = rule.arn, "deleted the listener rule");
                }
            }
        }
        if ingress.is_none() {
            aws.elb().delete_target_group(&group.arn).await?;
            tracing::info!(target_group = group.arn, "deleted the target group");
        }
    }
    Ok(())
}

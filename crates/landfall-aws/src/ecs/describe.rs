//! From the SDK's types to Landfall's.

use aws_sdk_ecs::types::{
    Deployment, DeploymentConfiguration, DeploymentLifecycleHookDetail,
    DeploymentLifecycleHookTargetType, LoadBalancer, Service, ServiceDeployment,
    ServiceDeploymentRollbackMonitorsStatus, Task,
};
use landfall::{
    evidence::is_by_person,
    live::{
        Accepted, CapacityShare, CreatedWith, DeploymentStatus, EndedBy, EndedTask, LiveBalancer,
        LiveDeployment, LiveHook, LiveService, Pace, StoppedContainer, StoppedTask, TaskHealth,
    },
};
use serde_json::{Map, Value};

use crate::{Fault, clock::timestamp};

pub(super) fn service(call: &str, service: &Service) -> Result<LiveService, Fault> {
    let controller = service
        .deployment_controller()
        .map_or("ECS", |controller| controller.r#type().as_str());
    let events = service.events().iter().map(|event| {
        let at = timestamp(
            event
                .created_at()
                .ok_or_else(|| Fault::incomplete(call, "events.createdAt"))?,
        )?;
        Ok((at, event.message().unwrap_or_default().to_owned()))
    });
    Ok(LiveService {
        status: service
            .status()
            .ok_or_else(|| Fault::incomplete(call, "status"))?
            .into(),
        controller: controller.into(),
        scheduling_strategy: service
            .scheduling_strategy()
            .map_or("REPLICA", |strategy| strategy.as_str())
            .into(),
        desired_count: service.desired_count(),
        running_count: service.running_count(),
        pending_count: service.pending_count(),
        deployments: service
            .deployments()
            .iter()
            .map(|each| deployment(call, each))
            .collect::<Result<_, _>>()?,
        capacity: service
            .capacity_provider_strategy()
            .iter()
            .map(|share| CapacityShare {
                provider: share.capacity_provider().to_owned(),
                base: i64::from(share.base()),
                weight: i64::from(share.weight()),
            })
            .collect(),
        balancers: service
            .load_balancers()
            .iter()
            .filter_map(balancer)
            .collect(),
        revisions: service
            .current_service_revisions()
            .iter()
            .filter_map(|revision| revision.arn().map(str::to_owned))
            .collect(),
        pace_seconds: service
            .deployment_configuration()
            .map_or(0, |configuration| pace(configuration).seconds()),
        pauses: service.deployment_configuration().is_some_and(pauses),
        events: events.collect::<Result<_, Fault>>()?,
        arn: service
            .service_arn()
            .ok_or_else(|| Fault::incomplete(call, "serviceArn"))?
            .into(),
        tags: service
            .tags()
            .iter()
            .filter_map(|tag| {
                Some((
                    tag.key()?.to_owned(),
                    tag.value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
        created: CreatedWith {
            launch_type: service
                .launch_type()
                .map(|launch_type| launch_type.as_str().to_owned()),
            role: service.role_arn().map(str::to_owned),
        },
    })
}

/// Nothing for a Classic Load Balancer, which has no target group.
fn balancer(balancer: &LoadBalancer) -> Option<LiveBalancer> {
    let advanced = balancer.advanced_configuration();
    let text = |member: Option<&str>| member.map(str::to_owned);
    Some(LiveBalancer {
        target_group: balancer.target_group_arn()?.to_owned(),
        alternate: advanced.and_then(|advanced| text(advanced.alternate_target_group_arn())),
        rule: advanced.and_then(|advanced| text(advanced.production_listener_rule())),
        role: advanced.and_then(|advanced| text(advanced.role_arn())),
        container: balancer.container_name().unwrap_or_default().to_owned(),
        port: balancer
            .container_port()
            .and_then(|port| u64::try_from(port).ok())
            .unwrap_or_default(),
    })
}

fn pauses(configuration: &DeploymentConfiguration) -> bool {
    let mut hooks = configuration.lifecycle_hooks().iter();
    hooks.any(|hook| hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause))
}

/// The `PAUSE` hooks that a service deployment has reached.
pub(super) fn pause_hooks(
    call: &str,
    deployment: &ServiceDeployment,
) -> Result<Vec<LiveHook>, Fault> {
    let hooks = deployment.lifecycle_hook_details().iter();
    let hooks =
        hooks.filter(|hook| hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause));
    hooks.map(|hook| pause_hook(call, hook)).collect()
}

fn pause_hook(call: &str, hook: &DeploymentLifecycleHookDetail) -> Result<LiveHook, Fault> {
    let id = hook.hook_id();
    let status = hook.status();
    Ok(LiveHook {
        id: id
            .ok_or_else(|| Fault::incomplete(call, "lifecycleHookDetails.hookId"))?
            .into(),
        status: status
            .ok_or_else(|| Fault::incomplete(call, "lifecycleHookDetails.status"))?
            .as_str()
            .into(),
        expires_at: hook.expires_at().map(timestamp).transpose()?,
        timeout_action: hook.timeout_action().map(|action| action.as_str().into()),
    })
}

fn pace(configuration: &DeploymentConfiguration) -> Pace {
    let strategy = configuration.strategy().map_or("", |each| each.as_str());
    let linear = configuration.linear_configuration();
    let canary = configuration.canary_configuration();
    Pace::with(
        strategy,
        configuration.bake_time_in_minutes().map(f64::from),
        linear.and_then(|linear| linear.step_percent()),
        linear.and_then(|linear| linear.step_bake_time_in_minutes().map(f64::from)),
        canary.and_then(|canary| canary.canary_bake_time_in_minutes().map(f64::from)),
    )
}

fn deployment(call: &str, deployment: &Deployment) -> Result<LiveDeployment, Fault> {
    let revision = deployment
        .task_definition()
        .ok_or_else(|| Fault::incomplete(call, "deployments.taskDefinition"))?;
    Ok(LiveDeployment {
        id: deployment
            .id()
            .ok_or_else(|| Fault::incomplete(call, "deployments.id"))?
            .into(),
        status: deployment
            .status()
            .ok_or_else(|| Fault::incomplete(call, "deployments.status"))?
            .into(),
        created_at: deployment.created_at().map(timestamp).transpose()?,
        task_definition: revision.into(),
        rollout_state: deployment
            .rollout_state()
            .map(|state| state.as_str().into()),
        rollout_state_reason: deployment.rollout_state_reason().map(str::to_owned),
        running_count: deployment.running_count(),
        failed_tasks: deployment.failed_tasks(),
    })
}

/// The primary deployment, if ECS took `body` as it was meant: it has to be for the revision that was sent.
pub(super) fn accepted(
    call: &str,
    answer: Option<&Service>,
    body: &Map<String, Value>,
) -> Result<Accepted, Fault> {
    let service = answer.ok_or_else(|| Fault::incomplete(call, "service"))?;
    let primary = service
        .deployments()
        .iter()
        .find(|each| each.status().map(DeploymentStatus::from) == Some(DeploymentStatus::Primary));
    let primary = primary.ok_or_else(|| Fault::incomplete(call, "primary deployment"))?;
    let sent = body.get("taskDefinition").and_then(Value::as_str);
    if sent.is_some_and(|sent| primary.task_definition() != Some(sent)) {
        let got = primary.task_definition().unwrap_or("none");
        return Err(Fault::unexpected(format!(
            "{call} was accepted, but its primary deployment has {got}"
        )));
    }
    let id = primary
        .id()
        .ok_or_else(|| Fault::incomplete(call, "deployments.id"))?;
    Ok(Accepted {
        id: id.to_owned(),
        created_at: primary.created_at().map(timestamp).transpose()?,
        desired_count: Some(service.desired_count()),
    })
}

/// What made ECS roll back a service deployment, which ended for this reason.
pub(super) fn ended_by(deployment: &ServiceDeployment, reason: Option<&str>) -> Option<EndedBy> {
    const TRIGGERED: ServiceDeploymentRollbackMonitorsStatus =
        ServiceDeploymentRollbackMonitorsStatus::Triggered;
    let alarms = deployment.alarms().and_then(|alarms| alarms.status());
    let breaker = deployment.deployment_circuit_breaker();
    let breaker = breaker.and_then(|breaker| breaker.status());
    if alarms == Some(&TRIGGERED) {
        Some(EndedBy::Alarms)
    } else if breaker == Some(&TRIGGERED) {
        Some(EndedBy::Breaker)
    } else {
        reason
            .filter(|reason| is_by_person(reason))
            .map(|_| EndedBy::Person)
    }
}

pub(super) fn task_health(task: &Task) -> Result<TaskHealth, Fault> {
    const CALL: &str = "ecs:DescribeTasks";
    Ok(TaskHealth {
        task: task
            .task_arn()
            .ok_or_else(|| Fault::incomplete(CALL, "taskArn"))?
            .into(),
        task_definition: task
            .task_definition_arn()
            .ok_or_else(|| Fault::incomplete(CALL, "taskDefinitionArn"))?
            .into(),
        health_status: task
            .health_status()
            .map_or("UNKNOWN", |status| status.as_str())
            .into(),
    })
}

/// A task begins to stop with the first of the moments that ECS stamps.
pub(super) fn ended_task(task: &Task) -> Result<EndedTask, Fault> {
    let stopping_at = task
        .stopping_at()
        .or_else(|| task.execution_stopped_at())
        .or_else(|| task.stopped_at());
    Ok(EndedTask {
        task: stopped_task(task)?,
        task_definition: task
            .task_definition_arn()
            .ok_or_else(|| Fault::incomplete("ecs:DescribeTasks", "taskDefinitionArn"))?
            .into(),
        stop_code: task.stop_code().map(|code| code.as_str().into()),
        stopping_at: stopping_at.map(timestamp).transpose()?,
    })
}

pub(super) fn stopped_task(task: &Task) -> Result<StoppedTask, Fault> {
    let containers = task
        .containers()
        .iter()
        .filter(|each| each.exit_code().is_some() || each.reason().is_some());
    Ok(StoppedTask {
        task: task
            .task_arn()
            .ok_or_else(|| Fault::incomplete("ecs:DescribeTasks", "taskArn"))?
            .into(),
        reason: task.stopped_reason().unwrap_or("no reason given").into(),
        containers: containers
            .map(|container| StoppedContainer {
                name: container.name().unwrap_or_default().into(),
                exit_code: container.exit_code(),
                reason: container.reason().map(str::to_owned),
            })
            .collect(),
    })
}

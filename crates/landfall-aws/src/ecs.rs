//! ECS: what there is, and the four calls that change it.
//!
//! Bodies that come from a service file are sent as the JSON that they are, by the SDK's own signing, retries and
//! endpoints, so that members this SDK does not know yet pass through. Answers are read through the SDK's types.

mod describe;
mod tasks;

pub use self::tasks::LoggedTask;

use aws_config::SdkConfig;
use aws_sdk_ecs::{
    Client,
    config::{Config, retry::RetryConfig},
    error::ProvideErrorMetadata,
    primitives::DateTime,
    types::{
        CreatedAt, DeploymentLifecycleHookAction, DesiredStatus, ServiceDeployment, ServiceField,
        ServiceRevision, SortOrder, StopServiceDeploymentStopType, Tag, TaskDefinitionField,
        TaskDefinitionStatus as Status,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use jiff::Timestamp;
use landfall::{
    content::ContentHash,
    drift::Registered,
    live::{
        Accepted, EndedTask, HookAction, LiveCluster, LiveService, LiveServiceDeployment,
        ServiceDeploymentStatus, StoppedTask, TaskDefinitionStatus, TaskHealth,
    },
    record::TaskDefinition,
    service_id::ServiceId,
    service_section::TagChanges,
    tags::{CONTENT_TAG, RELEASE_TAG, SERVICE_TAG, service_tag},
};
use serde_json::{Map, Value};

use crate::{Fault, clock::timestamp};

/// ECS.
#[derive(Clone, Debug)]
pub struct Ecs(Client);

/// How the `stoppedReason` of a task begins that ECS wanted no longer
/// (<https://repost.aws/knowledge-center/ecs-task-stopped>, "Service scaling event triggered").
const SCALED_AWAY: &str = "Scaling activity initiated by";

impl Ecs {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// A cluster; none if there is none of this name.
    pub async fn cluster(&self, name: &str) -> Result<Option<LiveCluster>, Fault> {
        const CALL: &str = "ecs:DescribeClusters";
        let answer = self
            .0
            .describe_clusters()
            .clusters(name)
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        let Some(cluster) = answer.clusters().first() else {
            return Ok(None);
        };
        Ok(Some(LiveCluster {
            arn: cluster
                .cluster_arn()
                .ok_or_else(|| Fault::incomplete(CALL, "clusterArn"))?
                .into(),
            status: cluster
                .status()
                .ok_or_else(|| Fault::incomplete(CALL, "status"))?
                .into(),
        }))
    }

    /// Creates a cluster from `body` and answers its ARN.
    pub async fn create_cluster(&self, body: &Map<String, Value>) -> Result<String, Fault> {
        const CALL: &str = "ecs:CreateCluster";
        let request = self
            .0
            .create_cluster()
            .customize()
            .mutate_request(send_as(body));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        let arn = answer.cluster().and_then(|cluster| cluster.cluster_arn());
        arn.map(str::to_owned)
            .ok_or_else(|| Fault::incomplete(CALL, "clusterArn"))
    }

    /// Registers a task definition from `body` and answers its ARN.
    ///
    /// The SDK does not repeat it: registrations take no token, so after a lost answer each repetition would leave one more
    /// revision (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>). After a
    /// transient failure, [`Self::registered`] says whether it happened.
    pub async fn register_task_definition(
        &self,
        body: &Map<String, Value>,
    ) -> Result<String, Fault> {
        const CALL: &str = "ecs:RegisterTaskDefinition";
        let request = self
            .0
            .register_task_definition()
            .customize()
            .config_override(Config::builder().retry_config(RetryConfig::disabled()))
            .mutate_request(send_as(body));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        let arn = answer
            .task_definition()
            .and_then(|revision| revision.task_definition_arn());
        arn.map(str::to_owned)
            .ok_or_else(|| Fault::incomplete(CALL, "taskDefinitionArn"))
    }

    /// The newest revision of a family, if Landfall registered it from `content` for this release.
    pub async fn registered(
        &self,
        family: &str,
        content: &ContentHash,
        release: u64,
    ) -> Result<Option<TaskDefinition>, Fault> {
        const CALL: &str = "ecs:DescribeTaskDefinition";
        let request = self
            .0
            .describe_task_definition()
            .task_definition(family)
            .include(TaskDefinitionField::Tags);
        let answer = match request.send().await {
            Ok(answer) => answer,
            // There is no revision of this family yet.
            Err(error) if error.code() == Some("ClientException") => return Ok(None),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        let content_text = content.to_string();
        let tagged = |key, value: &str| {
            let mut tags = answer.tags().iter();
            tags.any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
        };
        let ours = tagged(CONTENT_TAG, &content_text) && tagged(RELEASE_TAG, &release.to_string());
        let arn = answer
            .task_definition()
            .and_then(|revision| revision.task_definition_arn());
        Ok(arn.filter(|_| ours).map(|arn| TaskDefinition {
            arn: arn.into(),
            content: content.clone(),
        }))
    }

    /// Whether a service can be given a revision: it is not deregistered, not about to be deleted, and not gone
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html>).
    pub async fn is_active(&self, task_definition: &str) -> Result<bool, Fault> {
        const CALL: &str = "ecs:DescribeTaskDefinition";
        let request = self.0.describe_task_definition();
        let answer = match request.task_definition(task_definition).send().await {
            Ok(answer) => answer,
            // It was deleted.
            Err(error) if error.code() == Some("ClientException") => return Ok(false),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        let status = answer
            .task_definition()
            .and_then(|revision| revision.status())
            .ok_or_else(|| Fault::incomplete(CALL, "status"))?;
        Ok(!matches!(
            TaskDefinitionStatus::from(status.as_str()),
            TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress
        ))
    }

    /// What Landfall registered a revision for, if it did so for this service.
    pub async fn registered_for(
        &self,
        task_definition: &str,
        service: &ServiceId,
    ) -> Result<Option<Registered>, Fault> {
        const CALL: &str = "ecs:DescribeTaskDefinition";
        let request = self
            .0
            .describe_task_definition()
            .task_definition(task_definition);
        let answer = request.include(TaskDefinitionField::Tags).send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let value = |key| {
            let mut tags = answer.tags().iter();
            tags.find(|tag| tag.key() == Some(key))?.value()
        };
        let ours = value(SERVICE_TAG) == Some(&*service_tag(service));
        let release = value(RELEASE_TAG).and_then(|release| release.parse().ok());
        Ok(ours.then_some(Registered { release }))
    }

    /// The `ACTIVE` revisions of a family, newest first: the first page, which has a hundred
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html>). The prefix is the whole
    /// name there.
    pub async fn newest_revisions(&self, family: &str) -> Result<Vec<String>, Fault> {
        let request = self.0.list_task_definitions().family_prefix(family);
        let request = request.status(Status::Active).sort(SortOrder::Desc);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of("ecs:ListTaskDefinitions", error))?;
        Ok(answer.task_definition_arns.unwrap_or_default())
    }

    /// Deregisters a revision: what runs it goes on, and nothing more is given it.
    pub async fn deregister_task_definition(&self, task_definition: &str) -> Result<(), Fault> {
        let request = self.0.deregister_task_definition();
        let answer = request.task_definition(task_definition).send().await;
        answer.map_err(|error| Fault::of("ecs:DeregisterTaskDefinition", error))?;
        Ok(())
    }

    /// A service; none if there is none of this name, or no such cluster.
    pub async fn service(&self, service: &ServiceId) -> Result<Option<LiveService>, Fault> {
        const CALL: &str = "ecs:DescribeServices";
        let request = self
            .0
            .describe_services()
            .cluster(service.cluster())
            .services(service.service())
            .include(ServiceField::Tags);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ClusterNotFoundException") => return Ok(None),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        answer
            .services()
            .first()
            .map(|service| describe::service(CALL, service))
            .transpose()
    }

    /// Creates a service from `body`; answers its deployment.
    pub async fn create_service(&self, body: &Map<String, Value>) -> Result<Accepted, Fault> {
        const CALL: &str = "ecs:CreateService";
        let request = self
            .0
            .create_service()
            .customize()
            .mutate_request(send_as(body));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        describe::accepted(CALL, answer.service(), body)
    }

    /// Updates a service with `body`; answers its primary deployment.
    pub async fn update_service(&self, body: &Map<String, Value>) -> Result<Accepted, Fault> {
        const CALL: &str = "ecs:UpdateService";
        let request = self
            .0
            .update_service()
            .customize()
            .mutate_request(send_as(body));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        describe::accepted(CALL, answer.service(), body)
    }

    /// Changes the tags of a service; nothing is called if nothing changes.
    pub async fn change_tags(&self, service: &str, changes: &TagChanges) -> Result<(), Fault> {
        if !changes.set.is_empty() {
            let tags = changes
                .set
                .iter()
                .map(|(key, value)| Tag::builder().key(key).value(value).build());
            let request = self.0.tag_resource().resource_arn(service);
            let tagged = request.set_tags(Some(tags.collect())).send().await;
            tagged.map_err(|error| Fault::of("ecs:TagResource", error))?;
        }
        if !changes.unset.is_empty() {
            let keys = changes.unset.iter().cloned().collect();
            let request = self.0.untag_resource().resource_arn(service);
            let untagged = request.set_tag_keys(Some(keys)).send().await;
            untagged.map_err(|error| Fault::of("ecs:UntagResource", error))?;
        }
        Ok(())
    }

    /// The newest service deployment that ECS began after `since`, but for a minute by which clocks may differ; none where
    /// ECS (or what plays it) keeps none for this service, or does not list it yet. Its stage and its pause hooks cost a call,
    /// and are only asked for where deployments bake or can be paused (`in_stages`), or where ECS rolled this one back.
    pub async fn newest_service_deployment(
        &self,
        service: &ServiceId,
        since: Timestamp,
        in_stages: bool,
    ) -> Result<Option<LiveServiceDeployment>, Fault> {
        const CALL: &str = "ecs:ListServiceDeployments";
        let since = since.as_second().saturating_sub(60);
        let created_at = CreatedAt::builder().after(DateTime::from_secs(since));
        let request = self
            .0
            .list_service_deployments()
            .cluster(service.cluster())
            .service(service.service())
            .created_at(created_at.build());
        // In which order they come is not documented, so the newest may be on any page.
        let mut briefs = Vec::new();
        let mut token = None;
        loop {
            let page = match request.clone().set_next_token(token).send().await {
                Ok(page) => page,
                Err(error) if is_not_listed(error.code()) => return Ok(None),
                Err(error) => return Err(Fault::of(CALL, error)),
            };
            briefs.extend(page.service_deployments.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        let newest = briefs
            .iter()
            .max_by_key(|brief| brief.created_at().map(|at| at.as_nanos()));
        let Some(brief) = newest else { return Ok(None) };
        let status = brief
            .status()
            .ok_or_else(|| Fault::incomplete(CALL, "status"))?;
        let status = ServiceDeploymentStatus::from(status.as_str());
        let mut status_reason = brief.status_reason().map(str::to_owned);
        let arn = brief
            .service_deployment_arn()
            .ok_or_else(|| Fault::incomplete(CALL, "serviceDeploymentArn"))?
            .to_owned();
        let mut task_definition = None;
        let mut stage = None;
        let mut hooks = Vec::new();
        let mut ended_by = None;
        let rolled_back = status.is_rollback();
        if rolled_back || (in_stages && status == ServiceDeploymentStatus::InProgress) {
            let deployment = self.service_deployment(&arn).await?;
            let rollback = deployment
                .as_ref()
                .and_then(|deployment| deployment.rollback());
            let reason = rollback.and_then(|rollback| rollback.reason());
            status_reason = reason.map(str::to_owned).or(status_reason);
            ended_by = deployment
                .as_ref()
                .filter(|_| rolled_back)
                .and_then(|deployment| describe::ended_by(deployment, status_reason.as_deref()));
            if let Some(deployment) = &deployment {
                let reached = deployment.lifecycle_stage();
                stage = reached.map(|stage| stage.as_str().to_owned());
                hooks = describe::pause_hooks("ecs:DescribeServiceDeployments", deployment)?;
            }
            let target = deployment
                .as_ref()
                .and_then(|deployment| deployment.target_service_revision());
            if let Some(target) = target.and_then(|target| target.arn())
                && rolled_back
            {
                let revisions = self.service_revisions(vec![target.to_owned()]).await?;
                task_definition = revisions.into_iter().find_map(|each| each.task_definition);
            }
        }
        let created_at = brief
            .created_at()
            .ok_or_else(|| Fault::incomplete(CALL, "createdAt"))?;
        Ok(Some(LiveServiceDeployment {
            arn,
            task_definition,
            status,
            status_reason,
            ended_by,
            created_at: timestamp(created_at)?,
            stage,
            hooks,
        }))
    }

    /// The target groups that the tasks of a task definition's revision are registered in, where there are two to choose
    /// from, by the newest of these service revisions; none if ECS does not say.
    pub async fn groups_of(
        &self,
        service_revisions: &[String],
        task_definition: &str,
    ) -> Result<Vec<String>, Fault> {
        let revisions = self.service_revisions(service_revisions.to_vec()).await?;
        let ours = revisions
            .iter()
            .filter(|revision| revision.task_definition() == Some(task_definition))
            .max_by_key(|revision| revision.created_at().map(|at| at.as_nanos()));
        let resolved = ours.and_then(|revision| revision.resolved_configuration());
        let balancers = resolved.map_or(&[][..], |resolved| resolved.load_balancers());
        Ok(balancers
            .iter()
            .filter_map(|balancer| balancer.target_group_arn().map(str::to_owned))
            .collect())
    }

    /// None if ECS does not offer them.
    async fn service_revisions(&self, arns: Vec<String>) -> Result<Vec<ServiceRevision>, Fault> {
        const CALL: &str = "ecs:DescribeServiceRevisions";
        let request = self.0.describe_service_revisions();
        let request = request.set_service_revision_arns(Some(arns));
        match request.send().await {
            Ok(answer) => Ok(answer.service_revisions.unwrap_or_default()),
            Err(error) if is_not_offered(error.code()) => Ok(Vec::new()),
            Err(error) => Err(Fault::of(CALL, error)),
        }
    }

    async fn service_deployment(&self, arn: &str) -> Result<Option<ServiceDeployment>, Fault> {
        const CALL: &str = "ecs:DescribeServiceDeployments";
        let request = self.0.describe_service_deployments();
        let answer = request.service_deployment_arns(arn).send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let found = answer.service_deployments.unwrap_or_default();
        Ok(found.into_iter().next())
    }

    /// Tells ECS to end a service deployment and to go back to what the service ran before. Answers whether it will: one
    /// that has ended cannot be stopped.
    pub async fn stop_service_deployment(&self, arn: &str) -> Result<bool, Fault> {
        let request = self.0.stop_service_deployment().service_deployment_arn(arn);
        match request
            .stop_type(StopServiceDeploymentStopType::Rollback)
            .send()
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConflictException") => Ok(false),
            Err(error) => Err(Fault::of("ecs:StopServiceDeployment", error)),
        }
    }

    /// Has a paused service deployment go on past one of its pause hooks, or go back.
    pub async fn continue_service_deployment(
        &self,
        arn: &str,
        hook: &str,
        answer: &HookAction,
    ) -> Result<(), Fault> {
        let request = self.0.continue_service_deployment();
        let request = request
            .service_deployment_arn(arn)
            .hook_id(hook)
            .action(DeploymentLifecycleHookAction::from(&*answer.to_string()));
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| Fault::of("ecs:ContinueServiceDeployment", error))
    }

    /// The tasks of a service that should be running.
    pub async fn running_tasks(&self, service: &ServiceId) -> Result<Vec<TaskHealth>, Fault> {
        let tasks = self.tasks(service, DesiredStatus::Running).await?;
        tasks.iter().map(describe::task_health).collect()
    }

    /// The tasks of a service that have stopped or are about to. ECS remembers them for an hour
    /// (<https://repost.aws/knowledge-center/ecs-task-stopped>).
    pub async fn ended_tasks(&self, service: &ServiceId) -> Result<Vec<EndedTask>, Fault> {
        let tasks = self.tasks(service, DesiredStatus::Stopped).await?;
        tasks.iter().map(describe::ended_task).collect()
    }

    /// The tasks of a service that were created after `since` and stopped, newest first, but those of `good`. Tasks that
    /// ECS only wanted no longer come last. ECS remembers them for an hour.
    pub async fn stopped_tasks(
        &self,
        service: &ServiceId,
        since: Timestamp,
        good: Option<&str>,
    ) -> Result<Vec<StoppedTask>, Fault> {
        let mut tasks = self.tasks(service, DesiredStatus::Stopped).await?;
        tasks.retain(|task| {
            let created = task.created_at().map_or(0, |at| at.secs());
            created >= since.as_second() && task.task_definition_arn() != good
        });
        // What ECS stops because it goes back says nothing of the release, and is the newest of all.
        tasks.sort_by_key(|task| {
            let scaled_away = task
                .stopped_reason()
                .is_some_and(|reason| reason.starts_with(SCALED_AWAY));
            let stopped_at = task.stopped_at().map(|at| at.as_nanos());
            (scaled_away, std::cmp::Reverse(stopped_at))
        });
        tasks.iter().map(describe::stopped_task).collect()
    }

    async fn tasks(
        &self,
        service: &ServiceId,
        status: DesiredStatus,
    ) -> Result<Vec<aws_sdk_ecs::types::Task>, Fault> {
        let listed = self
            .0
            .list_tasks()
            .cluster(service.cluster())
            .service_name(service.service())
            .desired_status(status);
        self.described(service.cluster(), listed).await
    }
}

/// What ECS answers where it lists no service deployments: it does not offer them, or does not show a service there that
/// was created a moment ago (<https://github.com/hashicorp/terraform-provider-aws/issues/24565>).
fn is_not_listed(code: Option<&str>) -> bool {
    is_not_offered(code) || code == Some("ServiceNotFoundException")
}

/// What answers that do not know service deployments say.
fn is_not_offered(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "UnknownOperationException"
                | "UnsupportedFeatureException"
                | "InvalidAction"
                | "NotImplemented"
        )
    )
}

/// Replaces the body that the SDK serialised, before it signs.
fn send_as(body: &Map<String, Value>) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let text = Value::Object(body.clone()).to_string();
    move |request| {
        request
            .headers_mut()
            .insert("content-length", text.len().to_string());
        *request.body_mut() = text.clone().into();
    }
}

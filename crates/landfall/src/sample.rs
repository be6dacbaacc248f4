//! What the steps' tests start from: the service `web/hello` with three tasks, and releases of it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    content::ContentHash,
    desired::{Claim, Concluded, DesiredState, GoodRelease},
    image::Image,
    live::{CreatedWith, EndedTask, HookAction, LiveDeployment, LiveService, StoppedTask},
    pause::{AwaitedHook, Pause},
    probe::{HttpProbe, ProbeTarget, Statuses},
    record::{Cause, Content, Record, Release, TaskDefinition, Timeline, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
};

pub(crate) const FILE: &str = r#"
cluster: { clusterName: web }
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition:
  family: hello
  cpu: 256
  memory: "512"
  tags: [{ key: team, value: greetings }]
  containerDefinitions:
    - name: web
      cpu: 128
      environment: [{ name: PORT, value: 8080 }, { name: DEBUG, value: false }, { name: GREETING, value: hi }]
    - { name: log, image: "log:1" }
service:
  serviceName: hello
  launchType: EC2
  role: ecs
  schedulingStrategy: REPLICA
  tags: [{ key: team, value: greetings }]
  healthCheckGracePeriodSeconds: 5
"#;

pub(crate) fn file() -> ServiceFile {
    ServiceFile::parse(FILE.as_bytes()).unwrap()
}

/// The same file with this `service` section.
pub(crate) fn file_with(service: Value) -> ServiceFile {
    let mut file = file();
    file.service = service.as_object().cloned().unwrap_or_default();
    file
}

pub(crate) fn service() -> ServiceId {
    ServiceId::new("web", "hello").unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// Release `number` with version `1.<number>.0` of its image and a file of its own.
pub(crate) fn release(number: u64) -> Release {
    let image = Image {
        registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "hello".into(),
        tag: format!("1.{number}.0"),
        digest: format!("sha256:{number:064}"),
        pushed_at: at(0),
        tagged_at: None,
    };
    Release {
        number,
        content: Content {
            file: ContentHash::of(&json!(number)),
            images: [("web".into(), image)].into(),
            containers: None,
        },
        cause: Cause::ServiceFileChanged {
            key: "services/hello.yaml".into(),
            version_id: number.to_string(),
        },
        created_at: at(0),
        acts: vec![],
    }
}

pub(crate) fn revision(number: u64) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:{number}")
}

pub(crate) fn good(number: u64) -> GoodRelease {
    GoodRelease {
        number,
        content: release(number).content,
        task_definition: TaskDefinition {
            arn: revision(number),
            content: ContentHash::of(&json!(number)),
        },
    }
}

/// A desired state in which these releases are open, after a good release 1 whose file ECS has.
pub(crate) fn desired(open: &[u64]) -> DesiredState {
    let mut desired = DesiredState::new(service());
    desired.open = open.iter().copied().map(release).collect();
    desired.last_number = open.last().copied().unwrap_or(1);
    desired.last_good = Some(good(1));
    desired.applied_file = Some(good(1).content.file);
    desired
}

/// The same desired state, after this verdict on a release.
pub(crate) fn concluded(mut desired: DesiredState, number: u64, verdict: Verdict) -> DesiredState {
    desired.concluded = Some(Concluded {
        number,
        content: release(number).content,
        verdict,
    });
    desired
}

/// The claim of an execution for a release that it is the first to work on.
pub(crate) fn claim(execution: &str, release: u64) -> Claim {
    Claim {
        execution: execution.into(),
        release,
        attempt: 1,
        applied_file: None,
        taken_at: None,
        spared: 0,
    }
}

/// The same desired state, in which `execution` holds the claim for this release.
pub(crate) fn claimed(desired: DesiredState, execution: &str, release: u64) -> DesiredState {
    DesiredState {
        claim: Some(claim(execution, release)),
        ..desired
    }
}

/// A probe that wants `Hello`: two good answers in a row are needed, two bad ones are too many.
pub(crate) fn http_probe() -> HttpProbe {
    HttpProbe {
        target: ProbeTarget::Path("/".into()),
        host: None,
        headers: BTreeMap::new(),
        status: Statuses::one(200),
        body: Some("Hello".into()),
        body_matches: None,
        json: BTreeMap::new(),
        within_milliseconds: None,
        timeout_seconds: 5,
        interval_seconds: 10,
        successes: 2,
        failures: 2,
    }
}

/// A task of release 2's revision that stopped with this code, for this reason.
pub(crate) fn ended(code: &str, reason: &str) -> EndedTask {
    EndedTask {
        task: StoppedTask {
            task: "arn:task".into(),
            reason: reason.into(),
            containers: Vec::new(),
        },
        task_definition: revision(2),
        stop_code: Some(code.into()),
        stopping_at: None,
    }
}

/// The record that another execution wrote of a release.
pub(crate) fn record(number: u64, verdict: Verdict) -> Record {
    Record {
        service: service(),
        release: release(number),
        verdict,
        reason: "as the other execution recorded".into(),
        task_definition: None,
        diagnosis: None,
        execution: Some("other".into()),
        timeline: Timeline {
            created_at: at(0),
            execution_started_at: Some(at(0)),
            concluded_at: at(0),
            blind_seconds: 0,
            paused_seconds: 0,
            withheld_seconds: 0,
        },
    }
}

/// The service at rest: three tasks of this revision in one completed deployment.
pub(crate) fn live(number: u64) -> LiveService {
    LiveService {
        status: "ACTIVE".into(),
        controller: "ECS".into(),
        scheduling_strategy: "REPLICA".into(),
        desired_count: 3,
        running_count: 3,
        pending_count: 0,
        deployments: vec![deployment(number, "PRIMARY", "COMPLETED", 3)],
        capacity: Vec::new(),
        balancers: Vec::new(),
        revisions: Vec::new(),
        pace_seconds: 0,
        pauses: false,
        events: Vec::new(),
        arn: "arn:service".into(),
        tags: BTreeMap::new(),
        created: CreatedWith::default(),
    }
}

pub(crate) fn deployment(number: u64, status: &str, state: &str, running: i32) -> LiveDeployment {
    LiveDeployment {
        id: format!("ecs-svc/{number}"),
        status: status.into(),
        task_definition: revision(number),
        rollout_state: Some(state.into()),
        rollout_state_reason: None,
        running_count: running,
        failed_tasks: 0,
        created_at: None,
    }
}

/// The service on its way from one revision to another, of which `running` tasks run.
pub(crate) fn rolling(from: u64, to: u64, running: i32) -> LiveService {
    LiveService {
        running_count: 3 + running,
        deployments: vec![
            deployment(to, "PRIMARY", "IN_PROGRESS", running),
            deployment(from, "ACTIVE", "COMPLETED", 3),
        ],
        ..live(from)
    }
}

/// A pause before the requests move, for a day, after which ECS goes back.
pub(crate) fn pause(since: Timestamp) -> Pause {
    Pause {
        deployment: "arn:deployment".into(),
        stage: Some("POST_TEST_TRAFFIC_SHIFT".into()),
        hooks: vec![AwaitedHook {
            id: "ecs-pause-1".into(),
            until: Some(since + SignedDuration::from_hours(24)),
            then: Some(HookAction::Rollback),
        }],
        since,
    }
}

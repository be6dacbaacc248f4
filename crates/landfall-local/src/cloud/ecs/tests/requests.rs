//! What is asked of the API.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_and_its_name_is_free_again() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
    let delete = json!({ "cluster": "web", "service": "hello" });
    assert_eq!(
        cloud.refused("DeleteService", delete.clone()).await,
        "InvalidParameterException"
    );
    cloud.update(json!({ "desiredCount": 0 })).await;
    assert_eq!(
        cloud.call("DeleteService", delete.clone()).await["service"]["status"],
        "DRAINING"
    );
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cloud.described().await["status"], "INACTIVE");
    assert_eq!(
        cloud.refused("UpdateService", delete).await,
        "ServiceNotActiveException"
    );
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_described_at_once_than_ecs_describes() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 0, json!({})).await;
    for (operation, member, most, what) in [
        ("DescribeServices", "services", 10, "service names"),
        ("DescribeTasks", "tasks", 100, "taskIds"),
    ] {
        let input = |count: usize| json!({ "cluster": "web", member: vec!["hello"; count] });
        cloud.call(operation, input(most)).await;
        let fault = cloud
            .ecs
            .call(operation, input(most + 1))
            .await
            .unwrap_err();
        assert_eq!(fault.code, "InvalidParameterException");
        assert_eq!(
            fault.message,
            format!("{what} can have at most {most} items.")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_refused_in_ecs_own_words() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 0, json!({})).await;
    let container = json!({ "name": "a", "image": "x", "memory": 8 });
    let service = |more: Value| {
        let mut input =
            json!({ "cluster": "web", "serviceName": "other", "taskDefinition": "hello" });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        input
    };
    let no_group =
        json!([{ "targetGroupArn": "arn:none", "containerName": "web", "containerPort": 80 }]);
    let no_port =
        json!([{ "targetGroupArn": "arn:none", "containerName": "web", "containerPort": 81 }]);
    for (operation, input, code) in [
        (
            "ListServices",
            json!({ "cluster": "none" }),
            "ClusterNotFoundException",
        ),
        (
            "UpdateService",
            json!({ "cluster": "web", "service": "none" }),
            "ServiceNotFoundException",
        ),
        (
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "none" }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [] }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [container, container] }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "x" }] }),
            "ClientException",
        ),
        (
            "CreateService",
            service(json!({ "serviceName": "hello" })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "taskDefinition": "none" })),
            "ClientException",
        ),
        (
            "CreateService",
            service(json!({ "deploymentConfiguration": { "strategy": "SIDEWAYS" } })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "loadBalancers": no_group })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "loadBalancers": no_port })),
            "InvalidParameterException",
        ),
        ("PutAttributes", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(
            cloud.refused(operation, input.clone()).await,
            code,
            "{operation} {input}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_kept_and_found_again_even_if_ecs_has_never_heard_of_it() {
    let cloud = cloud();
    let tags = json!([{ "key": "team", "value": "a" }, { "key": "tier", "value": "1" }]);
    let cluster = json!({ "clusterName": "web", "tags": tags, "nextYearsFeature": { "depth": 3 } });
    cloud.call("CreateCluster", cluster).await;
    let container =
        json!({ "name": "web", "image": "hello:1.0.0", "memory": 64, "hologram": true });
    let definition = json!({
        "family": "hello",
        "containerDefinitions": [container],
        "runtimePlatform": { "cpuArchitecture": "ARM64" },
        "tags": tags,
    });
    cloud.call("RegisterTaskDefinition", definition).await;
    let service = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": "hello:1", "tags": tags,
        "desiredCount": 1, "propagateTags": "SERVICE", "nextYearsFeature": [1],
    });
    let arn = cloud.call("CreateService", service).await["service"]["serviceArn"].clone();
    cloud.until_steady().await;

    let described = cloud
        .call(
            "DescribeClusters",
            json!({ "clusters": ["web"], "include": ["TAGS"] }),
        )
        .await;
    assert_eq!(
        described["clusters"][0]["nextYearsFeature"],
        json!({ "depth": 3 })
    );
    assert_eq!(described["clusters"][0]["runningTasksCount"], 1);
    let input = json!({ "taskDefinition": "hello", "include": ["TAGS"] });
    let described = cloud.call("DescribeTaskDefinition", input).await;
    assert_eq!(described["tags"], tags);
    assert_eq!(
        described["taskDefinition"]["runtimePlatform"]["cpuArchitecture"],
        "ARM64"
    );
    assert_eq!(
        described["taskDefinition"]["containerDefinitions"][0]["hologram"],
        true
    );
    assert_eq!(cloud.described().await["nextYearsFeature"], json!([1]));
    let task = cloud.tasks("RUNNING").await[0]["taskArn"].clone();
    assert_eq!(
        cloud
            .call("ListTagsForResource", json!({ "resourceArn": task }))
            .await["tags"],
        tags
    );

    let more = json!([{ "key": "tier", "value": "2" }]);
    cloud
        .call("TagResource", json!({ "resourceArn": arn, "tags": more }))
        .await;
    cloud
        .call(
            "UntagResource",
            json!({ "resourceArn": arn, "tagKeys": ["team"] }),
        )
        .await;
    assert_eq!(
        cloud
            .call("ListTagsForResource", json!({ "resourceArn": arn }))
            .await["tags"],
        more
    );
    let nothing = json!({ "resourceArn": "arn:none", "tags": more });
    assert_eq!(
        cloud.refused("TagResource", nothing).await,
        "InvalidParameterException"
    );
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let cloud = cloud();
    for version in 1..=5 {
        cloud
            .definition(&format!("hello:{version}"), json!({}))
            .await;
    }
    let mut input = json!({ "familyPrefix": "hello", "sort": "DESC", "maxResults": 3 });
    let mut revisions = vec![];
    loop {
        let page = cloud.call("ListTaskDefinitions", input.clone()).await;
        for arn in page["taskDefinitionArns"].as_array().unwrap() {
            revisions.push(arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned());
        }
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(revisions, ["5", "4", "3", "2", "1"]);
    let newest = cloud
        .call(
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "hello" }),
        )
        .await;
    assert_eq!(newest["taskDefinition"]["revision"], 5);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_by_who_started_them_or_by_anything_else() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 0, json!({})).await;
    let run = json!({ "cluster": "web", "taskDefinition": "hello", "startedBy": "me" });
    let task = cloud.call("RunTask", run).await["tasks"][0]["taskArn"].clone();
    let by_me = json!({ "cluster": "web", "startedBy": "me" });
    let listed = cloud.call("ListTasks", by_me.clone()).await;
    assert_eq!(listed["taskArns"], json!([task]));
    for (filter, value) in [
        ("containerInstance", "i"),
        ("desiredStatus", "STOPPED"),
        ("family", "hello"),
        ("launchType", "EC2"),
        ("serviceName", "hello"),
    ] {
        let mut both = by_me.clone();
        both[filter] = value.into();
        let code = cloud.refused("ListTasks", both).await;
        assert_eq!(code, "InvalidParameterException", "{filter}");
    }
}

#![allow(clippy::unwrap_used)]

use serde_json::json;

use crate::service_file::ServiceFile;

fn file(section: &str) -> String {
    format!(
        "cluster: {{ clusterName: web }}\n\
         taskDefinition: {{ family: hello, networkMode: awsvpc, containerDefinitions: [{{ name: web, image: a, memory: 64 }}] }}\n\
         service: {{ serviceName: hello, networkConfiguration: {{ awsvpcConfiguration: {{ subnets: [subnet-1] }} }} }}\n\
         discovery: {section}"
    )
}

fn problems(text: &str) -> Vec<String> {
    let rejection = ServiceFile::parse(text.as_bytes()).unwrap_err();
    let found = rejection.problems.iter();
    let mut problems: Vec<_> = found
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    problems.sort();
    problems
}

#[test]
fn tasks_are_registered_with_what_their_record_needs() {
    for (section, expected) in [
        (
            "{ namespace: internal.example, name: hello }",
            json!([{ "registryArn": "arn:map" }]),
        ),
        (
            "{ namespace: internal.example, name: hello, type: SRV, ttl: 10s, container: web, port: 8080 }",
            json!([{ "registryArn": "arn:map", "containerName": "web", "containerPort": 8080 }]),
        ),
    ] {
        let read = ServiceFile::parse(file(section).as_bytes()).unwrap();
        let registered = read.registered_in(Some("arn:map"));
        assert_eq!(registered.service["serviceRegistries"], expected);
    }
}

#[test]
fn every_mistake_is_reported() {
    for (section, expected) in [
        (
            "{ name: -x, type: CNAME }",
            vec![
                "discovery.name: `-x` is no name of a Cloud Map service",
                "discovery.namespace: this field is missing",
                "discovery.type: `CNAME` is no record that ECS registers",
            ],
        ),
        (
            "{ namespace: a, name: b, type: SRV, container: wbe }",
            vec![
                "discovery.container: there is no container `wbe` in taskDefinition.containerDefinitions",
                "discovery: an SRV record names a container and its port",
            ],
        ),
        (
            "{ namespace: a, name: b, port: 80 }",
            vec!["discovery: an A record names no container and no port"],
        ),
    ] {
        assert_eq!(problems(&file(section)), expected, "{section}");
    }
    let section = "{ namespace: a, name: b }";
    let bridged = file(section).replace("networkMode: awsvpc, ", "").replace(
        ", networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }",
        "",
    );
    assert_eq!(
        problems(&bridged),
        ["discovery.type: an A record needs tasks with addresses of their own"]
    );
    let twice = file(section).replace(
        "serviceName: hello",
        "serviceName: hello, serviceRegistries: [{ registryArn: \"arn:a\" }]",
    );
    assert_eq!(
        problems(&twice),
        ["discovery: the service has serviceRegistries too, and ECS takes one registry"]
    );
}

#![allow(clippy::unwrap_used)]

use crate::service_file::ServiceFile;

const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/web/1/2";

fn with(ingress: &str, strategy: &str) -> Result<ServiceFile, String> {
    let text = format!(
        "cluster: {{ clusterName: web }}\n\
         taskDefinition: {{ family: hello, containerDefinitions: [{{ name: web, image: \"hello:1\", memory: 64, portMappings: [{{ containerPort: 8080 }}, {{ containerPort: 80 }}] }}] }}\n\
         service: {{ serviceName: hello, deploymentConfiguration: {{ strategy: {strategy} }} }}\n\
         verify: {{ http: {{ path: /api/health }} }}\n\
         ingress: {{ {ingress} }}\n"
    );
    ServiceFile::parse(text.as_bytes()).map_err(|rejection| rejection.to_string())
}

#[test]
fn the_least_that_has_to_be_said_is_listener_container_port_and_host() {
    let text =
        format!("listenerArn: \"{LISTENER}\", container: web, port: 8080, host: Hello.Example.com");
    let ingress = with(&text, "ROLLING").unwrap().ingress.unwrap();
    assert_eq!(ingress.hosts, ["hello.example.com"]);
    assert_eq!(ingress.paths, [""; 0]);
    assert_eq!((ingress.port, ingress.priority), (8080, None));
    assert_eq!(ingress.health_check.path, "/");
    assert_eq!(ingress.deregistration_delay_seconds, 300);
    let stored = serde_json::to_value(&ingress).unwrap();
    assert_eq!(
        serde_json::from_value::<super::Ingress>(stored).unwrap(),
        ingress
    );
}

#[test]
fn several_hosts_and_paths_a_number_as_code_and_times_are_read() {
    let text = format!(
        "listenerArn: \"{LISTENER}\", container: web, port: 80, host: [\"*.example.com\", a.example.com], path: \"/api/*\", \
         healthCheck: {{ path: /health, codes: 204, interval: 10s, timeout: 3 }}, deregistrationDelay: 1m, stickiness: 1h"
    );
    let ingress = with(&text, "ROLLING").unwrap().ingress.unwrap();
    assert_eq!(ingress.hosts.len(), 2);
    assert_eq!(ingress.health_check.codes, "204");
    assert_eq!(ingress.health_check.interval_seconds, 10);
    assert_eq!(ingress.deregistration_delay_seconds, 60);
    assert_eq!(ingress.stickiness_seconds, Some(3600));
}

#[test]
fn what_is_wrong_is_reported_with_its_place() {
    let base = format!("listenerArn: \"{LISTENER}\", container: web, port: 8080");
    for (ingress, strategy, expected) in [
        (
            base.clone(),
            "ROLLING",
            "5:10: ingress: neither `host` nor `path` is given",
        ),
        (
            format!("{base}, host: localhost"),
            "ROLLING",
            "ingress.host: `localhost` is no host name",
        ),
        (
            format!("{base}, path: api"),
            "ROLLING",
            "ingress.path: `api` is no path pattern",
        ),
        (
            format!("{base}, host: a.b, prio: 1"),
            "ROLLING",
            "ingress.prio: there is no such field",
        ),
        (
            format!("{base}, host: a.b, priority: 0"),
            "ROLLING",
            "ingress.priority: expected a whole number",
        ),
        (
            format!("{base}, host: a.b"),
            "CANARY",
            "ingress.roleArn: the strategy CANARY needs a role",
        ),
        (
            format!("{base}, host: [a.b, c.d, e.f], path: [/a, /b, /c]"),
            "ROLLING",
            "at most 5 host names",
        ),
        (
            format!("{base}, host: a.b, healthCheck: {{ interval: 5, timeout: 6 }}"),
            "ROLLING",
            "longer than the interval",
        ),
        (
            base.replace("container: web", "container: wbe") + ", host: a.b",
            "ROLLING",
            "there is no container `wbe`",
        ),
        (
            base.replace("listener/app", "targetgroup") + ", host: a.b",
            "ROLLING",
            "is no ARN of a listener",
        ),
    ] {
        let message = with(&ingress, strategy).unwrap_err();
        assert!(message.contains(expected), "{ingress}: {message}");
    }
}

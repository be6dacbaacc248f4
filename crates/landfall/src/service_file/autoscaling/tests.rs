#![allow(clippy::unwrap_used)]

use serde_json::json;

use crate::service_file::ServiceFile;

fn file(section: &str) -> String {
    format!(
        "cluster: {{ clusterName: web }}\n\
         taskDefinition: {{ family: hello, containerDefinitions: [{{ name: web, image: a, memory: 64 }}] }}\n\
         service: {{ serviceName: hello }}\n\
         autoscaling:\n{section}"
    )
}

fn problems(section: &str) -> Vec<String> {
    let rejection = ServiceFile::parse(file(section).as_bytes()).unwrap_err();
    let found = rejection.problems.iter();
    found
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

#[test]
fn bounds_metrics_and_schedules_are_read() {
    let text = file(
        "  min: 2\n  max: 10\n  targets:\n    - { metric: ECSServiceAverageCPUUtilization, value: 60, scaleInCooldown: 5m }\n    \
         - { metric: ALBRequestCountPerTarget, value: 99.5, disableScaleIn: true }\n  scheduled:\n    \
         - { name: morning, schedule: cron(0 8 ? * MON-FRI *), timezone: Europe/Berlin, min: 4, startTime: 2030-01-31T08:00:00Z }\n",
    );
    let read = ServiceFile::parse(text.as_bytes()).unwrap().autoscaling;
    assert_eq!(
        serde_json::to_value(read).unwrap(),
        json!({
            "min": 2,
            "max": 10,
            "targets": [
                {
                    "metric": "ECSServiceAverageCPUUtilization", "value": 60, "scaleInCooldown": 300, "scaleOutCooldown": null,
                    "disableScaleIn": false, "resourceLabel": null
                },
                {
                    "metric": "ALBRequestCountPerTarget", "value": 99.5, "scaleInCooldown": null, "scaleOutCooldown": null,
                    "disableScaleIn": true, "resourceLabel": null
                },
            ],
            "scheduled": [{
                "name": "morning", "schedule": "cron(0 8 ? * MON-FRI *)", "timezone": "Europe/Berlin", "min": 4, "max": null,
                "startTime": "2030-01-31T08:00:00Z", "endTime": null
            }],
        })
    );
}

#[test]
fn every_mistake_is_reported() {
    for (section, expected) in [
        ("  max: 3", vec!["autoscaling.min: this field is missing"]),
        (
            "  min: 4\n  max: 3",
            vec!["autoscaling: `min` is 4, which is more than `max`, 3"],
        ),
        (
            "  min: 1\n  max: 3\n  targets: [{ metric: CPU, value: 0, colour: red }]",
            vec![
                "autoscaling.targets[0].colour: there is no such field",
                "autoscaling.targets[0].metric: `CPU` is no metric that a service is scaled by here",
                "autoscaling.targets[0].value: expected a number greater than 0",
            ],
        ),
        (
            "  min: 1\n  max: 3\n  targets: [{ metric: ECSServiceAverageCPUUtilization, value: 1, resourceLabel: a }]",
            vec![
                "autoscaling.targets[0].resourceLabel: only ALBRequestCountPerTarget has a resourceLabel",
            ],
        ),
        (
            "  min: 1\n  max: 3\n  scheduled: [{ name: a/b, schedule: daily }, { name: c, schedule: rate(1 day), min: 1 }, { name: c, schedule: rate(2 days), max: 1 }]",
            vec![
                "autoscaling.scheduled[0].name: `a/b` is no name of a scheduled action",
                "autoscaling.scheduled[0].schedule: `daily` is no schedule",
                "autoscaling.scheduled[0]: neither `min` nor `max` is given",
                "autoscaling.scheduled[2].name: `c` is here twice",
            ],
        ),
    ] {
        let mut found = problems(section);
        found.sort();
        assert_eq!(found, expected, "{section}");
    }
}

#[test]
fn a_daemon_service_is_not_scaled() {
    let text = file("  min: 1\n  max: 3").replace(
        "serviceName: hello",
        "serviceName: hello, schedulingStrategy: DAEMON",
    );
    let rejection = ServiceFile::parse(text.as_bytes()).unwrap_err();
    assert_eq!(
        rejection.problems[0].message,
        "a daemon service has one task on each instance"
    );
}

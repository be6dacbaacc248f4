//! Where probes go, and what becomes of releases whose probe cannot come to the service. What the probe is answered, and what
//! certificates and names lead to, is told by the tests of `landfall::probe` and of `verify-health`.

use landfall::{evidence::Against, hold::SetBy, record::Verdict};
use landfall_simulation::scenario::{Rule, Service};
use landfall_tests::sample::SampleFile;
use serde_json::{Value, json};

use crate::stage::{Stage, play, service};

/// A load balancer of another team's template: port 80 redirects to HTTPS, and a rule of port 8080 leads to the service.
struct Owners {
    group: String,
    rule: String,
}

impl Owners {
    async fn new(stage: &Stage, scheme: &str) -> Self {
        let web = json!({ "Name": "web", "Scheme": scheme });
        let made = call(stage, "CreateLoadBalancer", web).await;
        let balancer = &made["LoadBalancers"][0]["LoadBalancerArn"];
        let group = json!({ "Name": "hello", "HealthCheckIntervalSeconds": "5", "HealthyThresholdCount": "2", "TargetType": "ip" });
        let made = call(stage, "CreateTargetGroup", group).await;
        let group = text(&made["TargetGroups"][0]["TargetGroupArn"]);
        call(
            stage,
            "CreateListener",
            listener(balancer, "80", to_https()),
        )
        .await;
        let gone =
            json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } });
        let made = call(stage, "CreateListener", listener(balancer, "8080", gone)).await;
        let hosts = json!({ "Values": ["*.example.com"] });
        let input = json!({
            "ListenerArn": made["Listeners"][0]["ListenerArn"],
            "Priority": "10",
            "Conditions": [{ "Field": "host-header", "HostHeaderConfig": hosts }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        let made = call(stage, "CreateRule", input).await;
        Self {
            rule: text(&made["Rules"][0]["RuleArn"]),
            group,
        }
    }

    /// The owners let the rule do something else.
    async fn change_rule(&self, stage: &Stage, action: Value) {
        let input = json!({ "RuleArn": self.rule, "Actions": [action] });
        call(stage, "ModifyRule", input).await;
    }

    fn forward(&self) -> Value {
        json!({ "Type": "forward", "TargetGroupArn": self.group })
    }

    fn file(&self, http: &str) -> String {
        let mut file = SampleFile::new("hello", "hello", "semver:^1");
        file.container = "portMappings: [{ containerPort: 8080 }]".into();
        file.task_definition = "networkMode: awsvpc".into();
        file.service = format!(
            "networkConfiguration: {{ awsvpcConfiguration: {{ subnets: [subnet-1] }} }}\n\
             loadBalancers: [{{ targetGroupArn: \"{}\", containerName: web, containerPort: 8080 }}]",
            self.group
        );
        let http = http.lines();
        let http = http.map(|http| format!("- {{ {http}, interval: 1s, successes: 1 }}\n"));
        file.verify = format!("http:\n{}", http.collect::<String>());
        file.text()
    }
}

fn listener(balancer: &Value, port: &str, action: Value) -> Value {
    json!({ "LoadBalancerArn": balancer, "Port": port, "DefaultActions": [action] })
}

fn to_https() -> Value {
    let config = json!({ "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" });
    json!({ "Type": "redirect", "RedirectConfig": config })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn call(stage: &Stage, operation: &str, input: Value) -> Value {
    let answer = stage.wire.cloud.elb.call(operation, input).await;
    answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
}

async fn put(stage: &Stage, hello: &Service, text: &str) {
    // The next upload has another second.
    stage.later().await;
    stage.driver.put_file(&hello.key, text).await.unwrap();
    stage.rest().await;
}

async fn resume(stage: &Stage, hello: &Service) {
    stage
        .operator()
        .resume(&hello.id, None, None)
        .await
        .unwrap();
    stage.rest().await;
}

#[test]
fn a_probe_goes_by_the_listener_that_leads_to_the_service_and_a_wrong_one_touches_nothing() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let owners = Owners::new(&stage, "internet-facing").await;
        stage.push("hello", "1.0.0").await;
        put(&stage, &hello, &owners.file("path: /health")).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        // The owners send everybody elsewhere: nothing that a new image could do about it.
        owners.change_rule(&stage, to_https()).await;
        let seen = stage.wire.cloud.requests.requests().len();
        let newer = stage.push("hello", "1.1.0").await;
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::Rejected).await;
        let told = "verify.http: no rule or default action of a web listener forwards to";
        assert!(record.reason.contains(told), "{}", record.reason);
        assert_eq!(stage.changes_in_ecs(seen), [""; 0]);
        let desired = stage.desired(&hello).await;
        assert!(desired.quarantine.is_empty(), "{:?}", desired.quarantine);

        owners.change_rule(&stage, owners.forward()).await;
        stage.operator().retry(&hello.id, None, None).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&newer));
    });
}

#[test]
fn what_a_load_balancer_answers_by_itself_takes_no_release_back() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let owners = Owners::new(&stage, "internet-facing").await;
        stage.push("hello", "1.0.0").await;
        put(&stage, &hello, &owners.file("path: /")).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let by_url = owners.file("url: \"http://hello.example.com/\"");
        put(&stage, &hello, &by_url).await;
        let record = stage.verdict(&hello, 2, Verdict::Undecided).await;
        let reason = &record.reason;
        let location = "redirects to https://hello.example.com:443/";
        assert!(reason.contains(location), "{reason}");
        assert!(reason.contains("verify.http.host"), "{reason}");
        let diagnosis = record.diagnosis.unwrap();
        assert_eq!(diagnosis.against, Some(Against::File));
        assert_eq!(diagnosis.probe.unwrap().status, Some(301));

        // A newer image is not to blame either, and stays.
        let newer = stage.push("hello", "1.1.0").await;
        resume(&stage, &hello).await;
        let desired = stage.desired(&hello).await;
        assert_eq!(desired.concluded.unwrap().verdict, Verdict::Undecided);
        assert_eq!(desired.hold.unwrap().set_by, SetBy::Undecided);
        assert!(desired.quarantine.is_empty(), "{:?}", desired.quarantine);
        assert!(stage.live_image(&hello).await.ends_with(&newer));

        put(
            &stage,
            &hello,
            &owners.file("path: /, host: shop.example.com"),
        )
        .await;
        resume(&stage, &hello).await;
        let desired = stage.desired(&hello).await;
        assert_eq!(desired.concluded.unwrap().verdict, Verdict::Succeeded);
        assert_eq!(desired.hold, None);
    });
}

#[test]
fn the_record_says_which_of_several_probes_was_not_answered_as_the_file_says() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let owners = Owners::new(&stage, "internet-facing").await;
        stage.push("hello", "1.0.0").await;
        let well = "path: /, status: 200-299, within: 1s\npath: /ready, bodyMatches: \"[a-z]\", headers: { x-a: b }";
        put(&stage, &hello, &owners.file(well)).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let wrong = "path: /\npath: /ready, json: { $.status: ok }";
        put(&stage, &hello, &owners.file(wrong)).await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        let url = "http://landfall.example.com:8080/ready";
        let told = format!("verify.http[1]: {url} answered with a body that is no JSON");
        assert!(record.reason.contains(&told), "{}", record.reason);
        let answer = record.diagnosis.unwrap().probe.unwrap();
        assert_eq!((&*answer.url, answer.status), (url, Some(200)));
        assert!(answer.milliseconds.is_some());
    });
}

#[test]
fn an_internal_load_balancer_is_told_before_the_first_release_is_made() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let owners = Owners::new(&stage, "internal").await;
        stage.push("hello", "1.0.0").await;
        put(&stage, &hello, &owners.file("path: /")).await;
        let record = stage.verdict(&hello, 1, Verdict::Rejected).await;
        assert!(record.reason.contains("is internal"), "{}", record.reason);
        assert!(record.reason.contains("ProbeSubnets"), "{}", record.reason);
        assert_eq!(stage.live(&hello).await, Value::Null);
    });
}

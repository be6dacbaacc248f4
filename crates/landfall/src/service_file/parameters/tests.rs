#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::service_file::Draft;

const FILE: &str = r#"cluster: { clusterName: "${param:stage}-web" }
images: { web: { repository: hello, tag: "semver:^${param:major}" } }
taskDefinition:
  family: hello
  cpu: ${ssm:/hello/cpu}
  taskRoleArn: ${export:TaskRole}
  networkMode: awsvpc
  containerDefinitions:
    - name: web
      command: [sh, -c, "echo ${HOME} ${PORT:-80} $${ssm:/not} ${ssm:/hello/greeting}!"]
      memory: ${ssm:/hello/cpu}
      dockerLabels: { size: "${ssm:/hello/cpu}" }
service:
  serviceName: hello
  desiredCount: ${ssm:/hello/count}
  enableExecuteCommand: ${ssm:/hello/exec}
  networkConfiguration: { awsvpcConfiguration: { subnets: "${ssm:/net/subnets}" } }
verify: { bake: "${ssm:/hello/bake}s", http: { url: "http://${param:stage}.example.com/", successes: "${param:major}" } }
"#;

fn values(pairs: &[(&str, &str)]) -> Values {
    let mut values = Values::new();
    for (placeholder, value) in pairs {
        let [Part::Placeholder(placeholder)] = &*parts(placeholder).unwrap().unwrap() else {
            panic!("{placeholder}")
        };
        let resolved = match value.strip_prefix("list:") {
            Some(items) => Resolved::List(items.split(',').map(str::to_owned).collect()),
            None => Resolved::Text((*value).into()),
        };
        values.insert(placeholder.clone(), Ok(resolved));
    }
    values
}

fn all() -> Values {
    values(&[
        ("${param:stage}", "test"),
        ("${param:major}", "3"),
        ("${ssm:/hello/cpu}", "256"),
        ("${export:TaskRole}", "arn:aws:iam::123456789012:role/tasks"),
        ("${ssm:/hello/greeting}", "hi"),
        ("${ssm:/hello/count}", "4"),
        ("${ssm:/hello/exec}", "true"),
        ("${ssm:/net/subnets}", "list:subnet-1,subnet-2"),
        ("${ssm:/hello/bake}", "90"),
    ])
}

fn filled_in(draft: &Draft<'_>, values: &Values) -> Result<ServiceFile, Rejection> {
    draft
        .clone()
        .resolve(values)
        .accepted()
        .map(|(file, _)| file)
}

#[test]
fn one_file_becomes_another_with_other_values() {
    let draft = Draft::read(FILE.as_bytes()).unwrap();
    assert_eq!(
        draft.placeholders(),
        all().into_keys().collect::<BTreeSet<_>>()
    );
    let file = filled_in(&draft, &all()).unwrap();
    assert_eq!(file.service_id().unwrap().to_string(), "test-web/hello");
    assert_eq!(file.verify.bake_seconds, 90);
    assert_eq!(file.verify.http[0].successes, 3);
    assert_eq!(
        Value::Object(file.service.clone()),
        json!({
            "serviceName": "hello", "desiredCount": 4, "enableExecuteCommand": true,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}},
        })
    );
    let container = &file.task_definition["containerDefinitions"][0];
    assert_eq!(
        container["command"][2],
        "echo ${HOME} ${PORT:-80} ${ssm:/not} hi!"
    );
    assert_eq!(
        (&container["memory"], &container["dockerLabels"]["size"]),
        (&json!(256), &json!("256"))
    );

    let mut others = all();
    others.extend(values(&[
        ("${param:stage}", "live"),
        ("${ssm:/hello/count}", "9"),
    ]));
    let other = filled_in(&draft, &others).unwrap();
    assert_eq!(other.service_id().unwrap().to_string(), "live-web/hello");
    assert_ne!(file.stored().unwrap().0, other.stored().unwrap().0);
}

#[test]
fn what_may_change_between_two_pushes_is_filled_in_anew_and_nothing_else() {
    let draft = Draft::read(FILE.as_bytes()).unwrap();
    let sites = draft.changeable(&all());
    let pointers: Vec<_> = sites.iter().map(|site| &*site.pointer).collect();
    assert_eq!(
        pointers,
        [
            "/taskDefinition/cpu",
            "/taskDefinition/taskRoleArn",
            "/taskDefinition/containerDefinitions/0/command/2",
            "/taskDefinition/containerDefinitions/0/memory",
            "/taskDefinition/containerDefinitions/0/dockerLabels/size",
            "/service/desiredCount",
            "/service/enableExecuteCommand",
            "/service/networkConfiguration/awsvpcConfiguration/subnets",
        ]
    );
    let file = filled_in(&draft, &all()).unwrap();
    assert_eq!(refreshed(&file, &sites, &all()).unwrap(), file);
    let mut others = all();
    others.extend(values(&[
        ("${ssm:/hello/greeting}", "good evening"),
        ("${ssm:/hello/bake}", "5"),
    ]));
    let changed = refreshed(&file, &sites, &others).unwrap();
    assert_eq!(
        changed.task_definition["containerDefinitions"][0]["command"][2],
        "echo ${HOME} ${PORT:-80} ${ssm:/not} good evening!"
    );
    assert_eq!(changed.verify, file.verify);
    // As they are kept in the state bucket.
    let read_back: Vec<Site> = serde_json::from_value(json!(sites)).unwrap();
    assert_eq!(read_back, sites);
}

#[test]
fn what_has_no_value_is_reported_with_its_place() {
    let draft = Draft::read(FILE.as_bytes()).unwrap();
    let mut values = all();
    for missing in values.values_mut().skip(2).take(1) {
        *missing = Err(Missing {
            message: "there is no SSM parameter `/hello/bake`".into(),
            hint: "create it".into(),
        });
    }
    let rejection = filled_in(&draft, &values).unwrap_err();
    assert_eq!(rejection.problems.len(), 1);
    let message = rejection.to_string();
    assert!(message.ends_with("\n  hint: create it"), "{message}");
    let unknown = ServiceFile::parse(FILE.as_bytes()).unwrap_err();
    assert!(
        unknown
            .to_string()
            .starts_with("1:25: cluster.clusterName: nobody asked for the value of ${param:stage}"),
        "{unknown}"
    );
}

#[test]
fn only_placeholders_are_placeholders() {
    for text in [
        "${HOME}",
        "$${HOME}",
        "${PORT:-80}",
        "a ${ b",
        "${S:x}",
        "$${env:x}",
        "${}",
        "${:x}",
        "${arr[@]:1}",
    ] {
        assert_eq!(parts(text), Ok(None), "{text}");
    }
    let literal = |text: &str| Ok(Some(vec![Part::Text(text.into())]));
    assert_eq!(parts("$${ssm:/x}"), literal("${ssm:/x}"));
    assert_eq!(parts("a$$${param:x}b"), literal("a$${param:x}b"));
    for (text, expected) in [
        ("${ssm:/x", "the placeholder `${ssm:` does not end"),
        ("${ssm:}", "`${ssm:}` names nothing"),
        ("${param:a b}", "`${param:a b}` names nothing"),
        ("${smm:/x}", "there are no placeholders `${smm:…}`"),
        ("${env:stage}", "there are no placeholders `${env:…}`"),
        (
            "${cfn-export:X}",
            "there are no placeholders `${cfn-export:…}`",
        ),
    ] {
        assert_eq!(parts(text).unwrap_err().0, expected);
    }
}

#[test]
fn a_file_asks_for_no_more_than_can_be_asked_for() {
    let many = |count: usize| {
        let list: Vec<_> = (0..count)
            .map(|number| format!("\"${{ssm:/{number}}}\""))
            .collect();
        let text = format!("taskDefinition: {{ x: [{}] }}", list.join(","));
        Draft::read(text.as_bytes()).map(|draft| draft.sites().len())
    };
    assert_eq!(many(50), Ok(50));
    let message = many(51).unwrap_err().to_string();
    assert!(
        message.contains("51 different placeholders; at most 50"),
        "{message}"
    );
    let text = format!(
        "x: \"${{ssm:/a}}\"\ny: [{}]",
        vec!["\"${ssm:/b}\""; 60].join(",")
    );
    let values = values(&[("${ssm:/a}", "a"), ("${ssm:/b}", &"b".repeat(8192))]);
    let message = filled_in(&Draft::read(text.as_bytes()).unwrap(), &values).unwrap_err();
    assert!(
        message.to_string().contains("add more than 262144 bytes"),
        "{message}"
    );
}

#[test]
fn the_installations_values_are_pairs_between_commas() {
    let values = installation_values("stage=test, domain=a=b,,odd");
    let expected = [("stage", "test"), ("domain", "a=b")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(values, expected.into());
}

#[test]
fn a_file_is_checked_without_its_values_as_far_as_they_do_not_matter() {
    let problems = |text: &str| ServiceFile::check(text.as_bytes()).problems;
    assert_eq!(problems(FILE), []);
    let wrong = FILE
        .replace("serviceName: hello", "serviceName: hello, you")
        .replace("${export:TaskRole}", "${exprt:TaskRole}");
    let paths: Vec<_> = problems(&wrong)
        .into_iter()
        .map(|problem| problem.path)
        .collect();
    assert_eq!(paths, ["taskDefinition.taskRoleArn", "service.serviceName"]);
}

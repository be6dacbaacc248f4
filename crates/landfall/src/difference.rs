//! What a release would change: a live task definition and service against those that a service file asks for, member by
//! member, without what ECS fills in by itself and without order where ECS promises none.

mod hidden;
mod keyed;
pub mod sections;
mod usual;

use serde::Serialize;
use serde_json::{Map, Value};

use self::keyed::{Part, parts};
pub use self::usual::{
    OF_THE_REVISION, primary, with_revision, without_defaults, writable_service,
};
use crate::service_section::CREATE_ONLY;

/// One member that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Where, e.g. `taskDefinition.containerDefinitions[web].environment[PORT]`.
    pub path: String,
    /// What is live; none if the member is new. What may be a secret is hidden.
    pub before: Option<Value>,
    /// What is wanted; none if the member goes.
    pub after: Option<Value>,
    /// Whether ECS takes it only when a service is created.
    pub fixed: bool,
}

/// How a live task definition differs from what would be registered. A registration drops what it does not name.
pub fn task_definition(live: &Map<String, Value>, wanted: &Map<String, Value>) -> Vec<Difference> {
    let (live, wanted) = (without_defaults(live), without_defaults(wanted));
    compared(
        "taskDefinition",
        Some(&live.into()),
        Some(&wanted.into()),
        false,
    )
}

/// How a live service differs from a `service` section, in the members that the section names: what an update does not
/// name keeps its value (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
pub fn service(live: &Map<String, Value>, section: &Map<String, Value>) -> Vec<Difference> {
    let live = usual::with_deployment(live);
    let mut found = Vec::new();
    for (member, wanted) in section {
        if [
            "clientToken",
            "forceNewDeployment",
            "serviceName",
            "cluster",
        ]
        .contains(&&**member)
        {
            continue;
        }
        if OF_THE_REVISION.contains(&&**member) && !live.contains_key(member) {
            continue;
        }
        let at = Place {
            path: format!("service.{member}"),
            member,
            item: None,
        };
        let is = match &**member {
            "role" => live.get("roleArn"),
            member => live.get(member).filter(|value| !value.is_null()),
        };
        Comparison {
            only_named: true,
            fixed: CREATE_ONLY.contains(&&**member),
        }
        .compare(&at, is, Some(wanted), &mut found);
    }
    found
}

/// How a member of something differs, in what is wanted of it; what is not named stays.
pub fn member(path: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    compared(path, before, after, true)
}

/// How a section of a service file differs from that of another one; what is not named any more goes.
pub fn file_member(name: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    compared(name, before, after, false)
}

fn compared(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    only_named: bool,
) -> Vec<Difference> {
    let at = Place {
        path: path.into(),
        member: path.rsplit('.').next().unwrap_or(path),
        item: None,
    };
    let mut found = Vec::new();
    Comparison {
        only_named,
        fixed: false,
    }
    .compare(&at, before, after, &mut found);
    found
}

/// Where the comparison is: the path, the name of the member, and the key of the item if the member is a list.
struct Place<'a> {
    path: String,
    member: &'a str,
    item: Option<&'a str>,
}

struct Comparison {
    /// Whether members that only the live side has are left alone.
    only_named: bool,
    fixed: bool,
}

impl Comparison {
    fn compare(
        &self,
        at: &Place<'_>,
        before: Option<&Value>,
        after: Option<&Value>,
        found: &mut Vec<Difference>,
    ) {
        let same = match (before, after) {
            (Some(before), Some(after)) => usual::same(at.member, before, after),
            (None, Some(only)) | (Some(only), None) => usual::is_default(at.member, only),
            (None, None) => true,
        };
        if same {
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                let only_live = before
                    .keys()
                    .filter(|name| !self.only_named && !after.contains_key(*name));
                for name in after.keys().chain(only_live) {
                    let inner = Place {
                        path: format!("{}.{name}", at.path),
                        member: name,
                        item: usual::is_table(at.member).then_some(&**name),
                    };
                    self.compare(&inner, before.get(name), after.get(name), found);
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                let (before, after) = (parts(at.member, before), parts(at.member, after));
                let find = |parts: &[Part], key: &str| {
                    let part = parts.iter().find(|part| part.key == key);
                    part.map(|part| part.value.clone())
                };
                let stays = self.only_named && keyed::is_added_to(at.member);
                let gone = before
                    .iter()
                    .filter(|part| !stays && after.iter().all(|other| other.key != part.key));
                for part in after.iter().chain(gone) {
                    let inner = Place {
                        path: format!("{}[{}]", at.path, part.key),
                        member: at.member,
                        item: Some(&part.key),
                    };
                    let (is, wanted) = (find(&before, &part.key), find(&after, &part.key));
                    self.compare(&inner, is.as_ref(), wanted.as_ref(), found);
                }
            }
            _ => {
                let shown = |value: &Value| hidden::shown(at.member, at.item, value);
                found.push(Difference {
                    path: at.path.clone(),
                    before: before.map(shown),
                    after: after.map(shown),
                    fixed: self.fixed,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The tags that Landfall puts on what it makes, and those that a service file gives its service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{service_file::ServiceFile, service_id::ServiceId};

/// The tag that says which service a resource belongs to.
pub const SERVICE_TAG: &str = "landfall:service";

/// The tag that says which release made a resource, or last changed its settings.
pub const RELEASE_TAG: &str = "landfall:release";

/// The tag that holds the hash of what was registered, so that a repeated registration finds its own revision.
pub const CONTENT_TAG: &str = "landfall:content";

/// The tag that says who ran a task by hand.
pub const RUN_BY_TAG: &str = "landfall:run-by";

/// The value of [`SERVICE_TAG`]; ECS takes 256 characters
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>).
pub fn service_tag(service: &ServiceId) -> String {
    service.to_string().chars().take(256).collect()
}

/// The tags of a service that have to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChanges {
    /// Tags to set.
    pub set: BTreeMap<String, String>,
    /// Keys of tags to remove.
    pub unset: BTreeSet<String>,
}

/// Compares the tags of `file` with those that the service has (`live`). Tags that `previous` had and `file` has not are removed;
/// those of others stay. A service that Landfall made is tagged with the release that last changed its settings.
pub fn tag_changes(
    file: &ServiceFile,
    previous: Option<&ServiceFile>,
    release: u64,
    live: &BTreeMap<String, String>,
) -> TagChanges {
    let mut wanted = tags(file);
    if live.contains_key(SERVICE_TAG) {
        wanted.insert(RELEASE_TAG.into(), release.to_string());
    }
    let unset = previous.map(tags).unwrap_or_default().into_keys();
    let unset = unset.filter(|key| !wanted.contains_key(key) && live.contains_key(key));
    let unset = unset.collect();
    wanted.retain(|key, value| live.get(key) != Some(value));
    TagChanges { set: wanted, unset }
}

/// The tags of a `service` section, but those that Landfall sets itself.
fn tags(file: &ServiceFile) -> BTreeMap<String, String> {
    let tags = file.service.get("tags").and_then(Value::as_array);
    let text = |tag: &Value, member: &str| tag.get(member)?.as_str().map(str::to_owned);
    tags.into_iter()
        .flatten()
        .filter_map(|tag| Some((text(tag, "key")?, text(tag, "value").unwrap_or_default())))
        .filter(|(key, _)| ![SERVICE_TAG, RELEASE_TAG].contains(&&**key))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::*;

    fn with(members: Value) -> ServiceFile {
        let mut file = file();
        file.service = members.as_object().cloned().unwrap_or_default();
        file
    }

    #[test]
    fn tags_follow_the_file_and_those_of_others_stay() {
        let previous =
            with(json!({"tags": [{"key": "team", "value": "a"}, {"key": "old", "value": "1"}]}));
        let file = with(
            json!({"tags": [{"key": "team", "value": "b"}, {"key": "same", "value": "1"}, {"key": "landfall:service", "value": "x"}]}),
        );
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut live = live(1);
        live.tags = [
            ("team", "a"),
            ("old", "1"),
            ("same", "1"),
            ("cost-centre", "7"),
        ]
        .map(text)
        .into();
        let changes = tag_changes(&file, Some(&previous), 2, &live.tags);
        assert_eq!(changes.set, [("team", "b")].map(text).into());
        assert_eq!(changes.unset, ["old".to_owned()].into());
        live.tags
            .extend([("landfall:service", "web/hello"), ("landfall:release", "1")].map(text));
        let changes = tag_changes(&file, Some(&previous), 2, &live.tags);
        assert_eq!(
            changes.set,
            [("landfall:release", "2"), ("team", "b")].map(text).into()
        );
        assert_eq!(changes.unset, ["old".to_owned()].into());
    }
}

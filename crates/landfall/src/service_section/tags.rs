//! The tags of a service: those that its file gives it, and the one that names the release which changed it last.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    service_file::ServiceFile,
    tags::{RELEASE_TAG, SERVICE_TAG},
};

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

    #[test]
    fn tags_follow_the_file_and_those_of_others_stay() {
        let previous = file_with(
            json!({"tags": [{"key": "team", "value": "a"}, {"key": "old", "value": "1"}]}),
        );
        let file = file_with(
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

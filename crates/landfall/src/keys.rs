//! The keys of all objects in the config bucket and in the state bucket.
//!
//! | bucket | key | what |
//! |---|---|---|
//! | config | `services/…` | service files, written by people |
//! | config | `status/<key>.json` | what became of the service file at `<key>` |
//! | state | `services/<cluster>/<service>/desired.json` | the desired state |
//! | state | `services/<cluster>/<service>/token.json` | the task token that the waiting execution sleeps on |
//! | state | `services/<cluster>/<service>/tasks.json` | the tasks before and after the rollout that were started for the newest release that has any |
//! | state | `services/<cluster>/<service>/releases/<number>.json` | one record per release |
//! | state | `services/<cluster>/<service>/adopted.json` | the revision that a foreign service ran before its first release |
//! | state | `files/<content hash>.json` | accepted service files, never changed |
//! | state | `placeholders/<content hash>.json` | the places of accepted files whose values are asked for again with every push |
//! | state | `sources/<key>.json` | which service the service file at `<key>` describes |
//! | state | `follows/<repository>/<cluster>/<service>` | that the service follows the repository, or once did; empty |
//! | state | `unproven/<cluster>/<service>` | that a release of the service was unproven, now or once; empty |
//! | state | `sweep/shards/<number>.json` | what the repositories and service files of a shard were when they were last joined, and its services with an undecided release |
//! | state | `sweep/tags/<repository>.json` | which images had which tags when a sweep had last joined them, where a rule takes the tag that was put last |
//! | state | `sweep/executions.json` | up to when dead executions were looked at |
//!
//! Followers are never removed: a removal could overtake another invocation that adds the same one, and its pushes
//! would be missed. A service that no longer follows costs one read for each push.

use crate::{content::ContentHash, refusal::Refusal, service_id::ServiceId, sweep::Shard};

/// The prefix of service files in the config bucket.
pub const SERVICE_FILES: &str = "services/";

/// How long the key of a service file may be, in bytes. Landfall's own objects about the file have longer keys, and S3
/// ends at 1024.
pub const LONGEST_SERVICE_FILE: usize = 1000;

/// The prefix of everything that follows repositories in the state bucket.
pub const FOLLOWS: &str = "follows/";

/// The prefix of the services that had an unproven release in the state bucket. Like followers, they are never removed:
/// that could overtake the next conclusion. One that has none any more costs a read for each sweep.
pub const UNPROVEN: &str = "unproven/";

/// The key of the object that says up to when sweeps have looked for executions that died.
pub const EXECUTIONS_SEEN: &str = "sweep/executions.json";

/// The prefix of everything about one service in the state bucket.
pub const DESIRED_STATES: &str = "services/";

/// Whether `key` is that of a service file.
pub fn is_service_file(key: &str) -> bool {
    let endings = [".yaml", ".yml", ".json"];
    key.starts_with(SERVICE_FILES) && endings.iter().any(|ending| key.ends_with(ending))
}

/// The prefix of the service files' statuses in the config bucket.
pub const STATUSES: &str = "status/services/";

/// The key of the service file that the status at `key` is of; none if it is no status.
pub fn file_of_status(key: &str) -> Option<&str> {
    key.strip_prefix("status/")?.strip_suffix(".json")
}

/// The key of the status of the service file at `key`, in the config bucket.
pub fn status(key: &str) -> String {
    format!("status/{key}.json")
}

/// The key of a service's desired state.
pub fn desired(service: &ServiceId) -> String {
    format!("services/{service}/desired.json")
}

/// The key of the note which revision an adopted service ran before Landfall first changed it.
pub fn adopted(service: &ServiceId) -> String {
    format!("services/{service}/adopted.json")
}

/// The key of the task token that the execution holding the claim sleeps on.
pub fn token(service: &ServiceId) -> String {
    format!("services/{service}/token.json")
}

/// The tasks that were started before and after the rollout of a service's newest release.
pub fn task_runs(service: &ServiceId) -> String {
    format!("services/{service}/tasks.json")
}

/// The key of the record of one release.
pub fn record(service: &ServiceId, number: u64) -> String {
    format!("{}{number:08}.json", records(service))
}

/// The prefix of a service's records; they sort by release number.
pub fn records(service: &ServiceId) -> String {
    format!("services/{service}/releases/")
}

/// The key of an accepted service file.
pub fn file(content: &ContentHash) -> String {
    format!("files/{content}.json")
}

/// The key of the places in an accepted service file whose values are asked for again with every push.
pub fn placeholders(content: &ContentHash) -> String {
    format!("placeholders/{content}.json")
}

/// The key of the object that says which service the service file at `key` describes.
pub fn source(key: &str) -> String {
    format!("sources/{key}.json")
}

/// The key of the empty object that says that `service` follows `repository`.
pub fn follower(repository: &str, service: &ServiceId) -> String {
    format!("{}{service}", followers(repository))
}

/// The key of the empty object that says that `service` had an unproven release.
pub fn unproven(service: &ServiceId) -> String {
    format!("{UNPROVEN}{service}")
}

/// The prefix of a repository's followers. A repository's name may have slashes, one segment may not.
pub fn followers(repository: &str) -> String {
    format!("{FOLLOWS}{}/", repository.replace('/', "%2F"))
}

/// The repository whose followers have the prefix `prefix`; none if that is not a prefix of followers.
pub fn followed_repository(prefix: &str) -> Option<String> {
    let name = prefix.strip_prefix(FOLLOWS)?.strip_suffix('/')?;
    Some(name.replace("%2F", "/"))
}

/// The key of what a sweep remembers of a shard.
pub fn sweep_memory(shard: Shard) -> String {
    format!("sweep/shards/{:02}.json", shard.number())
}

/// The key of the tags that a sweep saw last in a repository.
pub fn seen_tags(repository: &str) -> String {
    format!("sweep/tags/{}.json", repository.replace('/', "%2F"))
}

/// The service that a follower's key names.
///
/// # Errors
/// Refused if `key` is not that of a follower.
pub fn following_service(repository: &str, key: &str) -> Result<ServiceId, Refusal> {
    key.strip_prefix(&followers(repository))
        .unwrap_or(key)
        .parse()
}

#[cfg(test)]
mod tests {
    /// The table above is in the design too, and both have to say the same.
    #[test]
    fn the_design_says_the_same_of_what_is_kept_where() {
        let rows = |text: &'static str, before: &str| -> Vec<&'static str> {
            let lines = text.lines();
            let rows = lines.filter_map(|line| line.strip_prefix(before));
            rows.filter(|row| row.starts_with("config |") || row.starts_with("state |"))
                .collect()
        };
        let here = rows(include_str!("keys.rs"), "//! | ");
        assert_eq!(here, rows(include_str!("../../../docs/design.md"), "| "));
        assert!(here.len() > 10, "{here:?}");
    }
}

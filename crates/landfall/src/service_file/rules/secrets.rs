//! Where secrets come from
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html>).

use std::collections::BTreeMap;

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for container in &file.containers {
        let place = &container.place;
        let mut names = BTreeMap::new();
        for variable in place.items("environment") {
            if let Some((_, name)) = variable.text("name") {
                names.insert(name, "environment");
            }
        }
        for secret in place.items("secrets") {
            if let Some((place, name)) = secret.text("name")
                // "The secret name must be unique and not shared with any new or existing environment variables"
                && let Some(where_else) = names.insert(name.clone(), "secrets")
            {
                let message = format!(
                    "the variable `{name}` is set in {where_else} of this container already"
                );
                problems.add(place.wrong(message));
            }
            source(&secret, problems);
        }
        if let Some(logs) = place.get("logConfiguration") {
            for option in logs.items("secretOptions") {
                source(&option, problems);
            }
        }
    }
}

/// A secret or a parameter, by its ARN, or a parameter of this Region by its name.
fn source(secret: &Place<'_>, problems: &mut Problems) {
    let Some((place, source)) = secret.text("valueFrom") else {
        return;
    };
    let Some(arn) = source.strip_prefix("arn:") else {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if source.is_empty() || source.len() > 2048 || !source.chars().all(allowed) {
            problems.add(
                place
                    .wrong(format!("`{source}` is no name of a parameter and no ARN"))
                    .hint("name a parameter of the Parameter Store, or write the ARN of a secret or a parameter"),
            );
        }
        return;
    };
    let parts: Vec<_> = arn.split(':').collect();
    match parts[..] {
        [_, "ssm", _, _, resource, ..] if resource.starts_with("parameter/") => {}
        [_, "secretsmanager", _, _, "secret", name, ..] if !name.is_empty() => match parts.len() {
            6 | 9 => {}
            // arn:…:secret:name:json-key:version-stage:version-id
            _ => problems.add(
                place
                    .wrong("behind the secret's name go a JSON key, a version stage and a version id, each of which may be empty")
                    .hint("write it like `arn:…:secret:name:key::`"),
            ),
        },
        _ => problems.add(
            place
                .wrong(format!("`{source}` is the ARN of neither a secret nor a parameter"))
                .hint("write it like `arn:aws:secretsmanager:<region>:<account>:secret:<name>` or `arn:aws:ssm:<region>:<account>:parameter/<name>`"),
        ),
    }
}

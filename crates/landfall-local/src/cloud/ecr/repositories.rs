//! Creating and describing repositories.

use serde_json::{Map, Value, json};

use super::{Ecr, Repository, invalid, no_such_repository, page, required};
use crate::cloud::fault::Fault;

impl Ecr {
    pub(super) fn create_repository(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let valid = (2..=256).contains(&name.len())
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte)
            })
            && name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !valid {
            return Err(invalid(format!(
                "Invalid parameter at 'repositoryName' failed to satisfy constraint: '{name}' must be 2 to 256 of a-z, 0-9, \
                 ., _, - and /, and start with a letter or digit"
            )));
        }
        let mut description: Map<String, Value> = match input {
            Value::Object(input) => input.clone(),
            _ => Map::new(),
        };
        description.remove("tags");
        let computed = json!({
            "repositoryArn": self.world.arn("ecr", &format!("repository/{name}")),
            "registryId": self.world.account,
            "repositoryUri": format!("{}/{name}", self.registry()),
            "createdAt": self.world.epoch_seconds(),
        });
        if let Value::Object(computed) = computed {
            description.extend(computed);
        }
        description
            .entry("imageTagMutability")
            .or_insert_with(|| "MUTABLE".into());
        description
            .entry("imageScanningConfiguration")
            .or_insert_with(|| json!({ "scanOnPush": false }));
        description
            .entry("encryptionConfiguration")
            .or_insert_with(|| json!({ "encryptionType": "AES256" }));
        let mut state = self.state();
        if state.repositories.contains_key(name) {
            let message = format!(
                "The repository with name '{name}' already exists in the registry with id '{}'",
                self.world.account
            );
            return Err(Fault::client("RepositoryAlreadyExistsException", message));
        }
        let answer = json!({ "repository": description });
        state.repositories.insert(
            name.to_owned(),
            Repository {
                description,
                images: Vec::new(),
            },
        );
        Ok(answer)
    }

    pub(super) fn describe_repositories(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.state();
        let described = match input["repositoryNames"]
            .as_array()
            .filter(|names| !names.is_empty())
        {
            Some(names) => names
                .iter()
                .filter_map(Value::as_str)
                .map(|name| match state.repositories.get(name) {
                    Some(repository) => Ok(Value::Object(repository.description.clone())),
                    None => Err(no_such_repository(name, &self.world.account)),
                })
                .collect::<Result<Vec<_>, _>>()?,
            None => state
                .repositories
                .values()
                .map(|repository| Value::Object(repository.description.clone()))
                .collect(),
        };
        let (repositories, next) = page(described, input)?;
        let mut answer = json!({ "repositories": repositories });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }
}

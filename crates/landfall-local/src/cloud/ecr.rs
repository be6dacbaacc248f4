//! Elastic Container Registry: repositories, images by digest and tag, and the events that pushes cause.

mod images;
pub mod local_image;
mod repositories;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::{images::Image, local_image::LocalImage};
use super::{
    api::{Api, UNKNOWN_OPERATION},
    bus::Bus,
    fault::Fault,
};
use crate::world::World;

/// The private registry of one account in one Region.
#[derive(Clone, Debug)]
pub struct Ecr {
    world: Arc<World>,
    bus: Bus,
    folder: Option<PathBuf>,
    state: Arc<Mutex<State>>,
}

/// What an image reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// An image of this registry.
    Found {
        /// `sha256:…`
        digest: String,
        /// What to run, if it is a local image.
        local: Option<LocalImage>,
    },
    /// A reference into this registry to a repository, tag or digest that does not exist.
    Missing,
    /// A reference to another registry.
    Elsewhere,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    repositories: BTreeMap<String, Repository>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Repository {
    /// The `repository` of CreateRepository's answer.
    description: Map<String, Value>,
    /// In the order of their pushes.
    images: Vec<Image>,
}

/// What is played.
pub(super) const API: Api<Ecr> = Api {
    service: "ecr",
    title: "ECR",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("CreateRepository", Ecr::create_repository),
        ("DescribeRepositories", Ecr::describe_repositories),
        ("PutImage", Ecr::put_image),
        ("BatchGetImage", Ecr::batch_get_image),
        ("BatchDeleteImage", Ecr::batch_delete_image),
        ("DescribeImages", Ecr::describe_images),
        ("ListImages", Ecr::list_images),
    ],
};

impl Ecr {
    /// An empty registry that copies the folders of local images into `folder`, so that a pushed image stays what it
    /// was. Without a folder, local images run where they were pushed from.
    pub fn new(world: Arc<World>, bus: Bus, folder: Option<PathBuf>) -> Self {
        Self {
            world,
            bus,
            folder,
            state: Arc::default(),
        }
    }

    /// Answers one operation of the API `AmazonEC2ContainerRegistry_V20150921`.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// Resolves `<account>.dkr.ecr.<region>.amazonaws.com/repository[:tag][@digest]`, or the same without the registry.
    /// A name without registry whose repository is not here is taken to be elsewhere, as `nginx:latest` is.
    pub fn lookup(&self, image_reference: &str) -> Lookup {
        let registry = format!("{}/", self.registry());
        let here = image_reference.starts_with(&registry);
        let name = image_reference
            .strip_prefix(&registry)
            .unwrap_or(image_reference);
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (name, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (name, "latest"),
        };
        let state = self.state();
        let Some(repository) = state.repositories.get(name) else {
            return if here {
                Lookup::Missing
            } else {
                Lookup::Elsewhere
            };
        };
        // A digest wins over a tag, as it does in Docker and ECS.
        let image = match digest {
            Some(digest) => repository
                .images
                .iter()
                .find(|image| image.digest == digest),
            None => repository
                .images
                .iter()
                .find(|image| image.tags.contains(tag)),
        };
        match image {
            Some(image) => Lookup::Found {
                digest: image.digest.clone(),
                local: LocalImage::of_manifest(&image.manifest).map(|local| match &self.folder {
                    Some(folder) => local.stored_in(folder, &image.digest),
                    None => local,
                }),
            },
            None => Lookup::Missing,
        }
    }

    /// The registry's host name: `<account>.dkr.ecr.<region>.amazonaws.com`.
    pub fn registry(&self) -> String {
        format!(
            "{}.dkr.ecr.{}.amazonaws.com",
            self.world.account, self.world.region
        )
    }

    /// Everything but the folders of local images.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.state()).unwrap_or_default()
    }

    /// Takes up what [`Ecr::snapshot`] gave. Folders of images that are gone are removed.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        let restored: State = serde_json::from_value(snapshot)?;
        if let Some(folder) = &self.folder {
            let images = restored
                .repositories
                .values()
                .flat_map(|repository| &repository.images);
            local_image::retain(folder, &images.map(|image| image.digest.as_str()).collect());
        }
        *self.state() = restored;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn repository(&mut self, input: &Value, account: &str) -> Result<&mut Repository, Fault> {
        let name = required(input, "repositoryName")?;
        self.repositories
            .get_mut(name)
            .ok_or_else(|| no_such_repository(name, account))
    }
}

/// The digest of an image, by its manifest.
pub fn digest(manifest: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(manifest)))
}

fn no_such_repository(name: &str, account: &str) -> Fault {
    let message = format!(
        "The repository with name '{name}' does not exist in the registry with id '{account}'"
    );
    Fault::client("RepositoryNotFoundException", message)
}

fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Fault> {
    input[name].as_str().ok_or_else(|| {
        invalid(format!(
            "Invalid parameter: '{name}' is required and must be a string"
        ))
    })
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidParameterException", message)
}

/// One page of `items`, whose tokens are positions, and the token of the next one.
fn page(items: Vec<Value>, input: &Value) -> Result<(Vec<Value>, Option<String>), Fault> {
    let start = match input["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| invalid("Invalid parameter: 'nextToken' is not one of ours"))?,
    };
    let most = input["maxResults"].as_u64().unwrap_or(100);
    if !(1..=1000).contains(&most) {
        return Err(invalid(
            "Invalid parameter: 'maxResults' must be between 1 and 1000",
        ));
    }
    let end = start.saturating_add(most as usize);
    let next = (end < items.len()).then(|| end.to_string());
    Ok((
        items.into_iter().skip(start).take(most as usize).collect(),
        next,
    ))
}

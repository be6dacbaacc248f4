//! The section `images`: which container follows which image.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    containers::Container,
    mapping::{Mapping, Problems},
    problem::Problem,
    spelling::nearest,
};
use crate::follow::{FollowRule, TagPolicy};

/// How many follow rules a file may have; a task has at most 10 containers
/// (<https://docs.aws.amazon.com/batch/latest/APIReference/API_EcsProperties.html>). Each pattern is compiled when the file and the desired state are read.
const MOST_RULES: usize = 20;

/// Reads the section.
pub(super) fn read(
    section: &Mapping<'_>,
    containers: &[Container<'_>],
    problems: &mut Problems,
) -> BTreeMap<String, FollowRule> {
    const NAMED: usize = 10;
    if let Some((key, _)) = section.entries().nth(MOST_RULES) {
        let message = format!("more than {MOST_RULES} follow rules");
        let problem = Problem::new(key.position, &section.path_of(&key.name), message);
        problems.add(problem.hint("a task of ECS has at most 10 containers"));
        return BTreeMap::new();
    }
    let mut by_name = BTreeMap::new();
    for container in containers {
        by_name.entry(container.name).or_insert(container);
    }
    let names: Vec<_> = containers
        .iter()
        .take(NAMED)
        .map(|container| format!("`{}`", container.name))
        .collect();
    let more = if containers.len() > NAMED {
        ", …"
    } else {
        ""
    };
    let hint = format!("the containers are {}{more}", names.join(", "));
    let mut rules = BTreeMap::new();
    for (key, node) in section.entries() {
        let path = section.path_of(&key.name);
        match by_name.get(&*key.name) {
            None if containers.is_empty() => {}
            None => {
                let message = format!(
                    "there is no container `{}` in taskDefinition.containerDefinitions",
                    key.name
                );
                let near = nearest(&key.name, by_name.keys().copied());
                let hint =
                    near.map_or_else(|| hint.clone(), |near| format!("did you mean `{near}`?"));
                problems.add(Problem::new(key.position, &path, message).hint(hint));
            }
            Some(Container {
                image: Some(position),
                path,
                ..
            }) => {
                let message = format!(
                    "the container follows images.{}, so its image is filled in",
                    key.name
                );
                let problem = Problem::new(*position, &format!("{path}.image"), message);
                problems.add(problem.hint("remove either this `image` or the follow rule"));
            }
            Some(_) => {}
        }
        if let Some(rule) =
            Mapping::of(node, &path, problems).and_then(|rule| follow_rule(&rule, problems))
        {
            rules.insert(key.name.clone(), rule);
        }
    }
    rules
}

fn follow_rule(rule: &Mapping<'_>, problems: &mut Problems) -> Option<FollowRule> {
    rule.only(&["repository", "tag"], problems);
    let repository = rule.needed_text(
        "repository",
        "name the ECR repository, e.g. `repository: hello`",
        problems,
    );
    let tag = rule.needed_text(
        "tag",
        "say which tags to follow, e.g. `tag: \"semver:^1\"`",
        problems,
    );
    let (repository, position) = repository?;
    // A registry's address alone would pass as a name.
    let with_registry = repository.contains(".dkr.ecr.");
    if with_registry || !is_repository(repository) {
        let message = format!("`{repository}` is no name of an ECR repository");
        let hint = if with_registry || repository.contains(':') {
            "write the repository's name alone: images are followed in this account's registry and Region, by `tag`"
        } else {
            "ECR takes 2 to 256 characters: lower-case letters and digits, with single `.`, `_`, `-` or `/` between them"
        };
        problems.add(Problem::new(position, &rule.path_of("repository"), message).hint(hint));
        return None;
    }
    let (tag, position) = tag?;
    match TagPolicy::parse(tag) {
        Ok(tag) => Some(FollowRule {
            repository: repository.into(),
            tag,
        }),
        Err(refusal) => {
            problems.add(Problem::new(position, &rule.path_of("tag"), refusal.0));
            None
        }
    }
}

/// Words of lower-case letters and digits with single `.`, `_` or `-` between them, in segments between slashes
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>).
fn is_repository(name: &str) -> bool {
    let word = |word: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        !word.is_empty() && word.chars().all(allowed)
    };
    (2..=256).contains(&name.len()) && name.split(['/', '.', '_', '-']).all(word)
}

/// A container with a broken or misspelt follow rule counts as followed: the rule's own problem is told.
pub(super) fn every_container_has_an_image(
    containers: &[Container<'_>],
    images: Option<&Mapping<'_>>,
    problems: &mut Problems,
) {
    let entries = images.into_iter().flat_map(Mapping::entries);
    let mut followed: BTreeSet<&str> = entries.map(|(key, _)| &*key.name).collect();
    let names: BTreeSet<&str> = containers.iter().map(|container| container.name).collect();
    let misspelt = followed.difference(&names);
    let meant: Vec<_> = misspelt
        .filter_map(|key| nearest(key, names.iter().copied()))
        .collect();
    followed.extend(meant);
    for container in containers {
        if container.image.is_none() && !followed.contains(container.name) {
            let message = format!("the container `{}` has no image", container.name);
            let hint = format!(
                "add `images.{}` with a follow rule, or a fixed `image` here",
                container.name
            );
            let problem = Problem::new(container.position, &container.path, message);
            problems.add(problem.hint(hint));
        }
    }
}

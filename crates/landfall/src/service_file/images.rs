//! The section `images`: which container follows which image.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    containers::Container,
    document::NodeValue,
    mapping::{Mapping, Problems},
    problem::Problem,
    rules::did_you_mean,
    section::{IMAGES, deserialized},
    spelling::nearest,
};
use crate::{
    follow::{FollowRule, TagPolicy, Written},
    image::is_attachment,
};

/// Reads the section.
pub(super) fn read(
    section: &Mapping<'_>,
    containers: &[Container<'_>],
    problems: &mut Problems,
) -> BTreeMap<String, FollowRule> {
    if let Some(most) = IMAGES.most_items
        && let Some((key, _)) = section.entries().nth(most)
    {
        let message = format!("more than {most} follow rules");
        let problem = Problem::new(key.position, &section.path_of(&key.name), message);
        problems.add(problem.hint("a task of ECS has at most 10 containers"));
        return BTreeMap::new();
    }
    let mut by_name = BTreeMap::new();
    for container in containers {
        by_name.entry(container.name).or_insert(container);
    }
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
                let names = containers.iter().map(|container| container.name);
                let hint = did_you_mean(&key.name, names, "the containers are");
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
    for (key, node) in section.entries() {
        let path = section.path_of(&key.name);
        if let (Some(rule), NodeValue::Mapping(_)) = (rules.get(&key.name), &node.value)
            && let Some(written) = Mapping::of(node, &path, problems)
            // What is wrong with the rule that it names is a problem of that one.
            && rule.with.as_ref().is_none_or(|with| rules.contains_key(with) || section.get(with).is_none())
            && let Some((message, hint)) = parted(&key.name, rule, &rules)
        {
            problems.add(written.wrong_at("with", message).hint(hint));
        }
    }
    rules
}

/// Why a container cannot be released together with the one that its rule names, and what to do.
fn parted(
    container: &str,
    rule: &FollowRule,
    rules: &BTreeMap<String, FollowRule>,
) -> Option<(String, String)> {
    let with = rule.with.as_deref()?;
    let followed = rules.keys().map(String::as_str);
    let others = followed.filter(|other| *other != container);
    let Some(other) = rules.get(with).filter(|_| with != container) else {
        let message = format!("no other container `{with}` follows images");
        return Some((message, did_you_mean(with, others, "those that do are")));
    };
    if let Some(leader) = &other.with {
        return Some((
            format!("`{with}` itself is released together with `{leader}`"),
            format!("name the same container in each: `with: {leader}`"),
        ));
    }
    if rule.tag.exact().is_some() || other.tag.exact().is_some() {
        return Some((
            "one exact tag does not say of which version its image is".into(),
            "let both follow versions or builds, by `semver:`, `glob:` or `regex:`".into(),
        ));
    }
    (!rule.tag.is_like(&other.tag)).then(|| {
        (
            format!("the tags of `{container}` and `{with}` have different orders, so that none are of one version"),
            "give both rules a `semver:` range, or the same `order`".into(),
        )
    })
}

fn follow_rule(rule: &Mapping<'_>, problems: &mut Problems) -> Option<FollowRule> {
    // A registry's address alone would pass as a name.
    if let Some(repository) = rule.said("repository")
        && (repository.contains(".dkr.ecr.") || repository.contains(':'))
    {
        let message = format!("`{repository}` is no name of an ECR repository");
        problems.add(rule.wrong_at("repository", message).hint(
            "write the repository's name alone: images are followed in this account's registry and Region, by `tag`",
        ));
    }
    let mut found = Problems::default();
    let fields = IMAGES.read_item(rule, &mut found);
    let said = |name| rule.said(name).map(str::to_owned);
    if let Some(tag) = said("tag") {
        let written = Written {
            tag,
            extract: said("extract"),
            order: said("order"),
        };
        if is_attachment(&written.tag) {
            let message = format!("`{}` is the tag of no image", written.tag);
            problems.add(rule.wrong_at("tag", message).hint(
                "a signature, an attestation or an SBOM of an image has it; follow the image's own tag",
            ));
        }
        if let Err(flaw) = TagPolicy::read(written) {
            problems.add(rule.wrong_at(flaw.field, flaw.refusal.0));
        }
    }
    problems.add_new(found);
    deserialized(rule, fields, problems)
}

/// A container with a broken or misspelt follow rule counts as followed: the rule's own problem is reported.
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

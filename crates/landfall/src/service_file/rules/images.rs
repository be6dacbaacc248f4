//! Where images come from
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for container in &file.containers {
        reference(&container.place, problems);
        // "an empty string for credentialsParameter is not accepted"
        // (<https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/52>)
        if let Some(credentials) = container.place.get("repositoryCredentials")
            && let Some(place) = credentials.get("credentialsParameter")
            && place.is_empty()
        {
            problems.add(
                place
                    .wrong("this names no secret")
                    .hint("write the ARN of the secret, or leave `repositoryCredentials` out"),
            );
        }
    }
}

/// "Container.image contains invalid characters." (<https://github.com/Shippable/support/issues/3094>); "up to 255 characters
/// total are allowed, including letters (uppercase and lowercase), numbers, hyphens, underscores, colons, periods, forward
/// slashes, and number signs (#)"; "Container.image should not be null or empty."
/// (<https://github.com/aws-actions/amazon-ecs-render-task-definition/issues/87>)
fn reference(container: &Place<'_>, problems: &mut Problems) {
    let Some((place, image)) = container.text("image") else {
        return;
    };
    let name = image.split('@').next().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:./#@".contains(c);
    if let Some(other) = image.chars().find(|c| !allowed(*c)) {
        let problem = place.wrong(format!("an image has no {other:?} in its name: `{image}`"));
        problems.add(problem.hint("write it like `nginx:1.27` or `<registry>/<repository>:<tag>`"));
    } else if image.is_empty() {
        problems.add(place.wrong("this names no image"));
    } else if name.len() > 255 {
        problems.add(place.wrong(format!(
            "the name of an image has at most 255 characters, and this has {}",
            name.len()
        )));
    } else if repository(name).chars().any(|c| c.is_ascii_uppercase()) {
        // "name-component is restricted to lowercase letters, digits and separators"
        // (<https://pkg.go.dev/github.com/distribution/reference>)
        problems.add(
            place
                .odd(format!(
                    "`{}` has capitals, and no registry has such a repository",
                    repository(name)
                ))
                .hint("write the repository in lower-case letters"),
        );
    }
}

/// The repository in an image's name: without the registry, which has a dot or a port, and without the tag.
fn repository(name: &str) -> &str {
    let path = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
        _ => name,
    };
    path.split(':').next().unwrap_or_default()
}

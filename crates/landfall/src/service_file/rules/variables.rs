//! The environment variables of containers
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for container in &file.containers {
        for list in ["environment", "secrets"] {
            for variable in container.place.items(list) {
                // "Environment variable name cannot be null or blank."
                // (<https://github.com/thnery/terraform-aws-template/issues/2>)
                let name = variable.get("name");
                let blank = match &name {
                    Some(place) => place.text_here().is_some_and(|name| name.trim().is_empty()),
                    // That a secret lacks its name is said by the model.
                    None => list == "environment",
                };
                if blank {
                    let message = "an environment variable needs a name";
                    problems.add(match name {
                        Some(place) => place.wrong(message),
                        None => variable.lacks("name", message),
                    });
                }
            }
        }
        for file in container.place.items("environmentFiles") {
            from_file(&file, problems);
        }
    }
}

/// "The Amazon Resource Name (ARN) of the Amazon S3 object", "The file must have a .env file extension."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EnvironmentFile.html>)
fn from_file(file: &Place<'_>, problems: &mut Problems) {
    let Some((place, object)) = file.text("value") else {
        return;
    };
    let is_object = object
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":s3:::"))
        .is_some_and(|(_, key)| key.contains('/'));
    if !is_object || !object.ends_with(".env") {
        problems.add(
            place
                .wrong(format!(
                    "`{object}` is no ARN of an object in S3 whose name ends with .env"
                ))
                .hint("write it like `arn:aws:s3:::<bucket>/<name>.env`"),
        );
    }
}

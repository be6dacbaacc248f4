//! The status of a service file: whether it was accepted, as an object beside it in the config bucket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    follow::FollowRule,
    hold::Hold,
    ignored::IgnoredTag,
    pause::PausedRelease,
    service_file::{Problem, Rejection},
    service_id::ServiceId,
};

/// The status object: the answer to the upload of a service file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum FileStatus {
    /// The file was accepted, and its service follows it.
    #[serde(rename_all = "camelCase")]
    Accepted {
        /// The object version in S3 that this is about.
        version_id: String,
        /// The service it describes.
        service: ServiceId,
        /// The newest release of the service, if there is one.
        release: Option<u64>,
        /// The status in a sentence.
        message: String,
        /// Containers that wait for the first admitted image of a repository.
        waiting_for: BTreeMap<String, FollowRule>,
        /// The hold on the service, while there is one.
        #[serde(default)]
        hold: Option<Box<Hold>>,
        /// The pause of the release on its way, while ECS waits until somebody continues its deployment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paused: Option<Box<PausedRelease>>,
        /// The last tags that the follow rules passed over, and why, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<IgnoredTag>,
        /// Parts of the file that are probably mistakes, but for which it is not rejected.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<Problem>,
    },
    /// The file was rejected. The service still follows the version that was accepted before.
    #[serde(rename_all = "camelCase")]
    Rejected {
        /// The object version in S3 that this is about.
        version_id: String,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
        /// The problems as text, as they are shown to people.
        message: String,
    },
}

impl FileStatus {
    /// The status of the followed file in `desired`; none if no file is followed.
    pub fn of(desired: &DesiredState) -> Option<Self> {
        let file = desired.file.as_ref()?;
        let waiting_for: BTreeMap<_, _> = desired
            .waiting_for()
            .into_iter()
            .map(|(container, rule)| (container.clone(), rule.clone()))
            .collect();
        let mut message = if waiting_for.is_empty() {
            format!(
                "release {} says what {} should run",
                desired.last_number, desired.service
            )
        } else {
            let wanted: Vec<_> = waiting_for
                .iter()
                .map(|(container, rule)| {
                    format!("{}:{} (container {container})", rule.repository, rule.tag)
                })
                .collect();
            format!("waiting for the first push of {}", wanted.join(", "))
        };
        for left in desired.left_out() {
            let (container, image, release) = (left.container, left.image, left.release);
            message += &format!(
                "; {}:{} (container {container}) ",
                image.repository, image.tag
            );
            message += &if left.waits {
                format!(
                    "waits, because the images of release {release}, which was no success, are tried one container at a time"
                )
            } else {
                format!(
                    "is left out, because release {release} was no success: push another image, or try it again with \
                     `landfall retry {}`",
                    desired.service
                )
            };
        }
        for ignored in desired.ignored.iter().filter(|one| one.is_mistake()) {
            message += &format!("; passed over {ignored}");
        }
        if let Some(danger) = &desired.danger {
            message += &format!("; {}", danger.message());
        }
        if let Some(hold) = &desired.hold {
            message += &format!("; on hold: {}", hold.reason);
        }
        if let Some(paused) = &desired.paused {
            message += &format!("; release {}: {}", paused.release, paused.pause.sentence());
            for command in paused.pause.commands() {
                message += &format!("; to continue: {command}");
            }
        }
        Some(Self::Accepted {
            version_id: file.version_id.clone(),
            service: desired.service.clone(),
            release: (desired.last_number > 0).then_some(desired.last_number),
            message,
            waiting_for,
            hold: desired.hold.clone().map(Box::new),
            paused: desired.paused.clone().map(Box::new),
            ignored: desired.ignored.clone(),
            warnings: Vec::new(),
        })
    }

    /// The same status with these warnings.
    #[must_use]
    pub fn with_warnings(mut self, found: Vec<Problem>) -> Self {
        if let Self::Accepted { warnings, .. } = &mut self {
            *warnings = found;
        }
        self
    }

    /// The status that is written beside the file that `desired` follows, where `before` is now; none if no file is
    /// followed. Warnings about the same version of the file remain.
    pub fn over(before: Option<Self>, desired: &DesiredState) -> Option<Self> {
        let status = Self::of(desired)?;
        let followed = &desired.file.as_ref()?.version_id;
        Some(match before {
            Some(Self::Accepted {
                version_id,
                warnings,
                ..
            }) if version_id == *followed => status.with_warnings(warnings),
            _ => status,
        })
    }

    /// The status of a file that was not accepted.
    pub fn rejected(key: &str, version_id: &str, rejection: &Rejection) -> Self {
        let lines: Vec<_> = rejection
            .problems
            .iter()
            .map(|problem| format!("{key}:{problem}"))
            .collect();
        Self::Rejected {
            version_id: version_id.into(),
            problems: rejection.problems.clone(),
            message: lines.join("\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{desired::FollowedFile, sample};

    fn following(version_id: &str) -> DesiredState {
        DesiredState {
            file: Some(FollowedFile {
                key: "services/hello.yaml".into(),
                version_id: version_id.into(),
                containers: None,
                content: sample::release(1).content.file,
                follows: BTreeMap::new(),
                placeholders: None,
            }),
            ..sample::desired(&[2])
        }
    }

    #[test]
    fn a_status_is_written_while_a_file_is_followed_and_the_warnings_about_its_version_remain() {
        let rejection = Rejection::of_file("no mapping", "write one");
        let accepted = |version_id| FileStatus::of(&following(version_id)).unwrap();
        let warned = |version_id| accepted(version_id).with_warnings(rejection.problems.clone());
        let rejected = FileStatus::rejected("services/hello.yaml", "2", &rejection);
        for (story, before, desired, expected) in [
            ("the first one", None, following("2"), Some(accepted("2"))),
            (
                "of the same version",
                Some(warned("2")),
                following("2"),
                Some(warned("2")),
            ),
            (
                "of another version",
                Some(warned("1")),
                following("2"),
                Some(accepted("2")),
            ),
            (
                "after a rejection",
                Some(rejected),
                following("2"),
                Some(accepted("2")),
            ),
            ("let go of", Some(warned("2")), sample::desired(&[2]), None),
        ] {
            assert_eq!(FileStatus::over(before, &desired), expected, "{story}");
        }
    }
}

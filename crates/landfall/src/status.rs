//! What became of a service file, kept beside it in the config bucket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    follow::FollowRule,
    hold::Hold,
    service_file::{Problem, Rejection},
    service_id::ServiceId,
};

/// The answer to somebody who uploaded a service file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum FileStatus {
    /// It is followed.
    #[serde(rename_all = "camelCase")]
    Accepted {
        /// The object version in S3 that this is about.
        version_id: String,
        /// The service it describes.
        service: ServiceId,
        /// The newest release of the service, if there is one.
        release: Option<u64>,
        /// In a sentence.
        message: String,
        /// Containers that wait for the first admitted image of a repository.
        waiting_for: BTreeMap<String, FollowRule>,
        /// Why nothing changes the service by itself, while that is so.
        #[serde(default)]
        hold: Option<Hold>,
        /// What is probably not meant so, but keeps nothing from being accepted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<Problem>,
    },
    /// It changed nothing. What was accepted before is still followed.
    #[serde(rename_all = "camelCase")]
    Rejected {
        /// The object version in S3 that this is about.
        version_id: String,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
        /// The same as text, as it is shown to people.
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
        if let Some(hold) = &desired.hold {
            message += &format!("; on hold: {}", hold.reason);
        }
        Some(Self::Accepted {
            version_id: file.version_id.clone(),
            service: desired.service.clone(),
            release: (desired.last_number > 0).then_some(desired.last_number),
            message,
            waiting_for,
            hold: desired.hold.clone(),
            warnings: Vec::new(),
        })
    }

    /// The same with these warnings.
    #[must_use]
    pub fn with_warnings(mut self, found: Vec<Problem>) -> Self {
        if let Self::Accepted { warnings, .. } = &mut self {
            *warnings = found;
        }
        self
    }

    /// The same with the warnings that `before` has about the same version of the file.
    #[must_use]
    pub fn with_warnings_of(self, before: Self) -> Self {
        match (&self, before) {
            (
                Self::Accepted { version_id, .. },
                Self::Accepted {
                    version_id: before,
                    warnings,
                    ..
                },
            ) if *version_id == before => self.with_warnings(warnings),
            _ => self,
        }
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

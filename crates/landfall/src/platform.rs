//! What an image has to run on, and what it is made for.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::service_file::ServiceFile;

/// What an image has to run on, in the words of an image index
/// (<https://github.com/opencontainers/image-spec/blob/main/image-index.md>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64` or `arm64`.
    pub architecture: String,
}

impl Platform {
    /// What a task definition asks for. Fargate and EC2 take Linux on x86_64 unless told otherwise
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html>).
    pub fn of(task_definition: &Map<String, Value>) -> Self {
        let member = |name| runtime(task_definition, name).unwrap_or_default();
        Self {
            os: if member("operatingSystemFamily").starts_with("WINDOWS") {
                "windows".into()
            } else {
                "linux".into()
            },
            architecture: match member("cpuArchitecture") {
                "ARM64" => "arm64".into(),
                _ => "amd64".into(),
            },
        }
    }

    /// What the tasks of a file are sure to run on. An instance of EC2 decides for itself where the task definition names
    /// no architecture, and an adopted service has its task definition in ECS.
    pub fn certain(file: &ServiceFile) -> Option<Self> {
        let task = &file.task_definition;
        let is_named = runtime(task, "cpuArchitecture").is_some();
        (is_named || is_on_fargate(file)).then(|| Self::of(task))
    }

    /// Whether an image with this manifest runs here: none if the manifest is that of one image, whose configuration says
    /// it (<https://github.com/opencontainers/image-spec/blob/main/image-index.md>).
    pub fn runs(&self, manifest: &Value) -> Option<bool> {
        let manifests = manifest.get("manifests")?.as_array()?;
        Some(manifests.iter().any(|one| {
            one["platform"]["os"] == *self.os
                && one["platform"]["architecture"] == *self.architecture
        }))
    }

    /// What an index offers instead, if it is sure to have nothing that runs here: `os/architecture`, one after the other.
    /// An index need not name its images' platforms; what has the platform `unknown` is no image
    /// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
    pub fn offered_instead(&self, index: &Value) -> Option<String> {
        let manifests = index.get("manifests")?.as_array()?;
        if self.runs(index) == Some(true) {
            return None;
        }
        let mut offers = Vec::new();
        for one in manifests {
            let os = one["platform"]["os"].as_str()?;
            let architecture = one["platform"]["architecture"].as_str()?;
            if os != "unknown" {
                offers.push(format!("{os}/{architecture}"));
            }
        }
        offers.dedup();
        (!offers.is_empty()).then(|| offers.join(", "))
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

fn runtime<'a>(task_definition: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    let value = task_definition.get("runtimePlatform")?.get(member)?;
    value.as_str().filter(|text| !text.is_empty())
}

/// Whether the tasks run on Fargate, whose tasks are for x86_64 unless told otherwise.
fn is_on_fargate(file: &ServiceFile) -> bool {
    let says = |value: Option<&Value>| value.is_some_and(|value| value == "FARGATE");
    let strategy = file.service.get("capacityProviderStrategy");
    let mut providers = strategy.and_then(Value::as_array).into_iter().flatten();
    says(file.service.get("launchType"))
        || providers.any(|item| {
            let provider = item["capacityProvider"].as_str();
            provider.is_some_and(|provider| ["FARGATE", "FARGATE_SPOT"].contains(&provider))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn file(task: &str, service: &str) -> ServiceFile {
        let text = format!(
            "cluster: {{ clusterName: web }}\ntaskDefinition:\n  family: hello\n  cpu: 256\n  memory: 512\n  \
             networkMode: awsvpc\n  requiresCompatibilities: [FARGATE]\n  executionRoleArn: arn:aws:iam::123456789012:role/x\n{task}  \
             containerDefinitions: [{{ name: web, image: nginx }}]\nservice:\n  serviceName: hello\n  \
             networkConfiguration: {{ awsvpcConfiguration: {{ subnets: [subnet-1] }} }}\n{service}"
        );
        ServiceFile::parse(text.as_bytes()).unwrap_or_else(|rejection| panic!("{rejection}"))
    }

    #[test]
    fn a_platform_is_certain_where_the_file_or_fargate_says_it() {
        let arm = "  runtimePlatform: { cpuArchitecture: ARM64, operatingSystemFamily: LINUX }\n";
        let spot = "  capacityProviderStrategy: [{ capacityProvider: FARGATE_SPOT }]\n";
        for (task, service, expected) in [
            (arm, "", Some("linux/arm64")),
            (arm, "  launchType: FARGATE\n", Some("linux/arm64")),
            ("", "  launchType: FARGATE\n", Some("linux/amd64")),
            ("", spot, Some("linux/amd64")),
            (
                "",
                "  capacityProviderStrategy: [{ capacityProvider: instances }]\n",
                None,
            ),
        ] {
            let certain = Platform::certain(&file(task, service));
            let certain = certain.map(|platform| platform.to_string());
            assert_eq!(certain.as_deref(), expected, "{task}{service}");
        }
    }

    #[test]
    fn an_index_says_what_it_offers_instead_only_where_it_is_sure_to_have_nothing() {
        let arm = Platform {
            os: "linux".into(),
            architecture: "arm64".into(),
        };
        let on = |os: &str, architecture: &str| json!({ "platform": { "os": os, "architecture": architecture } });
        for (story, manifests, expected) in [
            (
                "for amd64 alone",
                vec![on("linux", "amd64")],
                Some("linux/amd64"),
            ),
            (
                "with an attestation",
                vec![on("linux", "amd64"), on("unknown", "unknown")],
                Some("linux/amd64"),
            ),
            (
                "for two others",
                vec![on("linux", "amd64"), on("windows", "amd64")],
                Some("linux/amd64, windows/amd64"),
            ),
            (
                "for both",
                vec![on("linux", "amd64"), on("linux", "arm64")],
                None,
            ),
            (
                "of no named platform",
                vec![json!({}), on("linux", "amd64")],
                None,
            ),
            ("of attestations", vec![on("unknown", "unknown")], None),
            ("empty", vec![], None),
        ] {
            let offers = arm.offered_instead(&json!({ "manifests": manifests }));
            assert_eq!(offers.as_deref(), expected, "{story}");
        }
        assert_eq!(arm.offered_instead(&json!({ "config": {} })), None);
    }
}

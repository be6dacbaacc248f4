//! Service files to play with.

use std::fmt::Write as _;

/// A service file for the service `web/<name>`, which follows one repository with its container `web`. Its images run
/// as simulations: two tasks in bridge mode, without a load balancer.
#[derive(Clone, Debug)]
pub struct SampleFile {
    /// The name of the service and of its task definition family.
    pub name: String,
    /// The repository that the container follows.
    pub repository: String,
    /// The tag policy.
    pub tag: String,
    /// `service.desiredCount`
    pub desired_count: u32,
    /// Further lines of `taskDefinition`.
    pub task_definition: String,
    /// Further lines of the container.
    pub container: String,
    /// Further lines of `service.deploymentConfiguration`.
    pub deployment: String,
    /// Further lines of `service`.
    pub service: String,
    /// The lines of `ingress`; without any there is no such section.
    pub ingress: String,
    /// The lines of `verify`; without any there is no such section.
    pub verify: String,
}

impl SampleFile {
    /// A file that follows `repository` by `tag`.
    pub fn new(name: &str, repository: &str, tag: &str) -> Self {
        Self {
            name: name.into(),
            repository: repository.into(),
            tag: tag.into(),
            desired_count: 2,
            task_definition: String::new(),
            container: String::new(),
            deployment: String::new(),
            service: String::new(),
            ingress: String::new(),
            verify: String::new(),
        }
    }

    /// The file's text. Its `images` section has the container in line 4.
    pub fn text(&self) -> String {
        let Self {
            name,
            repository,
            tag,
            desired_count,
            ..
        } = self;
        let mut text = format!(
            "cluster:\n  clusterName: web\nimages:\n  web: {{ repository: {repository}, tag: \"{tag}\" }}\n\
             taskDefinition:\n  family: {name}\n"
        );
        indented(&mut text, 2, &self.task_definition);
        text.push_str("  containerDefinitions:\n    - name: web\n      memory: 64\n");
        indented(&mut text, 6, &self.container);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "service:\n  serviceName: {name}\n  desiredCount: {desired_count}\n  deploymentConfiguration:\n    \
             deploymentCircuitBreaker: {{ enable: true, rollback: true }}\n"
        );
        indented(&mut text, 4, &self.deployment);
        indented(&mut text, 2, &self.service);
        for (section, lines) in [("ingress", &self.ingress), ("verify", &self.verify)] {
            if !lines.is_empty() {
                let _ = writeln!(text, "{section}:");
                indented(&mut text, 2, lines);
            }
        }
        text
    }
}

fn indented(text: &mut String, by: usize, lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(text, "{:by$}{line}", "");
    }
}

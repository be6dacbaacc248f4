//! What files ask for when they are uploaded: names and places. The values are nobody's to see here.

use landfall::service_file::{Position, Site, Source};
use serde::Serialize;

use super::Finding;

/// A place where a value is filled in.
#[derive(Debug, Serialize)]
pub(super) struct Use {
    #[serde(flatten)]
    position: Position,
    path: String,
    source: Source,
    name: String,
    /// As it is written.
    placeholder: String,
}

/// Every placeholder in its place, in the order of the file.
pub(super) fn uses(sites: &[Site]) -> Vec<Use> {
    let uses = sites.iter().flat_map(|site| {
        site.placeholders().map(|placeholder| Use {
            position: site.position,
            path: site.path.clone(),
            source: placeholder.source,
            name: placeholder.name.clone(),
            placeholder: placeholder.to_string(),
        })
    });
    uses.collect()
}

/// For each file that asks for something, a line for each place.
pub(super) fn describe(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let uses = &finding.placeholders;
        if uses.is_empty() {
            continue;
        }
        let places: Vec<_> = uses.iter().map(|one| one.position.to_string()).collect();
        let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(String::len).max();
        let place = longest(&mut places.iter()).unwrap_or(0);
        let name = longest(&mut uses.iter().map(|one| &one.placeholder)).unwrap_or(0);
        text += &format!("{} is filled in when it is uploaded:\n", finding.file);
        for (at, one) in places.iter().zip(uses) {
            let from = match one.source {
                Source::Param => "FileParameters of the installation",
                Source::Ssm => "SSM Parameter Store",
                Source::Export => "exports of CloudFormation stacks",
            };
            text += &format!(
                "  {at:<place$}  {:<name$}  {} (from {from})\n",
                one.placeholder, one.path
            );
        }
    }
    text
}

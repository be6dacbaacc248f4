//! Tags (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>).

use std::collections::BTreeSet;

use super::File;
use crate::service_file::mapping::Problems;

/// How many tags ECS takes, and how many of them are Landfall's own.
const SECTIONS: [(&str, usize); 2] = [("taskDefinition", 50 - 2), ("service", 50 - 1)];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for (section, most) in SECTIONS {
        let place = if section == "service" {
            &file.service
        } else {
            &file.task
        };
        let Some(place) = place else { continue };
        let tags = place.items("tags");
        if tags.len() > most
            && let Some(place) = place.get("tags")
        {
            problems.add(place.wrong(format!(
                "there is room for {most} tags beside Landfall's own, and these are {}",
                tags.len()
            )));
        }
        let mut keys = BTreeSet::new();
        for tag in &tags {
            let Some((place, key)) = tag.text("key") else {
                continue;
            };
            if key.to_ascii_lowercase().starts_with("aws:") {
                problems.add(place.wrong("keys that begin with `aws:` are AWS's own"));
            }
            if !keys.insert(key.clone()) {
                problems.add(place.wrong(format!("the key `{key}` is here twice")));
            }
        }
    }
}

//! A service file whose placeholders have no values yet, and what it becomes with them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Checked,
    document::{Node, NodeValue},
    mistaken,
    parameters::{
        Finder, Part, Placeholder, Resolved, Site, Source, Values, filled, missing, placeholders,
    },
    problem::{Position, Rejection},
    read::{check_document, document},
};

/// A service file whose placeholders have no values yet.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    text: &'a [u8],
    document: Node,
    sites: Vec<Site>,
}

impl<'a> Draft<'a> {
    /// Reads a file as far as its placeholders.
    ///
    /// # Errors
    /// What keeps the text from being a document, and placeholders that cannot be meant.
    pub fn read(text: &'a [u8]) -> Result<Self, Rejection> {
        let document = document(text).map_err(|rejection| {
            let explained = mistaken::explained(text, Checked::refused(rejection.problems));
            Rejection::of(explained.problems)
        })?;
        let finder = Finder::through(&document);
        if finder.problems.is_empty() {
            Ok(Self {
                text,
                document,
                sites: finder.sites,
            })
        } else {
            Err(Rejection::of(finder.problems))
        }
    }

    /// What the file asks for.
    pub fn placeholders(&self) -> BTreeSet<Placeholder> {
        placeholders(&self.sites)
    }

    /// Where it asks for something.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Puts the values into their places and reads the file. If a value is missing, that alone is reported.
    pub fn resolve(mut self, values: &Values) -> Checked {
        let problems = missing(&self.sites, values);
        if !problems.is_empty() {
            return Checked::refused(problems);
        }
        for site in &self.sites {
            if let Some(node) = find(&mut self.document, &site.pointer) {
                node.value = as_node(filled(site, values), node.position);
            }
        }
        check_document(&self.document, self.text)
    }

    /// The places whose values are asked for again with every push: those with a value that may change without
    /// touching the file, in the sections that are passed on as they stand. The names of cluster and service are not
    /// among them: they say which service the file describes. Values of the installation are filled in already.
    pub fn changeable(&self, values: &Values) -> Vec<Site> {
        const SECTIONS: [&str; 3] = ["/cluster/", "/taskDefinition/", "/service/"];
        const NAMES: [&str; 2] = ["/cluster/clusterName", "/service/serviceName"];
        let changes = |site: &&Site| {
            let asks = placeholders(std::slice::from_ref(site));
            asks.iter()
                .any(|placeholder| placeholder.source != Source::Param)
                && SECTIONS
                    .iter()
                    .any(|section| site.pointer.starts_with(section))
                && !NAMES.contains(&&*site.pointer)
        };
        let sites = self.sites.iter().filter(changes);
        sites
            .map(|site| Site {
                parts: site
                    .parts
                    .iter()
                    .map(|part| with_installation_value(part, values))
                    .collect(),
                ..site.clone()
            })
            .collect()
    }
}

fn with_installation_value(part: &Part, values: &Values) -> Part {
    if let Part::Placeholder(placeholder) = part
        && placeholder.source == Source::Param
        && let Some(Ok(Resolved::Text(text))) = values.get(placeholder)
    {
        return Part::Text(text.clone());
    }
    part.clone()
}

fn as_node(value: Value, position: Position) -> NodeValue {
    match value {
        Value::Array(items) => NodeValue::Sequence(
            items
                .into_iter()
                .map(|item| Node {
                    position,
                    written: position,
                    value: NodeValue::Scalar(item),
                })
                .collect(),
        ),
        scalar => NodeValue::Scalar(scalar),
    }
}

fn find<'a>(node: &'a mut Node, pointer: &str) -> Option<&'a mut Node> {
    let mut node = node;
    for key in pointer.split('/').skip(1) {
        node = match &mut node.value {
            NodeValue::Mapping(entries) => {
                let key = key.replace("~1", "/").replace("~0", "~");
                &mut entries.iter_mut().find(|(known, _)| known.name == key)?.1
            }
            NodeValue::Sequence(items) => items.get_mut(key.parse::<usize>().ok()?)?,
            NodeValue::Scalar(_) => return None,
        };
    }
    Some(node)
}

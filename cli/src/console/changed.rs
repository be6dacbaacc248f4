//! What a release changed against the one before: images by tag, digest and commit, and the service file member by member.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use landfall::{
    content::ContentHash,
    difference::Difference,
    image::Image,
    record::{Content, Record, Verdict},
};
use landfall_aws::Fault;
use maud::{Markup, html};

use super::page;
use crate::{diff::line, show, view::Reader};

/// What a release changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changed {
    /// The release before.
    pub(crate) since: Option<u64>,
    /// The images that differ.
    pub(crate) images: Vec<ImageChange>,
    /// What differs in the file, or why that is not known; none if the file is the same, or there is none before.
    pub(crate) file: Option<Result<Arc<Vec<Difference>>, String>>,
}

/// An image that a container runs in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageChange {
    pub(crate) container: String,
    pub(crate) before: Option<Image>,
    pub(crate) after: Option<Image>,
}

/// Compares releases, and remembers how files differ: both are there for good.
#[derive(Default)]
pub(crate) struct Comparer {
    files: HashMap<(ContentHash, ContentHash), Arc<Vec<Difference>>>,
}

impl Comparer {
    /// What `content` changed against `before`.
    pub(crate) async fn compare(
        &mut self,
        reader: &Reader,
        before: Option<&Record>,
        content: &Content,
    ) -> Result<Changed, Fault> {
        let earlier = before.map(|before| &before.release.content);
        let file = match earlier {
            Some(earlier) if earlier.file != content.file => {
                match self.files_of(reader, earlier, content).await {
                    // It is asked again.
                    Err(fault) if fault.is_transient() => return Err(fault),
                    found => Some(found.map_err(|fault| fault.to_string())),
                }
            }
            _ => None,
        };
        Ok(Changed {
            since: before.map(|before| before.release.number),
            images: images(earlier, content),
            file,
        })
    }

    async fn files_of(
        &mut self,
        reader: &Reader,
        before: &Content,
        after: &Content,
    ) -> Result<Arc<Vec<Difference>>, Fault> {
        let key = (before.file.clone(), after.file.clone());
        if let Some(known) = self.files.get(&key) {
            return Ok(known.clone());
        }
        let (old, new) = tokio::try_join!(reader.file(before), reader.file(after))?;
        let differences = Arc::new(show::changes(&old, &new));
        self.files.insert(key, differences.clone());
        Ok(differences)
    }
}

/// The newest release before the one with this number that succeeded, of records that are sorted from new to old.
pub(crate) fn before(records: &[Record], number: u64) -> Option<&Record> {
    let mut earlier = records.iter();
    earlier.find(|record| record.release.number < number && record.verdict == Verdict::Succeeded)
}

/// The containers whose images differ.
pub(crate) fn images(before: Option<&Content>, after: &Content) -> Vec<ImageChange> {
    let old = before.map(|before| &before.images);
    let both = old.into_iter().chain([&after.images]);
    let names: BTreeSet<&String> = both.flat_map(BTreeMap::keys).collect();
    let change = names.into_iter().map(|name| ImageChange {
        container: name.clone(),
        before: old.and_then(|old| old.get(name)).cloned(),
        after: after.images.get(name).cloned(),
    });
    let is_one = |change: &ImageChange| match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            (&before.repository, &before.tag, &before.digest)
                != (&after.repository, &after.tag, &after.digest)
        }
        _ => true,
    };
    change.filter(is_one).collect()
}

impl Changed {
    /// The same, to be read.
    pub(crate) fn element(&self) -> Markup {
        html! {
            @for ImageChange { container, before, after } in &self.images {
                div.change {
                    span.quiet { (container) } " "
                    @match (before, after) {
                        (Some(before), Some(after)) => {
                            (page::image(before)) span.arrow { " → " } (page::image(after))
                            @if before.digest == after.digest { span.quiet { " the same image by another tag" } }
                        }
                        (None, Some(after)) => { (page::image(after)) }
                        (Some(before), None) => { span.quiet { "no longer follows " } (page::image(before)) }
                        (None, None) => {}
                    }
                }
            }
            @match &self.file {
                None => {}
                Some(Err(why)) => div.change { "the file changed; how is not known: " (why) },
                Some(Ok(file)) if file.is_empty() => div.change { "the file is written otherwise and means the same" },
                Some(Ok(file)) => details.change {
                    summary { "file: " (file.len()) @if file.len() == 1 { " difference" } @else { " differences" } }
                    pre.difference { @for one in file.iter() { (plain(one)) "\n" } }
                },
            }
            @if self.since.is_some() && self.images.is_empty() && self.file.is_none() {
                span.quiet { "the same as release " (self.since.unwrap_or_default()) }
            }
        }
    }
}

/// A difference as the terminal shows it, without its colours.
fn plain(one: &Difference) -> String {
    let line = line(one, &Default::default(), false);
    anstream::adapter::strip_str(line.trim()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn content(images: &[(&str, &str, &str)]) -> Content {
        let image = |(container, tag, digest): &(&str, &str, &str)| {
            let image = Image {
                registry: "registry".into(),
                repository: "hello".into(),
                tag: (*tag).into(),
                digest: format!("sha256:{digest}"),
                pushed_at: Timestamp::UNIX_EPOCH,
                tagged_at: None,
            };
            ((*container).to_owned(), image)
        };
        Content {
            file: ContentHash::of(&json!("file")),
            images: images.iter().map(image).collect(),
            containers: None,
        }
    }

    #[test]
    fn an_image_changed_if_its_tag_or_digest_did_or_the_container_is_another() {
        let old = content(&[("log", "1", "a"), ("web", "1.0.0", "b"), ("sql", "3", "c")]);
        let new = content(&[("web", "1.1.0", "d"), ("sql", "3", "c"), ("api", "1", "e")]);
        let told: Vec<_> = images(Some(&old), &new)
            .into_iter()
            .map(|change| {
                let tag = |image: Option<Image>| image.map(|image| image.tag);
                (change.container, tag(change.before), tag(change.after))
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("api".into(), None, text("1")),
                ("log".into(), text("1"), None),
                ("web".into(), text("1.0.0"), text("1.1.0")),
            ]
        );
        assert_eq!(images(Some(&new), &new), []);
        assert_eq!(images(None, &new).len(), 3);
        let moved = content(&[("web", "latest", "d"), ("sql", "3", "c"), ("api", "1", "e")]);
        assert_eq!(
            images(Some(&new), &moved).len(),
            1,
            "another tag of the same image"
        );
    }
}

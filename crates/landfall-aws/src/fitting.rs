//! What of a repository the tasks of a service file can run.

use std::collections::BTreeMap;

use landfall::{
    content::ContentHash,
    desired::FollowedFile,
    followed::{Found, Search, Tagged},
    ignored::Reason,
    image::Image,
    platform::Platform,
};
use serde_json::Value;

use crate::{Aws, Fault, ecr::Shown};

/// How many indexes of one repository are looked into, latest first: each costs a call.
const MOST_INDEXES: usize = 20;

/// Looks for what the tasks of a followed file can run. The file and the manifest of an image are read only where the image
/// is an index, which may lack the tasks' platform.
#[derive(Debug)]
pub struct Fitting<'a> {
    aws: &'a Aws,
    content: &'a ContentHash,
}

impl<'a> Fitting<'a> {
    /// For the tasks of `file`.
    pub fn of(aws: &'a Aws, file: &'a FollowedFile) -> Self {
        Self {
            aws,
            content: &file.content,
        }
    }

    /// What has `tag` now.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn tagged(&self, repository: &str, tag: &str) -> Result<Tagged, Fault> {
        Ok(match self.aws.ecr().shown(repository, tag).await? {
            Shown::Nothing => Tagged::Nothing,
            Shown::Artifact(media_type) => Tagged::Unfit(Reason::Artifact { media_type }),
            Shown::Image(image) => Tagged::Image(image),
            Shown::Index(image) => {
                let unfit = match self.platform().await? {
                    Some(platform) => self.lacks(&image, &platform).await?,
                    None => None,
                };
                unfit.map_or(Tagged::Image(image), Tagged::Unfit)
            }
        })
    }

    /// What is found for each container.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn search(&self, searches: Vec<Search>) -> Result<BTreeMap<String, Found>, Fault> {
        let mut found = BTreeMap::new();
        for search in searches {
            let in_repository = self.look_through(&search).await?;
            found.insert(search.container, in_repository);
        }
        Ok(found)
    }

    /// What is found for each container whose digest is gone.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn search_gone(
        &self,
        searches: Vec<Search>,
    ) -> Result<BTreeMap<String, Found>, Fault> {
        let mut gone = Vec::new();
        for search in searches {
            let Some(known) = &search.known else { continue };
            let ecr = self.aws.ecr();
            if !ecr.has(&known.repository, &known.digest).await? {
                gone.push(search);
            }
        }
        self.search(gone).await
    }

    async fn look_through(&self, search: &Search) -> Result<Found, Fault> {
        let Search { rule, known, .. } = search;
        let repository = &rule.repository;
        let mut found = Found::default();
        if let Some(tag) = rule.tag.exact() {
            match self.tagged(repository, tag).await? {
                Tagged::Nothing => {}
                Tagged::Image(image) => found.image = Some(image),
                Tagged::Unfit(reason) => found.unfit.push((tag.into(), reason)),
            }
        } else {
            let listing = self.aws.ecr().listing(repository).await?;
            let mut platform = None;
            for image in rule.candidates(listing.tagged, known.as_ref()) {
                if listing.indexes.contains(&image.digest) {
                    if found.unfit.len() >= MOST_INDEXES {
                        break;
                    }
                    let platform = match &mut platform {
                        Some(known) => known,
                        unknown => unknown.insert(self.platform().await?),
                    };
                    if let Some(platform) = platform
                        && let Some(reason) = self.lacks(&image, platform).await?
                    {
                        found.unfit.push((image.tag, reason));
                        continue;
                    }
                }
                found.image = Some(image);
                break;
            }
        }
        if let (None, Some(known)) = (&found.image, known)
            && self.aws.ecr().has(repository, &known.digest).await?
        {
            found.image = Some(known.clone());
        }
        Ok(found)
    }

    async fn platform(&self) -> Result<Option<Platform>, Fault> {
        let file = self.aws.state().file(self.content).await?;
        Ok(Platform::certain(&file))
    }

    /// Why the tasks cannot run an image of this index; none if they can, or if nobody can say that they cannot.
    async fn lacks(&self, index: &Image, platform: &Platform) -> Result<Option<Reason>, Fault> {
        let manifest = self.aws.ecr().manifest(&index.repository, &index.digest);
        let manifest = manifest.await?.unwrap_or_default();
        let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
        let offers = platform.offered_instead(&manifest);
        Ok(offers.map(|offers| Reason::Platform {
            needs: platform.to_string(),
            offers,
        }))
    }
}

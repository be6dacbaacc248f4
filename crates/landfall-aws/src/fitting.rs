//! What of a repository the tasks of a service file can run.

use std::collections::{BTreeMap, BTreeSet};

use landfall::{
    content::ContentHash,
    desired::FollowedFile,
    followed::{Found, Search, Tagged},
    ignored::Reason,
    image::Image,
    platform::Platform,
    service_file::ServiceFile,
    together::{Member, complete, incomplete},
};
use serde_json::Value;

use crate::{
    Aws, Fault,
    ecr::{Ecr, Shown},
    state_bucket::StateBucket,
};

/// How many indexes of one repository are looked into, latest first: each costs a call.
const MOST_INDEXES: usize = 20;

/// Looks for what the tasks of a service file can run. The manifest of an image, and a followed file, are read only where the
/// image is an index, which may lack the tasks' platform.
#[derive(Debug)]
pub struct Fitting<'a> {
    ecr: &'a Ecr,
    file: File<'a>,
}

/// The service file whose tasks are to run an image.
#[derive(Debug)]
enum File<'a> {
    /// As the state bucket keeps it.
    Stored(&'a StateBucket, &'a ContentHash),
    Read(&'a ServiceFile),
}

impl<'a> Fitting<'a> {
    /// For the tasks of a file that is followed.
    pub fn of(aws: &'a Aws, file: &'a FollowedFile) -> Self {
        Self::of_stored(aws.ecr(), aws.state(), file)
    }

    /// For the tasks of a file that is followed, as this state bucket keeps it.
    pub fn of_stored(ecr: &'a Ecr, state: &'a StateBucket, file: &'a FollowedFile) -> Self {
        Self {
            ecr,
            file: File::Stored(state, &file.content),
        }
    }

    /// For the tasks of a file that need not be followed.
    pub fn of_read(ecr: &'a Ecr, file: &'a ServiceFile) -> Self {
        Self {
            ecr,
            file: File::Read(file),
        }
    }

    /// What has `tag` now.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn tagged(&self, repository: &str, tag: &str) -> Result<Tagged, Fault> {
        Ok(match self.ecr.shown(repository, tag).await? {
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
        let mut groups = BTreeMap::<String, Vec<Search>>::new();
        for search in searches {
            let leader = search.rule.with.as_ref().unwrap_or(&search.container);
            groups.entry(leader.clone()).or_default().push(search);
        }
        let mut found = BTreeMap::new();
        for (_, group) in groups {
            match &*group {
                [alone] => {
                    let in_repository = self.look_through(alone).await?;
                    found.insert(alone.container.clone(), in_repository);
                }
                group => found.extend(self.look_through_together(group).await?),
            }
        }
        Ok(found)
    }

    /// The images of the latest version of which each repository has one that the tasks can run.
    async fn look_through_together(
        &self,
        group: &[Search],
    ) -> Result<BTreeMap<String, Found>, Fault> {
        let (mut members, mut indexes) = (Vec::new(), BTreeSet::new());
        for search in group {
            let listing = self.ecr.listing(&search.rule.repository).await?;
            indexes.extend(listing.indexes);
            let known: Vec<_> = search.known.iter().chain(&search.heard).collect();
            members.push(Member {
                container: search.container.clone(),
                rule: search.rule.clone(),
                candidates: search.rule.candidates(listing.tagged, &known),
            });
        }
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let (mut platform, mut chosen) = (None, None);
        'versions: for version in complete(&members).into_iter().take(MOST_INDEXES) {
            for (container, image) in &version {
                if !indexes.contains(&image.digest) {
                    continue;
                }
                let platform = match &mut platform {
                    Some(known) => known,
                    unknown => unknown.insert(self.platform().await?),
                };
                if let Some(platform) = platform
                    && let Some(reason) = self.lacks(image, platform).await?
                {
                    let found = found.entry(container.clone()).or_default();
                    found.unfit.push((image.tag.clone(), reason));
                    continue 'versions;
                }
            }
            chosen = Some(version);
            break;
        }
        for (container, tag, lacks) in incomplete(&members, chosen.as_ref()) {
            let found = found.entry(container).or_default();
            found.unfit.push((tag, Reason::Incomplete { lacks }));
        }
        for search in group {
            let image = match (&chosen, &search.known) {
                (Some(chosen), _) => chosen.get(&search.container).cloned(),
                (None, Some(known)) => {
                    let is_there = self.ecr.has(&search.rule.repository, &known.digest).await?;
                    is_there.then(|| known.clone())
                }
                (None, None) => None,
            };
            found.entry(search.container.clone()).or_default().image = image;
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
        let leader = |search: &Search| {
            let with = search.rule.with.as_ref();
            with.unwrap_or(&search.container).clone()
        };
        let mut gone = BTreeSet::new();
        for search in &searches {
            let Some(known) = &search.known else { continue };
            if !self.ecr.has(&known.repository, &known.digest).await? {
                gone.insert(leader(search));
            }
        }
        let searches = searches.into_iter();
        let gone = searches.filter(|search| gone.contains(&leader(search)));
        self.search(gone.collect()).await
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
            let listing = self.ecr.listing(repository).await?;
            let mut platform = None;
            for image in rule.candidates(listing.tagged, &known.iter().collect::<Vec<_>>()) {
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
            && self.ecr.has(repository, &known.digest).await?
        {
            found.image = Some(known.clone());
        }
        Ok(found)
    }

    async fn platform(&self) -> Result<Option<Platform>, Fault> {
        Ok(match &self.file {
            File::Stored(state, content) => Platform::certain(&state.file(content).await?),
            File::Read(file) => Platform::certain(file),
        })
    }

    /// Why the tasks cannot run an image of this index; none if they can, or if nobody can say that they cannot.
    async fn lacks(&self, index: &Image, platform: &Platform) -> Result<Option<Reason>, Fault> {
        let manifest = self.ecr.manifest(&index.repository, &index.digest);
        let manifest = manifest.await?.unwrap_or_default();
        let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
        let offers = platform.offered_instead(&manifest);
        Ok(offers.map(|offers| Reason::Platform {
            needs: platform.to_string(),
            offers,
        }))
    }
}

//! Which releases' `service` sections ECS may have.

use std::collections::BTreeSet;

use crate::{live::LiveService, tags::RELEASE_TAG};

/// The numbers of the releases whose sections the service may have, besides those that are `known`: of the release that its
/// tag names, which gave it a section last, and of the release that the revision was registered for that it `runs`. These
/// differ after a roll-back by ECS itself, which brings the section of the revision that it goes back to: "When a rollback
/// is initiated, Amazon ECS changes the service revision to the most recent completed service revision"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-revision.html>). That one need not have been good: a
/// newer release may have superseded it once ECS had completed it. And of the releases that were `passed_over`
/// ([`crate::unseen::passed_over`]): ECS may not show yet what it was given by these.
pub fn given_by(
    live: &LiveService,
    runs: Option<u64>,
    passed_over: &BTreeSet<u64>,
    known: &[Option<u64>],
) -> BTreeSet<u64> {
    let tagged = live.tags.get(RELEASE_TAG).and_then(|tag| tag.parse().ok());
    let given = [tagged, runs].into_iter().flatten();
    given
        .chain(passed_over.iter().copied())
        .filter(|given| !known.contains(&Some(*given)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::live;

    #[test]
    fn sections_are_those_of_the_tag_and_of_the_revision_unless_they_are_known() {
        let numbers = |tag: &str, runs, passed_over: Option<u64>, known: &[Option<u64>]| {
            let mut live = live(1);
            live.tags.insert(RELEASE_TAG.into(), tag.into());
            Vec::from_iter(given_by(
                &live,
                runs,
                &passed_over.into_iter().collect(),
                known,
            ))
        };
        for (tag, runs, passed_over, known, given) in [
            ("3", None, None, vec![Some(5), Some(1)], vec![3]),
            ("3", Some(2), None, vec![Some(5), None], vec![2, 3]),
            ("3", Some(3), None, vec![Some(5), Some(1)], vec![3]),
            ("5", Some(2), None, vec![Some(5), Some(1)], vec![2]),
            ("1", Some(1), None, vec![Some(5), Some(1)], vec![]),
            ("1", Some(1), Some(4), vec![Some(5), Some(1)], vec![4]),
            ("none", None, None, vec![Some(5), Some(1)], vec![]),
        ] {
            assert_eq!(
                numbers(tag, runs, passed_over, &known),
                given,
                "{tag} {runs:?} {known:?}"
            );
        }
        assert!(given_by(&live(1), None, &BTreeSet::new(), &[]).is_empty());
    }
}

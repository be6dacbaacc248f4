//! Work for many services or files: a bounded number at once, and nothing new is begun once time runs out.

use std::fmt;

use crate::Fault;
use futures_util::{StreamExt, stream::FuturesUnordered};

/// How many are worked on at once. More would be no quicker: a function of 256 MB has a seventh of a processor
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>), and most of what it does is signing and
/// reading.
const AT_ONCE: usize = 16;

/// What became of many things.
#[derive(Debug)]
pub struct Ended<R> {
    /// What became of those that were begun, in the order in which they ended.
    pub results: Vec<R>,
    /// How many were not begun, because time ran out.
    pub left: usize,
}

/// Does `work` for every item, until `is_late`: what was begun by then is ended.
pub async fn each<T, F: Future>(
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    is_late: impl Fn() -> bool,
    work: impl Fn(T) -> F,
) -> Ended<F::Output> {
    let mut waiting = items.into_iter();
    let mut running = FuturesUnordered::new();
    let mut results = Vec::new();
    loop {
        while running.len() < AT_ONCE && waiting.len() > 0 && !is_late() {
            running.extend(waiting.next().map(&work));
        }
        match running.next().await {
            Some(result) => results.push(result),
            None => break,
        }
    }
    let left = waiting.len();
    Ended { results, left }
}

/// The failure that says that `left` of `all` were not begun: whoever invoked the function repeats it.
pub fn out_of_time(left: usize, all: usize, of: impl fmt::Display) -> Fault {
    Fault::transient(format!("time ran out: {left} of {all} {of} are left"))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bounded_number_is_worked_on_at_once_and_nothing_is_begun_late() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let work = |number: usize| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                sleep(Duration::from_secs(1)).await;
                running.set(running.get() - 1);
                number
            }
        };
        let began = Instant::now();
        let ended = each(0..100, || false, work).await;
        assert_eq!(most.get(), AT_ONCE);
        assert_eq!(ended.left, 0);
        let mut numbers = ended.results;
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..100));
        assert_eq!(began.elapsed().as_secs(), 7);

        let began = Instant::now();
        let is_late = || began.elapsed() >= Duration::from_secs(2);
        let ended = each(0..100, is_late, work).await;
        assert_eq!((ended.results.len(), ended.left), (2 * AT_ONCE, 68));
        let ended = each(0..3, || true, work).await;
        assert_eq!((ended.results.len(), ended.left), (0, 3));
        assert_eq!(
            out_of_time(68, 100, "followers of hello").to_string(),
            "time ran out: 68 of 100 followers of hello are left"
        );
    }
}

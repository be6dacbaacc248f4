//! What pages that are open show, read again and again: by one reader for all pages that show the same, and only while one does.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use landfall_aws::Fault;
use maud::html;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    glance::Watcher,
    overview, page,
    running::Console,
    section::{Section, changes},
    service,
    shown::{Feed, Shown, Topic},
    weeks,
};
use crate::links;

/// How often one service is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How many services are read in a second on the average, where all are shown: each costs two calls, and S3 is paid by the call.
const SERVICES_A_SECOND: u64 = 50;

/// How often all services are read at most, and at least.
const OFTEN: u64 = 2;
const SELDOM: u64 = 60;

/// How often figures are read: they are of weeks.
const RARELY: Duration = Duration::from_secs(600);

/// For how long something is still kept once no page shows it: whoever goes from one page to the next need not wait.
const LINGERS: Duration = Duration::from_secs(10);

/// How long a page that is asked for waits for what it shows. Without it, the page is shown as it is, and gets it next.
const PATIENCE: Duration = Duration::from_millis(400);

impl Feed {
    /// What is shown of a topic, now and from now on.
    fn follow(console: &Arc<Console>, topic: Topic) -> watch::Receiver<Shown> {
        let topics = console.feed.topics.lock();
        let mut topics = topics.unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = topics.get(&topic) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(Shown::default());
        topics.insert(topic.clone(), sender.clone());
        let console = console.clone();
        tokio::spawn(async move { keep(&console, topic, &sender).await });
        receiver
    }

    /// What is shown of a topic; nothing if that takes too long.
    pub(crate) async fn now(console: &Arc<Console>, topic: Topic) -> Shown {
        let mut receiver = Self::follow(console, topic);
        // Too late, it is empty: the changes bring it.
        let _ = timeout(PATIENCE, receiver.wait_for(|shown| shown.version > 0)).await;
        let shown = receiver.borrow();
        shown.clone()
    }

    /// What changes, for a page that shows the version `since`.
    pub(crate) fn changes(
        console: &Arc<Console>,
        topic: Topic,
        since: u64,
    ) -> impl Stream<Item = Result<Event, std::convert::Infallible>> + use<> {
        let receiver = Self::follow(console, topic);
        let start = (receiver, since, None::<Arc<Vec<Section>>>);
        stream::unfold(
            start,
            |(mut receiver, mut version, mut sections)| async move {
                loop {
                    let shown = receiver.borrow_and_update().clone();
                    if shown.version > 0 && shown.version != version {
                        let known = sections.take().or_else(|| shown.known(version));
                        let known = known.as_deref().map_or(&[][..], Vec::as_slice);
                        let pieces = changes(known, &shown.sections);
                        version = shown.version;
                        sections = Some(shown.sections);
                        // Of strings alone, which can be written.
                        let data = serde_json::to_string(&pieces).unwrap_or_default();
                        let event = Event::default().id(version.to_string()).data(data);
                        return Some((Ok(event), (receiver, version, sections)));
                    }
                    receiver.changed().await.ok()?;
                }
            },
        )
    }
}

/// Reads a topic as long as pages show it.
async fn keep(console: &Console, topic: Topic, sender: &watch::Sender<Shown>) {
    let mut watcher = match &topic {
        Topic::All | Topic::Figures(_) => None,
        Topic::Service(service) => {
            let (landfall, reader) = (&console.landfall, &console.reader);
            Some(Watcher::new(landfall, reader, service.clone()))
        }
    };
    let mut read_at = None;
    loop {
        let began = Instant::now();
        let read = match (&topic, &mut watcher) {
            (Topic::Figures(None), _) => weeks::of_all(console).await.map(|all| (all, RARELY)),
            (Topic::Figures(Some(service)), _) => {
                let figures = weeks::of_one(console, service).await;
                figures.map(|figures| (figures, RARELY))
            }
            (_, None) => all(console).await,
            (_, Some(watcher)) => one(console, watcher)
                .await
                .map(|sections| (sections, EVERY)),
        };
        let (sections, pause) = match read {
            Ok((sections, pause)) => {
                read_at = Some(Timestamp::now());
                let calm = Section::whole("notice", &html! {});
                ([calm].into_iter().chain(sections).collect(), pause)
            }
            Err(fault) => {
                let notice = notice(console, fault, read_at);
                let shown = sender.borrow().sections.clone();
                let rest = shown.iter().skip(1).cloned();
                (
                    [notice].into_iter().chain(rest).collect::<Vec<_>>(),
                    5 * EVERY,
                )
            }
        };
        sender.send_if_modified(|shown| {
            let differs = *shown.sections != sections;
            if differs {
                shown.become_these(sections, console.feed.next_version());
            }
            differs
        });
        // What takes long is not begun again at once.
        let pause = pause.max(began.elapsed());
        if !rest(console, &topic, sender, pause).await {
            return;
        }
    }
}

/// Waits for so long, and until a page shows the topic. Answers whether one does; otherwise nobody can get at it any more.
async fn rest(
    console: &Console,
    topic: &Topic,
    sender: &watch::Sender<Shown>,
    pause: Duration,
) -> bool {
    let began = Instant::now();
    let mut last_shown = began;
    loop {
        if sender.receiver_count() > 0 {
            last_shown = Instant::now();
            if began.elapsed() >= pause {
                return true;
            }
        } else if last_shown.elapsed() > LINGERS {
            let topics = console.feed.topics.lock();
            let mut topics = topics.unwrap_or_else(PoisonError::into_inner);
            // A page may have come in between.
            if sender.receiver_count() == 0 {
                topics.remove(topic);
                return false;
            }
        }
        sleep(EVERY / 8).await;
    }
}

async fn all(console: &Console) -> Result<(Vec<Section>, Duration), Fault> {
    let views = console.reader.all().await?;
    let rejected = console.reader.rejected(&views).await?;
    let every = every(views.len());
    let sections = overview::sections(&views, &rejected, every);
    Ok((sections, Duration::from_secs(every)))
}

/// How many seconds pass between two readings of so many services.
fn every(services: usize) -> u64 {
    let services = u64::try_from(services).unwrap_or(u64::MAX);
    services.div_ceil(SERVICES_A_SECOND).clamp(OFTEN, SELDOM)
}

async fn one(console: &Console, watcher: &mut Watcher<'_>) -> Result<Vec<Section>, Fault> {
    let Some(seen) = watcher.look().await? else {
        let none = html! {
            h1 { "No such service" }
            p.empty { "No service file has described it yet. " a href="/" { "All services" } }
        };
        return Ok(vec![Section::whole("head", &none)]);
    };
    let desired = &seen.view.desired;
    let arn = seen.live.as_ref().ok().and_then(Option::as_ref);
    let page = arn.and_then(|live| links::service(&desired.service, &live.service.arn));
    let page = page.filter(|_| !console.landfall.is_here);
    let pages: Vec<_> = page
        .into_iter()
        .map(|page| (page, "AWS's console".to_owned()))
        .collect();
    Ok(service::sections(
        &seen,
        console.guard.allows_changes,
        &pages,
    ))
}

/// That something could not be read.
fn notice(console: &Console, fault: Fault, read_at: Option<Timestamp>) -> Section {
    let report = console.landfall.report(fault);
    let notice = html! {
        p.notice role="alert" {
            (report)
            @if let Some(help) = report.help() { ": " (help) }
            @if let Some(at) = read_at { " What is shown was read " (page::ago(at)) "." }
        }
    };
    Section::whole("notice", &notice)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::StreamExt;

    use super::*;
    use crate::{console::guard::Guard, view::Reader, which::Landfall};

    #[tokio::test(start_paused = true)]
    async fn pages_that_show_the_same_share_one_reader_which_ends_after_them() {
        // Nothing listens there, which is told like anything else.
        let landfall = Landfall::here(1).await;
        let console = Arc::new(Console {
            reader: Reader::of(&landfall),
            landfall,
            guard: Guard::new(1, false),
            feed: Feed::default(),
        });
        let read = || console.feed.topics.lock().unwrap().len();
        let hello = || Topic::Service("web/hello".parse().unwrap());
        let pages = [hello(), hello(), Topic::All];
        let mut pages = pages.map(|topic| Box::pin(Feed::changes(&console, topic, 0)));
        for page in &mut pages {
            assert!(page.next().await.is_some());
        }
        assert_eq!(read(), 2);
        let shown = Feed::now(&console, hello()).await;
        let told = shown.sections[0].element().into_string();
        assert!(
            told.contains("is `landfall local` running, and on this port?"),
            "{told}"
        );

        let [one, other, all] = pages;
        drop((one, all));
        sleep(3 * LINGERS).await;
        assert_eq!(read(), 1, "one page still shows the service");
        drop(other);
        sleep(3 * LINGERS).await;
        assert_eq!(read(), 0);
    }

    #[test]
    fn the_more_services_there_are_the_more_seldom_all_of_them_are_read() {
        let told = [0, 10, 100, 101, 1000, 100_000].map(every);
        assert_eq!(told, [2, 2, 2, 3, 20, 60]);
    }
}

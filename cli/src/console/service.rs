//! The page of one service: where its release is, what runs, and what became of its releases.

use landfall::{
    ignored::IgnoredTag,
    live::{DeploymentStatus, LiveDeployment},
    record::{Record, Release, Verdict},
    status::FileStatus,
};
use maud::{Markup, html};

use super::{
    actions,
    course::{Course, Glimpse, is_bad, is_open},
    glance::{Group, Live, Seen},
    overview::{self, Sign},
    page,
    section::Section,
};
use crate::view::{View, tags};

/// The sections of the page.
pub(crate) fn sections(
    seen: &Seen,
    allows_changes: bool,
    pages: &[(String, String)],
) -> Vec<Section> {
    vec![
        Section::whole("head", &head(&seen.view, allows_changes, pages)),
        Section::whole("needs", &needs(&seen.view)),
        Section::whole("now", &now(seen)),
        Section::whole("live", &live(seen)),
        Section::whole("follows", &follows(&seen.view)),
        Section::whole("history", &history(seen)),
    ]
}

fn head(view: &View, allows_changes: bool, pages: &[(String, String)]) -> Markup {
    let service = &view.desired.service;
    let (number, standing, since) = view.newest();
    let offered = actions::ALL.iter();
    let offered = offered.filter(|action| allows_changes && (action.is_offered)(view));
    html! {
        nav.crumbs aria-label="Where this is" { a href="/" { "Services" } }
        div.title {
            h1 { span.quiet { (service.cluster()) "/" } (service.service()) }
            p.verdict {
                @if let Some(number) = number {
                    "release " a href=(page::address_of(service, number)) { (number) } " "
                }
                (page::standing(standing))
                @if let Some(since) = since { " " (page::ago(since)) }
                @for sign in Sign::of(view).into_iter().filter(|sign| *sign != Sign::Paused) { " " (sign.mark()) }
            }
            p.actions {
                (actions::buttons(service, offered))
                a.button.plain href={ (page::address(service)) "/figures" } { "Figures" }
                @for (address, name) in pages { " " (page::link(address, name)) }
            }
        }
    }
}

/// The release that is worked on, or that waits.
fn now(seen: &Seen) -> Markup {
    let desired = &seen.view.desired;
    html! {
        @for release in desired.open.iter().rev() {
            article.release {
                h2 {
                    "Release " (release.number) " "
                    (page::standing(seen.view.standing_of(release.number)))
                    small { (release.cause) ", " (page::ago(release.created_at)) }
                }
                @if let Some(changed) = seen.changed.get(&release.number) { (changed.element()) }
                (acts(release))
                @if let Some(pause) = desired.pause_of(release.number) {
                    @for hook in &pause.hooks {
                        @if let (Some(until), Some(then)) = (hook.until, &hook.then) {
                            p.countdown { (page::until(until)) " until ECS does " (then) }
                        }
                    }
                }
                @if desired.claim.as_ref().is_some_and(|claim| claim.release == release.number) {
                    @match &seen.course {
                        Some(Ok(course)) => (way(course, seen.bake_seconds)),
                        Some(Err(why)) => p.notice { "Its stages are not known: " (why) },
                        None => {}
                    }
                }
            }
        }
    }
}

/// What people did that let a release begin.
pub(crate) fn acts(release: &Release) -> Markup {
    html! { @for act in &release.acts { p.act { (act) ", " (page::ago(act.at)) } } }
}

fn way(course: &Course, bake_seconds: Option<u64>) -> Markup {
    html! {
        (rail(course))
        @for deadline in course.deadlines(bake_seconds) {
            p.countdown { (page::until(deadline.at)) " until it " (deadline.what) }
        }
        (looks(&course.looks))
    }
}

/// The stages that a release went through, and those that are ahead of it.
pub(crate) fn rail(course: &Course) -> Markup {
    html! {
        ol.rail aria-label="Stages" {
            @for (index, stage) in course.stages.iter().enumerate() {
                @let goes_back = stage.what == "goes back";
                @match stage.ended {
                    Some(ended) => li.done.back[goes_back].failed[course.failed_in(index)] {
                        span.what { (stage.what) } span.took { (page::between(stage.began, ended)) }
                    },
                    None => li.now.back[goes_back] aria-current="step" {
                        span.what { (stage.what) } span.took { (page::for_now(stage.began)) }
                    },
                }
            }
            @for what in course.ahead() { li.ahead { span.what { (what) } } }
        }
    }
}

/// The last looks: a strip, and what they said.
pub(crate) fn looks(looks: &[Glimpse]) -> Markup {
    html! {
        @if !looks.is_empty() {
            div.looks {
                ol.strip aria-label="The last looks, oldest first" {
                    @for glimpse in looks {
                        @let look = &glimpse.look;
                        li.bad[is_bad(look.outcome)].open[is_open(look.outcome)] title=(look.reason) {
                            span.visually-hidden { (word(glimpse)) }
                        }
                    }
                }
                table.said {
                    caption.visually-hidden { "What the last looks said, newest first" }
                    tbody {
                        @for glimpse in looks.iter().rev().take(6) {
                            tr { td.number { (page::ago(glimpse.at)) } td { (word(glimpse)) } td { (glimpse.look.reason) (answers(glimpse)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the probes of a look were answered, and how soon.
fn answers(glimpse: &Glimpse) -> Markup {
    html! {
        @for answer in glimpse.probes() {
            div.quiet {
                (answer)
                @if let Some(milliseconds) = answer.milliseconds { " after " (milliseconds) " ms" }
            }
        }
    }
}

/// The outcome of a look as people say it.
fn word(glimpse: &Glimpse) -> String {
    let outcome = serde_json::to_value(glimpse.look.outcome).unwrap_or_default();
    let word = outcome.as_str().unwrap_or_default().replace('-', " ");
    if is_bad(glimpse.look.outcome) {
        format!("✕ {word}")
    } else {
        word
    }
}

fn needs(view: &View) -> Markup {
    let needs = overview::needs(view);
    let by = view.desired.hold.as_ref().and_then(|hold| hold.by.as_ref());
    html! {
        @if !needs.is_empty() {
            h2 { "Needs somebody" }
            ul.needs { @for need in &needs { li { (need) } } }
        }
        @if let Some(hold) = &view.desired.hold {
            p.quiet { "On hold for " (page::for_now(hold.since)) @if let Some(by) = by { ", by " (by) } "." }
        }
        @if let Some(FileStatus::Rejected { message, .. }) = &view.upload {
            details.rejected open { summary { "The newest version of its file was rejected, so the one before is followed" } pre { (message) } }
        }
    }
}

/// What runs: tasks by deployment, and targets by group.
fn live(seen: &Seen) -> Markup {
    html! {
        h2 { "Runs " strong { (seen.view.runs()) } }
        @match &seen.live {
            Ok(Some(live)) => (tasks(live)),
            Ok(None) => p.quiet { "ECS has no such service yet." },
            Err(why) => p.notice { "What ECS runs is not known: " (why) },
        }
    }
}

fn tasks(live: &Live) -> Markup {
    let service = &live.service;
    html! {
        dl.tasks {
            @for deployment in &service.deployments {
                dt {
                    code { (revision(deployment)) } " "
                    span.quiet { (age(deployment, service.deployments.len())) }
                }
                dd {
                    (dots(deployment.running_count, service.desired_count))
                    " " strong { (deployment.running_count) } " of " (service.desired_count) " run"
                    @if deployment.failed_tasks > 0 {
                        " " span.failed { "✕ " (deployment.failed_tasks) " failed" }
                    }
                    @if let Some(state) = &deployment.rollout_state { span.quiet { " · " (state) } }
                }
            }
            @for group in &live.groups { (targets(group)) }
        }
    }
}

fn targets(group: &Group) -> Markup {
    html! {
        dt { span.quiet { "target group " } (group.name) }
        dd {
            @if let Some(share) = group.share { (bar(share)) " " strong { (share) " %" } " of the requests · " }
            @if group.targets.is_empty() { " no targets" }
            @for (state, count) in &group.targets {
                " " span.target.healthy[state == "healthy"] { strong { (count) } " " (state) }
            }
        }
    }
}

/// `hello:7` of a revision's ARN.
fn revision(deployment: &LiveDeployment) -> &str {
    let arn = &deployment.task_definition;
    arn.rsplit('/').next().unwrap_or(arn)
}

fn age(deployment: &LiveDeployment, all: usize) -> &'static str {
    match deployment.status {
        _ if all == 1 => "",
        DeploymentStatus::Primary => "new",
        DeploymentStatus::Active => "old",
        _ => "gone",
    }
}

/// A square for each task that is wanted, filled where it runs; none for more than fit.
fn dots(running: i32, wanted: i32) -> Markup {
    let all = running.max(wanted);
    let wide = all * 12;
    html! {
        @if (1..=24).contains(&all) {
            svg.dots aria-hidden="true" width=(wide) height="10" viewBox={ "0 0 " (wide) " 10" } {
                @for index in 0..all {
                    rect.runs[index < running] x=(index * 12 + 1) y="1" width="8" height="8" rx="2" {}
                }
            }
        }
    }
}

/// A share in percent, as a bar.
fn bar(share: i32) -> Markup {
    html! {
        svg.share aria-hidden="true" width="72" height="10" viewBox="0 0 72 10" {
            rect.all x="1" y="1" width="70" height="8" rx="2" {}
            rect.part x="1" y="1" width=(share * 70 / 100) height="8" rx="2" {}
        }
    }
}

fn follows(view: &View) -> Markup {
    let desired = &view.desired;
    let passed_over: Vec<&IgnoredTag> = desired
        .ignored
        .iter()
        .rev()
        .filter(|tag| overview::tells(tag))
        .collect();
    html! {
        h2 { "Follows " @if let Some(file) = &desired.file { code { (file.key) } } @else { "no file" } }
        @if let Some(file) = &desired.file {
            dl.tasks {
                @for (container, rule) in &file.follows {
                    dt { span.quiet { "container " } (container) }
                    dd {
                        code { (rule.repository) ":" (rule.tag) } ", newest "
                        @match desired.images.get(container) {
                            Some(image) => { (page::image(image)) " pushed " (page::ago(image.since())) },
                            None => "not pushed yet",
                        }
                    }
                }
            }
        }
        @if !passed_over.is_empty() {
            details {
                summary { (passed_over.len()) @if passed_over.len() == 1 { " tag was passed over" } @else { " tags were passed over" } }
                ul { @for tag in passed_over { li { (tag) ", " (page::ago(tag.at)) } } }
            }
        }
    }
}

fn history(seen: &Seen) -> Markup {
    let records = &seen.view.records;
    html! {
        h2 { "History" }
        @if records.is_empty() {
            p.quiet { "No release has ended yet." }
        } @else {
            table.wide.history {
                caption.visually-hidden { "Releases that have ended, newest first" }
                thead {
                    tr {
                        th.number scope="col" { "Release" } th scope="col" { "Verdict" }
                        th.number scope="col" { "Ended" } th.number scope="col" { "Took" }
                        th scope="col" { "What changed" } th scope="col" { "Why" }
                    }
                }
                tbody { @for record in records { (record_row(seen, record)) } }
            }
        }
    }
}

fn record_row(seen: &Seen, record: &Record) -> Markup {
    let (release, timeline) = (&record.release, &record.timeline);
    let has_reason = !matches!(record.verdict, Verdict::Succeeded | Verdict::Superseded);
    html! {
        tr {
            th.number scope="row" { a href=(page::address_of(&record.service, release.number)) { (release.number) } }
            td data-name="Verdict" { (page::verdict(record.verdict)) }
            td.number data-name="Ended" { (page::ago(timeline.concluded_at)) }
            td.number data-name="Took" { (page::between(timeline.created_at, timeline.concluded_at)) }
            td data-name="Changed" {
                @match seen.changed.get(&release.number) {
                    Some(changed) => (changed.element()),
                    None => (tags(&release.content)),
                }
            }
            td.why data-name="Why" {
                span.quiet { (release.cause) }
                @if has_reason { " " span.reason { (record.reason) } }
            }
        }
    }
}

//! The page of one release that has ended: how, why, what it changed, and how it went.

use landfall::{
    evidence::Against,
    live::StoppedTask,
    probe::ProbeAnswer,
    record::{Diagnosis, Record, Timeline},
    undecided::duration,
};
use maud::{Markup, html};

use super::{changed::Changed, course::Course, figures::percentile, page, plot, service};

/// A release that has ended.
pub(crate) struct Ended {
    /// Its record.
    pub(crate) record: Record,
    /// The newest one before it that succeeded.
    pub(crate) before: Option<Record>,
    /// What it changed.
    pub(crate) changed: Changed,
    /// The course of its execution, as long as Step Functions remembers it.
    pub(crate) course: Option<Course>,
    /// The course of the one before, likewise.
    pub(crate) course_before: Option<Course>,
    /// The number of the newest release.
    pub(crate) newest: u64,
    /// The pages of AWS's console about it: what is to be seen there, and the address.
    pub(crate) pages: Vec<(String, String)>,
}

impl Ended {
    /// The page.
    pub(crate) fn element(&self) -> Markup {
        let record = &self.record;
        let (service, release) = (&record.service, &record.release);
        let number = release.number;
        html! {
            nav.crumbs aria-label="Where this is" {
                a href="/" { "Services" } " / " a href=(page::address(service)) { (service) }
            }
            div.title {
                h1 { "Release " (number) }
                p.verdict { (page::verdict(record.verdict)) " " (page::ago(record.timeline.concluded_at)) }
                p.actions {
                    @if number > 1 { a.button.plain rel="prev" href=(page::address_of(service, number - 1)) { "← " (number - 1) } }
                    @if number < self.newest { " " a.button.plain rel="next" href=(page::address_of(service, number + 1)) { (number + 1) " →" } }
                }
            }
            p.sentence { (record.reason) }
            section {
                h2 { "What it changed" @if let Some(since) = self.changed.since { small { " since release " (since) } } }
                (self.changed.element())
                p.quiet { "Made because " (release.cause) "." }
                (service::acts(release))
            }
            @if let Some(diagnosis) = &record.diagnosis { section { (evidence(diagnosis)) } }
            section { h2 { "Timeline" } (self.timeline()) }
            @if let Some(before) = &self.before { section { (self.numbers(before)) } }
            (self.links())
        }
    }

    fn timeline(&self) -> Markup {
        let Timeline {
            created_at,
            execution_started_at,
            concluded_at,
            ..
        } = &self.record.timeline;
        html! {
            @if let Some(course) = &self.course { (service::rail(course)) }
            dl.facts {
                dt { "made" } dd { (page::when(*created_at)) }
                @if let Some(started) = execution_started_at { dt { "started" } dd { (page::when(*started)) } }
                dt { "ended" }
                dd { (page::when(*concluded_at)) ", " (page::between(*created_at, *concluded_at)) " after it was made" }
                @for (seconds, of) in uncounted(&self.record.timeline) {
                    dt { (of) } dd { (duration(seconds)) }
                }
            }
            @if let Some(course) = &self.course { (service::looks(&course.looks)) }
        }
    }

    /// What was measured of it, against the release before.
    fn numbers(&self, before: &Record) -> Markup {
        let (new, old) = (self.record.release.number, before.release.number);
        html! {
            h2 { "In numbers" }
            table.numbers {
                thead { tr { th scope="col" { "" } th.number scope="col" { "release " (new) } th.number scope="col" { "release " (old) } th {} } }
                tbody {
                    @for (what, new, old) in self.measured(before) {
                        tr {
                            th scope="row" { (what) }
                            td.number { @if let Some(new) = new { (page::lasted(new)) } }
                            td.number { @if let Some(old) = old { (page::lasted(old)) } }
                            td { (plot::pair(new.unwrap_or(0.0), old.unwrap_or(0.0))) }
                        }
                    }
                }
            }
        }
    }

    /// Seconds, of it and of the release before: to the verdict, in each stage, and until probes were answered.
    fn measured(&self, before: &Record) -> Vec<(String, Option<f64>, Option<f64>)> {
        let both = [
            Numbers::of(&self.record, self.course.as_ref()),
            Numbers::of(before, self.course_before.as_ref()),
        ];
        let mut names: Vec<&String> = Vec::new();
        for (name, _) in both.iter().flat_map(|numbers| &numbers.0) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let [new, old] = &both;
        let row = |name: &String| (name.clone(), new.seconds(name), old.seconds(name));
        names.into_iter().map(row).collect()
    }

    fn links(&self) -> Markup {
        let record = &self.record;
        let execution = record.execution.as_deref();
        html! {
            section {
                h2 { "Where to look" }
                dl.facts {
                    @if let Some(revision) = &record.task_definition { dt { "revision" } dd { code { (revision.arn) } } }
                    @if let Some(execution) = execution { dt { "execution" } dd { code { (execution) } } }
                    dt { "terminal" } dd { code { "landfall show " (record.service) " " (record.release.number) } }
                    dt { "its log" } dd { code { "landfall logs " (record.service) " --release " (record.release.number) } }
                    @if !self.pages.is_empty() {
                        dt { "AWS's console" }
                        dd { @for (what, address) in &self.pages { (page::link(address, what)) " " } }
                    }
                }
            }
        }
    }
}

/// What was measured of a release: names, and seconds.
struct Numbers(Vec<(String, f64)>);

impl Numbers {
    fn of(record: &Record, course: Option<&Course>) -> Self {
        let Timeline {
            created_at,
            concluded_at,
            ..
        } = &record.timeline;
        let whole = concluded_at.duration_since(*created_at).as_secs_f64();
        let mut all = vec![("from made to verdict".to_owned(), whole)];
        let stages = course.map(Course::took).unwrap_or_default();
        all.extend(stages.into_iter().map(|(what, took)| (what.into(), took)));
        let mut answers = course.map(Course::answers).unwrap_or_default();
        // Of a bad release the record has the answer that counted.
        let probe = record.diagnosis.as_ref().and_then(|of| of.probe.as_ref());
        if let Some(probe) = probe
            && let Some(milliseconds) = probe.milliseconds
        {
            let known = answers.entry(probe.url.clone()).or_default();
            if known.is_empty() {
                known.push(milliseconds as f64 / 1000.0);
            }
        }
        for (url, mut took) in answers {
            took.sort_by(f64::total_cmp);
            let median = percentile(&took, 50);
            all.extend(median.map(|median| (format!("the answer of {url}, median"), median)));
        }
        Self(all)
    }

    fn seconds(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, seconds)| *seconds)
    }
}

/// The times that did not count against it.
fn uncounted(timeline: &Timeline) -> Vec<(u64, &'static str)> {
    let all = [
        (timeline.blind_seconds, "nobody could look"),
        (timeline.paused_seconds, "paused"),
        (timeline.withheld_seconds, "ECS could not start its tasks"),
    ];
    all.into_iter()
        .filter(|(seconds, _)| *seconds > 0)
        .collect()
}

fn evidence(diagnosis: &Diagnosis) -> Markup {
    let against = match diagnosis.against.unwrap_or_default() {
        Against::Release => "against the release",
        Against::Platform => "against AWS, not against the release",
        Against::File => "against the service file, not against the images",
        Against::Nobody => "against nobody",
    };
    html! {
        h2 { "Evidence " small { "speaks " (against) } }
        @if let Some(task) = &diagnosis.task {
            div.evidence {
                p { "The task " strong { (task.name) } " of the section " code { (task.phase.word()) } ": " (task.reason) }
                @if let Some(log) = &task.log { p.quiet { "Its log: group " code { (log.group) } ", stream " code { (log.stream) } } }
            }
        }
        @if let Some(probe) = &diagnosis.probe { (answer(probe)) }
        @for (task, names) in alike(&diagnosis.stopped_tasks) { (stopped(task, &names)) }
        @if !diagnosis.service_events.is_empty() {
            details.evidence open[diagnosis.service_events.len() < 6] {
                summary { "What ECS said, newest first" }
                ul { @for event in &diagnosis.service_events { li { (event) } } }
            }
        }
        @if !diagnosis.undone.is_empty() { p { "So " (diagnosis.undone) "." } }
    }
}

fn answer(probe: &ProbeAnswer) -> Markup {
    html! {
        div.evidence {
            p {
                (page::link(&probe.url, &probe.url)) " answered"
                @if let Some(milliseconds) = probe.milliseconds { " after " (milliseconds) " ms" }
                @match (&probe.error, probe.status) {
                    (Some(error), _) => { ": " (error) },
                    (None, Some(status)) => { " " strong { (status) } },
                    (None, None) => " nothing",
                }
            }
            @if !probe.body.is_empty() { pre { (probe.body) } }
        }
    }
}

/// Tasks that ended alike, with their names.
fn alike(tasks: &[StoppedTask]) -> Vec<(&StoppedTask, Vec<&str>)> {
    let mut groups: Vec<(&StoppedTask, Vec<&str>)> = Vec::new();
    for task in tasks {
        let name = task.task.rsplit('/').next().unwrap_or(&task.task);
        let is_like = |known: &StoppedTask| {
            known.reason == task.reason && known.containers == task.containers
        };
        match groups.iter_mut().find(|(known, _)| is_like(known)) {
            Some((_, names)) => names.push(name),
            None => groups.push((task, vec![name])),
        }
    }
    groups
}

fn stopped(task: &StoppedTask, names: &[&str]) -> Markup {
    html! {
        div.evidence {
            p {
                @match names { [_] => "A task stopped: ", names => { strong { (names.len()) } " tasks stopped: " } }
                (task.reason)
            }
            @if !task.containers.is_empty() {
                ul {
                    @for container in &task.containers {
                        li {
                            strong { (container.name) }
                            @if let Some(code) = container.exit_code { " exited with " code { (code) } }
                            @if let Some(reason) = &container.reason { ": " (reason) }
                        }
                    }
                }
            }
            p.quiet { @for name in names { code { (name) } " " } }
        }
    }
}

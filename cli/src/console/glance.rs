//! One service, read again and again: its desired state and records, and what AWS shows of it.

use std::collections::BTreeMap;

use landfall::{
    content::ContentHash,
    desired::{Claim, DesiredState},
    live::{LiveBalancer, LiveService},
    record::Record,
    service_id::ServiceId,
};
use landfall_aws::{Fault, elb::Elb};

use super::{
    changed::{self, Changed, Comparer},
    course::Course,
};
use crate::{
    view::{Reader, View},
    which::Landfall,
};

/// How many of the newest releases are shown.
pub(crate) const NEWEST: usize = 25;

/// While nothing is under way and the service is steady, ECS is asked with every so many looks.
const SELDOM: u32 = 10;

/// A service, as it was found.
pub(crate) struct Seen {
    /// Its desired state, and its newest records.
    pub(crate) view: View,
    /// What each of its releases changed, by number.
    pub(crate) changed: BTreeMap<u64, Changed>,
    /// The course of the release that is worked on, or why it is not known.
    pub(crate) course: Option<Result<Course, String>>,
    /// What ECS says of the service, or why it is not known; none if there is no such service.
    pub(crate) live: Result<Option<Live>, String>,
    /// For how long, in seconds, the release that is worked on is watched once it is healthy.
    pub(crate) bake_seconds: Option<u64>,
}

/// What ECS and Elastic Load Balancing say of a service.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// The service.
    pub(crate) service: LiveService,
    /// Its target groups.
    pub(crate) groups: Vec<Group>,
}

/// A target group of a service.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// Its share of the requests in percent, where a rule divides them.
    pub(crate) share: Option<i32>,
    /// How many of its targets are in which state.
    pub(crate) targets: BTreeMap<String, usize>,
}

/// Looks at one service.
pub(crate) struct Watcher<'a> {
    landfall: &'a Landfall,
    reader: &'a Reader,
    service: ServiceId,
    /// What the records were read for, and they.
    known: Option<(Progress, Vec<Record>)>,
    comparer: Comparer,
    course: Option<(String, Course)>,
    bake: Option<(ContentHash, u64)>,
    live: Result<Option<Live>, String>,
    looks: u32,
}

/// What a new record goes with.
type Progress = (u64, Option<u64>, Vec<u64>);

impl<'a> Watcher<'a> {
    pub(crate) fn new(landfall: &'a Landfall, reader: &'a Reader, service: ServiceId) -> Self {
        Self {
            landfall,
            reader,
            service,
            known: None,
            comparer: Comparer::default(),
            course: None,
            bake: None,
            live: Ok(None),
            looks: 0,
        }
    }

    /// Looks once; none if nothing has described the service.
    pub(crate) async fn look(&mut self) -> Result<Option<Seen>, Fault> {
        let Some(mut view) = self.reader.last(&self.service).await? else {
            return Ok(None);
        };
        let progress = progress(&view.desired);
        match &self.known {
            Some((known, records)) if *known == progress => view.records.clone_from(records),
            _ => {
                let Some(read) = self.reader.one(&self.service, NEWEST).await? else {
                    return Ok(None);
                };
                view = read;
                self.known = Some((self::progress(&view.desired), view.records.clone()));
            }
        }
        let mut changed = BTreeMap::new();
        let open = view.desired.open.iter();
        for release in open.chain(view.records.iter().map(|record| &record.release)) {
            let before = changed::before(&view.records, release.number);
            let found = self.comparer.compare(self.reader, before, &release.content);
            changed.insert(release.number, found.await?);
        }
        let claim = view.desired.claim.clone();
        let course = match &claim {
            Some(claim) => Some(self.follow(claim).await.map_err(|fault| fault.to_string())),
            None => None,
        };
        let moves = |live: &Live| !live.service.is_steady();
        let moves = matches!(&self.live, Ok(Some(live)) if moves(live));
        if claim.is_some() || moves || self.looks.is_multiple_of(SELDOM) {
            let live = read_live(self.landfall, &self.service).await;
            self.live = live.map_err(|fault| fault.to_string());
        }
        self.looks = self.looks.wrapping_add(1);
        Ok(Some(Seen {
            bake_seconds: self.bake_seconds(&view.desired).await?,
            view,
            changed,
            course,
            live: self.live.clone(),
        }))
    }

    /// The course of the execution that holds the claim, with what happened since the last look.
    async fn follow(&mut self, claim: &Claim) -> Result<Course, Fault> {
        let known = self.course.take();
        let known = known.filter(|(execution, _)| *execution == claim.execution);
        let mut course = known.map(|(_, course)| course).unwrap_or_default();
        let executions = self.landfall.executions();
        let events = executions.events(&claim.execution, course.last).await?;
        for event in events.iter().flatten() {
            course.take(event);
        }
        self.course = Some((claim.execution.clone(), course.clone()));
        Ok(course)
    }

    async fn bake_seconds(&mut self, desired: &DesiredState) -> Result<Option<u64>, Fault> {
        let claimed = desired.claim.as_ref().map(|claim| claim.release);
        let mut open = desired.open.iter();
        let Some(release) = open.find(|release| Some(release.number) == claimed) else {
            return Ok(None);
        };
        let file = &release.content.file;
        match &self.bake {
            Some((known, seconds)) if known == file => Ok(Some(*seconds)),
            _ => {
                let seconds = match self.reader.file(&release.content).await {
                    Ok(file) => file.verify.bake_seconds,
                    Err(fault) if fault.is_transient() => return Err(fault),
                    Err(_) => return Ok(None),
                };
                self.bake = Some((file.clone(), seconds));
                Ok(Some(seconds))
            }
        }
    }
}

fn progress(desired: &DesiredState) -> Progress {
    let concluded = desired.concluded.as_ref().map(|last| last.number);
    let open = desired.open.iter().map(|release| release.number);
    (desired.last_number, concluded, open.collect())
}

async fn read_live(landfall: &Landfall, service: &ServiceId) -> Result<Option<Live>, Fault> {
    let Some(service) = landfall.ecs().service(service).await? else {
        return Ok(None);
    };
    let elb = Elb::new(&landfall.config);
    let mut groups = Vec::new();
    for balancer in &service.balancers {
        groups.extend(groups_of(&elb, balancer).await?);
    }
    Ok(Some(Live { service, groups }))
}

async fn groups_of(elb: &Elb, balancer: &LiveBalancer) -> Result<Vec<Group>, Fault> {
    let rules = match balancer.rule.as_deref().and_then(listener_of) {
        Some(listener) => elb.rules(&listener).await?,
        None => Vec::new(),
    };
    let mut rules = rules.into_iter();
    let rule = rules.find(|rule| Some(&rule.arn) == balancer.rule.as_ref());
    let weights: BTreeMap<String, i32> = rule.map_or_else(BTreeMap::new, |rule| {
        let forwards = rule.forwards_to.into_iter();
        forwards.map(|each| (each.group, each.weight)).collect()
    });
    let all: i32 = weights.values().sum();
    let mut groups = Vec::new();
    for group in balancer.groups() {
        let mut targets = BTreeMap::new();
        for target in elb.targets(group).await? {
            *targets.entry(target.state).or_default() += 1;
        }
        let share = weights.get(group).filter(|_| all > 0);
        groups.push(Group {
            name: name_of(group).into(),
            share: share.map(|weight| weight * 100 / all),
            targets,
        });
    }
    Ok(groups)
}

/// The listener of a rule: `arn:…:listener-rule/app/<name>/<id>/<listener>/<rule>` belongs to
/// `arn:…:listener/app/<name>/<id>/<listener>`
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>).
fn listener_of(rule: &str) -> Option<String> {
    let (listener, _) = rule.rsplit_once('/')?;
    Some(listener.replacen(":listener-rule/", ":listener/", 1))
}

/// `arn:…:targetgroup/<name>/<id>`
fn name_of(group: &str) -> &str {
    group.split('/').nth(1).unwrap_or(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_listener_and_a_group_its_name() {
        let rule = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener-rule/app/web/50dc/f2f7/9683";
        assert_eq!(
            listener_of(rule).as_deref(),
            Some("arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener/app/web/50dc/f2f7")
        );
        assert_eq!(
            name_of("arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/hello/73e2"),
            "hello"
        );
    }
}

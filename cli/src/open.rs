//! `landfall open`: the address of a service, or a page of AWS's console about it, in the browser.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use clap::Args;
use landfall::{
    live::{LiveBalancer, LiveRule, LiveService},
    probe::{Address, Door, Misaim, Reach, Wanted, aim},
    service_file::ServiceFile,
    service_id::ServiceId,
};
use landfall_aws::{descriptions::Descriptions, elb::Elb};
use miette::{Report, Result, miette};

use crate::{
    links,
    logs::{Subject, sources::Search},
    output::print,
    status::undescribed,
    view::{Reader, View},
    which::{self, Landfall, Which},
};

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    name: String,
    /// The page of the service in AWS's console, and not the address at which the service is reached.
    #[arg(long, conflicts_with_all = ["logs", "execution", "release"])]
    service: bool,
    /// The page of a release in the console: that of its execution, or with --logs that of its log.
    #[arg(long, value_name = "N")]
    release: Option<u64>,
    /// The page of the log in the console.
    #[arg(long, conflicts_with = "execution")]
    logs: bool,
    /// The page of the execution of the newest release in the console.
    #[arg(long)]
    execution: bool,
    /// Only print the URL.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    which: Which,
}

/// Opens it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = which::service(&arguments.name)?;
    let landfall = arguments.which.find().await?;
    let view = Reader::of(&landfall).one(&service, 1).await;
    let view = view.map_err(|fault| landfall.report(fault))?;
    let view = view.ok_or_else(|| undescribed(&service))?;
    let page = Page {
        landfall: &landfall,
        view: &view,
        service: &service,
    };
    let url = match &arguments {
        Arguments { service: true, .. } => page.service().await?,
        Arguments { logs: true, .. } => page.log(arguments.release).await?,
        Arguments {
            execution: true, ..
        }
        | Arguments {
            release: Some(_), ..
        } => page.execution(arguments.release).await?,
        _ => page.address().await?,
    };
    print(&format!("{url}\n"))?;
    if arguments.print {
        Ok(())
    } else {
        browse(&url)
    }
}

/// What opens a URL on this system
/// (<https://www.freedesktop.org/wiki/Software/xdg-utils/>, `man open` of macOS).
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

fn browse(url: &str) -> Result<()> {
    let failed = |why: String| {
        miette!(
            help = "--print only prints it",
            "no browser was opened: {why}"
        )
    };
    // Whoever writes listener rules and files does not choose what else is started here.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(failed("this is no address of the web".into()));
    }
    let mut opener = Command::new(OPENER);
    opener
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match opener.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("{OPENER} ended with {status}"))),
        Err(error) => Err(failed(format!("{OPENER}: {error}"))),
    }
}

struct Page<'a> {
    landfall: &'a Landfall,
    view: &'a View,
    service: &'a ServiceId,
}

impl Page<'_> {
    /// The page of the service in the console.
    async fn service(&self) -> Result<String> {
        let live = self.live().await?;
        self.in_console(links::service(self.service, &live.arn))
    }

    /// The page of the execution that works on a release, or did.
    async fn execution(&self, wanted: Option<u64>) -> Result<String> {
        let subject = Subject::of(self.landfall, self.view, wanted).await?;
        let service = self.service;
        let Some(number) = subject.number else {
            return Err(miette!(
                help = format!("what it waits for: landfall status {service}"),
                "no release of {service} has begun"
            ));
        };
        let claim = self.view.desired.claim.as_ref();
        let claim = claim.filter(|claim| claim.release == number);
        let execution = claim.map(|claim| claim.execution.clone());
        let recorded = subject.record.and_then(|record| record.execution);
        let execution = execution.or(recorded).ok_or_else(|| {
            miette!(
                help = format!("how it stands: landfall history {service}"),
                "no execution has worked on release {number} of {service}"
            )
        })?;
        self.in_console(links::execution(&execution))
    }

    /// The page of the log of a release: that of its stream if there is only one, else that of the group.
    async fn log(&self, wanted: Option<u64>) -> Result<String> {
        let subject = Subject::of(self.landfall, self.view, wanted).await?;
        let search = Search::new(self.landfall, self.view, &subject, None);
        let sources = search.sources().await?;
        sources.tell_elsewhere(self.landfall)?;
        let live = self.live().await?;
        let place = sources.place().ok_or_else(|| {
            miette!(
                help = "a logConfiguration with the driver `awslogs` sends it to CloudWatch Logs",
                "no container of {} has its log in CloudWatch Logs",
                self.service
            )
        })?;
        let (group, stream) = place;
        let region = group.1.as_deref();
        self.in_console(links::log(&live.arn, region, &group.0, stream))
    }

    fn in_console(&self, url: Option<String>) -> Result<String> {
        let service = self.service;
        if self.landfall.is_here {
            return Err(miette!(
                help = format!("the same here: landfall show {service}, landfall logs {service}"),
                "this Landfall is on this machine, so AWS's console does not know {service}"
            ));
        }
        url.ok_or_else(|| {
            miette!("no source says what the hosts of the console are called in this partition")
        })
    }

    async fn live(&self) -> Result<LiveService> {
        let live = self.landfall.ecs().service(self.service).await;
        let live = live.map_err(|fault| self.landfall.report(fault))?;
        live.filter(|live| !live.is_deleted())
            .ok_or_else(|| self.absent())
    }

    fn absent(&self) -> Report {
        let service = self.service;
        miette!(
            help = format!("what it waits for: landfall status {service}"),
            "ECS has no service {service} yet"
        )
    }

    /// The address at which the service is reached: through its load balancers, or its gateway.
    async fn address(&self) -> Result<String> {
        let live = self.live().await?;
        let groups: Vec<String> = live.target_groups().into_iter().cloned().collect();
        if groups.is_empty() {
            return match self.gateway(&live).await? {
                Some(url) => Ok(url),
                None => Err(miette!(
                    help = format!(
                        "its page in the console: landfall open {} --service",
                        self.service
                    ),
                    "no load balancer serves {}, so it has no address of its own",
                    self.service
                )),
            };
        }
        let doors = Elb::new(&self.landfall.config).doors(&groups).await;
        let doors = doors.map_err(|fault| self.landfall.report(fault))?;
        let file = self.file().await?;
        let host = file
            .iter()
            .flat_map(|file| &file.verify.http)
            .find_map(|http| http.host.as_deref());
        let found = way_in(&doors, &groups, &live.balancers, host);
        let address = found.map_err(|misaim| {
            let names: Vec<_> = doors.iter().map(|door| &*door.dns_name).collect();
            let help = match &*names {
                [] => format!(
                    "its page in the console: landfall open {} --service",
                    self.service
                ),
                names => format!("the load balancer is {}", names.join(", ")),
            };
            miette!(
                help = help,
                "it cannot be told where {} is reached: {}",
                self.service,
                misaim.message
            )
        })?;
        if let Some(host) = address
            .connect_to
            .as_ref()
            .filter(|_| self.landfall.is_here)
        {
            eprintln!("On this machine nobody resolves that name: it is {host} that listens.");
        }
        Ok(plain(&address.url))
    }

    /// The accepted file that the service follows, or followed last.
    async fn file(&self) -> Result<Option<ServiceFile>> {
        let desired = &self.view.desired;
        let good = desired.last_good.as_ref().map(|good| &good.content.file);
        let followed = desired.file.as_ref().map(|file| &file.content);
        let Some(content) = good.or(followed) else {
            return Ok(None);
        };
        let file = self.landfall.state().file(content).await;
        file.map(Some).map_err(|fault| self.landfall.report(fault))
    }

    /// The URL of its gateway connector, if it has one
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html>).
    async fn gateway(&self, live: &LiveService) -> Result<Option<String>> {
        let revisions: Vec<&str> = live.revisions.iter().map(String::as_str).collect();
        if revisions.is_empty() {
            return Ok(None);
        }
        let descriptions = Descriptions::new(&self.landfall.config);
        let described = descriptions.service_revisions(&revisions).await;
        let described = match described {
            // Without that permission it is as if it had none.
            Err(fault) if fault.is_refused() => return Ok(None),
            described => described.map_err(|fault| self.landfall.report(fault))?,
        };
        let mut connections = described.iter().flat_map(|revision| {
            let connections = &revision["ecsManagedResources"]["gatewayConnections"];
            connections.as_array().into_iter().flatten()
        });
        Ok(connections.find_map(|connection| connection["serviceUrl"].as_str().map(str::to_owned)))
    }
}

/// The way into a service for a browser: to its root, or to what the rules take that lead to it.
fn way_in(
    doors: &[Door],
    groups: &[String],
    balancers: &[LiveBalancer],
    host: Option<&str>,
) -> Result<Address, Misaim> {
    let production: Vec<String> = balancers
        .iter()
        .filter_map(|each| each.rule.clone())
        .collect();
    let rules = doors.iter().flat_map(|door| &door.rules);
    let ours = |rule: &&LiveRule| groups.iter().any(|group| rule.forwards_to(group));
    let paths = rules.filter(ours).flat_map(|rule| &rule.paths);
    let paths = paths.map(|pattern| pattern.replace(['*', '?'], ""));
    let try_path = |path: &str| {
        let wanted = Wanted {
            groups,
            production: &production,
            path,
            host,
            headers: &BTreeMap::new(),
        };
        aim(doors, &wanted, Reach::Subnets)
    };
    let root = try_path("/");
    match root {
        Ok(address) => Ok(address),
        Err(misaim) => {
            let mut paths = paths.filter(|path| path.starts_with('/'));
            paths.find_map(|path| try_path(&path).ok()).ok_or(misaim)
        }
    }
}

/// The same without a port that a browser takes anyway.
fn plain(url: &str) -> String {
    for (scheme, port) in [("http://", ":80/"), ("https://", ":443/")] {
        if let Some(rest) = url.strip_prefix(scheme)
            && let Some((host, path)) = rest.split_once(port)
            && !host.contains('/')
        {
            return format!("{scheme}{host}/{path}");
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landfall::live::Forward;

    use super::*;

    fn door(is_tls: bool, hosts: &[&str], paths: &[&str]) -> Door {
        let forwards = |group: &str| {
            vec![Forward {
                group: group.into(),
                weight: 1,
            }]
        };
        let rule = |priority, group: &str| LiveRule {
            arn: format!("rule of {group}"),
            priority,
            hosts: [].into(),
            paths: [].into(),
            other_conditions: Vec::new(),
            forwards_to: forwards(group),
            own_answer: None,
        };
        let ours = LiveRule {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            paths: paths.iter().map(ToString::to_string).collect(),
            ..rule(Some(1), "ours")
        };
        Door {
            is_tls,
            port: if is_tls { 443 } else { 80 },
            dns_name: "web-1.eu-west-1.elb.amazonaws.com".into(),
            is_internal: true,
            rules: vec![ours, rule(None, "theirs")],
        }
    }

    #[test]
    fn the_address_is_that_of_the_rule_that_leads_to_the_service() {
        let groups = ["ours".to_owned()];
        for (door, host, expected) in [
            (
                door(false, &[], &[]),
                None,
                "http://web-1.eu-west-1.elb.amazonaws.com/",
            ),
            (
                door(true, &["hello.example.com"], &[]),
                None,
                "https://hello.example.com/",
            ),
            (
                door(false, &[], &["/api/*"]),
                None,
                "http://web-1.eu-west-1.elb.amazonaws.com/api/",
            ),
            (
                door(true, &[], &[]),
                Some("hello.example.com"),
                "https://hello.example.com/",
            ),
        ] {
            let address = way_in(&[door], &groups, &[], host).unwrap();
            assert_eq!(plain(&address.url), expected);
        }
        // Any name will do, but which one the certificate is for nobody says.
        way_in(&[door(true, &[], &[])], &groups, &[], None).unwrap_err();
        assert_eq!(
            plain("http://127.0.0.1:8080/:80/"),
            "http://127.0.0.1:8080/:80/"
        );
    }

    #[test]
    fn nothing_but_an_address_of_the_web_is_opened() {
        for url in ["file:///etc/passwd", "--help", "hello.example.com"] {
            let refused = browse(url).unwrap_err().to_string();
            assert!(refused.contains("no address of the web"), "{refused}");
        }
    }
}

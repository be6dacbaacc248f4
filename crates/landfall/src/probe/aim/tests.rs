#![allow(clippy::unwrap_used)]

use super::*;
use crate::live::{Forward, OtherCondition};

const OURS: &str = "arn:ours";
const NAME: &str = "web.elb.amazonaws.com";

/// The default action of a listener.
fn default(rule: LiveRule) -> LiveRule {
    LiveRule {
        arn: "arn:default".into(),
        priority: None,
        ..rule
    }
}

fn by(priority: u32, groups: &[(&str, i32)]) -> LiveRule {
    let forward = |(group, weight): &(&str, i32)| Forward {
        group: (*group).into(),
        weight: *weight,
    };
    LiveRule {
        arn: format!("arn:rule/{priority}"),
        priority: Some(priority),
        hosts: [].into(),
        paths: [].into(),
        other_conditions: Vec::new(),
        forwards_to: groups.iter().map(forward).collect(),
        own_answer: None,
    }
}

fn to_us(priority: u32) -> LiveRule {
    by(priority, &[(OURS, 1)])
}

fn to_others() -> LiveRule {
    by(1, &[("arn:others", 1)])
}

fn hosts(hosts: &[&str], rule: LiveRule) -> LiveRule {
    LiveRule {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..rule
    }
}

fn paths(paths: &[&str], rule: LiveRule) -> LiveRule {
    LiveRule {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..rule
    }
}

fn only(condition: OtherCondition, rule: LiveRule) -> LiveRule {
    LiveRule {
        other_conditions: vec![condition],
        ..rule
    }
}

fn itself(priority: u32, answer: OwnAnswer) -> LiveRule {
    LiveRule {
        own_answer: Some(answer),
        ..by(priority, &[])
    }
}

fn to_https() -> LiveRule {
    let to = "https://#{host}:443/#{path}";
    default(itself(1, OwnAnswer::Redirect(to.into())))
}

fn not_found() -> LiveRule {
    default(itself(1, OwnAnswer::Fixed("404".into())))
}

fn http(rules: Vec<LiveRule>) -> Door {
    Door {
        is_tls: false,
        port: 80,
        dns_name: NAME.into(),
        is_internal: false,
        rules,
    }
}

fn https(rules: Vec<LiveRule>) -> Door {
    Door {
        is_tls: true,
        port: 443,
        ..http(rules)
    }
}

struct Probe {
    path: &'static str,
    host: Option<&'static str>,
    headers: BTreeMap<String, String>,
    production: Vec<String>,
    reach: Reach,
}

impl Probe {
    fn of(path: &'static str) -> Self {
        Self {
            path,
            host: None,
            headers: BTreeMap::new(),
            production: Vec::new(),
            reach: Reach::Internet,
        }
    }

    fn at(self, doors: &[Door]) -> Result<Address, Misaim> {
        let wanted = Wanted {
            groups: &[OURS.into(), "arn:ours-b".into()],
            production: &self.production,
            path: self.path,
            host: self.host,
            headers: &self.headers,
        };
        aim(doors, &wanted, self.reach)
    }
}

fn url(doors: &[Door]) -> String {
    Probe::of("/health").at(doors).unwrap().url
}

fn obstacle(doors: &[Door]) -> String {
    Probe::of("/health").at(doors).unwrap_err().message
}

#[test]
fn the_listener_that_leads_to_the_service_is_asked_by_the_host_name_of_its_rule() {
    let named = |host: &str| hosts(&[host], to_us(10));
    for (story, doors, expected) in [
        (
            "the only one, by its default",
            vec![http(vec![default(to_us(1))])],
            "http://web.elb.amazonaws.com:80/health",
        ),
        (
            "HTTP only redirects to HTTPS",
            vec![
                http(vec![to_https()]),
                https(vec![named("hello.example.com"), not_found()]),
            ],
            "https://hello.example.com:443/health",
        ),
        (
            "HTTP serves another team",
            vec![
                http(vec![default(to_others())]),
                Door {
                    port: 8080,
                    ..http(vec![default(to_us(1))])
                },
            ],
            "http://web.elb.amazonaws.com:8080/health",
        ),
        (
            "both lead to it",
            vec![
                https(vec![named("hello.example.com")]),
                http(vec![default(to_us(1))]),
            ],
            "http://web.elb.amazonaws.com:80/health",
        ),
        (
            "a name goes before a pattern of names",
            vec![http(vec![
                hosts(&["*.example.com"], to_us(1)),
                named("hello.example.org"),
            ])],
            "http://hello.example.org:80/health",
        ),
        (
            "a pattern of names",
            vec![https(vec![hosts(&["*.example.com"], to_us(1))])],
            "https://landfall.example.com:443/health",
        ),
        (
            "weighted",
            vec![http(vec![default(by(1, &[("arn:others", 9), (OURS, 1)]))])],
            "http://web.elb.amazonaws.com:80/health",
        ),
        (
            "weighted, and another rule is the service's alone",
            vec![http(vec![
                default(by(1, &[("arn:others", 9), (OURS, 1)])),
                named("hello.example.com"),
            ])],
            "http://hello.example.com:80/health",
        ),
        (
            "of two rules one takes the path",
            vec![http(vec![
                hosts(&["a.example.com"], paths(&["/api/*"], to_us(1))),
                hosts(&["b.example.com"], paths(&["/heal*"], to_us(2))),
            ])],
            "http://b.example.com:80/health",
        ),
        (
            "a rule before it is for other requests",
            vec![http(vec![
                paths(&["/admin/*"], to_others()),
                hosts(&["hello.example.com"], to_us(2)),
                to_https(),
            ])],
            "http://hello.example.com:80/health",
        ),
    ] {
        assert_eq!(url(&doors), expected, "{story}");
    }
}

#[test]
fn a_host_that_dns_need_not_know_is_asked_of_the_load_balancer() {
    let doors = [http(vec![hosts(&["hello.example.com"], to_us(1))])];
    let address = Probe::of("/").at(&doors).unwrap();
    assert_eq!(address.connect_to.as_deref(), Some(NAME));
    let doors = [http(vec![default(to_us(1))])];
    assert_eq!(Probe::of("/").at(&doors).unwrap().connect_to, None);
}

#[test]
fn a_service_file_may_name_the_host() {
    let doors = [https(vec![
        hosts(&["*.example.com"], to_us(1)),
        default(to_us(1)),
    ])];
    let mut probe = Probe::of("/");
    probe.host = Some("Shop.example.com");
    let address = probe.at(&doors).unwrap();
    assert_eq!(address.url, "https://shop.example.com:443/");

    let mut other = Probe::of("/");
    other.host = Some("shop.example.org");
    let doors = [https(vec![hosts(&["*.example.com"], to_us(1))])];
    assert_eq!(
        other.at(&doors).unwrap_err().message,
        "arn:rule/1 takes only the host names *.example.com, and not shop.example.org: write one of them into \
         verify.http.host"
    );
}

#[test]
fn during_blue_green_the_rule_goes_first_by_which_ecs_moves_requests() {
    let production = hosts(
        &["hello.example.com"],
        by(5, &[(OURS, 0), ("arn:ours-b", 100)]),
    );
    let doors = [
        Door {
            port: 9000,
            ..http(vec![default(to_us(1))])
        },
        https(vec![production.clone(), not_found()]),
    ];
    let mut probe = Probe::of("/");
    probe.production = vec![production.arn];
    let address = probe.at(&doors).unwrap();
    assert_eq!(address.url, "https://hello.example.com:443/");
}

#[test]
fn what_is_in_the_way_is_told_with_what_to_write_instead() {
    let redirect = || OwnAnswer::Redirect("https://#{host}:443/".into());
    for (story, doors, expected) in [
        (
            "any name, and a certificate for some",
            vec![http(vec![to_https()]), https(vec![default(to_us(1))])],
            "the default action of web.elb.amazonaws.com's listener at port 443 takes any host name, and its certificate is \
             for none that the load balancer has by itself: write a name of the certificate into verify.http.host",
        ),
        (
            "another path",
            vec![http(vec![paths(&["/api/*", "/v?"], to_us(1))])],
            "arn:rule/1 takes only the paths /api/*, /v?, and not /health: let verify.http.path be one of them",
        ),
        (
            "a redirect comes first",
            vec![http(vec![
                hosts(&["*"], itself(1, redirect())),
                hosts(&["hello.example.com"], to_us(2)),
            ])],
            "of requests for hello.example.com/health, arn:rule/1 comes first and redirects to https://#{host}:443/: ask \
             for others by verify.http.path or verify.http.host, or give verify.http.url",
        ),
        (
            "others come first",
            vec![http(vec![
                paths(&["/health"], to_others()),
                default(to_us(1)),
            ])],
            "of requests for web.elb.amazonaws.com/health, arn:rule/1 comes first and forwards to arn:others: ask for \
             others by verify.http.path or verify.http.host, or give verify.http.url",
        ),
        (
            "users log in",
            vec![https(vec![LiveRule {
                own_answer: Some(OwnAnswer::Authentication),
                ..hosts(&["hello.example.com"], to_us(1))
            }])],
            "arn:rule/1 wants users to log in before it forwards: let verify.http.path ask for a path that a rule forwards \
             without that, or give verify.http.url",
        ),
        (
            "another method",
            vec![http(vec![only(
                OtherCondition::Method(vec!["POST".into()]),
                to_us(1),
            )])],
            "arn:rule/1 takes only the methods POST, and a probe sends GET: give verify.http.url",
        ),
        (
            "only redirects",
            vec![http(vec![to_https()])],
            "no rule or default action of a web listener forwards to arn:ours or arn:ours-b: add one, or give \
             verify.http.url",
        ),
        (
            "no weight",
            vec![http(vec![default(by(1, &[(OURS, 0), ("arn:others", 1)]))])],
            "no rule or default action of a web listener forwards to arn:ours or arn:ours-b: add one, or give \
             verify.http.url",
        ),
    ] {
        assert_eq!(obstacle(&doors), expected, "{story}");
    }
}

#[test]
fn only_a_load_balancer_that_does_not_lead_to_the_service_yet_may_do_so_in_a_minute() {
    let may_pass = |doors: &[Door]| Probe::of("/health").at(doors).unwrap_err().may_pass;
    assert!(may_pass(&[]));
    assert!(may_pass(&[http(vec![to_https()])]));
    assert!(!may_pass(&[https(vec![default(to_us(1))])]));
}

#[test]
fn headers_and_queries_that_rules_ask_for_are_compared_with_the_probes() {
    let secret = || OtherCondition::Header {
        name: "X-From".into(),
        patterns: vec!["Cdn-*".into()],
    };
    let fast = || OtherCondition::Query(vec![(Some("fast".into()), "1".into())]);
    let ask = |path, header: Option<&str>, rules| {
        let mut probe = Probe::of(path);
        let headers = header.map(|value| ("x-from".to_owned(), value.to_owned()));
        probe.headers.extend(headers);
        probe.at(&[http(rules)]).map_err(|misaim| misaim.message)
    };
    let rules = || vec![only(secret(), to_us(1)), not_found()];
    assert!(ask("/", Some("cdn-eu"), rules()).is_ok());
    assert_eq!(
        ask("/", Some("elsewhere"), rules()).unwrap_err(),
        "arn:rule/1 takes only requests whose header X-From is Cdn-*: write it into verify.http.headers"
    );
    assert!(ask("/", None, rules()).is_err());
    let rules = || vec![only(secret(), to_us(1)), default(to_us(1))];
    assert!(ask("/", None, rules()).is_ok());

    let rules = || vec![only(fast(), to_us(1)), not_found()];
    assert!(ask("/?slow=0&FAST=1", None, rules()).is_ok());
    assert_eq!(
        ask("/?fast=0", None, rules()).unwrap_err(),
        "arn:rule/1 takes only requests with fast=1 in their query: write it into verify.http.path"
    );
    // Whether a request comes from there cannot be told: such a rule is taken where nothing surer is there.
    let rules = || vec![only(OtherCondition::Unknown, hosts(&["a.b"], to_us(1)))];
    assert_eq!(ask("/", None, rules()).unwrap().url, "http://a.b:80/");
    let mut rules = rules();
    rules.push(hosts(&["c.d"], to_us(2)));
    assert_eq!(ask("/", None, rules).unwrap().url, "http://c.d:80/");
}

#[test]
fn an_internal_load_balancer_is_asked_from_subnets_only() {
    let internal = Door {
        is_internal: true,
        ..http(vec![default(to_us(1))])
    };
    let told = obstacle(std::slice::from_ref(&internal));
    assert!(told.contains("web.elb.amazonaws.com is internal"), "{told}");
    assert!(told.contains("ProbeSubnets"), "{told}");
    for reach in [Reach::Subnets, Reach::Machine] {
        let probe = Probe {
            reach,
            ..Probe::of("/")
        };
        assert!(probe.at(std::slice::from_ref(&internal)).is_ok());
    }
    // One that the internet reaches beside it is asked.
    let url = url(&[internal, http(vec![default(to_us(1))])]);
    assert_eq!(url, "http://web.elb.amazonaws.com:80/health");
}

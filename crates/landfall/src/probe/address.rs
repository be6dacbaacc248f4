//! Which addresses a probe may be sent to. A service file is written by a team, and the function that probes has a role and
//! neighbours of its own: Lambda's runtime API, and the addresses at which AWS hands credentials to whoever runs there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::partition::is_of_aws;

/// An address that a probe must not be sent to, or a name that has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}: {advice}")]
pub struct Inadmissible {
    /// What is there.
    pub why: String,
    /// What to do instead.
    pub advice: &'static str,
}

impl Inadmissible {
    /// That nobody knows an address of the name, for this reason: that is no answer of whoever would have it.
    pub fn unresolved(host: &str, why: &str) -> Self {
        Self {
            why: format!("the name {host} leads to no address ({why})"),
            advice: "correct it in the service file, or make its record in DNS",
        }
    }
}

/// What a probe reaches from where it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The internet: the function that probes runs outside of the account's VPCs.
    Internet,
    /// The subnets that the stack's parameter `ProbeSubnets` names, and what they have a route to.
    Subnets,
    /// This machine: `landfall local`, whose load balancers listen on its loopback address.
    Machine,
}

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Whoever has it is reached over the internet.
    Public,
    /// Whoever has it is reached from the same network only.
    Private,
    /// Whoever asks.
    Own,
    /// Never a service: what it is.
    Never(&'static str),
}

const LOOPBACK: &str = "the loopback address, where Lambda's own runtime interface listens";
const LINK_LOCAL: &str = "a link-local address, where AWS serves metadata and credentials";
const NOBODY: &str = "no address that anybody has";

/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>
fn kind_of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [127, ..] => Kind::Own,
        [169, 254, ..] => Kind::Never(LINK_LOCAL),
        // The shared space of carriers, 100.64.0.0/10, is used in VPCs too
        // (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>).
        [100, 64..=127, ..] => Kind::Private,
        // `0.0.0.0` connects to this machine.
        [0, ..] => Kind::Own,
        [224..=255, ..] => Kind::Never(NOBODY),
        _ if address.is_private() => Kind::Private,
        _ => Kind::Public,
    }
}

/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
fn kind_of_v6(address: Ipv6Addr) -> Kind {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        kind_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Kind::Own,
        // IPv4 in other clothes: mapped, compatible, translated (RFC 6052) and 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        [0xfe80..=0xfebf, ..] => Kind::Never(LINK_LOCAL),
        // The metadata of instances and the credentials of EKS are served here
        // (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>).
        [0xfd00, 0x0ec2, ..] => Kind::Never(LINK_LOCAL),
        [0xfc00..=0xfdff, ..] => Kind::Private,
        [0xff00..=0xffff, ..] => Kind::Never(NOBODY),
        _ => Kind::Public,
    }
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

impl Reach {
    /// Makes sure that a probe may be sent to `address`.
    ///
    /// # Errors
    /// If it may not, with what to do instead.
    pub fn admit(self, address: IpAddr) -> Result<(), Inadmissible> {
        match kind(address) {
            Kind::Own if self == Self::Machine => Ok(()),
            Kind::Own => Err(Inadmissible {
                why: format!("{address} is {LOOPBACK}, and no service"),
                advice: BY_NAME,
            }),
            Kind::Never(what) => Err(Inadmissible {
                why: format!("{address} is {what}, and no service"),
                advice: BY_NAME,
            }),
            Kind::Private if self == Self::Internet => Err(Inadmissible {
                why: format!("{address} is a private address, and probes come from the internet"),
                advice: FROM_WITHIN,
            }),
            Kind::Private | Kind::Public => Ok(()),
        }
    }

    /// Makes sure that a probe may be sent to `host`, as far as the host's name alone tells: what it leads to is looked at when
    /// the probe is sent.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn admit_host(self, host: &str) -> Result<(), Inadmissible> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let bare = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        // <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
        if name == "localhost" || name.ends_with(".localhost") {
            let admitted = self.admit(IpAddr::V4(Ipv4Addr::LOCALHOST));
            return admitted.map_err(|refused| Inadmissible {
                why: format!("{host} is {LOOPBACK}, and no service"),
                ..refused
            });
        }
        match bare.unwrap_or(&name).parse() {
            Ok(address) => self.admit(address),
            // The names of load balancers that only their VPC reaches
            // (<https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-internal-load-balancers.html>).
            Err(_)
                if self == Self::Internet
                    && name.starts_with("internal-")
                    && name.contains(".elb.")
                    && is_of_aws(&name) =>
            {
                Err(Inadmissible {
                    why: format!(
                        "{host} is an internal load balancer, and probes come from the internet"
                    ),
                    advice: FROM_WITHIN,
                })
            }
            Err(_) => Ok(()),
        }
    }
}

const BY_NAME: &str = "write the service's own name in verify.http.url, or a path of its load balancer in verify.http.path";

/// What to do where a probe has to come from within a VPC.
pub(super) const FROM_WITHIN: &str = "let them come from within the VPC by the stack's parameters ProbeSubnets and \
                                      ProbeSecurityGroups, or leave out verify.http: target health counts without it";

/// The host of a URL, with the brackets of an address of version 6
/// (<https://www.rfc-editor.org/rfc/rfc3986#section-3.2>); none if there is none.
pub fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match host.find(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Reach, host_of};

    /// Whether a probe may go there from the internet, and from subnets.
    fn admits(host: &str) -> [bool; 2] {
        [Reach::Internet, Reach::Subnets].map(|reach| reach.admit_host(host).is_ok())
    }

    #[test]
    fn a_probe_asks_neither_its_own_machine_nor_who_serves_credentials_however_that_is_written() {
        for host in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "localhost",
            "LocalHost.",
            "api.localhost",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
        ] {
            assert_eq!(admits(host), [false, false], "{host}");
            assert_eq!(Reach::Machine.admit_host(host), Ok(()), "{host}");
        }
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "[::ffff:169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "224.0.0.1",
            "255.255.255.255",
            "[ff02::1]",
        ] {
            assert_eq!(admits(host), [false, false], "{host}");
            assert!(Reach::Machine.admit_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn private_addresses_are_reached_from_subnets_only() {
        for host in [
            "10.0.0.1",
            "172.31.0.9",
            "192.168.1.1",
            "100.64.0.1",
            "[fd12:3456::1]",
            "[::ffff:10.0.0.1]",
            "internal-web-1234567890.eu-west-1.elb.amazonaws.com",
            "internal-web-1234567890.cn-north-1.elb.amazonaws.com.cn",
            "internal-web-1234567890.eusc-de-east-1.elb.amazonaws.eu",
        ] {
            assert_eq!(admits(host), [false, true], "{host}");
        }
        for host in [
            "93.184.215.14",
            "172.32.0.1",
            "[2600:1f18::1]",
            "hello.example.com",
            "localhost.example.com",
            "web-1234567890.eu-west-1.elb.amazonaws.com",
        ] {
            assert_eq!(admits(host), [true, true], "{host}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_write_instead() {
        let told = |host| Reach::Internet.admit_host(host).unwrap_err().to_string();
        assert_eq!(
            told("localhost"),
            "localhost is the loopback address, where Lambda's own runtime interface listens, and no service: \
             write the service's own name in verify.http.url, or a path of its load balancer in verify.http.path"
        );
        assert!(told("10.0.0.1").contains("ProbeSubnets"));
    }

    #[test]
    fn the_host_of_a_url_is_what_is_connected_to() {
        for (url, host) in [
            ("http://hello.example.com", Some("hello.example.com")),
            ("https://hello:443/x?y=//z", Some("hello")),
            ("http://example.com@127.0.0.1:80/", Some("127.0.0.1")),
            ("http://[::1]:9001/", Some("[::1]")),
            ("http://hello?x", Some("hello")),
            ("http:///x", None),
            ("hello", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}

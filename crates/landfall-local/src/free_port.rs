//! A port of this machine for somebody who listens on it a moment later.

use std::{
    io::{Error, ErrorKind, Result},
    net::{Ipv4Addr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Where the ports are. The system gives none of these to connections and to listeners that take any port, which could come
/// in between: Linux takes those from 32768 (<https://docs.kernel.org/networking/ip-sysctl.html>, `ip_local_port_range`), macOS
/// and Windows from 49152, as RFC 6335 says.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Where this process looks next. Processes that are started one after the other begin apart from each other.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let start = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    AtomicU16::new(start as u16)
});

/// A port of 127.0.0.1 on which nobody listens. No other call in this process is given it for a long while.
///
/// # Errors
/// `AddrInUse` if all are taken.
pub fn free_port() -> Result<u16> {
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| Error::from(ErrorKind::AddrInUse))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_one_on_which_somebody_listens() {
        let first = free_port().unwrap();
        let listens = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let others: Vec<_> = (0..50).map(|_| free_port().unwrap()).collect();
        let mut different = others.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 50);
        assert!(!others.contains(&listens.local_addr().unwrap().port()));
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Whether an echo request is answered.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use surge_ping::{Client, Config, PingIdentifier, PingSequence, ICMP};
use tokio::sync::OnceCell;

/// The sockets for echo requests of all checks, one for each family, opened when
/// first needed. The kernel has unprivileged ones for groups in
/// `net.ipv4.ping_group_range`, else `CAP_NET_RAW` is needed.
#[derive(Default)]
pub struct Pingers {
    four: OnceCell<Client>,
    six: OnceCell<Client>,
    /// Answers are told apart by address and number.
    sequence: AtomicU16,
}

impl std::fmt::Debug for Pingers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pingers").finish_non_exhaustive()
    }
}

impl Pingers {
    pub(super) async fn check(&self, address: IpAddr, limit: Duration) -> Result<(), String> {
        let (cell, kind) = match address {
            IpAddr::V4(_) => (&self.four, ICMP::V4),
            IpAddr::V6(_) => (&self.six, ICMP::V6),
        };
        let client = cell
            .get_or_try_init(|| async { Client::new(&Config::builder().kind(kind).build()) })
            .await
            .map_err(|error| format!("no socket for echo requests: {error}"))?;
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let identifier = PingIdentifier(u16::try_from(std::process::id() & 0xffff).unwrap_or(1));
        let mut pinger = client.pinger(address, identifier).await;
        pinger.timeout(limit);
        pinger
            .ping(PingSequence(sequence), b"switchyard: alive?")
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

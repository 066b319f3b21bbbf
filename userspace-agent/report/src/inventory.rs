// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is known of all destinations: what the resource manager publishes and the
//! master reads.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{LoadReport, Timestamp};

/// What is known of all destinations at one moment. Cheap to copy: standings are
/// shared with the inventory before wherever nothing changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inventory {
    /// When it was published, by the resource manager's clock, as all other moments
    /// in here but those that servers tell. That clock never runs backwards.
    pub taken_at: Timestamp,
    /// Each destination of each service.
    #[serde(serialize_with = "as_list")]
    pub targets: BTreeMap<TargetKey, Arc<Standing>>,
    /// Reports that were ignored and could not be told to be any destination's.
    pub ignored: Ignored,
}

/// A destination in its service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetKey {
    /// The service, as its key is displayed: `tcp 192.0.2.80:80`.
    pub service: Arc<str>,
    /// The server's address and port, the port being the service's if it has none
    /// of its own.
    pub destination: SocketAddr,
}

/// What is known of one destination. There may be ten thousand, each of which is copied when it
/// changes while somebody looks at what it was: so what is large in it is shared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    /// Where its reports come from; `None` if it has no source.
    pub source: Option<SourceKind>,
    /// The last accepted report.
    pub report: Option<Arc<LoadReport>>,
    /// When that came.
    pub received_at: Option<Timestamp>,
    /// When the first report came after the destination became known or after its
    /// reports had been silent.
    pub reporting_since: Option<Timestamp>,
    /// Why the source cannot be had at present: refused, timed out, not encrypted.
    pub source_error: Option<Arc<str>>,
    /// Reports accepted.
    pub accepted: u64,
    /// Reports ignored, by reason.
    pub ignored: Ignored,
    /// What the active checks say.
    pub health: Health,
    /// When `health` became what it is, or the destination became known.
    pub health_since: Timestamp,
    /// What was wrong when a check last failed.
    pub last_failure: Option<Arc<str>>,
    /// What the kernel's counters say.
    pub passive: Passive,
}

/// Verdict of a destination's active checks, after rise and fall counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// There are no checks, or they have not yet succeeded or failed often enough.
    #[default]
    Unknown,
    /// Every check succeeds.
    Up,
    /// Some check fails.
    Down,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// Signs from the kernel's counters, in which no active check is involved. Rates
/// are over the time between the last two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Passive {
    /// Connections that the switch has to it now.
    pub active: Option<u64>,
    /// New connections in a second.
    pub connections_per_second: Option<f64>,
    /// Packets go to it and none come back, for this long.
    pub silent_for: Option<Duration>,
    /// Connections made in that time, not one of which it answered.
    pub unanswered: u64,
    /// When packets were last seen to have come back.
    pub answered_at: Option<Timestamp>,
}

/// Where a destination's reports come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A yard-agent that is asked.
    Agent,
    /// A yard-agent that sends by itself.
    Push,
    /// An agent for HAProxy's agent-check.
    Haproxy,
    /// ORCA reports streamed over gRPC.
    OrcaGrpc,
    /// An ORCA report by HTTP.
    OrcaHttp,
}

/// Why a report was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Older than is allowed, or from the future.
    Stale,
    /// Not from whom it says: no certificate, one of another authority, or another
    /// agent's.
    Forged,
    /// Not newer than the report before.
    Replayed,
    /// Numbers that cannot be: negative, infinite, no number, out of bounds.
    Absurd,
    /// More often than is allowed.
    Frequent,
    /// Larger than is allowed.
    Oversized,
    /// Not a report.
    Malformed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Stale,
        Self::Forged,
        Self::Replayed,
        Self::Absurd,
        Self::Frequent,
        Self::Oversized,
        Self::Malformed,
    ];

    /// The word for it, as in counters and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::Absurd => "absurd",
            Self::Frequent => "frequent",
            Self::Oversized => "oversized",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reports ignored, counted by reason. A counter that is full stays so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// [`Reason::Stale`].
    pub stale: u32,
    /// [`Reason::Forged`].
    pub forged: u32,
    /// [`Reason::Replayed`].
    pub replayed: u32,
    /// [`Reason::Absurd`].
    pub absurd: u32,
    /// [`Reason::Frequent`].
    pub frequent: u32,
    /// [`Reason::Oversized`].
    pub oversized: u32,
    /// [`Reason::Malformed`].
    pub malformed: u32,
}

impl Ignored {
    /// Counts one more.
    pub fn count(&mut self, reason: Reason) {
        let counter = match reason {
            Reason::Stale => &mut self.stale,
            Reason::Forged => &mut self.forged,
            Reason::Replayed => &mut self.replayed,
            Reason::Absurd => &mut self.absurd,
            Reason::Frequent => &mut self.frequent,
            Reason::Oversized => &mut self.oversized,
            Reason::Malformed => &mut self.malformed,
        };
        *counter = counter.saturating_add(1);
    }

    /// How many were ignored for this reason.
    #[must_use]
    pub const fn of(&self, reason: Reason) -> u32 {
        match reason {
            Reason::Stale => self.stale,
            Reason::Forged => self.forged,
            Reason::Replayed => self.replayed,
            Reason::Absurd => self.absurd,
            Reason::Frequent => self.frequent,
            Reason::Oversized => self.oversized,
            Reason::Malformed => self.malformed,
        }
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        Reason::ALL
            .iter()
            .map(|&reason| u64::from(self.of(reason)))
            .sum()
    }
}

impl Standing {
    /// How long ago, at `now`, the last report came.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.received_at.map(|then| now.since(then))
    }
}

impl Inventory {
    /// What is known of a destination.
    #[must_use]
    pub fn get(&self, key: &TargetKey) -> Option<&Arc<Standing>> {
        self.targets.get(key)
    }
}

/// JSON has no keys but strings.
fn as_list<S: serde::Serializer>(
    targets: &BTreeMap<TargetKey, Arc<Standing>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        key: &'a TargetKey,
        #[serde(flatten)]
        standing: &'a Standing,
    }
    serializer.collect_seq(targets.iter().map(|(key, standing)| Row { key, standing }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let mut ignored = Ignored::default();
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            for _ in 0..=i {
                ignored.count(reason);
            }
        }
        let counts: Vec<u32> = Reason::ALL.iter().map(|&r| ignored.of(r)).collect();
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(ignored.total(), 28);
    }

    #[test]
    fn an_inventory_is_a_list_in_json() {
        let mut inventory = Inventory::default();
        let key = TargetKey {
            service: "tcp 192.0.2.80:80".into(),
            destination: "10.0.0.2:8080".parse().unwrap(),
        };
        inventory.targets.insert(key, Arc::default());
        let json = serde_json::to_value(&inventory).unwrap();
        assert_eq!(json["targets"][0]["service"], "tcp 192.0.2.80:80");
        assert_eq!(json["targets"][0]["destination"], "10.0.0.2:8080");
        assert_eq!(json["targets"][0]["health"], "unknown");
    }
}

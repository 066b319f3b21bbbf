// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Reasons for which packets were dropped, as the screen shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::Drop;

use super::column::{larger, Column, Row, Tone};
use super::number::{maybe, real, short};
use super::rates::rate;

/// A reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReasonRow {
    /// Which.
    pub reason: String,
    /// Packets ever dropped.
    pub packets: u64,
    /// In a second.
    pub rate: Option<f64>,
}

impl ReasonRow {
    /// Every reason that was met.
    pub fn all(now: &[Drop], before: Option<(&[Drop], Duration)>) -> Vec<Self> {
        let sums = |drops: &[Drop]| -> BTreeMap<String, u64> {
            let mut sums = BTreeMap::new();
            for drop in drops {
                let sum: &mut u64 = sums.entry(drop.reason.to_string()).or_default();
                *sum = sum.saturating_add(drop.packets);
            }
            sums
        };
        let before = before.map(|(drops, time)| (sums(drops), time));
        sums(now)
            .into_iter()
            .filter(|(_, packets)| *packets > 0)
            .map(|(reason, packets)| {
                let rate = before.as_ref().and_then(|(before, time)| {
                    rate(packets, before.get(&reason).copied().unwrap_or(0), *time)
                });
                Self {
                    reason,
                    packets,
                    rate,
                }
            })
            .collect()
    }
}

impl Row for ReasonRow {
    fn name(&self) -> String {
        self.reason.clone()
    }

    fn tone(&self) -> Tone {
        if self.rate.is_some_and(|rate| rate > 0.0) {
            Tone::Warning
        } else {
            Tone::Dim
        }
    }
}

/// The table of reasons.
pub const COLUMNS: &[Column<ReasonRow>] = &[
    Column {
        head: "DROPPED FOR",
        width: 18,
        words: true,
        cell: ReasonRow::name,
        order: |a, b| a.reason.cmp(&b.reason),
    },
    Column {
        head: "DROP/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.rate),
        order: |a, b| larger(a.rate, b.rate),
    },
    Column {
        head: "PACKETS",
        width: 8,
        words: false,
        cell: |row| short(real(row.packets)),
        order: |a, b| b.packets.cmp(&a.packets),
    },
];

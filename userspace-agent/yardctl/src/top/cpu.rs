// SPDX-License-Identifier: GPL-2.0 OR MIT

//! CPUs as the screen shows them.

use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::Cpu;

use super::column::{larger, Column, Row, Tone};
use super::cpu_time::CpuTime;
use super::number::{maybe, percent};
use super::rates::rate;

/// A CPU; rates are in a second, and nothing is known before there are two looks.
#[derive(Clone, Debug, Serialize)]
pub struct CpuRow {
    /// Its number.
    pub cpu: u32,
    /// Whether it runs an engine.
    pub switching: bool,
    /// How many queues that polls.
    pub queues: u32,
    /// The share of its time that it was busy with anything.
    pub busy: Option<f64>,
    /// Packets received.
    pub received: Option<f64>,
    /// Packets sent on.
    pub forwarded: Option<f64>,
    /// Packets left to the ordinary stack.
    pub passed: Option<f64>,
    /// Packets for this machine's sockets, by `yard0`.
    pub local_in: Option<f64>,
    /// Packets from them.
    pub local_out: Option<f64>,
    /// Packets dropped.
    pub dropped: Option<f64>,
    /// New connections.
    pub connections: Option<f64>,
}

fn dropped(cpu: &Cpu) -> u64 {
    let packets = cpu.drops.iter().map(|drop| drop.packets);
    packets.fold(0, u64::saturating_add)
}

impl CpuRow {
    /// From what the module says now and said before, and how busy it was.
    pub fn of(
        cpu: &Cpu,
        before: Option<(&Cpu, Duration)>,
        time: Option<(CpuTime, CpuTime)>,
    ) -> Self {
        let of = |counter: fn(&Cpu) -> u64| {
            before.and_then(|(before, time)| rate(counter(cpu), counter(before), time))
        };
        Self {
            cpu: cpu.cpu,
            switching: cpu.switching,
            queues: cpu.queues,
            busy: time.and_then(|(now, before)| now.since(&before)),
            received: of(|cpu| cpu.received),
            forwarded: of(|cpu| cpu.forwarded),
            passed: of(|cpu| cpu.passed),
            local_in: of(|cpu| cpu.local_in),
            local_out: of(|cpu| cpu.local_out),
            dropped: of(dropped),
            connections: of(|cpu| cpu.connections),
        }
    }
}

impl Row for CpuRow {
    fn name(&self) -> String {
        format!("{:>3}", self.cpu)
    }

    fn tone(&self) -> Tone {
        if self.switching {
            Tone::Plain
        } else {
            Tone::Dim
        }
    }
}

/// The table of CPUs, the columns that can be missed last.
pub const COLUMNS: &[Column<CpuRow>] = &[
    Column {
        head: "CPU",
        width: 4,
        words: true,
        cell: CpuRow::name,
        order: |a, b| a.cpu.cmp(&b.cpu),
    },
    Column {
        head: "ROLE",
        width: 9,
        words: true,
        cell: |row| {
            if row.switching {
                "switching"
            } else {
                "control"
            }
            .to_owned()
        },
        order: |a, b| b.switching.cmp(&a.switching),
    },
    Column {
        head: "QUEUES",
        width: 6,
        words: false,
        cell: |row| row.queues.to_string(),
        order: |a, b| b.queues.cmp(&a.queues),
    },
    Column {
        head: "BUSY",
        width: 6,
        words: false,
        cell: |row| percent(row.busy),
        order: |a, b| larger(a.busy, b.busy),
    },
    Column {
        head: "RECV/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.received),
        order: |a, b| larger(a.received, b.received),
    },
    Column {
        head: "SENT/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.forwarded),
        order: |a, b| larger(a.forwarded, b.forwarded),
    },
    Column {
        head: "DROP/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.dropped),
        order: |a, b| larger(a.dropped, b.dropped),
    },
    Column {
        head: "CONN/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.connections),
        order: |a, b| larger(a.connections, b.connections),
    },
    Column {
        head: "PASSED/S",
        width: 8,
        words: false,
        cell: |row| maybe(row.passed),
        order: |a, b| larger(a.passed, b.passed),
    },
    Column {
        head: "YARD0/S",
        width: 8,
        words: false,
        cell: |row| maybe(row.local_in.zip(row.local_out).map(|(i, o)| i + o)),
        order: |a, b| larger(a.local_in, b.local_in),
    },
];

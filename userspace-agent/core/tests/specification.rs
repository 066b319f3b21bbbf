// SPDX-License-Identifier: GPL-2.0

//! Enumerations against the netlink specification: same names in the same order.

#![allow(missing_docs)]

use switchyard_core::core::connection_state::ConnectionState;
use switchyard_core::core::drop_reason::DropReason;
use switchyard_core::core::scheduler::Scheduler;

const SPECIFICATION: &str = include_str!("../../../Documentation/netlink/specs/switchyard.yaml");

/// The entries of an enumeration, in either way the specification writes them.
fn entries(name: &str) -> Vec<&'static str> {
    let head = format!("    name: {name}\n");
    let begin = SPECIFICATION.find(&head).expect(name) + head.len();
    let rest = &SPECIFICATION[begin..];
    let rest = &rest[rest.find("entries:").expect(name) + "entries:".len()..];
    if let Some(list) = rest.strip_prefix(" [") {
        return list[..list.find(']').expect(name)].split(", ").collect();
    }
    let end = rest
        .find("\n  -\n")
        .into_iter()
        .chain(rest.find("\n\n"))
        .min();
    rest[..end.expect(name)]
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: "))
        .collect()
}

#[test]
fn drop_reasons() {
    let names: Vec<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names, entries("drop-reason"));
    assert_eq!(DropReason::COUNT, names.len());
    for (index, reason) in DropReason::ALL.iter().enumerate() {
        assert_eq!((reason.index(), *reason as usize), (index, index));
    }
}

#[test]
fn schedulers() {
    let names: Vec<_> = Scheduler::ALL
        .iter()
        .map(|scheduler| scheduler.name())
        .collect();
    assert_eq!(names, entries("scheduler"));
    for (value, scheduler) in (0..).zip(Scheduler::ALL) {
        assert_eq!(*scheduler as u32, value);
        assert_eq!(Scheduler::from_value(value), Some(*scheduler));
    }
    assert_eq!(Scheduler::from_value(names.len() as u32), None);
}

#[test]
fn connection_states() {
    let names = entries("connection-state");
    let mut seen = vec![false; names.len()];
    for value in 0..9 {
        let state = ConnectionState::from_value(value);
        assert_eq!(state as u32, value);
        assert_eq!(state.name(), names[state.netlink() as usize]);
        seen[state.netlink() as usize] = true;
    }
    seen.pop(); // "affinity" is no state of a connection.
    assert!(seen.iter().all(|seen| *seen));
    assert_eq!(ConnectionState::from_value(9), ConnectionState::None);
}

// SPDX-License-Identifier: GPL-2.0

//! TCP's states: lives of connections, step by step.

#![allow(missing_docs)]

use switchyard_core::core::connection_state::ConnectionState::{self, *};
use switchyard_core::core::tcp::Flags;
use switchyard_core::core::tcp_state::next;
use switchyard_core::core::tuple::Direction;

fn flags(text: &str) -> Flags {
    text.chars().fold(Flags::default(), |flags, flag| {
        flags
            | match flag {
                'S' => Flags::SYN,
                'A' => Flags::ACK,
                'F' => Flags::FIN,
                'R' => Flags::RST,
                other => panic!("{other}"),
            }
    })
}

/// Goes through steps like `>S` (client) and `<SA` (destination) from syn-received on.
fn life(steps: &[(&str, ConnectionState)]) {
    let mut state = SynReceived;
    for (step, expected) in steps {
        let (direction, text) = step.split_at(1);
        let direction = match direction {
            ">" => Direction::Forward,
            _ => Direction::Reply,
        };
        state = next(state, flags(text), direction);
        assert_eq!(state, *expected, "{step} in {steps:?}");
    }
}

#[test]
fn lives() {
    // The client closes, with repetitions on the way.
    life(&[
        (">S", SynReceived),
        ("<SA", SynReceived),
        (">S", SynReceived),
        ("<SA", SynReceived),
        (">A", Established),
        ("<A", Established),
        (">A", Established),
        ("<SA", Established),
        (">FA", FinClient),
        (">FA", FinClient),
        ("<A", FinClient),
        ("<FA", TimeWait),
        (">A", TimeWait),
        ("<FA", TimeWait),
        (">FA", TimeWait),
        ("<A", TimeWait),
    ]);
    // The destination closes.
    life(&[
        ("<SA", SynReceived),
        (">A", Established),
        ("<FA", FinDestination),
        ("<FA", FinDestination),
        (">A", FinDestination),
        (">FA", TimeWait),
    ]);
    // The destination refuses.
    life(&[("<RA", Closed), (">S", Closed)]);
    // Either side breaks off; strays do not bring it back.
    life(&[
        (">A", Established),
        (">R", Closed),
        ("<A", Closed),
        (">A", Closed),
        ("<FA", Closed),
    ]);
    life(&[
        (">A", Established),
        ("<FA", FinDestination),
        (">RA", Closed),
    ]);
    life(&[
        (">A", Established),
        (">FA", FinClient),
        ("<FA", TimeWait),
        ("<R", Closed),
    ]);
    // The first ACK got lost, or brings FIN along.
    life(&[("<FA", FinDestination), (">FA", TimeWait)]);
    life(&[(">FA", FinClient)]);
    // A destination's SYN and ACK is not the client's ACK.
    life(&[(">SA", SynReceived), ("<A", SynReceived)]);
}

#[test]
fn opening() {
    for (text, opens) in [
        ("S", true),
        ("SA", false),
        ("SF", false),
        ("SR", false),
        ("A", false),
        ("", false),
        ("R", false),
    ] {
        assert_eq!(flags(text).opens(), opens, "{text}");
    }
    // Congestion notification and urgent data do not matter.
    assert!(Flags(0xc2).opens() && Flags(0x22).opens());
}

#[test]
fn ends() {
    for state in [FinClient, FinDestination, TimeWait, Closed] {
        assert!(state.is_ending());
    }
    for state in [None, SynReceived, Established, Udp] {
        assert!(!state.is_ending());
    }
}

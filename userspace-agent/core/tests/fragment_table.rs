// SPDX-License-Identifier: GPL-2.0

//! The table of fragments: every order, every bound, and a model over random histories.

#![allow(missing_docs)]

use std::collections::HashMap;

use proptest::prelude::*;
use switchyard_core::core::fragment::{Fault, Piece};
use switchyard_core::core::fragment_table::{
    Entry, FragmentTable, Held, Key, Later, FOLLOW_TIME, HOLD_TIME, MOST_HELD, WAYS,
};
use switchyard_core::core::tuple::{Ipv4Address, Ipv6Address, Seed};

type Table = FragmentTable<Vec<Entry<u32>>, Vec<Held<u32>>>;

fn table(sets: usize, places: usize, bytes: usize) -> Table {
    let entries = (0..sets * WAYS).map(|_| Entry::new()).collect();
    let queue = (0..places).map(|_| Held::new()).collect();
    FragmentTable::new(entries, queue, bytes, Seed([5, 7])).expect("sizes")
}

fn piece(identification: u32, offset: u32, length: u32, more: bool) -> Piece {
    Piece {
        identification,
        offset,
        length,
        before: 20,
        more,
    }
}

fn key(identification: u32) -> Key {
    let address = |last| Ipv4Address::from_octets([10, 0, 0, last]).into();
    Key::new(
        address(1),
        address(2),
        17,
        &piece(identification, 0, 8, true),
    )
}

/// All that is held for a packet, in the order in which it is given.
fn released(table: &mut Table, key: Key, now: u32) -> Vec<u32> {
    std::iter::from_fn(|| table.release(key, now)).collect()
}

/// All that is overdue.
fn overdue(table: &mut Table, bytes: u32, now: u32) -> Vec<u32> {
    std::iter::from_fn(|| table.overdue(bytes, now)).collect()
}

/// Whoever sends fragments cannot have them meet where others' are by what is changed of the
/// address: neither by two bits, nor by the same bits under another secret.
#[test]
fn addresses_do_not_meet() {
    let seeds = [
        Seed([0x8f1b_2c3d_4e5f_6071, 0xd1e2_f3a4_b5c6_9788]),
        Seed([0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1]),
    ];
    let to = Ipv6Address::from_bits(0x2001_0db8 << 96 | 0x80).into();
    let base = 0x2001_0db8_0001_0002_0003_0004_0005_0006_u128;
    let hash = |seed, from: u128| {
        let from = Ipv6Address::from_bits(from).into();
        Key::new(from, to, 17, &piece(1, 0, 8, true)).hash(seed)
    };
    for first in 0..128 {
        for second in 0..first {
            let flipped = base ^ (1 << first) ^ (1 << second);
            let [one, other] = seeds.map(|seed| hash(seed, base) ^ hash(seed, flipped));
            let lower = |change: u64| change & 0xffff_ffff;
            assert!(lower(one) != 0 && lower(other) != 0, "{first} {second}");
            assert_ne!(one, other, "{first} {second}");
        }
    }
}

#[test]
fn keys() {
    let v4 = |last| Ipv4Address::from_octets([10, 0, 0, last]).into();
    let v6 = |last| Ipv6Address::from_bits(last).into();
    let one = piece(1, 0, 8, true);
    assert!(Key::new(v4(1), v4(2), 17, &one) != Key::new(v4(1), v4(2), 6, &one));
    assert!(Key::new(v4(1), v4(2), 17, &one) != Key::new(v4(2), v4(1), 17, &one));
    assert!(Key::new(v4(1), v4(2), 17, &one) != Key::new(v4(1), v4(2), 17, &piece(2, 0, 8, true)));
    // Fragments of one IPv6 packet may name different headers.
    assert_eq!(
        Key::new(v6(1), v6(2), 60, &one),
        Key::new(v6(1), v6(2), 17, &one)
    );
    assert!(
        FragmentTable::<Vec<Entry<u32>>, Vec<Held<u32>>>::new(vec![], vec![], 1, Seed([1, 2]))
            .is_none()
    );
}

#[test]
fn later_ones_follow() {
    let mut table = table(4, 4, 1000);
    table.first(key(1), &piece(1, 0, 80, true), 77, 0);
    let later = piece(1, 80, 80, true);
    assert_eq!(table.later(key(1), &later, 1), Later::Follow(77));
    assert_eq!(table.later(key(2), &later, 1), Later::Unknown);
    assert_eq!(
        table.later(key(1), &later, FOLLOW_TIME - 1),
        Later::Follow(77)
    );
    assert_eq!(table.later(key(1), &later, FOLLOW_TIME), Later::Unknown);
    // The identification comes again: another connection's.
    table.first(key(1), &piece(1, 0, 80, true), 78, 5);
    assert_eq!(table.later(key(1), &later, 6), Later::Follow(78));
}

#[test]
fn early_ones_are_held() {
    let mut table = table(4, 8, 1000);
    for (handle, offset) in [(1, 160), (2, 80)] {
        assert_eq!(
            table.later(key(1), &piece(1, offset, 80, true), 0),
            Later::Unknown
        );
        assert_eq!(table.hold(key(1), handle, 100, 0), Ok(()));
    }
    assert_eq!(table.hold(key(2), 9, 100, 0), Ok(()));
    assert_eq!((table.held_count(), table.held_bytes()), (3, 300));
    table.first(key(1), &piece(1, 0, 80, true), 77, 3);
    assert_eq!(released(&mut table, key(1), 3), [2, 1]);
    assert_eq!((table.held_count(), table.held_bytes()), (1, 100));
    assert_eq!(
        table.later(key(1), &piece(1, 80, 80, true), 3),
        Later::Follow(77)
    );
    assert_eq!(released(&mut table, key(1), 3), []);
    // That of the other packet becomes overdue.
    assert_eq!(overdue(&mut table, 0, HOLD_TIME - 1), []);
    assert_eq!(overdue(&mut table, 0, HOLD_TIME), [9]);
    assert_eq!((table.held_count(), table.held_bytes()), (0, 0));
    table.first(key(2), &piece(2, 0, 80, true), 78, HOLD_TIME);
    assert_eq!(released(&mut table, key(2), HOLD_TIME), []);
}

/// Old fragments give way to new ones, by number and by bytes.
#[test]
fn bounds() {
    let mut table = table(4, 3, 1000);
    for handle in 0..3 {
        assert_eq!(overdue(&mut table, 100, 0), []);
        assert_eq!(table.hold(key(handle), handle, 100, 0), Ok(()));
    }
    assert_eq!(table.hold(key(3), 3, 100, 0), Err(3));
    assert_eq!(overdue(&mut table, 100, 0), [0]);
    assert_eq!(table.hold(key(3), 3, 100, 0), Ok(()));
    assert_eq!(overdue(&mut table, 900, 0), [1, 2]);
    assert_eq!(table.hold(key(4), 4, 900, 0), Ok(()));
    // More than there can ever be: all the others go, and it is refused.
    assert_eq!(overdue(&mut table, 1001, 0), [3, 4]);
    assert_eq!(table.hold(key(5), 5, 1001, 0), Err(5));
    assert_eq!(table.held_bytes(), 0);
}

#[test]
fn one_packets_bound() {
    let mut table = table(1, 1000, 100_000);
    for handle in 0..u32::from(MOST_HELD) {
        assert_eq!(table.hold(key(1), handle, 1, 0), Ok(()));
    }
    assert_eq!(table.hold(key(1), 99, 1, 0), Err(99));
    assert_eq!(table.hold(key(2), 99, 1, 0), Ok(()));
    table.first(key(1), &piece(1, 0, 8, true), 7, 0);
    assert_eq!(
        released(&mut table, key(1), 0).len(),
        usize::from(MOST_HELD)
    );
}

/// A set that is full forgets its oldest; what was held for that becomes overdue.
#[test]
fn full_sets() {
    let mut table = table(1, 8, 1000);
    assert_eq!(table.hold(key(100), 100, 1, 0), Ok(()));
    for number in 0..WAYS as u32 {
        table.first(key(number), &piece(number, 0, 8, true), number, number + 1);
    }
    table.first(key(100), &piece(100, 0, 8, true), 5, 50);
    assert_eq!(released(&mut table, key(100), 50), []);
    assert_eq!(overdue(&mut table, 0, HOLD_TIME), [100]);
    let later = piece(0, 8, 8, false);
    assert_eq!(table.later(key(0), &later, 50), Later::Unknown);
    assert_eq!(table.later(key(1), &later, 50), Later::Follow(1));
}

#[test]
fn overlaps() {
    let mut table = table(4, 4, 1000);
    table.first(key(1), &piece(1, 0, 80, true), 77, 0);
    let fault = Later::Fault(Fault::Overlap);
    assert_eq!(table.later(key(1), &piece(1, 72, 80, true), 0), fault);
    // Nothing of that packet goes on any more.
    assert_eq!(table.later(key(1), &piece(1, 80, 80, true), 0), fault);
    // Until another one begins.
    table.first(key(1), &piece(1, 0, 80, true), 78, 1);
    assert_eq!(
        table.later(key(1), &piece(1, 80, 80, true), 1),
        Later::Follow(78)
    );
}

/// The clock wraps, and other CPUs' clocks may be a moment ahead.
#[test]
fn wrapping_clock() {
    let mut table = table(1, 4, 1000);
    let start = u32::MAX - 5;
    table.first(key(1), &piece(1, 0, 8, true), 7, start);
    let later = piece(1, 8, 8, false);
    assert_eq!(table.later(key(1), &later, start - 3), Later::Follow(7));
    assert_eq!(table.later(key(1), &later, 100), Later::Follow(7));
    assert_eq!(table.hold(key(2), 1, 10, start), Ok(()));
    assert_eq!(overdue(&mut table, 0, HOLD_TIME - 7), []);
    assert_eq!(overdue(&mut table, 0, HOLD_TIME), [1]);
}

proptest! {
    /// Packets whose fragments come in any order, among each other's: every handle comes back
    /// exactly once, none is lost, and nothing follows a decision that was not its own.
    #[test]
    fn random_histories(steps in prop::collection::vec((0..6_u32, 0..4_u32, 0..300_u32), 1..400)) {
        let mut table = table(2, 16, 1500);
        let mut inside: HashMap<u32, u32> = HashMap::new();
        let mut next = 0;
        let mut now = 0;
        for (id, action, value) in steps {
            match action {
                0 => {
                    table.first(key(id), &piece(id, 0, 8, true), id, now);
                    for handle in released(&mut table, key(id), now) {
                        prop_assert_eq!(inside.remove(&handle), Some(id));
                    }
                }
                1 | 2 => match table.later(key(id), &piece(id, 8, 8, true), now) {
                    Later::Follow(decision) => prop_assert_eq!(decision, id),
                    Later::Fault(fault) => prop_assert!(false, "{fault:?}"),
                    Later::Unknown => {
                        for handle in overdue(&mut table, value + 1, now) {
                            prop_assert!(inside.remove(&handle).is_some());
                        }
                        next += 1;
                        if table.hold(key(id), next, value + 1, now).is_ok() {
                            inside.insert(next, id);
                        }
                    }
                },
                _ => now += value,
            }
            prop_assert_eq!(table.held_count(), inside.len());
            prop_assert!(table.held_bytes() <= 1500);
        }
        for handle in overdue(&mut table, 0, now + HOLD_TIME) {
            prop_assert!(inside.remove(&handle).is_some());
        }
        prop_assert!(inside.is_empty());
        prop_assert_eq!(table.held_bytes(), 0);
    }
}

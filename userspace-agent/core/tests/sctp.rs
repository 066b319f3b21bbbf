// SPDX-License-Identifier: GPL-2.0

//! SCTP: the CRC, headers, and the states of associations.

#![allow(missing_docs)]

use proptest::prelude::*;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::crc32c::{crc32c, update, Crc32c};
use switchyard_core::core::sctp::{Chunks, Sctp};
use switchyard_core::core::sctp_state::next;
use switchyard_core::core::tuple::Direction::{self, Forward, Reply};

/// Bit by bit, as the polynomial is written.
fn plain(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut register, byte| {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let low = register & 1;
            register >>= 1;
            if low == 1 {
                register ^= 0x82f6_3b78;
            }
        }
        register
    })
}

/// RFC 3720, B.4, and the catalogue's check value.
#[test]
fn published_values() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    let ascending: Vec<u8> = (0..32).collect();
    assert_eq!(crc32c(&ascending), 0x46dd_794e);
    assert_eq!(crc32c(&[]), 0);
}

/// The longest distance that there is.
#[test]
fn update_far_away() {
    for after in [0, 1, 255, 256, 257, 40_000, 65_535_u16] {
        let mut message = vec![0x5a; usize::from(after) + 4];
        let before = crc32c(&message);
        message[..4].copy_from_slice(&[1, 2, 3, 4]);
        let now = update(before, [0x5a; 4], [1, 2, 3, 4], after);
        assert_eq!(now, crc32c(&message), "{after}");
    }
}

proptest! {
    #[test]
    fn fed_in_pieces(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..300_usize) {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let crc = Crc32c::new().feed(first).feed(second).finish();
        prop_assert_eq!(crc, plain(&bytes));
    }

    #[test]
    fn updated(mut bytes in prop::collection::vec(any::<u8>(), 4..3000), new: [u8; 4], at in 0..3000_usize) {
        let at = at % (bytes.len() - 3);
        let before = crc32c(&bytes);
        let old = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        bytes[at..at + 4].copy_from_slice(&new);
        prop_assert_eq!(update(before, old, new, (bytes.len() - at - 4) as u16), crc32c(&bytes));
    }

    /// Whatever comes is read without harm.
    #[test]
    fn noise(bytes in prop::collection::vec(prop::sample::select(vec![0, 1, 4, 6, 7, 8, 14, 255]), 0..80), more in 0..100_usize) {
        if let Some(sctp) = Sctp::parse(&bytes, bytes.len() + more) {
            prop_assert!(bytes.len() >= 16);
            prop_assert_eq!(sctp.source.to_be_bytes(), [bytes[0], bytes[1]]);
        }
    }
}

/// A packet of chunks of these types and lengths.
fn packet(chunks: &[(u8, u16)]) -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x40, 0x0b, 0x59, 1, 2, 3, 4, 0, 0, 0, 0];
    for (kind, length) in chunks {
        bytes.extend([*kind, 0]);
        bytes.extend(length.to_be_bytes());
        bytes.resize(
            bytes.len() + (usize::from(*length).max(4) - 4).div_ceil(4) * 4,
            0,
        );
    }
    bytes
}

fn parse(bytes: &[u8]) -> Option<Sctp> {
    Sctp::parse(bytes, bytes.len())
}

#[test]
fn headers() {
    let init = parse(&packet(&[(1, 20)])).expect("sound");
    assert_eq!((init.source, init.destination), (40_000, 2905));
    assert_eq!(init.verification_tag, 0x0102_0304);
    assert!(init.chunks.opens());
    // SACK with one gap, then SHUTDOWN: the second is seen if its bytes are there.
    let bundle = packet(&[(3, 18), (7, 8)]);
    assert!(parse(&bundle).expect("sound").chunks.any(Chunks::SHUTDOWN));
    let short = Sctp::parse(&bundle[..16], bundle.len()).expect("sound");
    assert_eq!(short.chunks, Chunks(1 << 3));
    // Extensions have no state; data behind them is not taken for chunks beyond the fourth.
    assert_eq!(
        parse(&packet(&[(0xc1, 8)])).expect("sound").chunks,
        Chunks(0)
    );
    let five = parse(&packet(&[(3, 16), (3, 16), (3, 16), (3, 16), (6, 4)])).expect("sound");
    assert_eq!(five.chunks, Chunks(1 << 3));
    // Nothing behind the header, a length that lies, a packet that ends.
    assert!(parse(&packet(&[])).is_none());
    assert!(parse(&packet(&[(1, 3)])).is_none());
    assert!(Sctp::parse(&packet(&[(1, 20)]), 31).is_none());
    assert!(Sctp::parse(&packet(&[(1, 20)]), 32).is_some());
    assert!(Sctp::parse(&packet(&[(1, 20)])[..15], 32).is_none());
    // What is behind the packet's end is no chunk of it.
    assert_eq!(
        Sctp::parse(&packet(&[(3, 16), (6, 4)]), 28)
            .expect("sound")
            .chunks,
        Chunks(1 << 3)
    );
}

/// The states after each packet of a life.
fn life(packets: &[(Direction, Chunks)]) -> Vec<State> {
    let mut state = State::SynReceived;
    packets
        .iter()
        .map(|(direction, chunks)| {
            state = next(state, *chunks, *direction);
            state
        })
        .collect()
}

#[test]
fn lives() {
    let data = Chunks(1);
    assert_eq!(
        life(&[
            (Forward, Chunks::INIT),
            (Reply, Chunks::INIT_ACK),
            (Forward, Chunks::COOKIE_ECHO.with(data)),
            (Reply, Chunks::COOKIE_ACK),
            (Forward, data),
            (Forward, Chunks::SHUTDOWN),
            (Reply, Chunks::SHUTDOWN_ACK),
            (Forward, Chunks::SHUTDOWN_COMPLETE),
        ]),
        [
            State::SynReceived,
            State::SynReceived,
            State::Established,
            State::Established,
            State::Established,
            State::FinClient,
            State::FinClient,
            State::TimeWait,
        ]
    );
    assert_eq!(
        life(&[
            (Reply, Chunks::COOKIE_ACK),
            (Reply, Chunks::SHUTDOWN),
            (Forward, Chunks::SHUTDOWN_ACK),
            (Reply, Chunks::SHUTDOWN_COMPLETE),
        ]),
        [
            State::Established,
            State::FinDestination,
            State::FinDestination,
            State::TimeWait,
        ]
    );
    // The destination's INIT ACK alone proves nothing of the client.
    assert_eq!(life(&[(Reply, Chunks::COOKIE_ECHO)]), [State::SynReceived]);
    assert_eq!(life(&[(Forward, Chunks::COOKIE_ACK)]), [State::SynReceived]);
    assert_eq!(
        life(&[(Reply, Chunks::ABORT), (Forward, data)]),
        [State::Closed, State::Closed]
    );
    assert_eq!(
        next(State::Established, Chunks::SHUTDOWN_ACK, Reply),
        State::FinClient
    );
}

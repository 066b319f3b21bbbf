// SPDX-License-Identifier: GPL-2.0

//! How TCP segments move a connection from state to state.
//!
//! This follows the endpoints (RFC 9293, 3.3.2) only as far as timeouts need it. Sequence
//! numbers are not kept, so nothing is refused here: a forged RST merely shortens the time that
//! a silent connection is remembered, while one that still talks goes on.

use super::connection_state::ConnectionState;
use super::tcp::Flags;
use super::tuple::Direction;

/// The state after a segment with these flags went this way.
#[inline(always)]
pub const fn next(state: ConnectionState, flags: Flags, direction: Direction) -> ConnectionState {
    use ConnectionState as State;

    if flags.has(Flags::RST) {
        return State::Closed;
    }
    let fin = flags.has(Flags::FIN);
    match (state, direction) {
        (State::SynReceived, Direction::Forward)
            if flags.has(Flags::ACK) && !flags.has(Flags::SYN) =>
        {
            if fin {
                State::FinClient
            } else {
                State::Established
            }
        }
        (State::SynReceived | State::Established, Direction::Reply) if fin => State::FinDestination,
        (State::Established, Direction::Forward) if fin => State::FinClient,
        (State::FinClient, Direction::Reply) if fin => State::TimeWait,
        (State::FinDestination, Direction::Forward) if fin => State::TimeWait,
        _ => state,
    }
}

// SPDX-License-Identifier: GPL-2.0

//! How SCTP packets move a connection from state to state.
//!
//! An association is one connection with the client's first address; others that the ends add
//! (RFC 5061) are not followed. The states are those of TCP that last alike:
//!
//! | here | association (RFC 9260, 4) |
//! |---|---|
//! | `SynReceived` | INIT was seen: COOKIE-WAIT and COOKIE-ECHOED |
//! | `Established` | the cookie came back |
//! | `FinClient`, `FinDestination` | SHUTDOWN of the one or the other: until SHUTDOWN COMPLETE |
//! | `TimeWait` | SHUTDOWN COMPLETE |
//! | `Closed` | ABORT |

use super::connection_state::ConnectionState;
use super::sctp::Chunks;
use super::tuple::Direction;

/// The state after a packet with these chunks went this way.
#[inline(always)]
pub const fn next(state: ConnectionState, chunks: Chunks, direction: Direction) -> ConnectionState {
    use ConnectionState as State;

    if chunks.any(Chunks::ABORT) {
        return State::Closed;
    }
    if chunks.any(Chunks::SHUTDOWN_COMPLETE) {
        return State::TimeWait;
    }
    match (state, direction) {
        // Of a client only the cookie proves that it is where it says.
        (State::SynReceived, Direction::Forward) if chunks.any(Chunks::COOKIE_ECHO) => {
            State::Established
        }
        // With the cookie echoed by another way or unseen, the answer tells as much.
        (State::SynReceived, Direction::Reply) if chunks.any(Chunks::COOKIE_ACK) => {
            State::Established
        }
        // SHUTDOWN ACK ends one whose SHUTDOWN was not seen here.
        (State::Established, Direction::Forward) if chunks.any(Chunks::SHUTDOWN) => {
            State::FinClient
        }
        (State::Established, Direction::Forward) if chunks.any(Chunks::SHUTDOWN_ACK) => {
            State::FinDestination
        }
        (State::Established, Direction::Reply) if chunks.any(Chunks::SHUTDOWN) => {
            State::FinDestination
        }
        (State::Established, Direction::Reply) if chunks.any(Chunks::SHUTDOWN_ACK) => {
            State::FinClient
        }
        _ => state,
    }
}

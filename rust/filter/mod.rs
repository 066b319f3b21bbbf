// SPDX-License-Identifier: GPL-2.0

//! The packet filter: what becomes of a packet (patent WO 00/30294, Fig. 6 and the text to it).
//!
//! Step 204 reads the headers, 206 asks for a valid service, 208 resets or discards, 210 asks
//! for a known connection, 212 chooses a destination, 214 rewrites and sends. Known connections
//! are asked for first, since they live on when their service is gone, and since nearly every
//! packet belongs to one.
//!
//! [`decide()`] says what is to become of a packet and does not change it; what is to be sent on is
//! rewritten by [`Forward::rewrite`] once the way out is known to take it.

mod affinity;
pub mod context;
pub mod decide;
pub mod dry;
pub mod express;
pub mod fragment;
mod icmp;
mod ipv4;
mod ipv6;
mod open;
pub mod opening;
mod report;
pub mod reset;
pub mod segment;
mod stateless;
pub mod transport;
mod tunnel_error;
pub mod verdict;
pub mod version;

pub use self::context::{
    Context,
    Destination,
    Options,
    Service,
    Services,
    Tables, //
};
pub use self::decide::decide;
pub use self::express::{
    look,
    AsItIs,
    Change,
    Express, //
};
pub use self::fragment::{
    Decision,
    Fragments, //
};
pub use self::opening::Opening;
pub use self::report::Report;
pub use self::verdict::{
    Forward,
    Verdict, //
};
pub use self::version::Version;

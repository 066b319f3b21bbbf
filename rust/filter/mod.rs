// SPDX-License-Identifier: GPL-2.0

//! The packet filter: what becomes of a packet (patent WO 00/30294, Fig. 6 and the text to it).
//!
//! Step 204 reads the headers, 206 asks for a valid service, 208 resets or discards, 210 asks
//! for a known connection, 212 chooses a destination, 214 rewrites and sends. Known connections
//! are asked for first, since they live on when their service is gone, and since nearly every
//! packet belongs to one.

pub mod context;
pub mod decide;
pub mod reset;
pub mod rewrite;
pub mod segment;
pub mod verdict;

pub use self::context::{
    Context,
    Destination,
    Options,
    Service,
    Services, //
};
pub use self::decide::filter;
pub use self::verdict::{
    Forward,
    Verdict, //
};

// SPDX-License-Identifier: GPL-2.0

//! What of `rust/core` makes the connection table.

pub use super::atomic;

/// A table as small as can be, in place of `rust/core/shape.rs`.
pub mod shape {
    pub const ENTRIES: usize = 2;
    pub const REACH: usize = 1;
    pub const GROUP: u32 = 2;
}

#[path = "../../../rust/core/address.rs"]
pub mod address;
#[path = "../../../rust/core/books.rs"]
pub mod books;
#[path = "../../../rust/core/bucket.rs"]
pub mod bucket;
#[path = "../../../rust/core/connection.rs"]
pub mod connection;
#[path = "../../../rust/core/connection_state.rs"]
pub mod connection_state;
#[path = "../../../rust/core/connection_table.rs"]
pub mod connection_table;
#[path = "../../../rust/core/connections.rs"]
pub mod connections;
#[path = "../../../rust/core/free_list.rs"]
pub mod free_list;
#[path = "../../../rust/core/home.rs"]
mod home;
#[path = "../../../rust/core/memory.rs"]
pub mod memory;
#[path = "../../../rust/core/method.rs"]
pub mod method;
#[path = "../../../rust/core/protocol.rs"]
pub mod protocol;
#[path = "../../../rust/core/resize.rs"]
pub mod resize;
#[path = "../../../rust/core/slot.rs"]
pub mod slot;
#[path = "../../../rust/core/slot_v4.rs"]
pub mod slot_v4;
#[path = "../../../rust/core/slot_v6.rs"]
pub mod slot_v6;
#[path = "../../../rust/core/timeouts.rs"]
pub mod timeouts;
#[path = "../../../rust/core/tuple.rs"]
pub mod tuple;

// SPDX-License-Identifier: GPL-2.0

//! What can be decided about a packet without the kernel.
//!
//! Nothing here knows `kernel::`, allocates or is `unsafe`. The same sources are a module of
//! the kernel crate and of the host crate `switchyard-core`, which tests them; so the paths
//! among them are relative (`super::`), and the standard library is `::core`, since `core` is
//! this module's own name in both crates. Both roots declare it `pub mod core`, or its items
//! count as unreachable.
//!
//! Derives of `zerocopy_derive` are named in full: whether `zerocopy` names them as well depends on
//! its features, which on the host another crate may turn on.
//!
//! Byte order: addresses and ports are numbers in host order once they left a header; the
//! headers themselves are `zerocopy` types in network order.
//!
//! Memory order: tables are read by any CPU while others change them. An `Acquire` load of
//! `::core::sync::atomic` stands wherever the kernel would use `rcu_dereference()`, and a
//! `Release` store where it would use `rcu_assign_pointer()`; the kernel crate's own atomics
//! are calls out of line on kernels built by gcc, these are instructions.

pub mod address;
pub mod atomic;
pub mod books;
pub mod bucket;
pub mod checksum;
pub mod connection;
pub mod connection_state;
pub mod connection_table;
pub mod connections;
pub mod crc32c;
pub mod drop_reason;
pub mod fragment;
pub mod fragment_table;
pub mod free_list;
mod home;
pub mod icmp;
pub mod icmp_error;
pub mod icmp_rewrite;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod known;
pub mod load;
pub mod memory;
pub mod method;
pub mod network;
pub mod packet;
pub mod prefix;
pub mod probe;
pub mod protocol;
pub mod rate;
pub mod rate_limit;
pub mod resize;
pub mod rewrite;
pub mod scheduler;
pub mod sctp;
pub mod sctp_state;
pub mod service_key;
pub mod shape;
pub mod slot;
pub mod slot_v4;
pub mod slot_v6;
pub mod sort;
pub mod tcp;
pub mod tcp_state;
pub mod timeouts;
pub mod tuning;
pub mod tunnel;
pub mod tuple;
pub mod udp;

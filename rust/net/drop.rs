// SPDX-License-Identifier: GPL-2.0

//! The kernel's drop reasons for ours.
//!
//! C header: [`include/net/dropreason-core.h`](srctree/include/net/dropreason-core.h). Modules
//! cannot add reasons of their own there: subsystems are numbered at build time.

use crate::{
    core::drop_reason::DropReason,
    sys, //
};

/// What the kernel's drop monitor is told.
pub(super) fn kernel_reason(reason: DropReason) -> sys::skb_drop_reason {
    match reason {
        DropReason::IpHeader => sys::skb_drop_reason_SKB_DROP_REASON_IP_INHDR,
        DropReason::TransportHeader => sys::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_SMALL,
        DropReason::Fragment => sys::skb_drop_reason_SKB_DROP_REASON_FRAG_REASM_TIMEOUT,
        DropReason::Ttl => sys::skb_drop_reason_SKB_DROP_REASON_IP_INHDR,
        DropReason::NoService => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::NoConnection => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::NoDestination => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::TableFull => sys::skb_drop_reason_SKB_DROP_REASON_NOMEM,
        DropReason::NoMemory => sys::skb_drop_reason_SKB_DROP_REASON_NOMEM,
        DropReason::NoRoute => sys::skb_drop_reason_SKB_DROP_REASON_IP_OUTNOROUTES,
        DropReason::NoNeighbour => sys::skb_drop_reason_SKB_DROP_REASON_NEIGH_FAILED,
        DropReason::TooBig => sys::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_BIG,
        DropReason::Transmit => sys::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
        DropReason::RingFull => sys::skb_drop_reason_SKB_DROP_REASON_FULL_RING,
        DropReason::ResetSent => sys::skb_drop_reason_SKB_CONSUMED,
        DropReason::UnknownExtension => sys::skb_drop_reason_SKB_DROP_REASON_IPV6_BAD_EXTHDR,
        DropReason::FragmentTimeout => sys::skb_drop_reason_SKB_DROP_REASON_FRAG_REASM_TIMEOUT,
        DropReason::FragmentLimit => sys::skb_drop_reason_SKB_DROP_REASON_NOMEM,
        DropReason::IcmpErrorUnknown => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::ConnectionLimit => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::HalfOpen => sys::skb_drop_reason_SKB_DROP_REASON_NOMEM,
        DropReason::Down => sys::skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
        DropReason::NoLocal => sys::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
    }
}

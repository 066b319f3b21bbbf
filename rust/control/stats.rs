// SPDX-License-Identifier: GPL-2.0

//! Traffic counts in messages.

use kernel::prelude::*;

use crate::{
    config::{
        DropCounts,
        Total, //
    },
    core::drop_reason::DropReason,
    net::genetlink::{
        uapi::{
            drop,
            drop_reason,
            stats, //
        },
        Message, //
    },
};

/// Puts `total` and the same a second as a nest with the number `id`.
pub(super) fn put(message: &mut Message<'_>, id: u16, total: &Total, rates: &Total) -> Result {
    message.nest(id, |message| {
        message.put_uint(stats::CONNECTIONS, total.connections)?;
        message.put_uint(stats::PACKETS_IN, total.packets_in)?;
        message.put_uint(stats::BYTES_IN, total.bytes_in)?;
        message.put_uint(stats::PACKETS_OUT, total.packets_out)?;
        message.put_uint(stats::BYTES_OUT, total.bytes_out)?;
        message.put_uint(stats::CONNECTIONS_RATE, rates.connections)?;
        message.put_uint(stats::PACKETS_IN_RATE, rates.packets_in)?;
        message.put_uint(stats::BYTES_IN_RATE, rates.bytes_in)?;
        message.put_uint(stats::PACKETS_OUT_RATE, rates.packets_out)?;
        message.put_uint(stats::BYTES_OUT_RATE, rates.bytes_out)
    })
}

/// Puts counts of dropped packets, each as a nest with the number `id`: of all reasons, or of
/// those that were met.
pub(super) fn put_drops(
    message: &mut Message<'_>,
    id: u16,
    drops: &DropCounts,
    all: bool,
) -> Result {
    // The reasons are numbered as in the specification.
    const { assert!(DropReason::NoLocal as u32 == drop_reason::NO_LOCAL) };
    for (reason, packets) in DropReason::ALL.iter().zip(drops) {
        if all || *packets != 0 {
            message.nest(id, |message| {
                message.put_u32(drop::REASON, *reason as u32)?;
                message.put_uint(drop::PACKETS, *packets)
            })?;
        }
    }
    Ok(())
}

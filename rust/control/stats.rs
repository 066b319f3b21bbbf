// SPDX-License-Identifier: GPL-2.0

//! Traffic counts in messages.

use kernel::prelude::*;

use crate::{
    config::Total,
    net::genetlink::{
        uapi::stats,
        Message, //
    },
};

/// Puts `total` as a nest with the number `id`.
pub(super) fn put(message: &mut Message<'_>, id: u16, total: &Total) -> Result {
    message.nest(id, |message| {
        message.put_uint(stats::CONNECTIONS, total.connections)?;
        message.put_uint(stats::PACKETS_IN, total.packets_in)?;
        message.put_uint(stats::BYTES_IN, total.bytes_in)?;
        message.put_uint(stats::PACKETS_OUT, total.packets_out)?;
        message.put_uint(stats::BYTES_OUT, total.bytes_out)
    })
}

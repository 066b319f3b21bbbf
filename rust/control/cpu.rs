// SPDX-License-Identifier: GPL-2.0

//! CPUs and what each has done, listed.

use kernel::prelude::*;

use super::stats;
use crate::{
    engine::types::CpuInfo,
    net::genetlink::{
        uapi::cpu,
        Dump,
        Message,
        Refusal, //
    },
    switch, //
};

/// Puts all that there is to tell of a CPU.
fn put(message: &mut Message<'_>, info: &CpuInfo<'_>) -> Result {
    message.put_u32(cpu::CPU, info.cpu)?;
    if info.switching {
        message.put_flag(cpu::SWITCHING)?;
    }
    message.put_u32(cpu::QUEUES, info.queues)?;
    message.put_uint(cpu::RECEIVED, info.received)?;
    message.put_uint(cpu::FORWARDED, info.forwarded)?;
    message.put_uint(cpu::PASSED, info.passed)?;
    message.put_uint(cpu::LOCAL_IN, info.local_in)?;
    message.put_uint(cpu::LOCAL_OUT, info.local_out)?;
    message.put_uint(cpu::RESETS, info.resets)?;
    message.put_uint(cpu::CONNECTIONS, info.traffic.connections)?;
    stats::put_drops(message, cpu::DROP, info.drops, true)?;
    stats::put(message, cpu::STATS, &info.traffic, &info.rates)?;
    message.put_uint(cpu::EXPIRY_RESETS, info.expiry_resets)
}

/// Handles `cpu-get`.
///
/// Cursor: the number of the next CPU.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let Some(switch) = switch::of(dump.namespace()) else {
        return Ok(());
    };
    let [mut next, ..] = dump.cursor();
    let mut full = false;
    let result = switch.cpus(&mut |info| {
        if info.cpu < next {
            return Ok(());
        }
        if !dump.entry(|message| put(message, info))? {
            full = true;
            // Ends the enumeration.
            return Err(EMSGSIZE);
        }
        next = info.cpu.saturating_add(1);
        Ok(())
    });
    dump.set_cursor([next, 0, 0, 0]);
    if !full {
        result?;
    }
    Ok(())
}

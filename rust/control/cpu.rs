// SPDX-License-Identifier: GPL-2.0

//! CPUs and what each has done, listed.

use kernel::prelude::*;

use crate::{
    core::drop_reason::DropReason,
    engine::types::CpuInfo,
    net::genetlink::{
        uapi::{
            cpu,
            drop,
            drop_reason, //
        },
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
    message.put_uint(cpu::CONNECTIONS, info.connections)?;
    // The reasons are numbered as in the specification.
    const { assert!(DropReason::NoLocal as u32 == drop_reason::NO_LOCAL) };
    for (reason, packets) in DropReason::ALL.iter().zip(info.drops) {
        message.nest(cpu::DROP, |message| {
            message.put_u32(drop::REASON, *reason as u32)?;
            message.put_uint(drop::PACKETS, *packets)
        })?;
    }
    Ok(())
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

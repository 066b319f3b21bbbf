// SPDX-License-Identifier: GPL-2.0

//! Notifications to the listeners of a multicast group.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

use kernel::prelude::*;

use super::message::{
    Buffer,
    Message, //
};
use crate::{
    net::namespace::Namespace,
    sys, //
};

/// A multicast group of the family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Changes of services and destinations.
    Config,
    /// Devices claimed and released.
    Claims,
}

impl Group {
    /// The group's number among those of all families.
    fn number(self) -> u32 {
        let index = match self {
            Self::Config => sys::SWITCHYARD_NLGRP_CONFIG,
            Self::Claims => sys::SWITCHYARD_NLGRP_CLAIMS,
        };
        // SAFETY: The family is only written while it is registered, which is before there are
        // handlers or switches.
        let first = unsafe { sys::switchyard_nl_family.mcgrp_offset };
        first.wrapping_add(index)
    }

    /// Whether anybody in `namespace` listens: if not, there is no need to make messages.
    pub(crate) fn has_listeners(self, namespace: &Namespace) -> bool {
        // SAFETY: The namespace is valid, and has its socket as long as it has a switch.
        unsafe { sys::netlink_has_listeners((*namespace.as_ptr()).genl_sock, self.number()) != 0 }
    }
}

/// Tells the listeners of `group` in `namespace`, if any, what `fill` puts. May sleep.
///
/// # Errors
///
/// `ENOMEM`, or what `fill` returns; the listeners then get `ENOBUFS`, as one does whose socket
/// is full, and know that they have missed something.
pub(crate) fn notify(
    namespace: &Namespace,
    group: Group,
    command: u8,
    fill: impl FnOnce(&mut Message<'_>) -> Result,
) -> Result {
    if !group.has_listeners(namespace) {
        return Ok(());
    }
    let made = Buffer::new(Buffer::USUAL).and_then(|buffer| {
        // SAFETY: The buffer is ours and not touched until the message is ended.
        let mut message = unsafe { Message::start(buffer.as_ptr(), 0, 0, 0, command) }?;
        fill(&mut message)?;
        message.end();
        Ok(buffer)
    });
    let buffer = made.inspect_err(|_| {
        // SAFETY: As in `has_listeners`.
        unsafe {
            sys::netlink_set_err(
                (*namespace.as_ptr()).genl_sock,
                0,
                group.number(),
                ENOBUFS.to_errno(),
            )
        };
    })?;
    // SAFETY: As in `has_listeners`. The buffer holds one complete message and passes to the
    // function.
    unsafe {
        sys::nlmsg_notify(
            (*namespace.as_ptr()).genl_sock,
            buffer.into_raw(),
            0,
            group.number(),
            0,
            kernel::bindings::GFP_KERNEL,
        )
    };
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Generic netlink: requests, replies, dumps and notifications of the family `switchyard`.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)
//!
//! Policy, operation table and family are C, made from the YNL specification by the kernel's own
//! generator (`scripts/netlink-gen.sh`), so that what the kernel checks is what the specification
//! says. The functions that the table names are in [`operations`]; they hand safe values to the
//! handlers in [`crate::control`].

mod attribute;
mod dump;
mod message;
mod notify;
mod operations;
mod refusal;
mod request;
pub(crate) mod uapi;

pub(crate) use self::{
    attribute::{
        Attribute,
        Attributes, //
    },
    dump::Dump,
    message::Message,
    notify::{
        notify,
        Group, //
    },
    refusal::Refusal,
    request::Request, //
};

use kernel::prelude::*;

use crate::sys;

/// The family's registration; dropping it ends it.
///
/// Handlers may run from [`Registration::new`] on until the drop has returned.
///
/// # Invariants
///
/// The family is registered.
pub(crate) struct Registration(());

impl Registration {
    /// Registers the family. To be called once, from the module's initialisation: the family
    /// is read-only afterwards.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is a family of this name, `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The family is static and complete.
        kernel::error::to_result(unsafe {
            sys::genl_register_family(&raw mut sys::switchyard_nl_family)
        })?;
        // INVARIANT: It was just registered.
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. This waits for handlers that run.
        unsafe { sys::genl_unregister_family(&raw const sys::switchyard_nl_family) };
    }
}

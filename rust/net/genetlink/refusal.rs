// SPDX-License-Identifier: GPL-2.0

//! Why a request is refused, told to the caller in the extended acknowledgement.
//!
//! C header: [`include/linux/netlink.h`](srctree/include/linux/netlink.h), `netlink_ext_ack`

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

use super::{
    Attribute,
    Attributes, //
};
use crate::sys;

/// An attribute that should have been there.
struct Missing<'a> {
    nest: Option<Attribute<'a>>,
    id: u16,
}

/// A refused request: the error, a sentence, and the attribute at fault.
pub(crate) struct Refusal<'a> {
    error: Error,
    message: &'static CStr,
    fault: Option<Attribute<'a>>,
    missing: Option<Missing<'a>>,
}

impl<'a> Refusal<'a> {
    /// A refusal of the request as a whole.
    pub(crate) fn new(error: Error, message: &'static CStr) -> Self {
        Self {
            error,
            message,
            fault: None,
            missing: None,
        }
    }

    /// The refusal of a request that lacks attribute `id` among `attributes`.
    pub(crate) fn missing(attributes: Attributes<'a>, id: u16) -> Self {
        Self {
            error: EINVAL,
            message: c"a required attribute is missing",
            fault: None,
            missing: Some(Missing {
                nest: attributes.holder(),
                id,
            }),
        }
    }

    /// Points at `attribute`, whatever it pointed at before.
    pub(crate) fn at(self, attribute: Attribute<'a>) -> Self {
        Self {
            fault: Some(attribute),
            ..self
        }
    }

    /// Writes the refusal to the acknowledgement and returns the error to return.
    ///
    /// # Safety
    ///
    /// `extack` must be null or valid for writing, and be of the request that the attribute is
    /// of.
    pub(super) unsafe fn report(self, extack: *mut sys::netlink_ext_ack) -> Error {
        // SAFETY: The message is a string; this only feeds a trace point.
        unsafe { sys::do_trace_netlink_extack(self.message.as_char_ptr()) };
        // SAFETY: By the function's requirements. The message is static, as it must be: it is
        // read after the handler has returned, and so is the request.
        if let Some(extack) = unsafe { extack.as_mut() } {
            extack._msg = self.message.as_char_ptr();
            if let Some(fault) = self.fault {
                extack.bad_attr = fault.as_ptr();
                extack.policy = ::core::ptr::null();
            }
            if let Some(missing) = self.missing {
                extack.miss_nest = missing
                    .nest
                    .map_or(::core::ptr::null(), |nest| nest.as_ptr());
                extack.miss_type = missing.id;
            }
        }
        self.error
    }
}

impl From<Error> for Refusal<'_> {
    fn from(error: Error) -> Self {
        let message = if error == ENOMEM {
            c"out of memory"
        } else if error == EMSGSIZE {
            c"the answer is too long for a message"
        } else {
            c"the kernel refused"
        };
        Self::new(error, message)
    }
}

impl From<AllocError> for Refusal<'_> {
    fn from(error: AllocError) -> Self {
        Self::from(Error::from(error))
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A request for one thing (`do`), and the answer to it.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h), `genl_info`

use ::core::{
    marker::PhantomData,
    slice, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

use super::{
    message::{
        Buffer,
        Message, //
    },
    Attributes,
    Refusal, //
};
use crate::{
    net::namespace::Namespace,
    sys, //
};

/// `MSG_DONTWAIT`: a caller that does not read its answers does without.
const DONT_WAIT: c_int = 0x40;

/// A handler of requests for one thing.
pub(super) type Handler = for<'a> fn(&Request<'a>) -> Result<(), Refusal<'a>>;

/// A request while it is being handled, in the context of the process that sent it.
///
/// # Invariants
///
/// `info` is valid for `'a`, and so is the message that it is of.
pub(crate) struct Request<'a> {
    info: *mut sys::genl_info,
    attributes: Attributes<'a>,
    _info: PhantomData<&'a sys::genl_info>,
}

impl<'a> Request<'a> {
    /// The attributes.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }

    /// The network namespace that the socket was opened in.
    pub(crate) fn namespace(&self) -> &'a Namespace {
        // SAFETY: By the type invariant. The socket holds its namespace.
        unsafe { Namespace::from_raw((*self.info)._net.net) }
    }

    /// Answers with one message that `fill` puts the attributes of. May sleep.
    pub(crate) fn reply(
        &self,
        fill: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result<(), Refusal<'a>> {
        self.reply_of(Buffer::USUAL, fill)
    }

    /// The same with room for a message of `size` bytes.
    pub(crate) fn reply_of(
        &self,
        size: usize,
        fill: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result<(), Refusal<'a>> {
        let buffer = Buffer::new(size)?;
        // SAFETY: By the type invariant, `info` and its headers are valid.
        let (port, sequence, command) = unsafe {
            (
                (*self.info).snd_portid,
                (*self.info).snd_seq,
                (*(*self.info).genlhdr).cmd,
            )
        };
        // SAFETY: The buffer is ours and not touched until the message is ended.
        let mut message = unsafe { Message::start(buffer.as_ptr(), port, sequence, 0, command) }?;
        fill(&mut message)?;
        message.end();
        let net = self.namespace().as_ptr();
        // SAFETY: A namespace has a generic-netlink socket as long as there are requests to it.
        // The buffer holds one complete message and passes to the function.
        let result =
            unsafe { sys::netlink_unicast((*net).genl_sock, buffer.into_raw(), port, DONT_WAIT) };
        to_result(result)?;
        Ok(())
    }
}

/// The attributes of the generic-netlink message that starts at `header`.
///
/// # Safety
///
/// The message must be valid, as long as its header says, and unchanged for all of `'a`.
pub(super) unsafe fn attributes_of<'a>(header: *const sys::nlmsghdr) -> Attributes<'a> {
    const HEADERS: usize = size_of::<sys::nlmsghdr>() + size_of::<sys::genlmsghdr>();
    // SAFETY: By the function's requirements.
    let length = unsafe { (*header).nlmsg_len };
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: As above.
    let message = unsafe { slice::from_raw_parts(header.cast::<u8>(), length) };
    Attributes::new(message.get(HEADERS..).unwrap_or_default())
}

/// Calls `handler` and turns what it returns into C's terms.
///
/// # Safety
///
/// To be called as `doit`, with the `info` that the core passed.
pub(super) unsafe fn serve(info: *mut sys::genl_info, handler: Handler) -> c_int {
    // SAFETY: The core keeps the message until `doit` has returned; nobody changes it.
    let attributes = unsafe { attributes_of((*info).nlhdr) };
    // INVARIANT: `info` is valid until `doit` returns.
    let request = Request {
        info,
        attributes,
        _info: PhantomData,
    };
    match handler(&request) {
        Ok(()) => 0,
        // SAFETY: The acknowledgement is that of this request.
        Err(refusal) => unsafe { refusal.report((*info).extack) }.to_errno(),
    }
}

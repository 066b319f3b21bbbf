// SPDX-License-Identifier: GPL-2.0

//! Lists (`dump`), told in as many messages as they take.
//!
//! C header: [`include/linux/netlink.h`](srctree/include/linux/netlink.h), `netlink_callback`
//!
//! The handler is called again and again until it puts nothing; what it has to remember meanwhile
//! is in the cursor. A list that changes in between is told with `NLM_F_DUMP_INTR`, if the
//! handler says which generation of it each call reads.

use ::core::marker::PhantomData;
use kernel::prelude::*;

use super::{
    message::Message,
    request::attributes_of,
    Attributes,
    Refusal, //
};
use crate::{
    net::namespace::Namespace,
    sys, //
};

/// A handler of requests for a list.
pub(super) type Handler = for<'a> fn(&mut Dump<'a>) -> Result<(), Refusal<'a>>;

/// What a dump remembers between two calls; zeros at the first.
pub(crate) type Cursor = [u32; 4];

const _: () = assert!(size_of::<Cursor>() <= size_of::<sys::netlink_callback__bindgen_ty_1>());

/// One call for the next part of a list.
///
/// # Invariants
///
/// `callback` and `skb` are valid for `'a`, and nobody else touches them.
pub(crate) struct Dump<'a> {
    skb: *mut sys::sk_buff,
    callback: *mut sys::netlink_callback,
    attributes: Attributes<'a>,
    _callback: PhantomData<&'a mut sys::netlink_callback>,
}

impl<'a> Dump<'a> {
    /// The attributes of the request.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }

    /// The network namespace that the socket was opened in.
    pub(crate) fn namespace(&self) -> &'a Namespace {
        // SAFETY: By the type invariants; `data` of a generic-netlink dump is what is known of
        // the request. The socket holds its namespace.
        unsafe {
            let info = (*self.callback).data.cast::<sys::genl_dumpit_info>();
            Namespace::from_raw((*info).info._net.net)
        }
    }

    /// What the previous call has left.
    pub(crate) fn cursor(&self) -> Cursor {
        // SAFETY: By the type invariants; the room is large enough (see above), aligned as its
        // other member `args` is, and zeroed at first by the core.
        unsafe {
            (&raw const (*self.callback).__bindgen_anon_1)
                .cast::<Cursor>()
                .read()
        }
    }

    /// Leaves `cursor` to the next call.
    pub(crate) fn set_cursor(&mut self, cursor: Cursor) {
        // SAFETY: As for reading, and nobody else touches it.
        unsafe {
            (&raw mut (*self.callback).__bindgen_anon_1)
                .cast::<Cursor>()
                .write(cursor);
        }
    }

    /// Says which generation of the list this call reads. To be called before the first entry.
    pub(crate) fn set_generation(&mut self, generation: u32) {
        // SAFETY: By the type invariants. Zero means unknown to the core.
        unsafe { (*self.callback).seq = generation.max(1) };
    }

    /// Whether the list has changed since the last entry, as `genl_dump_check_consistent()`.
    fn is_interrupted(&mut self) -> bool {
        // SAFETY: By the type invariants.
        let callback = unsafe { &mut *self.callback };
        let interrupted = callback.prev_seq != 0 && callback.seq != callback.prev_seq;
        callback.prev_seq = callback.seq;
        interrupted
    }

    /// Puts one entry that `fill` puts the attributes of.
    ///
    /// Returns `false`, with nothing put, if the message is full: then the handler has to set
    /// the cursor to this entry and return.
    ///
    /// # Errors
    ///
    /// What `fill` returns; `EMSGSIZE` if even an empty message cannot hold the entry.
    pub(crate) fn entry(&mut self, fill: impl FnOnce(&mut Message<'_>) -> Result) -> Result<bool> {
        // SAFETY: By the type invariants, callback and request are valid; a generic-netlink
        // request has a generic-netlink header after its netlink header.
        let (port, sequence, command) = unsafe {
            let header = (*self.callback).nlh;
            (
                (*header).nlmsg_pid,
                (*header).nlmsg_seq,
                (*header.add(1).cast::<sys::genlmsghdr>()).cmd,
            )
        };
        // SAFETY: By the type invariants.
        let empty = unsafe { (*self.skb).len } == 0;
        // SAFETY: As above; `self` is borrowed while the message lives.
        let started =
            unsafe { Message::start(self.skb, port, sequence, sys::NLM_F_MULTI, command) };
        let result = started.and_then(|mut message| {
            if self.is_interrupted() {
                message.mark(sys::NLM_F_DUMP_INTR);
            }
            fill(&mut message)?;
            message.end();
            Ok(())
        });
        match result {
            Ok(()) => Ok(true),
            Err(error) if error == EMSGSIZE && !empty => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Calls `handler` and turns what it returns into C's terms.
///
/// # Safety
///
/// To be called as `dumpit`, with what the core passed.
pub(super) unsafe fn serve(
    skb: *mut sys::sk_buff,
    callback: *mut sys::netlink_callback,
    handler: Handler,
) -> c_int {
    // SAFETY: The core holds the request for as long as the dump lasts.
    let attributes = unsafe { attributes_of((*callback).nlh) };
    // INVARIANT: The core calls one `dumpit` at a time on a socket, and lends it both.
    let mut dump = Dump {
        skb,
        callback,
        attributes,
        _callback: PhantomData,
    };
    match handler(&mut dump) {
        Ok(()) => {
            // SAFETY: The buffer is valid.
            let length = unsafe { (*skb).len };
            // A buffer is far shorter than the limit.
            c_int::try_from(length).unwrap_or(c_int::MAX)
        }
        // SAFETY: The acknowledgement is that of this request.
        Err(refusal) => unsafe { refusal.report((*callback).extack) }.to_errno(),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Messages being written: replies, entries of dumps, notifications.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

use ::core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

use crate::sys;

/// A socket buffer of our own for one message.
///
/// # Invariants
///
/// The pointer owns a valid netlink buffer.
pub(super) struct Buffer(NonNull<sys::sk_buff>);

impl Buffer {
    /// Room for a message of the size that netlink usually takes, almost a page. May sleep.
    pub(super) fn new() -> Result<Self> {
        const SIZE: usize = 3 * 1024;
        // SAFETY: No requirements.
        let skb = unsafe { sys::yard_nl_new(SIZE) };
        // INVARIANT: A new buffer is ours.
        NonNull::new(skb).map(Self).ok_or(ENOMEM)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::sk_buff {
        self.0.as_ptr()
    }

    /// Gives the buffer up to a C function that will free it.
    pub(super) fn into_raw(self) -> *mut sys::sk_buff {
        ::core::mem::ManuallyDrop::new(self).as_ptr()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { sys::yard_nl_free(self.as_ptr()) };
    }
}

/// A message being written; unless it is ended, dropping it takes it back.
///
/// Each `put` fails with `EMSGSIZE` when the buffer is full.
///
/// # Invariants
///
/// `skb` is a valid netlink buffer that nobody else touches during `'a`, and `header` is the
/// header of the last message in it.
pub(crate) struct Message<'a> {
    skb: NonNull<sys::sk_buff>,
    header: NonNull<c_void>,
    _buffer: PhantomData<&'a mut sys::sk_buff>,
}

impl Message<'_> {
    /// Starts a message in `skb`; `EMSGSIZE` if there is no room.
    ///
    /// # Safety
    ///
    /// `skb` must be a valid netlink buffer that nobody else touches while the result lives.
    pub(super) unsafe fn start(
        skb: *mut sys::sk_buff,
        port: u32,
        sequence: u32,
        flags: u32,
        command: u8,
    ) -> Result<Self> {
        // SAFETY: The buffer is valid by the function's requirements, the family is static.
        let header = unsafe {
            sys::genlmsg_put(
                skb,
                port,
                sequence,
                &raw const sys::switchyard_nl_family,
                flags as c_int,
                command,
            )
        };
        // INVARIANT: By the function's requirements; the header was just put.
        Ok(Self {
            skb: NonNull::new(skb).ok_or(EINVAL)?,
            header: NonNull::new(header.cast()).ok_or(EMSGSIZE)?,
            _buffer: PhantomData,
        })
    }

    /// The message's header, for the helpers that mark it.
    pub(super) fn header(&self) -> *mut c_void {
        self.header.as_ptr()
    }

    /// Completes the message.
    pub(super) fn end(self) {
        let this = ::core::mem::ManuallyDrop::new(self);
        // SAFETY: By the type invariants.
        unsafe { sys::yard_nl_end(this.skb.as_ptr(), this.header.as_ptr()) };
    }

    /// Puts an attribute of `value`'s bytes.
    pub(crate) fn put(&mut self, id: u16, value: &[u8]) -> Result {
        let length = u16::try_from(value.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: The buffer is valid by the type invariants; `value` is `length` bytes long.
        to_result(unsafe {
            sys::nla_put(
                self.skb.as_ptr(),
                c_int::from(id),
                c_int::from(length),
                value.as_ptr().cast(),
            )
        })
    }

    /// Puts a `u8`.
    pub(crate) fn put_u8(&mut self, id: u16, value: u8) -> Result {
        self.put(id, &[value])
    }

    /// Puts a `u16` in network byte order.
    pub(crate) fn put_be16(&mut self, id: u16, value: u16) -> Result {
        self.put(id, &value.to_be_bytes())
    }

    /// Puts a `u32`.
    pub(crate) fn put_u32(&mut self, id: u16, value: u32) -> Result {
        self.put(id, &value.to_ne_bytes())
    }

    /// Puts a `uint`: four bytes if the value fits, else eight.
    pub(crate) fn put_uint(&mut self, id: u16, value: u64) -> Result {
        match u32::try_from(value) {
            Ok(value) => self.put_u32(id, value),
            Err(_) => self.put(id, &value.to_ne_bytes()),
        }
    }

    /// Puts a string with its final NUL.
    pub(crate) fn put_string(&mut self, id: u16, value: &CStr) -> Result {
        self.put(id, value.to_bytes_with_nul())
    }

    /// Puts a flag.
    pub(crate) fn put_flag(&mut self, id: u16) -> Result {
        self.put(id, &[])
    }

    /// Puts a nest of what `fill` puts; nothing if `fill` fails.
    pub(crate) fn nest(&mut self, id: u16, fill: impl FnOnce(&mut Self) -> Result) -> Result {
        let skb = self.skb.as_ptr();
        // SAFETY: The buffer is valid by the type invariants.
        let nest = unsafe { sys::yard_nl_nest_start(skb, c_int::from(id)) };
        if nest.is_null() {
            return Err(EMSGSIZE);
        }
        let result = fill(self);
        match result {
            // SAFETY: The nest was started above; attributes are put at the end only, and nests
            // within it have been ended.
            Ok(()) => unsafe { sys::yard_nl_nest_end(skb, nest) },
            // SAFETY: `nest` lies in the buffer, which a put never moves.
            Err(_) => unsafe { sys::yard_nl_trim(skb, nest.cast()) },
        }
        result
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { sys::yard_nl_cancel(self.skb.as_ptr(), self.header.as_ptr()) };
    }
}

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

use crate::{
    core::tuple::IpAddress,
    sys, //
};

/// The bit of an attribute's type that says that there are attributes in it.
const NESTED: u16 = sys::NLA_F_NESTED as u16;

/// A socket buffer of our own for one message.
///
/// # Invariants
///
/// The pointer owns a valid netlink buffer.
pub(super) struct Buffer(NonNull<sys::sk_buff>);

impl Buffer {
    /// The size that netlink usually takes, almost a page.
    pub(super) const USUAL: usize = 3 * 1024;

    /// Room for a message of `size` bytes, headers included. May sleep.
    pub(super) fn new(size: usize) -> Result<Self> {
        const ANY_NODE: c_int = -1;
        let size = c_uint::try_from(size)?;
        // SAFETY: No requirements.
        let skb = unsafe { sys::__alloc_skb(size, kernel::bindings::GFP_KERNEL, 0, ANY_NODE) };
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
        unsafe { sys::consume_skb(self.as_ptr()) };
    }
}

/// A message being written; unless it is ended, dropping it takes it back.
///
/// Each `put` fails with `EMSGSIZE` when the buffer is full.
///
/// # Invariants
///
/// `skb` is a valid linear buffer that nobody else touches during `'a`, and its last message
/// begins `start` bytes from the beginning of its data, with a netlink header.
pub(crate) struct Message<'a> {
    skb: NonNull<sys::sk_buff>,
    start: u32,
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
        // SAFETY: By the function's requirements.
        let start = unsafe { (*skb).len };
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
        if header.is_null() {
            return Err(EMSGSIZE);
        }
        // INVARIANT: By the function's requirements; the headers were just put, at the end.
        Ok(Self {
            skb: NonNull::new(skb).ok_or(EINVAL)?,
            start,
            _buffer: PhantomData,
        })
    }

    /// How many bytes the buffer holds.
    fn length(&self) -> u32 {
        // SAFETY: By the type invariants.
        unsafe { self.skb.as_ref() }.len
    }

    /// What lies `offset` bytes from the beginning of the buffer's data.
    fn at<T>(&self, offset: u32) -> *mut T {
        // SAFETY: By the type invariants.
        let data = unsafe { self.skb.as_ref() }.data;
        data.wrapping_add(offset as usize).cast()
    }

    /// Adds `flags` to the message's header.
    pub(super) fn mark(&mut self, flags: u32) {
        let header = self.at::<sys::nlmsghdr>(self.start);
        // SAFETY: By the type invariants there is a header, aligned as all messages are. The
        // flags are 16 bits wide.
        unsafe { (*header).nlmsg_flags |= flags as u16 };
    }

    /// Completes the message.
    pub(super) fn end(self) {
        let this = ::core::mem::ManuallyDrop::new(self);
        let header = this.at::<sys::nlmsghdr>(this.start);
        // SAFETY: As in `mark`.
        unsafe { (*header).nlmsg_len = this.length().wrapping_sub(this.start) };
    }

    /// Takes back what was put after the buffer held `length` bytes.
    fn trim(&mut self, length: u32) {
        // SAFETY: By the type invariants, the buffer is ours and linear.
        unsafe { sys::skb_trim(self.skb.as_ptr(), length) };
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

    /// Puts an address: 4 or 16 bytes in network byte order.
    pub(crate) fn put_address(&mut self, id: u16, address: IpAddress) -> Result {
        match address {
            IpAddress::V4(address) => self.put(id, &address.octets()),
            IpAddress::V6(address) => self.put(id, &address.octets()),
        }
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
        let start = self.length();
        self.put(id | NESTED, &[])?;
        let result = fill(self).and_then(|()| {
            let length = self.length().wrapping_sub(start);
            u16::try_from(length).map_err(|_| EMSGSIZE)
        });
        match result {
            Ok(length) => {
                let nest = self.at::<sys::nlattr>(start);
                // SAFETY: The attribute was put there, aligned as all attributes are;
                // attributes are put at the end only.
                unsafe { (*nest).nla_len = length };
                Ok(())
            }
            Err(error) => {
                self.trim(start);
                Err(error)
            }
        }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        self.trim(self.start);
    }
}

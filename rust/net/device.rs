// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use ::core::{
    ffi::CStr,
    ptr::NonNull, //
};
use kernel::{
    str::CStrExt as _,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

use super::{
    bh::BottomHalf,
    namespace::Namespace, //
};
use crate::sys;

/// A network device, `struct net_device`.
///
/// # Invariants
///
/// Instances are valid and counted: an [`ARef`] keeps one alive, though it may be unregistered
/// meanwhile. Whoever holds an `ARef` must let go when told of the unregistration, which waits.
#[repr(transparent)]
pub(crate) struct NetDevice(Opaque<sys::net_device>);

// SAFETY: The reference count is per CPU and may be changed anywhere.
unsafe impl Send for NetDevice {}
// SAFETY: What the methods read is set for life or read as a whole.
unsafe impl Sync for NetDevice {}

// SAFETY: `dev_hold` and `dev_put` count references.
unsafe impl AlwaysRefCounted for NetDevice {
    fn inc_ref(&self) {
        // SAFETY: `self` is a valid device.
        unsafe { sys::dev_hold(self.as_ptr()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller owns a reference.
        unsafe { sys::dev_put(obj.as_ptr().cast()) };
    }
}

impl NetDevice {
    /// Wraps a C device.
    ///
    /// # Safety
    ///
    /// `dev` must be valid for all of `'a`.
    pub(crate) unsafe fn from_raw<'a>(dev: *mut sys::net_device) -> &'a Self {
        // SAFETY: The caller promises validity; the type is transparent.
        unsafe { &*dev.cast() }
    }

    /// The C device.
    pub(crate) fn as_ptr(&self) -> *mut sys::net_device {
        self.0.get()
    }

    /// The device of that index in `net`.
    pub(crate) fn by_index(net: &Namespace, ifindex: u32) -> Option<ARef<Self>> {
        let ifindex = i32::try_from(ifindex).ok()?;
        // SAFETY: `net` is valid; this returns null or a reference for us.
        let dev = NonNull::new(unsafe { sys::dev_get_by_index(net.as_ptr(), ifindex) })?;
        // SAFETY: The reference is ours.
        Some(unsafe { ARef::from_raw(dev.cast()) })
    }

    /// The device of that name in `net`.
    pub(crate) fn by_name(net: &Namespace, name: &CStr) -> Option<ARef<Self>> {
        // SAFETY: `net` is valid, `name` is a C string; null or a reference for us comes back.
        let dev = NonNull::new(unsafe { sys::dev_get_by_name(net.as_ptr(), name.as_char_ptr()) })?;
        // SAFETY: The reference is ours.
        Some(unsafe { ARef::from_raw(dev.cast()) })
    }

    /// The index that names the device in its namespace; changes only with the namespace.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: `self` is valid; the field is read as a whole.
        let ifindex = unsafe { (*self.as_ptr()).ifindex };
        u32::try_from(ifindex).unwrap_or(0)
    }

    /// Calls `f` with the name. A name being changed may be seen half new.
    pub(crate) fn with_name<R>(&self, f: impl FnOnce(&CStr) -> R) -> R {
        // SAFETY: `self` is valid; the array of characters always ends in a null.
        let name = unsafe { (*self.as_ptr()).name };
        let mut bytes = [0u8; 16];
        for (to, from) in bytes.iter_mut().zip(name.iter().take(15)) {
            *to = (*from).to_ne_bytes()[0];
        }
        f(CStr::from_bytes_until_nul(&bytes).unwrap_or_default())
    }

    /// The namespace that the device is in at this moment.
    ///
    /// The reference is good for as long as the device stays there, which the RTNL lock or being
    /// called by the device's own handlers makes sure of.
    pub(crate) fn namespace<'a>(&'a self, _rtnl: &'a Rtnl) -> &'a Namespace {
        // SAFETY: `self` is valid, and a device's namespace outlives its stay there, which the
        // RTNL lock prolongs.
        unsafe { Namespace::from_raw(sys::dev_net(self.as_ptr())) }
    }

    /// The namespace, for packet handlers: a device that handles packets does not move.
    #[inline(always)]
    pub(crate) fn namespace_bh<'a>(&'a self, _bh: &'a BottomHalf) -> &'a Namespace {
        // SAFETY: As above; moving away waits for packet handlers. This is `dev_net()`.
        unsafe { Namespace::from_raw((&raw const (*self.as_ptr()).nd_net.net).read_volatile()) }
    }

    /// How many receive queues are in use at this moment.
    pub(crate) fn receive_queues(&self) -> u32 {
        // SAFETY: `self` is valid; the field is read as a whole.
        unsafe { (*self.as_ptr()).real_num_rx_queues }
    }

    /// Whether the device has been brought up.
    pub(crate) fn is_up(&self) -> bool {
        // SAFETY: `self` is valid; the field is read as a whole.
        let flags = unsafe { (*self.as_ptr()).flags };
        flags & sys::net_device_flags_IFF_UP != 0
    }

    /// Whether it is an Ethernet device in the sense of its link-layer header.
    pub(crate) fn is_ethernet(&self) -> bool {
        // SAFETY: `self` is valid; the fields are read as a whole.
        let (kind, flags) = unsafe { ((*self.as_ptr()).type_, (*self.as_ptr()).flags) };
        u32::from(kind) == sys::ARPHRD_ETHER && flags & sys::net_device_flags_IFF_LOOPBACK == 0
    }
}

impl PartialEq for NetDevice {
    fn eq(&self, other: &Self) -> bool {
        ::core::ptr::eq(self, other)
    }
}

/// Evidence that the RTNL lock, which serialises changes to devices, is held.
///
/// # Invariants
///
/// The lock is held while an instance exists.
pub(crate) struct Rtnl {
    unlock: bool,
    _not_send: NotThreadSafe,
}

impl Rtnl {
    /// Takes the lock. Sleeps.
    pub(crate) fn lock() -> Self {
        // SAFETY: Undone on drop; a thread that holds it already has no reason to come here, as
        // callbacks under the lock are given a reference.
        unsafe { sys::rtnl_lock() };
        // INVARIANT: Just taken.
        Self {
            unlock: true,
            _not_send: NotThreadSafe,
        }
    }

    /// For callbacks that are called under the lock.
    ///
    /// # Safety
    ///
    /// The lock must be held until the value is dropped.
    pub(crate) unsafe fn assume() -> Self {
        // INVARIANT: The caller promises it.
        Self {
            unlock: false,
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Rtnl {
    fn drop(&mut self) {
        if self.unlock {
            // SAFETY: `lock` took it.
            unsafe { sys::rtnl_unlock() };
        }
    }
}

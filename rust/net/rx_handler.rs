// SPDX-License-Identifier: GPL-2.0

//! Receive handlers: first look at a device's packets, after taps and before the protocols.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use ::core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

use super::{
    bh::BottomHalf,
    device::{
        NetDevice,
        Rtnl, //
    },
    skb::SkBuff,
};
use crate::sys;

/// What became of a packet.
pub(crate) enum Outcome {
    /// It goes on up the ordinary stack.
    Pass(SkBuff),
    /// It goes on up the ordinary stack as if received by the device it now names.
    Another(SkBuff),
    /// The handler kept it.
    Consumed,
}

/// What handles a device's packets.
pub(crate) trait RxHandler: Send + Sync + 'static {
    /// Handles one packet, whose data begin at the network header.
    fn handle(&self, packet: SkBuff, bh: &BottomHalf) -> Outcome;

    /// A packet that somebody else holds too could not be copied for lack of memory and is gone.
    fn lost(&self, bh: &BottomHalf);
}

/// A handler in place on a device.
///
/// # Invariants
///
/// `device` has [`callback`] with `data` as its receive handler; `data` came from `Arc::into_raw`.
pub(crate) struct Registration<T: RxHandler> {
    device: ARef<NetDevice>,
    data: *const T,
    _handler: PhantomData<Arc<T>>,
}

// SAFETY: `T` is, and changes are made under the RTNL lock.
unsafe impl<T: RxHandler> Send for Registration<T> {}
// SAFETY: There are no shared methods.
unsafe impl<T: RxHandler> Sync for Registration<T> {}

/// # Safety
///
/// To be called by the stack, as the receive handler of a device whose data are a `T`.
unsafe extern "C" fn callback<T: RxHandler>(
    pskb: *mut *mut sys::sk_buff,
) -> sys::rx_handler_result_t {
    // SAFETY: The stack gives us a packet that was received by a device. That lives while its
    // handler runs, and the data while there is a handler: removing it waits for a grace period.
    let handler = unsafe {
        let device = SkBuff::device_of(*pskb);
        &*(&raw const (*device).rx_handler_data)
            .read_volatile()
            .cast::<T>()
    };
    // SAFETY: Receive handlers run with bottom halves disabled.
    let bh = unsafe { BottomHalf::assume() };
    // SAFETY: The stack gives us one packet to own.
    let Some(packet) = (unsafe { SkBuff::receive(*pskb) }) else {
        handler.lost(&bh);
        return sys::rx_handler_result_RX_HANDLER_CONSUMED;
    };
    let (result, packet) = match handler.handle(packet, &bh) {
        Outcome::Pass(packet) => (sys::rx_handler_result_RX_HANDLER_PASS, packet),
        Outcome::Another(packet) => (sys::rx_handler_result_RX_HANDLER_ANOTHER, packet),
        Outcome::Consumed => return sys::rx_handler_result_RX_HANDLER_CONSUMED,
    };
    // SAFETY: The place was given to us to say which packet goes on.
    unsafe { *pskb = packet.into_raw() };
    result
}

impl<T: RxHandler> Registration<T> {
    /// Puts `handler` in place.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the device has one: it is part of a bridge, bond or the like.
    pub(crate) fn new(device: ARef<NetDevice>, handler: Arc<T>, _rtnl: &Rtnl) -> Result<Self> {
        let data = handler.into_raw();
        // SAFETY: The RTNL lock is held; the data live until the handler has been removed.
        let result = to_result(unsafe {
            sys::netdev_rx_handler_register(
                device.as_ptr(),
                Some(callback::<T>),
                data.cast_mut().cast(),
            )
        });
        if let Err(error) = result {
            // SAFETY: Not taken over.
            drop(unsafe { Arc::from_raw(data) });
            return Err(error);
        }
        // INVARIANT: Just put in place.
        Ok(Self {
            device,
            data,
            _handler: PhantomData,
        })
    }

    /// The device.
    pub(crate) fn device(&self) -> &NetDevice {
        &self.device
    }

    /// The handler.
    pub(crate) fn handler(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &*self.data }
    }

    /// Takes the handler away and waits until it no longer runs.
    pub(crate) fn remove(self, _rtnl: &Rtnl) {
        // SAFETY: The RTNL lock is held; by the type invariant the handler is ours.
        unsafe { sys::netdev_rx_handler_unregister(self.device.as_ptr()) };
        // SAFETY: Nobody uses the data any more: the above waits for a grace period.
        drop(unsafe { Arc::from_raw(self.data) });
        let mut this = ::core::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again.
        unsafe { ::core::ptr::drop_in_place(&mut this.device) };
    }
}

/// Whether `device` has a receive handler of anybody's.
pub(crate) fn is_busy(device: &NetDevice, _rtnl: &Rtnl) -> bool {
    // SAFETY: The RTNL lock is held.
    unsafe { sys::netdev_is_rx_handler_busy(device.as_ptr()) }
}

/// The handler of `device`, if it is a `T`.
pub(crate) fn of<'a, T: RxHandler>(device: &'a NetDevice, _rtnl: &'a Rtnl) -> Option<&'a T> {
    // SAFETY: Handlers change under the RTNL lock only, which is held.
    let (handler, data) = unsafe {
        let raw = device.as_ptr();
        ((*raw).rx_handler, (*raw).rx_handler_data)
    };
    let ours: unsafe extern "C" fn(*mut *mut sys::sk_buff) -> _ = callback::<T>;
    // A function has one address in a module's one code unit, so equal means ours.
    (handler? as usize == ours as usize)
        // SAFETY: The data of our handler are a `T`, which lives until it is removed.
        .then(|| unsafe { &*data.cast::<T>() })
}

impl<T: RxHandler> Drop for Registration<T> {
    fn drop(&mut self) {
        // Not through `remove`: somebody let go of it on an error path, without the lock.
        let rtnl = Rtnl::lock();
        // SAFETY: As in `remove`.
        unsafe { sys::netdev_rx_handler_unregister(self.device.as_ptr()) };
        // SAFETY: As in `remove`.
        drop(unsafe { Arc::from_raw(self.data) });
        drop(rtnl);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Notifications of devices and neighbours.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/net/netevent.h`](srctree/include/net/netevent.h)

use ::core::{
    ffi::c_void,
    marker::PhantomData, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

use super::device::{
    NetDevice,
    Rtnl, //
};
use crate::sys;

/// What happened to a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceEvent {
    /// It was brought up.
    Up,
    /// It is about to go down; its driver still runs.
    GoingDown,
    /// It is down.
    Down,
    /// It is leaving, for good or for another namespace.
    Unregister,
    /// Its MTU, address or features changed.
    Changed,
}

/// What is told of devices, in every namespace.
pub(crate) trait DeviceNotifier {
    /// Called under the RTNL lock; may sleep.
    fn event(device: &NetDevice, event: DeviceEvent, rtnl: &Rtnl);
}

/// What is told of neighbours.
pub(crate) trait NeighbourNotifier {
    /// Some neighbour's link-layer address or reachability changed. In atomic context.
    fn changed();
}

/// # Safety
///
/// To be called by the chain of devices.
unsafe extern "C" fn device_callback<T: DeviceNotifier>(
    _block: *mut sys::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    let event = match u32::try_from(event) {
        Ok(sys::netdev_cmd_NETDEV_UP) => DeviceEvent::Up,
        Ok(sys::netdev_cmd_NETDEV_GOING_DOWN) => DeviceEvent::GoingDown,
        Ok(sys::netdev_cmd_NETDEV_DOWN) => DeviceEvent::Down,
        Ok(sys::netdev_cmd_NETDEV_UNREGISTER) => DeviceEvent::Unregister,
        Ok(
            sys::netdev_cmd_NETDEV_CHANGE
            | sys::netdev_cmd_NETDEV_CHANGEADDR
            | sys::netdev_cmd_NETDEV_CHANGEMTU
            | sys::netdev_cmd_NETDEV_FEAT_CHANGE,
        ) => DeviceEvent::Changed,
        _ => return sys::NOTIFY_DONE as c_int,
    };
    // SAFETY: `info` of a device event starts with the device, which lives through the call.
    let device = unsafe { NetDevice::from_raw((*info.cast::<sys::netdev_notifier_info>()).dev) };
    // SAFETY: The chain is called under the RTNL lock.
    let rtnl = unsafe { Rtnl::assume() };
    T::event(device, event, &rtnl);
    sys::NOTIFY_DONE as c_int
}

/// # Safety
///
/// To be called by the chain of network events.
unsafe extern "C" fn neighbour_callback<T: NeighbourNotifier>(
    _block: *mut sys::notifier_block,
    event: c_ulong,
    _info: *mut c_void,
) -> c_int {
    if event == sys::netevent_notif_type_NETEVENT_NEIGH_UPDATE as c_ulong {
        T::changed();
    }
    sys::NOTIFY_DONE as c_int
}

/// Which chain a block is on.
#[derive(Clone, Copy)]
enum Chain {
    Devices,
    Neighbours,
}

/// Calls the notifier until dropped.
///
/// # Invariants
///
/// `block` is registered on `chain`.
pub(crate) struct Registration<T> {
    block: KBox<Opaque<sys::notifier_block>>,
    chain: Chain,
    _notifier: PhantomData<fn(T)>,
}

// SAFETY: The chains have their own locks.
unsafe impl<T> Send for Registration<T> {}
// SAFETY: There are no shared methods.
unsafe impl<T> Sync for Registration<T> {}

impl<T: DeviceNotifier> Registration<T> {
    /// Tells `T` of devices, of those that exist first.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn devices() -> Result<Self> {
        let block = KBox::new(
            Opaque::new(sys::notifier_block {
                notifier_call: Some(device_callback::<T>),
                ..sys::notifier_block::default()
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The block stays where it is and is taken off the chain on drop.
        to_result(unsafe { sys::register_netdevice_notifier(block.get()) })?;
        // INVARIANT: Just registered.
        Ok(Self {
            block,
            chain: Chain::Devices,
            _notifier: PhantomData,
        })
    }
}

impl<T: NeighbourNotifier> Registration<T> {
    /// Tells `T` of neighbours.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn neighbours() -> Result<Self> {
        let block = KBox::new(
            Opaque::new(sys::notifier_block {
                notifier_call: Some(neighbour_callback::<T>),
                ..sys::notifier_block::default()
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: As for devices.
        to_result(unsafe { sys::register_netevent_notifier(block.get()) })?;
        // INVARIANT: Just registered.
        Ok(Self {
            block,
            chain: Chain::Neighbours,
            _notifier: PhantomData,
        })
    }
}

impl<T> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. Both wait for callbacks that run.
        unsafe {
            match self.chain {
                Chain::Devices => sys::unregister_netdevice_notifier(self.block.get()),
                Chain::Neighbours => sys::unregister_netevent_notifier(self.block.get()),
            }
        };
    }
}

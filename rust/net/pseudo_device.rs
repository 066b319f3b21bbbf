// SPDX-License-Identifier: GPL-2.0

//! Network devices without hardware: what a driver is to the stack, in safe terms.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use ::core::{
    ffi::{
        c_int,
        CStr, //
    },
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

use super::{
    bh::BottomHalf,
    device::{
        NetDevice,
        Rtnl, //
    },
    namespace::Namespace,
    skb::SkBuff, //
};
use crate::sys;

/// What such a device does.
pub(crate) trait Driver: Send + Sync + 'static {
    /// What `ethtool -i` calls the driver.
    const NAME: &'static CStr;

    /// Which transmit queue a packet is for: one of those that there are at the moment.
    fn select_queue(&self, flow: u32, bh: &BottomHalf) -> u16;

    /// Takes over a packet that a socket sent, its data beginning at the link-layer header, and
    /// says whether there was room for it. The queue's lock is held.
    fn transmit(&self, packet: SkBuff, queue: u16, bh: &BottomHalf) -> bool;

    /// Takes the next packet that waits in receive ring `ring`; `None` if there is none, upon
    /// which the ring's notification must be armed again.
    fn receive(&self, ring: u32) -> Option<SkBuff>;

    /// Arms the notification of `ring`; `true` if packets have come in meanwhile.
    fn rearm(&self, ring: u32) -> bool;
}

/// One receive ring's NAPI instance and the means to schedule it on another CPU.
///
/// # Invariants
///
/// While the device is registered, `napi` is added and enabled.
#[repr(C)]
struct Receiver {
    napi: Opaque<sys::napi_struct>,
    csd: Opaque<sys::call_single_data_t>,
    index: u32,
}

/// A registered pseudo device; dropping it unregisters it. Sleeps.
///
/// # Invariants
///
/// `device` is registered with the operations of `T`, and the private area of it holds `driver`.
pub(crate) struct PseudoDevice<T: Driver> {
    device: NonNull<sys::net_device>,
    receivers: KVVec<Receiver>,
    driver: *const T,
    _driver: PhantomData<Arc<T>>,
}

// SAFETY: The device is shared by nature; `T` is `Send` and `Sync`.
unsafe impl<T: Driver> Send for PseudoDevice<T> {}
// SAFETY: As above.
unsafe impl<T: Driver> Sync for PseudoDevice<T> {}

/// # Safety
///
/// `device` must be a pseudo device of `T` that is registered or being registered.
unsafe fn driver<'a, T: Driver>(device: *mut sys::net_device) -> &'a T {
    // SAFETY: The private area holds the pointer, whose `Arc` outlives the registration.
    unsafe { &**sys::netdev_priv(device).cast::<*const T>() }
}

/// # Safety
///
/// To be called by the stack, for a device of `T`.
unsafe extern "C" fn start_xmit<T: Driver>(
    skb: *mut sys::sk_buff,
    device: *mut sys::net_device,
) -> sys::netdev_tx_t {
    // SAFETY: The stack calls this for a registered device, with a packet for us to own, bottom
    // halves disabled.
    unsafe {
        let queue = (*skb).queue_mapping;
        let packet = SkBuff::from_raw(skb);
        let length = packet.len();
        if driver::<T>(device).transmit(packet, queue, &BottomHalf::assume()) {
            sys::dev_sw_netstats_tx_add(device, 1, length);
        } else {
            sys::dev_core_stats_tx_dropped_inc(device);
        }
    }
    sys::netdev_tx_NETDEV_TX_OK
}

/// # Safety
///
/// To be called by the stack, for a device of `T`.
unsafe extern "C" fn select_queue<T: Driver>(
    device: *mut sys::net_device,
    skb: *mut sys::sk_buff,
    _upper: *mut sys::net_device,
) -> u16 {
    // SAFETY: The stack calls this for a registered device and a valid packet.
    unsafe {
        let flow = sys::skb_get_hash(skb);
        driver::<T>(device).select_queue(flow, &BottomHalf::assume())
    }
}

/// Bytes of the frame that a packet came in, whose data begin after its link-layer header: what an
/// interface counts, in either direction.
fn frame_length(packet: &SkBuff) -> u32 {
    packet.len().saturating_add(sys::ETH_HLEN)
}

/// # Safety
///
/// To be called by the stack, with the instance of a `Receiver` of a device of `T`.
unsafe extern "C" fn poll<T: Driver>(napi: *mut sys::napi_struct, budget: c_int) -> c_int {
    // SAFETY: `napi` is the first member of a `Receiver`, and its device is registered.
    let (receiver, device) = unsafe { (&*napi.cast::<Receiver>(), (*napi).dev) };
    // SAFETY: As above.
    let driver = unsafe { driver::<T>(device) };
    let mut work = 0;
    while work < budget {
        let Some(packet) = driver.receive(receiver.index) else {
            break;
        };
        work = work.saturating_add(1);
        let length = frame_length(&packet);
        // SAFETY: NAPI polls run with bottom halves disabled, and the packet is ours to give.
        unsafe {
            sys::dev_sw_netstats_rx_add(device, length);
            sys::netif_receive_skb(packet.into_raw());
        }
    }
    if work < budget {
        // SAFETY: We are the poll function of `napi`.
        let complete = unsafe { sys::napi_complete_done(napi, work) };
        if complete && driver.rearm(receiver.index) {
            schedule(napi);
        }
    }
    work
}

fn schedule(napi: *mut sys::napi_struct) {
    // SAFETY: The callers' instance is enabled, or disabled for good, which the first call checks.
    unsafe {
        if sys::napi_schedule_prep(napi) {
            sys::__napi_schedule(napi);
        }
    }
}

/// # Safety
///
/// To be called by `smp_call_function_single_async()`, with the instance of a `Receiver`.
unsafe extern "C" fn kicked(napi: *mut ::core::ffi::c_void) {
    schedule(napi.cast());
}

/// # Safety
///
/// To be called by the stack, for a device of `T`.
unsafe extern "C" fn drvinfo<T: Driver>(
    _device: *mut sys::net_device,
    info: *mut sys::ethtool_drvinfo,
) {
    // SAFETY: The core gives us a zeroed structure to fill.
    let info = unsafe { &mut *info };
    let last = info.driver.len().saturating_sub(1);
    for (to, from) in info.driver.iter_mut().take(last).zip(T::NAME.to_bytes()) {
        *to = c_char::from_ne_bytes([*from]);
    }
}

/// # Safety
///
/// To be called by the stack, for a registered device.
unsafe extern "C" fn channels(device: *mut sys::net_device, channels: *mut sys::ethtool_channels) {
    // SAFETY: The core gives us a zeroed structure to fill, and holds the lock under which the
    // number of queues changes.
    unsafe {
        (*channels).max_combined = (*device).num_tx_queues;
        (*channels).combined_count = (*device).real_num_tx_queues;
    }
}

struct Operations<T>(PhantomData<T>);

impl<T: Driver> Operations<T> {
    const DEVICE: sys::net_device_ops = {
        // SAFETY: All-zero is a valid value: no function is given.
        let mut ops: sys::net_device_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.ndo_start_xmit = Some(start_xmit::<T>);
        ops.ndo_select_queue = Some(select_queue::<T>);
        ops.ndo_validate_addr = Some(sys::eth_validate_addr);
        ops.ndo_set_mac_address = Some(sys::eth_mac_addr);
        ops
    };
    const ETHTOOL: sys::ethtool_ops = {
        // SAFETY: As above.
        let mut ops: sys::ethtool_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.get_drvinfo = Some(drvinfo::<T>);
        ops.get_link = Some(sys::ethtool_op_get_link);
        ops.get_channels = Some(channels);
        ops
    };
}

impl<T: Driver> PseudoDevice<T> {
    /// Registers a device called `name` (`%d` in it stands for a number) in `net`, with `queues`
    /// receive rings and up to as many queues of each kind, of which there is one to begin with
    /// ([`Self::set_queues`]). Sleeps; takes the RTNL lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EEXIST` if there is a device of that name.
    pub(crate) fn new(net: &Namespace, name: &CStr, queues: u32, driver: Arc<T>) -> Result<Self> {
        let mut receivers = KVVec::with_capacity(usize::try_from(queues)?, GFP_KERNEL)?;
        for index in 0..queues {
            receivers.push(
                Receiver {
                    napi: Opaque::zeroed(),
                    csd: Opaque::zeroed(),
                    index,
                },
                GFP_KERNEL,
            )?;
        }
        // SAFETY: The private area has room for one pointer; `net` is valid.
        let device = unsafe {
            sys::yard_pseudo_alloc(
                net.as_ptr(),
                name.as_char_ptr(),
                queues,
                ::core::mem::size_of::<*const T>(),
                &Operations::<T>::DEVICE,
                &Operations::<T>::ETHTOOL,
            )
        };
        let device = NonNull::new(device).ok_or(ENOMEM)?;
        let driver = driver.into_raw();
        // SAFETY: The device is ours, not registered yet; `receivers` does not move its elements
        // any more. What is added here is removed by `Drop`.
        let result = to_result(unsafe {
            sys::netdev_priv(device.as_ptr())
                .cast::<*const T>()
                .write(driver);
            for receiver in receivers.iter() {
                sys::netif_napi_add(device.as_ptr(), receiver.napi.get(), Some(poll::<T>));
                (*receiver.csd.get()).func = Some(kicked);
                (*receiver.csd.get()).info = receiver.napi.get().cast();
            }
            // Not registered yet, so that this cannot fail.
            let _ = sys::netif_set_real_num_queues(device.as_ptr(), 1, 1);
            sys::register_netdev(device.as_ptr())
        });
        if let Err(error) = result {
            // SAFETY: Not registered: freeing removes the NAPI instances, and nobody has come to
            // know the driver.
            unsafe {
                sys::free_netdev(device.as_ptr());
                drop(Arc::from_raw(driver));
            }
            // The kernel does not look whether there was memory for the name in sysfs; the lack of
            // a name is then called an argument that is wrong, of which there is none otherwise.
            // And what has no memory for sysctls or a notification says so in its own way.
            let is_memory = [EINVAL, ENOBUFS].contains(&error);
            return Err(if is_memory { ENOMEM } else { error });
        }
        for receiver in receivers.iter() {
            // SAFETY: Added above, and disabled as all are at first.
            unsafe { sys::napi_enable(receiver.napi.get()) };
        }
        // INVARIANT: Registered, added, enabled.
        Ok(Self {
            device,
            receivers,
            driver,
            _driver: PhantomData,
        })
    }

    /// The device.
    pub(crate) fn device(&self) -> &NetDevice {
        // SAFETY: By the type invariant.
        unsafe { NetDevice::from_raw(self.device.as_ptr()) }
    }

    /// Sets how many queues of each kind there are. Whoever makes them fewer has seen to it that
    /// [`Driver::select_queue`] names none of the others any more. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, for more than there were; `EINVAL` for none, or for more than can be.
    pub(crate) fn set_queues(&self, count: u32, _rtnl: &Rtnl) -> Result {
        // SAFETY: By the type invariant; the RTNL lock is held.
        to_result(unsafe { sys::netif_set_real_num_queues(self.device.as_ptr(), count, count) })
    }

    /// Counts a packet for which there was no room in a ring.
    pub(crate) fn count_lost(&self) {
        // SAFETY: By the type invariant.
        unsafe { sys::dev_core_stats_rx_dropped_inc(self.device.as_ptr()) };
    }

    /// Counts a packet that is received not through a ring but by
    /// [`super::rx_handler::Outcome::Another`].
    pub(crate) fn count_received(&self, packet: &SkBuff) {
        // SAFETY: By the type invariant.
        unsafe { sys::dev_sw_netstats_rx_add(self.device.as_ptr(), frame_length(packet)) };
    }

    /// Has receive ring `ring` attended to on `cpu` soon. Any context with bottom halves disabled.
    pub(crate) fn notify(&self, ring: u32, cpu: u32) {
        let Some(receiver) = usize::try_from(ring)
            .ok()
            .and_then(|ring| self.receivers.get(ring))
        else {
            return;
        };
        let Ok(cpu) = c_int::try_from(cpu) else {
            return;
        };
        // SAFETY: The request was set up once and for all. That it is still on its way is no
        // error: it will find the packet. If the CPU is offline, this one does the work.
        let result = unsafe { sys::smp_call_function_single_async(cpu, receiver.csd.get()) };
        if result < 0 && result != EBUSY.to_errno() {
            schedule(receiver.napi.get());
        }
    }
}

impl<T: Driver> Drop for PseudoDevice<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. After unregistering nobody transmits; requests on their
        // way to other CPUs are waited for before the memory goes, and find NAPI disabled.
        unsafe {
            for receiver in self.receivers.iter() {
                sys::napi_disable(receiver.napi.get());
            }
            sys::unregister_netdev(self.device.as_ptr());
            sys::yard_pseudo_drain();
            sys::free_netdev(self.device.as_ptr());
            drop(Arc::from_raw(self.driver));
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Socket buffers: packets owned by whoever holds them.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use ::core::{
    ffi::c_int,
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::error::{
    code::ENOMEM,
    from_err_ptr, //
};

use super::{
    bh::BottomHalf,
    device::NetDevice,
    drop,
    route::{
        self,
        Header, //
    },
    route_cache::{
        NextHop,
        Way, //
    }, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        packet::Packet as _,
        tuple::{
            Family,
            IpAddress,
            Ipv4Address,
            Ipv6Address, //
        }, //
    },
    sys, //
};

const ETHERNET_HEADER: u32 = sys::ETH_HLEN;

/// A receive queue as a packet has it recorded.
#[derive(Clone, Copy)]
pub(crate) struct ReceiveQueue(u16);

impl ReceiveQueue {
    /// Its number, if the driver says.
    #[inline(always)]
    pub(crate) fn number(self) -> Option<u32> {
        // Zero stands for "not recorded".
        u32::from(self.0).checked_sub(1)
    }
}

/// A packet, `struct sk_buff`; dropping it frees it without a reason, as consumed.
///
/// # Invariants
///
/// The buffer is valid, and nobody else's: its reference count is one.
pub(crate) struct SkBuff(NonNull<sys::sk_buff>);

// SAFETY: A buffer belongs to whoever holds it, on any CPU.
unsafe impl Send for SkBuff {}

impl SkBuff {
    /// Takes over a C buffer.
    ///
    /// # Safety
    ///
    /// `skb` must be valid, of reference count one, and given away by its owner.
    pub(crate) unsafe fn from_raw(skb: *mut sys::sk_buff) -> Self {
        // SAFETY: The caller promises it. INVARIANT: As promised.
        Self(unsafe { NonNull::new_unchecked(skb) })
    }

    /// Takes over a C buffer that others may hold too, by copying it if they do. `None` if there
    /// is no memory for that; the buffer is gone then.
    ///
    /// # Safety
    ///
    /// `skb` must be valid and given away by its owner; this must be atomic context.
    #[inline(always)]
    pub(crate) unsafe fn receive(skb: *mut sys::sk_buff) -> Option<Self> {
        // SAFETY: As the caller promises; this is `skb_shared()`.
        let users = unsafe { (&raw const (*skb).users.refs.counter).read_volatile() };
        if users == 1 {
            // SAFETY: The caller promises it. INVARIANT: It is not shared.
            return Some(unsafe { Self::from_raw(skb) });
        }
        // SAFETY: As the caller promises.
        unsafe { Self::unshare(skb) }
    }

    /// A buffer of our own in the place of one that others hold, too.
    ///
    /// # Safety
    ///
    /// As [`Self::receive`].
    #[cold]
    unsafe fn unshare(skb: *mut sys::sk_buff) -> Option<Self> {
        // SAFETY: As the caller promises. INVARIANT: What comes back is not shared.
        NonNull::new(unsafe { sys::skb_share_check(skb, sys::YARD_GFP_ATOMIC) }).map(Self)
    }

    /// A new packet of these bytes, an IP packet with all its checksums, as if `device` had
    /// received it. `None` without memory. Any context.
    pub(crate) fn with_bytes(bytes: &[u8], family: Family, device: &NetDevice) -> Option<Self> {
        const ROOM: u32 = 128;
        let len = u32::try_from(bytes.len()).ok()?;
        let node = -1;
        // SAFETY: No requirements; what comes back is null or ours, with as much room as asked for.
        let mut skb = unsafe {
            let raw = sys::__alloc_skb(ROOM.checked_add(len)?, sys::YARD_GFP_ATOMIC, 0, node);
            let skb = Self(NonNull::new(raw)?);
            sys::skb_reserve(raw, ROOM as c_int);
            let to = sys::skb_put(raw, len).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            sys::skb_reset_network_header(raw);
            sys::skb_reset_mac_header(raw);
            skb
        };
        skb.set_device_ptr(device.as_ptr());
        skb.set_protocol(match family {
            Family::V4 => sys::ETH_P_IP as u16,
            Family::V6 => sys::ETH_P_IPV6 as u16,
        });
        Some(skb)
    }

    /// Gives the C buffer away.
    pub(crate) fn into_raw(self) -> *mut sys::sk_buff {
        ManuallyDrop::new(self).0.as_ptr()
    }

    pub(super) fn as_ptr(&self) -> *mut sys::sk_buff {
        self.0.as_ptr()
    }

    pub(super) fn raw(&self) -> &sys::sk_buff {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }

    fn raw_mut(&mut self) -> &mut sys::sk_buff {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_mut() }
    }

    pub(super) fn headers(&self) -> &sys::sk_buff__bindgen_ty_4__bindgen_ty_1 {
        // SAFETY: Both variants of the union are the same fields, always initialised.
        unsafe { self.raw().__bindgen_anon_4.__bindgen_anon_1.as_ref() }
    }

    /// Bytes from where the data begin.
    pub(crate) fn len(&self) -> u32 {
        self.raw().len
    }

    /// Bytes of memory that it takes.
    pub(crate) fn true_size(&self) -> u32 {
        self.raw().truesize
    }

    /// The device that it came by or goes out by.
    pub(crate) fn device_ptr(&self) -> *mut sys::net_device {
        // SAFETY: By the type invariant.
        unsafe { Self::device_of(self.0.as_ptr()) }
    }

    /// The device of a buffer that may be shared.
    ///
    /// # Safety
    ///
    /// `skb` must be valid.
    pub(super) unsafe fn device_of(skb: *const sys::sk_buff) -> *mut sys::net_device {
        // SAFETY: The caller promises it; the other variant is for sockets' queues only.
        unsafe {
            (*skb)
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev
        }
    }

    /// The number of the device that received it, 0 for none.
    pub(crate) fn received_by(&self) -> u32 {
        // None is below 0.
        self.headers().skb_iif as u32
    }

    /// The device that it came by or goes out by; lives while packet handlers run.
    pub(crate) fn device<'a>(&self, _bh: &'a BottomHalf) -> &'a NetDevice {
        // SAFETY: Devices are freed after a grace period, which waits for `_bh`.
        unsafe { NetDevice::from_raw(self.device_ptr()) }
    }

    fn set_device_ptr(&mut self, device: *mut sys::net_device) {
        self.raw_mut()
            .__bindgen_anon_1
            .__bindgen_anon_1
            .__bindgen_anon_1
            .dev = device;
    }

    /// The receive queue that it came by.
    #[inline(always)]
    pub(crate) fn receive_queue(&self) -> ReceiveQueue {
        ReceiveQueue(self.raw().queue_mapping)
    }

    /// The family of an IP packet, by what the sender says.
    #[inline(always)]
    pub(crate) fn family(&self) -> Option<Family> {
        const V4: u16 = (sys::ETH_P_IP as u16).to_be();
        const V6: u16 = (sys::ETH_P_IPV6 as u16).to_be();
        match self.headers().protocol {
            V4 => Some(Family::V4),
            V6 => Some(Family::V6),
            _ => None,
        }
    }

    /// Says of which protocol it is, by the number of Ethernet.
    pub(super) fn set_protocol(&mut self, protocol: u16) {
        // SAFETY: Both variants of the union are the same fields.
        unsafe {
            self.raw_mut()
                .__bindgen_anon_4
                .__bindgen_anon_1
                .as_mut()
                .protocol = protocol.to_be();
        }
    }

    /// Whether it is addressed to this host's link-layer address: what the filter looks at. A
    /// VLAN tag that no VLAN device has taken off stays with it on its way.
    #[inline(always)]
    pub(crate) fn is_for_us(&self) -> bool {
        u32::from(self.headers().pkt_type()) == sys::PACKET_HOST
    }

    /// Makes it a packet received by `device`: for [`super::rx_handler::Outcome::Another`] and for
    /// the pseudo device's poll.
    pub(crate) fn redirect_to(&mut self, device: &NetDevice) {
        self.set_device_ptr(device.as_ptr());
    }

    /// Takes away what it has of the socket that sent it, of its route and of connection tracking:
    /// it is to be received.
    pub(crate) fn forget_sender(&mut self) {
        // SAFETY: The packet is ours.
        unsafe {
            sys::skb_orphan(self.0.as_ptr());
            sys::skb_scrub_packet(self.0.as_ptr(), true);
        }
    }

    /// Whether every segment of it fits `mtu` bytes.
    pub(crate) fn fits(&self, mtu: u32) -> bool {
        // SAFETY: By the type invariant.
        self.len() <= mtu || unsafe { sys::yard_skb_gso_fits(self.0.as_ptr(), mtu) }
    }

    /// Sends it, its data beginning at the IP header, to `hop`, whose MTU it fits.
    ///
    /// # Errors
    ///
    /// Why it was dropped instead.
    pub(crate) fn send(self, hop: &NextHop<'_>, bh: &BottomHalf) -> Result<(), DropReason> {
        if let Some(header) = hop.link_header() {
            return self.send_to(hop.device_ptr(), header, hop.room(), bh);
        }
        // SAFETY: By the type invariant; the device lives for the lifetime of `hop`.
        if !unsafe { sys::yard_skb_prepare_forward(self.0.as_ptr(), hop.device_ptr()) } {
            self.discard(DropReason::NoMemory);
            return Err(DropReason::NoMemory);
        }
        let (neighbour, table) = route::octets(hop.neighbour());
        // SAFETY: The device lives, the address is at least of the table's length, and the packet
        // is ours to give.
        let result = unsafe {
            sys::neigh_xmit(
                table as c_int,
                hop.device_ptr(),
                (&raw const neighbour).cast(),
                self.into_raw(),
            )
        };
        if result < 0 {
            Err(DropReason::NoNeighbour)
        } else {
            Ok(())
        }
    }

    /// Sends it, its data beginning at the IP header, by a way that is known, whose MTU it fits.
    ///
    /// # Errors
    ///
    /// Why it was dropped instead.
    #[inline(always)]
    pub(crate) fn send_by(self, way: &Way<'_>, bh: &BottomHalf) -> Result<(), DropReason> {
        self.send_to(way.device_ptr(), way.header(), way.room(), bh)
    }

    /// Sends it by a device that lives while bottom halves are disabled and wants so much room, behind
    /// this header.
    #[inline(always)]
    fn send_to(
        self,
        device: *mut sys::net_device,
        header: Header,
        room: u32,
        _bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        let Header { first, last } = header;
        // SAFETY: The packet is complete and ours to give, bottom halves are disabled; the device
        // lives, as the callers' lifetimes say.
        sent(unsafe { sys::yard_skb_send(self.into_raw(), device, first, last, room) })
    }

    /// Sends it, its data beginning at the IP header, back to the neighbour that sent us what now
    /// is the answer, by the device it came by.
    ///
    /// # Errors
    ///
    /// Why it was dropped instead.
    pub(crate) fn send_back(self, _bh: &BottomHalf) -> Result<(), DropReason> {
        let device = self.device_ptr();
        // SAFETY: By the type invariant; the device lives while packet handlers run.
        if !unsafe { sys::yard_skb_prepare_forward(self.0.as_ptr(), device) } {
            self.discard(DropReason::NoMemory);
            return Err(DropReason::NoMemory);
        }
        // SAFETY: It was received from an Ethernet device, so its link-layer header, of which the
        // first 12 bytes are two addresses, lies before its data; there is room of our own for it.
        unsafe {
            let skb = self.0.as_ptr();
            let header = sys::skb_mac_header(skb);
            let before = self.raw().data.offset_from(header);
            sys::skb_push(skb, before as u32);
            let [to, from] = *header.cast::<[[u8; 6]; 2]>();
            *header.cast() = [from, to];
        }
        self.transmit()
    }

    /// Has its device transmit it.
    #[inline]
    fn transmit(self) -> Result<(), DropReason> {
        // SAFETY: The packet is complete and ours to give, bottom halves are disabled.
        sent(unsafe { sys::yard_skb_xmit(self.into_raw()) })
    }

    /// Sends an IPv4 packet that is longer than the way takes, its data beginning at the IP header,
    /// in fragments.
    ///
    /// # Errors
    ///
    /// Why it was dropped instead.
    pub(crate) fn send_in_fragments(
        self,
        next: IpAddress,
        hop: &NextHop<'_>,
        _bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        let IpAddress::V4(next) = next else {
            self.discard(DropReason::TooBig);
            return Err(DropReason::TooBig);
        };
        let mut flow = sys::flowi4 {
            daddr: next.to_be32(),
            ..Default::default()
        };
        // SAFETY: The device lives; bottom halves are disabled, which is an RCU section. The route
        // comes with a reference, which passes to the packet.
        let result = unsafe {
            let net = sys::dev_net(hop.device_ptr());
            let Ok(route) = from_err_ptr(sys::ip_route_output_key(net, &mut flow)) else {
                self.discard(DropReason::NoRoute);
                return Err(DropReason::NoRoute);
            };
            if !sys::yard_skb_prepare_forward(self.0.as_ptr(), hop.device_ptr()) {
                sys::ip_rt_put(route);
                self.discard(DropReason::NoMemory);
                return Err(DropReason::NoMemory);
            }
            let skb = self.into_raw();
            sys::skb_dst_set(skb, &raw mut (*route).dst);
            if sys::skb_is_gso(skb) {
                segments_in_fragments(net, skb, hop.mtu())
            } else {
                in_fragments(net, skb)
            }
        };
        if result < 0 {
            Err(DropReason::Transmit)
        } else {
            Ok(())
        }
    }

    /// The receiver's address, of a packet whose data begin at the IP header.
    pub(crate) fn destination_address(&mut self) -> Option<IpAddress> {
        match self.family()? {
            Family::V4 => {
                let octets = self.peek(20)?.get(16..20)?;
                let octets = <[u8; 4]>::try_from(octets).ok()?;
                Some(Ipv4Address::from_octets(octets).into())
            }
            Family::V6 => {
                let octets = self.peek(40)?.get(24..40)?;
                let octets = <[u8; 16]>::try_from(octets).ok()?;
                Some(Ipv6Address::from_octets(octets).into())
            }
        }
    }

    /// Has the stack receive it once more, by the device that it now names.
    pub(crate) fn receive_again(self, _bh: &BottomHalf) {
        // SAFETY: The packet is ours to give, bottom halves are disabled.
        unsafe { sys::netif_receive_skb(self.into_raw()) };
    }

    /// Takes away a link-layer header that the data begin with. `false` if there is none.
    pub(crate) fn pull_link_header(&mut self) -> bool {
        // SAFETY: By the type invariant.
        unsafe {
            let pulled = !sys::skb_pull(self.0.as_ptr(), ETHERNET_HEADER).is_null();
            sys::skb_reset_network_header(self.0.as_ptr());
            pulled
        }
    }

    /// Frees it, telling the kernel's own drop monitor why.
    pub(crate) fn discard(self, reason: DropReason) {
        // SAFETY: The packet is ours to free.
        unsafe {
            sys::sk_skb_reason_drop(
                ::core::ptr::null_mut(),
                self.into_raw(),
                drop::kernel_reason(reason),
            )
        };
    }
}

/// Sends a packet in fragments; what a negative result stands for is lost.
///
/// # Safety
///
/// `skb` must be an IPv4 packet with a route in `net`, its data beginning at the IP header, and given
/// away.
unsafe fn in_fragments(net: *mut sys::net, skb: *mut sys::sk_buff) -> c_int {
    // SAFETY: As the caller promises.
    unsafe {
        // What IP keeps there of packets that it received itself.
        (*skb).cb = [0; 48];
        sys::ip_do_fragment(net, ptr::null_mut(), skb, Some(fragment_out))
    }
}

/// The same of a packet that is still to be cut into segments: cuts it, and sends those that are
/// longer than `mtu` bytes in fragments.
///
/// # Safety
///
/// As [`in_fragments`].
unsafe fn segments_in_fragments(net: *mut sys::net, skb: *mut sys::sk_buff, mtu: u32) -> c_int {
    // SAFETY: As the caller promises.
    let Ok(segments) = unsafe { SkBuff::from_raw(skb) }.into_segments() else {
        return -1;
    };
    let mut result = 0;
    for segment in segments {
        let is_longer = segment.len() > mtu;
        let segment = segment.into_raw();
        // SAFETY: As the caller promises; each segment has a reference to the route.
        let sent = unsafe {
            if is_longer {
                in_fragments(net, segment)
            } else {
                fragment_out(net, ptr::null_mut(), segment)
            }
        };
        result = result.min(sent);
    }
    result
}

/// What the result of a transmission means.
#[inline(always)]
fn sent(result: c_int) -> Result<(), DropReason> {
    if result == 0 {
        Ok(())
    } else {
        not_quite(result)
    }
}

/// The same of what is not nothing.
#[cold]
#[inline(never)]
fn not_quite(result: c_int) -> Result<(), DropReason> {
    // Congestion notification (NET_XMIT_CN) is not a loss.
    if result == 2 {
        Ok(())
    } else if result == ENOMEM.to_errno() {
        Err(DropReason::NoMemory)
    } else {
        Err(DropReason::Transmit)
    }
}

/// Sends a fragment to the neighbour that the route of its packet names.
///
/// # Safety
///
/// To be called by `ip_do_fragment()`, with a packet that has an IPv4 route and header.
unsafe extern "C" fn fragment_out(
    _net: *mut sys::net,
    _sock: *mut sys::sock,
    skb: *mut sys::sk_buff,
) -> c_int {
    // SAFETY: As the caller promises; the packet is given to us, and the route is the first member
    // of what holds it.
    unsafe {
        let route = sys::skb_dst(skb).cast::<sys::rtable>();
        let header = sys::ip_hdr(skb);
        let to = sys::rt_nexthop(route, (*header).__bindgen_anon_1.__bindgen_anon_1.daddr);
        let device = (*route).dst.__bindgen_anon_1.dev;
        let table = sys::NEIGH_ARP_TABLE as c_int;
        sys::neigh_xmit(table, device, (&raw const to).cast(), skb)
    }
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: The packet is ours to free.
        unsafe { sys::consume_skb(self.0.as_ptr()) };
    }
}

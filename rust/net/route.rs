// SPDX-License-Identifier: GPL-2.0

//! Next hops by the kernel's own routing and neighbour tables: what the patent calls routing table
//! 62 and ARP.
//!
//! C headers: [`include/net/route.h`](srctree/include/net/route.h),
//! [`include/net/ip6_route.h`](srctree/include/net/ip6_route.h),
//! [`include/net/neighbour.h`](srctree/include/net/neighbour.h)

use ::core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    error::from_err_ptr,
    sync::rcu, //
};

use super::{
    bh::BottomHalf,
    device::NetDevice,
    namespace::Namespace, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        tuple::{
            Family,
            IpAddress,
            Ipv4Address,
            Ipv6Address, //
        }, //
    },
    sys, //
};

/// An Ethernet header in two words, which are sooner copied than its bytes: the first eight, and
/// the last eight, which have two in common with them.
#[derive(Clone, Copy, Default)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Header {
    pub(super) fn new(bytes: [u8; 14]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = bytes;
        Self {
            first: u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            last: u64::from_ne_bytes([g, h, i, j, k, l, m, n]),
        }
    }
}

/// A way out as the kernel knows it, with nothing of it held: good for as long as bottom halves
/// stay disabled, or as [`super::route_cache`] makes sure of.
#[derive(Clone, Copy)]
pub(super) struct Hop {
    pub(super) device: *mut sys::net_device,
    /// Largest IP packet that goes this way, in bytes.
    pub(super) mtu: u32,
    /// Whether the neighbour's link-layer address is known and `header` holds it.
    pub(super) resolved: bool,
    /// The neighbour.
    pub(super) neighbour: IpAddress,
    /// Our own address on that way.
    pub(super) source: IpAddress,
    /// The Ethernet header.
    pub(super) header: Header,
    /// Bytes of room that the device wants before the IP header.
    pub(super) room: u32,
}

/// What a neighbour table is asked for an address by.
pub(super) fn octets(address: IpAddress) -> ([u8; 16], u32) {
    match address {
        IpAddress::V4(address) => {
            let mut bytes = [0; 16];
            for (to, from) in bytes.iter_mut().zip(address.octets()) {
                *to = from;
            }
            (bytes, sys::NEIGH_ARP_TABLE)
        }
        IpAddress::V6(address) => (address.octets(), sys::NEIGH_ND_TABLE),
    }
}

fn in6(address: Ipv6Address) -> sys::in6_addr {
    let mut raw = sys::in6_addr::default();
    raw.in6_u.u6_addr8 = address.octets();
    raw
}

/// Finds the way to `destination`, never by the device of index `avoid`.
///
/// # Errors
///
/// [`DropReason::NoRoute`].
pub(super) fn find(
    net: &Namespace,
    destination: IpAddress,
    avoid: u32,
    bh: &BottomHalf,
) -> Result<Hop, DropReason> {
    // The stack calls packet handlers under it, but nobody does for our threads and requests; the
    // neighbour tables want it in name, though disabled bottom halves are as good.
    let _guard = rcu::read_lock();
    match destination {
        IpAddress::V4(destination) => find4(net, destination, avoid, bh),
        IpAddress::V6(destination) => find6(net, destination, avoid, bh),
    }
    .ok_or(DropReason::NoRoute)
}

fn find4(net: &Namespace, destination: Ipv4Address, avoid: u32, bh: &BottomHalf) -> Option<Hop> {
    let mut flow = sys::flowi4 {
        daddr: destination.to_be32(),
        ..Default::default()
    };
    // SAFETY: `net` is valid; bottom halves are disabled, which is an RCU section. What comes back
    // is an error or a route with a reference for us.
    let route = from_err_ptr(unsafe { sys::ip_route_output_key(net.as_ptr(), &mut flow) }).ok()?;
    // SAFETY: The route is valid while we hold it, and its device for the RCU section.
    let (device, kind, mtu, gateway) = unsafe {
        (
            (*route).dst.__bindgen_anon_1.dev,
            (*route).rt_type,
            sys::dst_mtu(&(*route).dst),
            sys::rt_nexthop(route, flow.daddr),
        )
    };
    let found = if u32::from(kind) == sys::RTN_UNICAST {
        // SAFETY: As above.
        let gateway = unsafe {
            if (*route).rt_gw_family == sys::AF_INET6 as u8 {
                from_in6(&(*route).__bindgen_anon_1.rt_gw6)
            } else {
                Ipv4Address::from_be32(gateway).into()
            }
        };
        let source = Ipv4Address::from_be32(flow.saddr);
        hop(device, mtu, gateway, source.into(), Family::V4, avoid, bh)
    } else if u32::from(kind) == sys::RTN_LOCAL {
        by_wire(net, destination, avoid, bh)
    } else {
        None
    };
    // SAFETY: The reference is ours.
    unsafe { sys::ip_rt_put(route) };
    found
}

fn from_in6(raw: &sys::in6_addr) -> IpAddress {
    // SAFETY: All variants of the union are the same bytes.
    Ipv6Address::from_octets(unsafe { raw.in6_u.u6_addr8 }).into()
}

/// Calls `f` with each device of a namespace that we receive from, until it returns something: one
/// that we do not receive from cannot be the switch's end of a wire.
///
/// # Safety
///
/// `net` must be valid, and bottom halves disabled.
unsafe fn of_receivers<T>(
    net: &Namespace,
    f: impl Fn(*mut sys::net_device) -> Option<T>,
) -> Option<T> {
    // SAFETY: As the caller promises, this is an RCU section: for the list and its devices as well.
    unsafe {
        let head = &raw const (*net.as_ptr()).dev_base_head;
        let mut node = (&raw const (*head).next).read_volatile().cast_const();
        while !ptr::eq(node, head) {
            let device = kernel::container_of!(node, sys::net_device, dev_list).cast_mut();
            node = (&raw const (*node).next).read_volatile();
            let found = if (*device).rx_handler.is_some() {
                f(device)
            } else {
                None
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// The way to an address of this machine's own by the wire (Fig. 7): by another device of ours on
/// the same network, as if to a neighbour.
fn by_wire(net: &Namespace, destination: Ipv4Address, avoid: u32, bh: &BottomHalf) -> Option<Hop> {
    let key = destination.to_be32();
    // SAFETY: `net` is valid; bottom halves are disabled, which is an RCU section: for addresses
    // as well.
    unsafe {
        let owner = sys::__ip_dev_find(net.as_ptr(), key, false);
        of_receivers(net, |device| {
            let configured = (&raw const (*device).ip_ptr).read_volatile();
            if ptr::eq(device, owner) || configured.is_null() {
                return None;
            }
            let mut address = (&raw const (*configured).ifa_list).read_volatile();
            while !address.is_null() {
                if (key ^ (*address).ifa_address) & (*address).ifa_mask == 0 {
                    let source = Ipv4Address::from_be32((*address).ifa_local);
                    let mtu = (*device).mtu;
                    let to = destination.into();
                    return hop(device, mtu, to, source.into(), Family::V4, avoid, bh);
                }
                address = (&raw const (*address).ifa_next).read_volatile();
            }
            None
        })
    }
}

/// The same for IPv6.
fn by_wire6(net: &Namespace, destination: Ipv6Address, avoid: u32, bh: &BottomHalf) -> Option<Hop> {
    let address = in6(destination);
    // SAFETY: As above; the device lives as long.
    unsafe {
        of_receivers(net, |device| {
            let is_its = sys::ipv6_chk_addr(net.as_ptr(), &address, device, 1) != 0;
            if is_its || sys::ipv6_chk_prefix(&address, device) == 0 {
                return None;
            }
            let mut source = sys::in6_addr::default();
            let _ = sys::ipv6_dev_get_saddr(net.as_ptr(), device, &address, 0, &mut source);
            let (mtu, source) = ((*device).mtu, from_in6(&source));
            hop(
                device,
                mtu,
                destination.into(),
                source,
                Family::V6,
                avoid,
                bh,
            )
        })
    }
}

fn find6(net: &Namespace, destination: Ipv6Address, avoid: u32, bh: &BottomHalf) -> Option<Hop> {
    let daddr = in6(destination);
    let mut flow = sys::flowi6 {
        daddr,
        ..Default::default()
    };
    // SAFETY: `net` is valid; bottom halves are disabled. What comes back is a route, maybe one
    // that says no, with a reference for us.
    let dst = unsafe { sys::ip6_route_output(net.as_ptr(), ptr::null(), &mut flow) };
    // SAFETY: The route is valid while we hold it; its `dst` is the first member.
    let (error, device, mtu, flags) = unsafe {
        let route = dst.cast::<sys::rt6_info>();
        (
            (*dst).error,
            (*dst).__bindgen_anon_1.dev,
            sys::dst_mtu(dst),
            (*route).rt6i_flags,
        )
    };
    let found = if error == 0 && flags & sys::RTF_LOCAL != 0 {
        by_wire6(net, destination, avoid, bh)
    } else if error == 0 && flags & sys::RTF_REJECT == 0 {
        let mut source = sys::in6_addr::default();
        // SAFETY: As above; the device lives for the RCU section.
        let gateway = unsafe {
            let route = dst.cast::<sys::rt6_info>();
            // Without an address of ours there is none to be put in; only tunnels need one.
            let _ = sys::ipv6_dev_get_saddr(net.as_ptr(), device, &daddr, 0, &mut source);
            from_in6(&*sys::rt6_nexthop(route, &daddr))
        };
        hop(
            device,
            mtu,
            gateway,
            from_in6(&source),
            Family::V6,
            avoid,
            bh,
        )
    } else {
        None
    };
    // SAFETY: The reference is ours.
    unsafe { sys::dst_release(dst) };
    found
}

/// The hop by a device to a neighbour for packets of a family; `None` if the device is not of a
/// kind that we can send by.
fn hop(
    device: *mut sys::net_device,
    mtu: u32,
    neighbour: IpAddress,
    source: IpAddress,
    family: Family,
    avoid: u32,
    _bh: &BottomHalf,
) -> Option<Hop> {
    // SAFETY: The device lives for the RCU section that bottom halves off are.
    let wrapped = unsafe { NetDevice::from_raw(device) };
    // SAFETY: As above.
    let flags = unsafe { (*device).flags };
    if wrapped.ifindex() == avoid
        || !wrapped.is_ethernet()
        || flags & sys::net_device_flags_IFF_NOARP != 0
    {
        return None;
    }
    let (key, _) = octets(neighbour);
    // SAFETY: As above; the address is as long as the table's are. What comes back is an error or
    // lives for the RCU section.
    let entry = from_err_ptr(unsafe {
        match neighbour {
            IpAddress::V4(address) => sys::ip_neigh_gw4(device, address.to_be32()),
            IpAddress::V6(_) => sys::ip_neigh_gw6(device, key.as_ptr().cast::<c_void>()),
        }
    })
    .ok()?;
    let mut link = [0_u8; 32];
    // SAFETY: As above. The snapshot is of an address of Ethernet's length, which fits.
    let (resolved, own) = unsafe {
        // Keeps the entry's own state machine going: stale entries are probed.
        sys::neigh_event_send(entry, ptr::null_mut());
        let state = (&raw const (*entry).nud_state).read_volatile();
        let resolved = u32::from(state) & sys::NUD_VALID != 0;
        if resolved {
            sys::neigh_ha_snapshot(link.as_mut_ptr().cast(), entry, device);
        }
        (
            resolved,
            (*device).dev_addr.cast::<[u8; 6]>().read_unaligned(),
        )
    };
    let kind = match family {
        Family::V4 => sys::ETH_P_IP,
        Family::V6 => sys::ETH_P_IPV6,
    };
    let mut header = [0_u8; 14];
    let parts = link
        .iter()
        .take(6)
        .chain(&own)
        .copied()
        .chain((kind as u16).to_be_bytes());
    for (to, from) in header.iter_mut().zip(parts) {
        *to = from;
    }
    // LL_RESERVED_SPACE().
    // SAFETY: The device lives, as above; what is not stable is good for a while.
    let wanted =
        unsafe { u32::from((*device).hard_header_len) + u32::from((*device).needed_headroom) };
    let room = (wanted & !(sys::HH_DATA_MOD - 1)) + sys::HH_DATA_MOD;
    Some(Hop {
        device,
        mtu,
        resolved,
        neighbour,
        source,
        header: Header::new(header),
        room,
    })
}

/// Whether `address` is one of `device`'s own.
pub(crate) fn is_local_to(
    net: &Namespace,
    address: IpAddress,
    device: &NetDevice,
    _bh: &BottomHalf,
) -> bool {
    match address {
        IpAddress::V4(address) => {
            // SAFETY: `net` is valid; bottom halves are disabled, which is an RCU section; the
            // device that comes back is only compared.
            let found = unsafe { sys::__ip_dev_find(net.as_ptr(), address.to_be32(), false) };
            ptr::eq(found, device.as_ptr())
        }
        IpAddress::V6(address) => {
            // SAFETY: As above; the device is valid.
            unsafe { sys::ipv6_chk_addr(net.as_ptr(), &in6(address), device.as_ptr(), 1) != 0 }
        }
    }
}

/// An address of `device`'s own that a message about a packet by it may come from.
pub(crate) fn own_address(
    device: &NetDevice,
    to: IpAddress,
    _bh: &BottomHalf,
) -> Option<IpAddress> {
    match to {
        IpAddress::V4(to) => {
            // SAFETY: The device is valid; bottom halves are disabled.
            let found = unsafe {
                sys::inet_select_addr(
                    device.as_ptr(),
                    to.to_be32(),
                    sys::rt_scope_t_RT_SCOPE_LINK as i32,
                )
            };
            (found != 0).then(|| Ipv4Address::from_be32(found).into())
        }
        IpAddress::V6(to) => {
            let mut found = sys::in6_addr::default();
            // SAFETY: As above; the namespace is the device's.
            let result = unsafe {
                let net = sys::dev_net(device.as_ptr());
                sys::ipv6_dev_get_saddr(net, device.as_ptr(), &in6(to), 0, &mut found)
            };
            (result == 0).then(|| from_in6(&found))
        }
    }
}

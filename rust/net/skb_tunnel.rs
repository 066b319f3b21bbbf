// SPDX-License-Identifier: GPL-2.0

//! Socket buffers inside others.
//!
//! C header: [`include/net/ip_tunnels.h`](srctree/include/net/ip_tunnels.h)

use ::core::{
    ffi::c_int,
    ptr, //
};

use super::skb::SkBuff;
use crate::{
    core::tuple::Family,
    sys, //
};

/// Bytes of an IPv4 header without options.
const IPV4_HEADER: usize = 20;
/// Bytes of an IPv6 header.
const IPV6_HEADER: usize = 40;

impl SkBuff {
    /// Puts the headers of a tunnel before the packet, whose data begin at the IP header and whose
    /// transport header is `transport` bytes further on: an IP header and maybe one of UDP. What
    /// devices are still to do inside, they do inside.
    ///
    /// False if there is no memory, or if the packet is inside another one already and is to be
    /// segmented.
    pub(crate) fn encapsulate(
        &mut self,
        headers: &[u8],
        outside: Family,
        inside: Family,
        transport: u32,
    ) -> bool {
        let (ip, kind, protocol) = match outside {
            Family::V4 => (IPV4_HEADER, sys::SKB_GSO_IPXIP4, sys::ETH_P_IP),
            Family::V6 => (IPV6_HEADER, sys::SKB_GSO_IPXIP6, sys::ETH_P_IPV6),
        };
        let is_udp = headers.len() > ip;
        let kind = if is_udp {
            kind | sys::SKB_GSO_UDP_TUNNEL
        } else {
            kind
        };
        let number = match inside {
            Family::V4 => sys::IPPROTO_IPIP,
            Family::V6 => sys::IPPROTO_IPV6,
        };
        let (Ok(length), Ok(transport), Ok(ip)) = (
            u32::try_from(headers.len()),
            c_int::try_from(transport),
            c_int::try_from(ip),
        ) else {
            return false;
        };
        let skb = self.as_ptr();
        // SAFETY: The buffer is ours; the headers that it is told of are where the caller says, and
        // after skb_cow_head() there is room for those that are put before them.
        unsafe {
            // There is no link-layer header inside. Whoever cuts the packet into segments takes what
            // lies between the outer transport header and the inner link-layer header for the
            // tunnel's; that which it came with would be in the way.
            sys::skb_reset_mac_header(skb);
            sys::skb_set_transport_header(skb, transport);
            if sys::iptunnel_handle_offloads(skb, kind as c_int) != 0
                || sys::skb_cow_head(skb, length) != 0
            {
                return false;
            }
            sys::skb_set_inner_ipproto(skb, number as u8);
            let to = sys::skb_push(skb, length).cast::<u8>();
            ptr::copy_nonoverlapping(headers.as_ptr(), to, headers.len());
            sys::skb_reset_network_header(skb);
            sys::skb_set_transport_header(skb, ip);
            self.set_protocol(protocol as u16);
        }
        true
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A socket buffer as the filter's packet.

use ::core::{
    ptr,
    slice, //
};

use super::skb::SkBuff;
use crate::{
    core::{
        packet::{
            ChecksumState,
            Packet, //
        },
        tuple::Family, //
    },
    sys, //
};

impl Packet for SkBuff {
    #[inline]
    fn len(&self) -> usize {
        SkBuff::len(self) as usize
    }

    #[inline]
    fn is_big(&self) -> bool {
        if SkBuff::len(self) <= u32::from(u16::MAX) {
            return false;
        }
        // SAFETY: The buffer is ours.
        unsafe { sys::skb_is_gso(self.as_ptr()) && sys::skb_is_gso_tcp(self.as_ptr()) }
    }

    #[inline]
    fn peek(&mut self, len: usize) -> Option<&[u8]> {
        let raw = self.raw();
        let (total, linear) = (
            raw.len as usize,
            raw.len.wrapping_sub(raw.data_len) as usize,
        );
        if len > linear {
            if len > total {
                return None;
            }
            let missing = i32::try_from(len.wrapping_sub(linear)).ok()?;
            // SAFETY: The buffer is ours, and that many bytes are in its fragments.
            if unsafe { sys::__pskb_pull_tail(self.as_ptr(), missing) }.is_null() {
                return None;
            }
        }
        // SAFETY: `len` bytes from `data` on are linear, see above, and live while `self` does.
        Some(unsafe { slice::from_raw_parts(self.raw().data, len) })
    }

    #[inline]
    fn head(&mut self, len: usize) -> Option<&mut [u8]> {
        if len > Packet::len(self) {
            return None;
        }
        // SAFETY: The buffer is ours; afterwards that many bytes are linear and not shared with a
        // clone (a tap's, say).
        if unsafe { sys::skb_ensure_writable(self.as_ptr(), u32::try_from(len).ok()?) } != 0 {
            return None;
        }
        // SAFETY: See above.
        Some(unsafe { slice::from_raw_parts_mut(self.raw().data, len) })
    }

    #[inline]
    fn checksum_state(&self) -> ChecksumState {
        if u32::from(self.headers().ip_summed()) == sys::CHECKSUM_PARTIAL {
            ChecksumState::Partial
        } else {
            ChecksumState::Full
        }
    }

    fn trim(&mut self, len: usize) -> bool {
        let Ok(len) = u32::try_from(len) else {
            return false;
        };
        // SAFETY: The buffer is ours.
        unsafe { sys::pskb_trim_rcsum(self.as_ptr(), len) == 0 }
    }

    fn behead(&mut self, len: usize) -> bool {
        if len > Packet::len(self) {
            return false;
        }
        let Ok(len) = u32::try_from(len) else {
            return false;
        };
        // SAFETY: The buffer is ours, and afterwards so many bytes are linear, if they can be.
        unsafe {
            if sys::skb_ensure_writable(self.as_ptr(), len) != 0 {
                return false;
            }
            // Where it came from is still to be known when it is sent back.
            let link = sys::skb_mac_header(self.as_ptr())
                .cast::<[u8; sys::ETH_HLEN as usize]>()
                .read_unaligned();
            let data = sys::skb_pull(self.as_ptr(), len).cast::<u8>();
            if data.is_null() {
                return false;
            }
            let before = data.sub(link.len());
            before
                .cast::<[u8; sys::ETH_HLEN as usize]>()
                .write_unaligned(link);
            sys::skb_set_mac_header(self.as_ptr(), -(sys::ETH_HLEN as i32));
            sys::skb_reset_network_header(self.as_ptr());
        }
        true
    }

    fn learn_mtu(&mut self, offset: usize, mtu: u32) {
        let (Ok(offset), Some(family)) = (u32::try_from(offset), self.family()) else {
            return;
        };
        // SAFETY: The buffer is ours, and the quoted header was looked at, so it is linear; the
        // device lives while packets are handled. What is pulled is pushed back.
        unsafe {
            let skb = self.as_ptr();
            let net = sys::dev_net(self.device_ptr());
            if sys::skb_pull(skb, offset).is_null() {
                return;
            }
            match family {
                Family::V4 => {
                    sys::ipv4_update_pmtu(skb, net, mtu, 0, sys::IPPROTO_IPIP as u8);
                }
                Family::V6 => {
                    let root = sys::kuid_t { val: 0 };
                    sys::ip6_update_pmtu(skb, net, mtu.to_be(), 0, 0, root);
                }
            }
            sys::skb_push(skb, offset);
        }
    }

    fn prepend(&mut self, headers: &[u8], family: Family) -> bool {
        let Ok(len) = u32::try_from(headers.len()) else {
            return false;
        };
        // SAFETY: The buffer is ours and has the link-layer header that it came with; afterwards
        // there is room of our own for `headers` and for that.
        unsafe {
            let link = sys::skb_mac_header(self.as_ptr())
                .cast::<[u8; sys::ETH_HLEN as usize]>()
                .read_unaligned();
            if sys::skb_cow_head(self.as_ptr(), len.wrapping_add(sys::ETH_HLEN)) != 0 {
                return false;
            }
            let to = sys::skb_push(self.as_ptr(), len).cast::<u8>();
            ptr::copy_nonoverlapping(headers.as_ptr(), to, headers.len());
            sys::skb_reset_network_header(self.as_ptr());
            // Whoever sends it back wants to know from where it came.
            let before = to.sub(link.len());
            before
                .cast::<[u8; sys::ETH_HLEN as usize]>()
                .write_unaligned(link);
            sys::skb_set_mac_header(self.as_ptr(), -(sys::ETH_HLEN as i32));
            forget_offloads(self.as_ptr());
        }
        self.set_protocol(match family {
            Family::V4 => sys::ETH_P_IP as u16,
            Family::V6 => sys::ETH_P_IPV6 as u16,
        });
        true
    }

    fn replace(&mut self, bytes: &[u8]) -> bool {
        let Some(head) = self.head(bytes.len()) else {
            return false;
        };
        head.copy_from_slice(bytes);
        let trimmed = self.trim(bytes.len());
        // SAFETY: The buffer is ours.
        unsafe { forget_offloads(self.as_ptr()) };
        trimmed
    }
}

/// For a packet whose bytes were made anew, checksums and all.
///
/// # Safety
///
/// `skb` must be the caller's own.
unsafe fn forget_offloads(skb: *mut sys::sk_buff) {
    // SAFETY: As the caller promises; both variants of the union are the same fields.
    unsafe {
        sys::skb_gso_reset(skb);
        (*skb)
            .__bindgen_anon_4
            .__bindgen_anon_1
            .as_mut()
            .set_ip_summed(sys::CHECKSUM_NONE as u8);
    }
}

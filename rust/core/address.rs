// SPDX-License-Identifier: GPL-2.0

//! IP addresses of both families.
//!
//! A packet's path knows its family at compile time and is generic over [`Address`]; the
//! configuration holds either, as [`IpAddress`].

use ::core::fmt;
use ::core::hash::Hash;

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4, RFC 791.
    V4,
    /// IPv6, RFC 8200.
    V6,
}

/// An address of one family.
pub trait Address:
    Copy + Default + Eq + Ord + Hash + fmt::Debug + fmt::Display + Into<IpAddress> + Send + Sync
{
    /// Its family.
    const FAMILY: Family;

    /// The address as two words, the upper one first: an IPv4 address is all in the lower one.
    ///
    /// To be hashed, and no hash by itself: whoever folds them together without a secret lets
    /// anybody choose addresses that meet.
    fn words(self) -> [u64; 2];

    /// Whether a packet may be sent to it that answers one from it: no group, not everybody,
    /// nobody or the loopback (RFC 1122, 3.2.1.3; RFC 4291, 2.5 and 2.7).
    fn may_be_answered(self) -> bool;

    /// The address if it is of this family.
    fn from_ip(address: IpAddress) -> Option<Self>;

    /// The address with all but the first `length` bits cleared.
    fn prefix(self, length: u8) -> Self;
}

/// An IPv4 address as a number in host order: 10.0.0.1 is `0x0a000001`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Address(u32);

impl Ipv4Address {
    /// The address with this number, in host order.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The address with these bytes, in network order.
    pub const fn from_octets(octets: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(octets))
    }

    /// The address in the kernel's `__be32`: its memory holds network order.
    pub const fn from_be32(be: u32) -> Self {
        Self(u32::from_be(be))
    }

    /// The number, in host order.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The bytes, in network order.
    pub const fn octets(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The kernel's `__be32`.
    pub const fn to_be32(self) -> u32 {
        self.0.to_be()
    }
}

impl Address for Ipv4Address {
    const FAMILY: Family = Family::V4;

    #[inline(always)]
    fn words(self) -> [u64; 2] {
        [0, u64::from(self.0)]
    }

    #[inline(always)]
    fn may_be_answered(self) -> bool {
        let first = self.0 >> 24;
        self.0 != 0 && self.0 != u32::MAX && first != 127 && first & 0xf0 != 0xe0
    }

    #[inline(always)]
    fn from_ip(address: IpAddress) -> Option<Self> {
        match address {
            IpAddress::V4(address) => Some(address),
            IpAddress::V6(_) => None,
        }
    }

    fn prefix(self, length: u8) -> Self {
        let cleared = 32_u32.saturating_sub(u32::from(length));
        Self(self.0 & u32::MAX.checked_shl(cleared).unwrap_or(0))
    }
}

impl fmt::Display for Ipv4Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.octets();
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

impl fmt::Debug for Ipv4Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IPv6 address as a number in host order: `::1` is 1.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6Address(u128);

impl Ipv6Address {
    /// The address with this number, in host order.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The address with these bytes, in network order.
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(octets))
    }

    /// The number, in host order.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The bytes, in network order.
    pub const fn octets(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Whether it only means something on one link (RFC 4291, 2.5.6): `fe80::/10`.
    pub const fn is_link_local(self) -> bool {
        self.0 >> 118 == 0xfe80 >> 6
    }
}

impl Address for Ipv6Address {
    const FAMILY: Family = Family::V6;

    #[inline(always)]
    fn words(self) -> [u64; 2] {
        [(self.0 >> 64) as u64, self.0 as u64]
    }

    #[inline(always)]
    fn may_be_answered(self) -> bool {
        self.0 > 1 && self.0 >> 120 != 0xff
    }

    #[inline(always)]
    fn from_ip(address: IpAddress) -> Option<Self> {
        match address {
            IpAddress::V6(address) => Some(address),
            IpAddress::V4(_) => None,
        }
    }

    fn prefix(self, length: u8) -> Self {
        let cleared = 128_u32.saturating_sub(u32::from(length));
        Self(self.0 & u128::MAX.checked_shl(cleared).unwrap_or(0))
    }
}

impl fmt::Display for Ipv6Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&::core::net::Ipv6Addr::from_bits(self.0), f)
    }
}

impl fmt::Debug for Ipv6Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address of either family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpAddress {
    /// An IPv4 address.
    V4(Ipv4Address),
    /// An IPv6 address.
    V6(Ipv6Address),
}

impl IpAddress {
    /// Its family.
    pub const fn family(self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }

    /// Bits of the address: 32 or 128.
    pub const fn length(self) -> u8 {
        match self {
            Self::V4(_) => 32,
            Self::V6(_) => 128,
        }
    }

    /// [`Address::words`] of either; the families do not meet, as an IPv6 address below 2^32 is
    /// that of no host.
    #[inline(always)]
    pub fn words(self) -> [u64; 2] {
        match self {
            Self::V4(address) => address.words(),
            Self::V6(address) => address.words(),
        }
    }

    /// [`Address::prefix`] of either.
    pub fn prefix(self, length: u8) -> Self {
        match self {
            Self::V4(address) => Self::V4(address.prefix(length)),
            Self::V6(address) => Self::V6(address.prefix(length)),
        }
    }

    /// [`Address::may_be_answered`] of either.
    pub fn may_be_answered(self) -> bool {
        match self {
            Self::V4(address) => address.may_be_answered(),
            Self::V6(address) => address.may_be_answered(),
        }
    }
}

impl Default for IpAddress {
    fn default() -> Self {
        Self::V4(Ipv4Address::default())
    }
}

impl From<Ipv4Address> for IpAddress {
    #[inline(always)]
    fn from(address: Ipv4Address) -> Self {
        Self::V4(address)
    }
}

impl From<Ipv6Address> for IpAddress {
    #[inline(always)]
    fn from(address: Ipv6Address) -> Self {
        Self::V6(address)
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => fmt::Display::fmt(address, f),
            Self::V6(address) => fmt::Display::fmt(address, f),
        }
    }
}

impl fmt::Debug for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

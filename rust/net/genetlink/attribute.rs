// SPDX-License-Identifier: GPL-2.0

//! The attributes of a request, read where they lie in the message.
//!
//! C header: [`include/net/netlink.h`](srctree/include/net/netlink.h)
//!
//! ```text
//!      0               2               4              length    aligned to 4
//!      +---------------+---------------+----- ... -----+---- ... ----+
//!      | length        | type          | payload       | padding     |
//!      +---------------+---------------+----- ... -----+---- ... ----+
//! ```
//!
//! Lengths and ranges were checked against the policy before a handler sees the message; here
//! they are checked once more as far as memory safety needs it.

use kernel::prelude::*;

use super::Refusal;
use crate::sys;

const HEADER: usize = 4;
/// The type's bits without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;

/// One attribute of a message.
#[derive(Clone, Copy)]
pub(crate) struct Attribute<'a> {
    /// Header and payload, without the padding.
    bytes: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The attribute's number in its set.
    pub(crate) fn id(self) -> u16 {
        match self.bytes {
            [_, _, a, b, ..] => u16::from_ne_bytes([*a, *b]) & TYPE_MASK,
            _ => 0,
        }
    }

    /// The value's bytes.
    pub(crate) fn payload(self) -> &'a [u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    fn exactly<const N: usize>(self) -> Result<[u8; N], Refusal<'a>> {
        self.payload()
            .try_into()
            .map_err(|_| Refusal::new(EINVAL, c"attribute of a wrong length").at(self))
    }

    /// The value of a `u8` attribute.
    pub(crate) fn u8(self) -> Result<u8, Refusal<'a>> {
        self.exactly().map(u8::from_ne_bytes)
    }

    /// The value of a `u16` attribute in network byte order.
    pub(crate) fn be16(self) -> Result<u16, Refusal<'a>> {
        self.exactly().map(u16::from_be_bytes)
    }

    /// The value of a `u32` attribute.
    pub(crate) fn u32(self) -> Result<u32, Refusal<'a>> {
        self.exactly().map(u32::from_ne_bytes)
    }

    /// The value of a `uint` attribute, of four or eight bytes.
    pub(crate) fn uint(self) -> Result<u64, Refusal<'a>> {
        match self.payload().len() {
            4 => self.u32().map(u64::from),
            _ => self.exactly().map(u64::from_ne_bytes),
        }
    }

    /// The value of a string attribute.
    pub(crate) fn string(self) -> Result<&'a CStr, Refusal<'a>> {
        CStr::from_bytes_until_nul(self.payload())
            .map_err(|_| Refusal::new(EINVAL, c"string without an end").at(self))
    }

    /// The attributes within a nest.
    pub(crate) fn nest(self) -> Attributes<'a> {
        Attributes {
            bytes: self.payload(),
            nest: Some(self),
        }
    }

    /// Where the attribute lies in the message.
    pub(super) fn as_ptr(self) -> *const sys::nlattr {
        self.bytes.as_ptr().cast()
    }
}

/// The attributes of a message or of a nest.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
    nest: Option<Attribute<'a>>,
}

impl<'a> Attributes<'a> {
    /// The attributes of a message whose attributes lie in `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, nest: None }
    }

    /// The nest that these attributes are in; `None` for those of the message itself.
    pub(crate) fn holder(self) -> Option<Attribute<'a>> {
        self.nest
    }

    /// All attributes, in the order of the message.
    pub(crate) fn iter(self) -> impl Iterator<Item = Attribute<'a>> {
        let mut rest = self.bytes;
        ::core::iter::from_fn(move || {
            let &[a, b, _, _, ..] = rest else { return None };
            let length = usize::from(u16::from_ne_bytes([a, b]));
            if length < HEADER {
                return None;
            }
            let bytes = rest.get(..length)?;
            rest = rest
                .get(length.next_multiple_of(HEADER)..)
                .unwrap_or_default();
            Some(Attribute { bytes })
        })
    }

    /// All attributes of number `id`, for those that may be repeated.
    pub(crate) fn all(self, id: u16) -> impl Iterator<Item = Attribute<'a>> {
        self.iter().filter(move |attribute| attribute.id() == id)
    }

    /// The attribute of number `id`: the last one if there are more, as in the kernel's parser.
    pub(crate) fn get(self, id: u16) -> Option<Attribute<'a>> {
        self.all(id).last()
    }

    /// The attribute of number `id`, or a refusal that says that it is missing.
    pub(crate) fn require(self, id: u16) -> Result<Attribute<'a>, Refusal<'a>> {
        self.get(id).ok_or_else(|| Refusal::missing(self, id))
    }

    /// The value of the `u32` attribute of number `id`, if there is one.
    pub(crate) fn u32(self, id: u16) -> Result<Option<u32>, Refusal<'a>> {
        self.get(id).map(Attribute::u32).transpose()
    }
}

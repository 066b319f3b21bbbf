// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Attributes: writing those of a request, reading those of a reply.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{NlasIterator, NLA_ALIGNTO, NLA_F_NESTED, NLA_HEADER_SIZE};

/// A message that does not follow the specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl Malformed {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self(format!("the attribute `{name}` is missing"))
    }
}

/// What can be read from the attributes of a reply or notification.
pub trait Decode: Sized {
    /// Reads the attributes that follow the generic netlink header, or that
    /// fill a nest. Attributes of a newer module are passed over.
    fn decode(attributes: &[u8]) -> Result<Self, Malformed>;
}

/// The attributes of a request.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    /// With room for this many bytes, so that a long request is not copied as it grows.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes in place: a whole configuration has millions of attributes.
    fn put(&mut self, kind: u16, value: &[u8]) {
        // Longer values than an attribute can have are those of no caller; the kernel refuses
        // what is cut off.
        let length = u16::try_from(NLA_HEADER_SIZE + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        let aligned = self.bytes.len().next_multiple_of(NLA_ALIGNTO);
        self.bytes.resize(aligned, 0);
    }

    pub fn u8(&mut self, kind: u16, value: u8) {
        self.put(kind, &[value]);
    }

    /// Host byte order.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_ne_bytes());
    }

    /// Network byte order.
    pub fn port(&mut self, kind: u16, value: u16) {
        self.put(kind, &value.to_be_bytes());
    }

    /// YNL's `uint`: four bytes if they will do, else eight.
    pub fn uint(&mut self, kind: u16, value: u64) {
        match u32::try_from(value) {
            Ok(value) => self.u32(kind, value),
            Err(_) => self.put(kind, &value.to_ne_bytes()),
        }
    }

    /// Network byte order.
    pub fn address(&mut self, kind: u16, value: IpAddr) {
        match value {
            IpAddr::V4(address) => self.put(kind, &address.octets()),
            IpAddr::V6(address) => self.put(kind, &address.octets()),
        }
    }

    /// Bytes as they are.
    pub fn binary(&mut self, kind: u16, value: &[u8]) {
        self.put(kind, value);
    }

    /// An attribute whose presence is all.
    pub fn flag(&mut self, kind: u16) {
        self.put(kind, &[]);
    }

    /// With its terminating zero, as the kernel's string policy likes it.
    pub fn string(&mut self, kind: u16, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.put(kind, &bytes);
    }

    /// What `fill` writes, as a nest. Without a buffer of its own: its length is filled in
    /// when it is known.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.put(kind | NLA_F_NESTED, &[]);
        fill(self);
        // All in it are aligned, so the end is.
        let length = self.bytes.len().saturating_sub(start);
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        if let Some(place) = self
            .bytes
            .get_mut(start..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            *place = length.to_ne_bytes();
        }
    }
}

/// Gives every attribute's number and value to `visit`.
pub(crate) fn each(
    attributes: &[u8],
    mut visit: impl FnMut(u16, Value<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(|e| Malformed(e.to_string()))?;
        visit(attribute.kind(), Value(attribute.value()))?;
    }
    Ok(())
}

/// An attribute's value as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a>(pub &'a [u8]);

impl<'a> Value<'a> {
    fn array<const N: usize>(self) -> Result<[u8; N], Malformed> {
        self.0.try_into().map_err(|_| {
            Malformed(format!(
                "an attribute of {N} bytes came with {}",
                self.0.len()
            ))
        })
    }

    pub fn u8(self) -> Result<u8, Malformed> {
        Ok(u8::from_ne_bytes(self.array()?))
    }

    pub fn u16(self) -> Result<u16, Malformed> {
        Ok(u16::from_ne_bytes(self.array()?))
    }

    pub fn u32(self) -> Result<u32, Malformed> {
        Ok(u32::from_ne_bytes(self.array()?))
    }

    /// Network byte order.
    pub fn port(self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// YNL's `uint`, of which the sender chooses the width.
    pub fn uint(self) -> Result<u64, Malformed> {
        match self.0.len() {
            4 => Ok(u64::from(self.u32()?)),
            8 => Ok(u64::from_ne_bytes(self.array()?)),
            n => Err(Malformed(format!("an integer came with {n} bytes"))),
        }
    }

    /// Network byte order.
    pub fn address(self) -> Result<IpAddr, Malformed> {
        match self.0.len() {
            4 => Ok(Ipv4Addr::from(self.array::<4>()?).into()),
            16 => Ok(Ipv6Addr::from(self.array::<16>()?).into()),
            n => Err(Malformed(format!("an address came with {n} bytes"))),
        }
    }

    /// Up to the terminating zero, if there is one.
    pub fn string(self) -> String {
        let text = self.0.split(|&b| b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    pub fn nest<T: Decode>(self) -> Result<T, Malformed> {
        T::decode(self.0)
    }

    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

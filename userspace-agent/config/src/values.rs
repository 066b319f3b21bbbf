// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Single values of the file. Each refuses by itself what makes no sense, so that the
//! error is at its very place.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::units;

/// The most that a weight can be.
pub const MAX_WEIGHT: u32 = 65_535;

/// One of a list of words, as in `"rr"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(Error::custom)
    }
}

/// Something that is written as a word or a number.
struct WordOrNumber<T> {
    what: &'static str,
    word: fn(&str) -> Result<T, String>,
    number: fn(i64) -> Result<T, String>,
    _value: PhantomData<T>,
}

impl<T> Visitor<'_> for WordOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.word)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        (self.number)(number).map_err(E::custom)
    }
}

macro_rules! word_or_number {
    ($(#[$doc:meta])* $name:ident $inner:ty, $what:literal, $word:expr, $number:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer
                    .deserialize_any(WordOrNumber {
                        what: $what,
                        word: $word,
                        number: $number,
                        _value: PhantomData,
                    })
                    .map(Self)
            }
        }
    };
}

word_or_number! {
    /// Whole seconds: `"15m"`, or 900.
    Seconds u32, "a time, as in \"15m\", or a number of seconds", units::seconds,
    |number| u32::try_from(number).map_err(|_| format!("{number} seconds are no time"))
}

word_or_number! {
    /// Whole milliseconds, with their unit.
    Milliseconds u32, "a time, as in \"10s\"", units::milliseconds, unit_lacks
}

word_or_number! {
    /// Whole microseconds, with their unit.
    Microseconds u32, "a time, as in \"10ms\"", units::microseconds, unit_lacks
}

word_or_number! {
    /// Bytes: `"4M"`, or a number.
    Bytes u32, "a size, as in \"4M\", or a number of bytes", units::bytes,
    |number| u32::try_from(number).map_err(|_| format!("{number} bytes are no size"))
}

fn unit_lacks(number: i64) -> Result<u32, String> {
    Err(format!("{number} lacks a unit: write it as \"{number}ms\""))
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident $inner:ty, $least:expr, $most:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "i64")]
        pub struct $name(pub $inner);

        impl TryFrom<i64> for $name {
            type Error = String;

            fn try_from(number: i64) -> Result<Self, String> {
                <$inner>::try_from(number)
                    .ok()
                    .filter(|number| ($least..=$most).contains(number))
                    .map(Self)
                    .ok_or_else(|| {
                        format!("{} is from {} to {}, not {number}", $what, $least, $most)
                    })
            }
        }
    };
}

number! {
    /// A weight.
    Weight u32, 0, MAX_WEIGHT, "a weight"
}
number! {
    /// A port.
    Port u16, 1, u16::MAX, "a port"
}
number! {
    /// The length of a client's prefix, IPv4.
    Length4 u8, 1, 32, "a prefix of IPv4 addresses"
}
number! {
    /// The length of a client's prefix, IPv6.
    Length6 u8, 1, 128, "a prefix of IPv6 addresses"
}
number! {
    /// A number of connections; 0 for no limit.
    Limit u32, 0, u32::MAX, "a limit"
}
number! {
    /// How many connections a switch can hold.
    Connections u64, 1, 33_554_432, "the limit of connections"
}

/// Queues or CPUs: `"0-3,5"`, or `[0, 1, 2]`, or one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub Vec<u32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;

        impl<'de> Visitor<'de> for Of {
            type Value = Vec<u32>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers, as in \"0-3,5\" or [0, 1, 2]")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                units::list(text).map(|list| list.0).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                let number = u32::try_from(number)
                    .map_err(|_| E::custom(format!("{number} is no queue and no CPU")))?;
                Ok(vec![number])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = list.next_element()? {
                    if numbers.contains(&number) {
                        return Err(A::Error::custom(format!("{number} is given twice")));
                    }
                    numbers.push(number);
                }
                Ok(numbers)
            }
        }

        deserializer.deserialize_any(Of).map(Self)
    }
}

/// An address of a device, with the length of its prefix: `192.0.2.80/32`; all bits of
/// it unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress {
    /// The address.
    pub address: IpAddr,
    /// How many leading bits of it are those of its network.
    pub length: u8,
}

impl FromStr for DeviceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{text}` is no address: write it as `192.0.2.80/32`"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| (1..=bits).contains(length))
                .ok_or_else(|| format!("`/{length}` is no length from 1 to {bits}"))?,
        };
        Ok(Self { address, length })
    }
}

impl Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The name of a network device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceName(pub String);

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // IFNAMSIZ is 16, the terminating zero included; see dev_valid_name().
        let bad =
            |byte: u8| byte == b'/' || byte == b':' || byte == 0 || byte.is_ascii_whitespace();
        if text.is_empty()
            || text.len() > 15
            || text.bytes().any(bad)
            || [".", ".."].contains(&text)
        {
            return Err(format!(
                "`{text}` is no device name: those have 1 to 15 characters, as `eth0`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The time between two rounds of yardmaster.
pub(crate) fn round<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let time: Duration = humantime_serde::deserialize(deserializer)?;
    if (Duration::from_millis(10)..=Duration::from_secs(60)).contains(&time) {
        Ok(time)
    } else {
        Err(Error::custom("yardmaster.round is from 10ms to 1m"))
    }
}

/// How many connections yardmaster keeps from one report to the next.
pub(crate) fn kept_connections<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    let kept = u64::deserialize(deserializer)?;
    usize::try_from(kept)
        .ok()
        .filter(|kept| *kept <= 1_000_000)
        .ok_or_else(|| Error::custom("yardmaster.kept-connections is from 0 to 1000000"))
}

/// Whether an address is one that a service or a server can have; why not, if not.
pub(crate) fn of_a_host(address: IpAddr) -> Result<(), &'static str> {
    match address {
        IpAddr::V4(v4) if v4.octets().first() == Some(&0) => Err("the address is that of no host"),
        IpAddr::V4(v4) if v4.is_broadcast() => Err("the address is the broadcast address"),
        address if address.is_multicast() => Err("the address is a multicast address"),
        IpAddr::V6(v6) if v6.is_unspecified() => Err("the address is that of no host"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Err("the address means something on one link only: take one that does everywhere")
        }
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err("the address is an IPv4 address: write it as one")
        }
        _ => Ok(()),
    }
}

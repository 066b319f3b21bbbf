// SPDX-License-Identifier: GPL-2.0

//! Which service a packet is for, against the rule written down plainly.

#![allow(missing_docs)]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use switchyard_core::core::service_key::{
    find, prefixes, Listener, Listeners, PortRange, Ports, Prefix, ServiceKey,
};
use switchyard_core::core::tuple::{Endpoint, IpAddress, Ipv4Address, Ipv6Address, Protocol};

/// Services as a configuration has them.
#[derive(Default)]
struct Known {
    listeners: HashMap<Listener, u32>,
    ranges: BTreeMap<PortRange, u32>,
    keys: Vec<ServiceKey>,
}

impl Known {
    fn add(&mut self, key: ServiceKey) {
        if self.keys.contains(&key) {
            return;
        }
        let id = self.keys.len() as u32;
        if let Some(range) = key.range() {
            if self.ranges.keys().any(|other| other.overlaps(&range)) {
                return;
            }
            self.ranges.insert(range, id);
        }
        if let Some(listener) = key.listener() {
            self.listeners.insert(listener, id);
        }
        self.keys.push(key);
    }

    /// The rule: of those that hold the endpoint, the longest prefix, then the fewest ports.
    fn best(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<u32> {
        let rank = |ports| match ports {
            Ports::One(_) => 2,
            Ports::Range(..) => 1,
            Ports::All => 0,
        };
        (0..)
            .zip(&self.keys)
            .filter(|(_, key)| key.contains(protocol, endpoint))
            .max_by_key(|(_, key)| (key.prefix.length, rank(key.ports)))
            .map(|(id, _)| id)
    }
}

impl Listeners for Known {
    fn listener(&self, listener: &Listener) -> Option<u32> {
        self.listeners.get(listener).copied()
    }

    fn in_range(&self, listener: &Listener) -> Option<u32> {
        let last = PortRange {
            protocol: listener.protocol,
            prefix: listener.prefix,
            first: listener.port,
            last: u16::MAX,
        };
        let (range, id) = self.ranges.range(..=last).next_back()?;
        let fits = range.protocol == listener.protocol
            && range.prefix == listener.prefix
            && listener.port <= range.last;
        fits.then_some(*id)
    }

    fn are_plain(&self) -> bool {
        let plain = |key: &ServiceKey| key.prefix.is_single() && matches!(key.ports, Ports::One(_));
        self.keys.iter().all(plain)
    }

    fn lengths(&self, address: IpAddress) -> u128 {
        self.keys
            .iter()
            .map(|key| key.prefix)
            .filter(|prefix| !prefix.is_single() && prefix.address.family() == address.family())
            .fold(0, |lengths, prefix| lengths | 1 << prefix.length)
    }
}

fn v4(text: &str) -> IpAddress {
    let address: std::net::Ipv4Addr = text.parse().expect(text);
    Ipv4Address::from_octets(address.octets()).into()
}

fn key(text: &str, length: u8, ports: Ports) -> ServiceKey {
    let prefix = Prefix {
        address: v4(text).prefix(length),
        length,
    };
    ServiceKey {
        protocol: Protocol::Tcp,
        prefix,
        ports,
    }
}

#[test]
fn the_nearest_wins() {
    let mut known = Known::default();
    let keys = [
        key("192.0.2.80", 32, Ports::One(80)),
        key("192.0.2.80", 32, Ports::Range(8000, 8999)),
        key("192.0.2.80", 32, Ports::One(8080)),
        key("192.0.2.80", 32, Ports::All),
        key("192.0.2.0", 24, Ports::One(80)),
        key("192.0.2.64", 26, Ports::All),
        key("192.0.2.0", 24, Ports::Range(1, 65535)),
    ];
    for key in keys {
        known.add(key);
    }
    assert_eq!(known.keys, keys);
    for (address, port, wanted) in [
        ("192.0.2.80", 80, Some(0)),
        ("192.0.2.80", 8000, Some(1)),
        ("192.0.2.80", 8999, Some(1)),
        ("192.0.2.80", 8080, Some(2)),
        ("192.0.2.80", 9000, Some(3)),
        ("192.0.2.80", 0, Some(3)),
        ("192.0.2.81", 80, Some(5)),
        ("192.0.2.3", 80, Some(4)),
        ("192.0.2.3", 81, Some(6)),
        ("192.0.2.3", 0, None),
        ("192.0.3.3", 80, None),
    ] {
        let endpoint = Endpoint::new(v4(address), port);
        assert_eq!(
            find(&known, Protocol::Tcp, endpoint),
            wanted,
            "{address} {port}"
        );
        assert_eq!(find(&known, Protocol::Udp, endpoint), None);
    }
    let lengths: Vec<_> = prefixes(&known, v4("192.0.2.80"))
        .map(|p| p.length)
        .collect();
    assert_eq!(lengths, [26, 24]);
}

#[test]
fn ranges_overlap() {
    let range = |first, last| {
        key("192.0.2.80", 32, Ports::Range(first, last))
            .range()
            .expect("one")
    };
    assert!(range(10, 20).overlaps(&range(20, 30)));
    assert!(range(10, 20).overlaps(&range(12, 13)));
    assert!(!range(10, 20).overlaps(&range(21, 30)));
    let other = key("192.0.2.80", 31, Ports::Range(10, 20))
        .range()
        .expect("one");
    assert!(!range(10, 20).overlaps(&other));
}

fn any_address() -> impl Strategy<Value = IpAddress> {
    // Few bits, so that addresses share prefixes.
    prop_oneof![
        (0_u32..32).prop_map(|bits| Ipv4Address::from_bits(0x0a00_0000 | bits << 2).into()),
        (0_u128..32).prop_map(|bits| Ipv6Address::from_bits(0x2001 << 112 | bits).into()),
    ]
}

fn any_ports() -> impl Strategy<Value = Ports> {
    prop_oneof![
        Just(Ports::All),
        (1_u16..20).prop_map(Ports::One),
        (1_u16..20, 1_u16..5).prop_map(|(first, more)| Ports::Range(first, first + more)),
    ]
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_the_rule_says(
        keys in prop::collection::vec((any_protocol(), any_address(), 0_u8..6, any_ports()), 0..30),
        packets in prop::collection::vec((any_protocol(), any_address(), 0_u16..26), 1..50),
    ) {
        let mut known = Known::default();
        for (protocol, address, shorter, ports) in keys {
            let length = address.length() - shorter;
            let prefix = Prefix { address: address.prefix(length), length };
            known.add(ServiceKey { protocol, prefix, ports });
        }
        for (protocol, address, port) in packets {
            let endpoint = Endpoint::new(address, port);
            prop_assert_eq!(find(&known, protocol, endpoint), known.best(protocol, endpoint));
        }
    }
}

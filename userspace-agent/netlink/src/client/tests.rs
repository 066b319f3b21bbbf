// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Requests and replies against the bytes of the kernel's own YNL library, which
//! `tests/golden.py` has written to `tests/golden.txt`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    ConnectionState, Drop, DropReason, Forwarding, Notification, Policy, Protocol, QueueState,
    Scheduler, Stats,
};

fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    include_str!("../../tests/golden.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let bytes = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            (name, bytes)
        })
        .collect()
}

fn tcp() -> ServiceKey {
    "tcp 10.0.0.1:80".parse().unwrap()
}

fn dns() -> ServiceKey {
    "udp 10.0.0.1:53".parse().unwrap()
}

fn destination(weight: Option<u32>) -> DestinationSettings {
    DestinationSettings {
        weight,
        ..DestinationSettings::new(DestinationKey::parse(tcp(), "10.1.0.2:8080").unwrap())
    }
}

#[test]
fn requests_are_those_of_the_kernels_library() {
    let mut golden = golden();
    let mut client = Client {
        transport: Transport::recorder().unwrap(),
        family: Family {
            id: 40,
            groups: Vec::new(),
        },
    };
    let mut check = |name: &str, call: &dyn Fn(&mut Client)| {
        call(&mut client);
        let sent = client.transport.last_request().unwrap();
        assert_eq!(Some(sent), golden.remove(name), "{name}");
    };
    let settings = |key, scheduler, timeout| ServiceSettings {
        key,
        scheduler,
        timeout,
    };
    // What asks gets no answer from a recorder, which does not matter here.
    check("switch", &|c| drop(c.switch()));
    check("services", &|c| drop(c.services()));
    check("service", &|c| drop(c.service(&tcp())));
    check("add-service", &|c| {
        c.add_service(&settings(tcp(), Some(Scheduler::Rr), Some(900)))
            .unwrap();
    });
    check("set-service", &|c| {
        c.set_service(&settings(dns(), None, Some(0))).unwrap();
    });
    check("delete-service", &|c| c.delete_service(&dns()).unwrap());
    check("destinations-of", &|c| drop(c.destinations(Some(&tcp()))));
    check("add-destination", &|c| {
        let settings = DestinationSettings {
            forwarding: Some(Forwarding::Nat),
            ..destination(Some(2))
        };
        c.add_destination(&settings).unwrap();
    });
    check("set-destination", &|c| {
        let key = DestinationKey::parse(dns(), "10.1.0.3").unwrap();
        let settings = DestinationSettings {
            weight: Some(0),
            ..DestinationSettings::new(key)
        };
        c.set_destination(&settings).unwrap();
    });
    check("delete-destination", &|c| {
        c.delete_destination(&destination(None).key).unwrap();
    });
    check("apply", &|c| {
        c.apply(&[
            Change::Flush,
            Change::AddService(settings(tcp(), Some(Scheduler::Maglev), None)),
            Change::AddDestination(destination(Some(3))),
            Change::SetDestination(destination(Some(4))),
            Change::SetService(settings(tcp(), None, Some(60))),
            Change::FlushDestinations(tcp()),
            Change::DeleteDestination(destination(None).key),
            Change::DeleteService(tcp()),
        ])
        .unwrap();
    });
    check("claims", &|c| drop(c.claims()));
    check("claim", &|c| {
        c.claim(&ClaimRequest {
            device: Device::Name("eth0".to_owned()),
            queues: vec![0, 1, 5],
            cpus: vec![2, 3],
            policy: Some(Policy::Busy),
            idle_timeout: Some(10_000),
        })
        .unwrap();
    });
    check("claim-by-index", &|c| {
        c.claim(&ClaimRequest::new(Device::Index(3))).unwrap();
    });
    check("release", &|c| {
        c.release(&Device::Name("eth0".to_owned())).unwrap();
    });
    check("connections-of", &|c| {
        c.connections(Some(&tcp()), |_| Ok(())).unwrap();
    });
    check("cpus", &|c| drop(c.cpus()));
    let rest: Vec<_> = golden.keys().filter(|k| !k.starts_with("reply-")).collect();
    assert!(rest.is_empty(), "not tried: {rest:?}");
}

fn decode<T: Decode>(name: &str) -> T {
    // Netlink header 16 bytes, generic netlink header 4.
    T::decode(&golden()[name][20..]).unwrap()
}

#[test]
fn replies_of_the_kernels_library_are_understood() {
    let stats = Stats {
        connections: 5,
        packets_in: 1 << 40,
        bytes_in: 7,
        packets_out: 8,
        bytes_out: 9,
    };
    assert_eq!(
        decode::<Switch>("reply-switch"),
        Switch {
            version: "0.1.0".to_owned(),
            yard_ifindex: Some(9),
            generation: 3,
            services: 1,
            destinations: 2,
            connections: 4,
            connection_limit: 1 << 33,
        }
    );
    assert_eq!(
        decode::<Service>("reply-service"),
        Service {
            key: tcp(),
            scheduler: Scheduler::Rr,
            timeout: 900,
            destinations: 2,
            stats,
        }
    );
    let destination = decode::<Destination>("reply-destination");
    assert_eq!(destination.service, tcp());
    assert_eq!(destination.endpoint().to_string(), "10.1.0.2:8080");
    assert_eq!(destination.weight, 2);
    assert_eq!(destination.active_connections, 3);
    assert_eq!(destination.stats, stats);
    let claim = decode::<Claim>("reply-claim");
    assert_eq!((claim.ifindex, claim.ifname.as_str()), (3, "eth0"));
    assert_eq!((claim.queue, claim.cpu), (Some(1), Some(2)));
    assert_eq!(claim.policy, Some(Policy::Adaptive));
    assert_eq!(claim.idle_timeout, Some(10_000));
    assert_eq!(claim.state, Some(QueueState::Polled));
    assert_eq!(claim.irq, Some(44));
    assert_eq!(
        (claim.polls, claim.packets, claim.handovers),
        (1 << 35, 6, 2)
    );
    let connection = decode::<Connection>("reply-connection");
    assert_eq!(connection.protocol, Protocol::Udp);
    assert_eq!(connection.client().to_string(), "192.0.2.7:40000");
    assert_eq!(connection.service(), dns());
    assert_eq!(connection.destination().to_string(), "10.1.0.2:5353");
    assert_eq!(connection.state, ConnectionState::Udp);
    assert_eq!((connection.idle, connection.expires), (12, 299_988));
    let cpu = decode::<Cpu>("reply-cpu");
    assert_eq!((cpu.cpu, cpu.switching, cpu.queues), (2, true, 4));
    assert_eq!((cpu.received, cpu.forwarded, cpu.passed), (10, 9, 8));
    assert_eq!((cpu.local_in, cpu.local_out), (7, 6));
    assert_eq!((cpu.resets, cpu.connections), (5, 4));
    let drops = [(DropReason::Ttl, 3), (DropReason::ResetSent, 1 << 32)];
    assert_eq!(
        cpu.drops,
        drops.map(|(reason, packets)| Drop { reason, packets })
    );
}

#[test]
fn ipv6_is_refused_in_a_sentence() {
    let mut client = Client {
        transport: Transport::recorder().unwrap(),
        family: Family::default(),
    };
    let key = ServiceKey {
        address: "2001:db8::1".parse().unwrap(),
        ..tcp()
    };
    let error = client.delete_service(&key).unwrap_err().to_string();
    assert_eq!(
        error,
        "2001:db8::1 is an IPv6 address, and this version balances IPv4 alone"
    );
}

fn decode_all(bytes: &[u8]) {
    let _ = Switch::decode(bytes);
    let _ = Service::decode(bytes);
    let _ = Destination::decode(bytes);
    let _ = Claim::decode(bytes);
    let _ = Connection::decode(bytes);
    let _ = Cpu::decode(bytes);
    for command in 0..=u8::MAX {
        let _ = Notification::decode(command, bytes);
    }
}

proptest! {
    #[test]
    fn garbage_is_decoded_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        decode_all(&bytes);
    }

    /// A real reply, cut short and with a byte changed.
    #[test]
    fn a_broken_reply_is_decoded_without_harm(
        which in 0usize..6, cut in 0usize..400, at in 0usize..400, byte: u8,
    ) {
        let golden = golden();
        let (_, bytes) = golden
            .iter()
            .filter(|(name, _)| name.starts_with("reply-"))
            .nth(which)
            .unwrap();
        let mut bytes = bytes[20..].to_vec();
        bytes.truncate(cut);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        decode_all(&bytes);
    }
}

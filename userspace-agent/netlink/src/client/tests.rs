// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Requests and replies against the bytes of the kernel's own YNL library, which
//! `tests/golden.py` has written to `tests/golden.txt`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    ConnectionState, DestinationState, Drop, DropReason, Encapsulation, Fallback, Forwarding,
    Notification, Place, Policy, Protocol, QueueState, Scheduler, StateTimeout, Stats, Verdict,
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

fn wide() -> ServiceSettings {
    ServiceSettings {
        key: "sctp [2001:db8::/64]:8000-8999".parse().unwrap(),
        scheduler: Some(Scheduler::P2c),
        timeout: None,
        one_packet: Some(true),
        reset_at_expiry: Some(false),
        fallback: Some(Fallback::Local),
        affinity: Some(300),
        affinity_prefix4: Some(24),
        affinity_prefix6: Some(56),
    }
}

fn filter() -> ConnectionFilter {
    ConnectionFilter {
        protocol: Some(Protocol::Udp),
        service: Some("udp 10.0.0.0/24:*".parse().unwrap()),
        client: Some(("192.0.2.0".parse().unwrap(), Some(24))),
        client_port: Some(9),
        destination_address: Some("10.1.0.2".parse().unwrap()),
        destination_port: Some(53),
        state: Some(ConnectionState::Udp),
        forwarding: Some(Forwarding::Direct),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of requests")]
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
        scheduler,
        timeout,
        ..ServiceSettings::new(key)
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
        let filter = ConnectionFilter {
            service: Some(tcp()),
            ..ConnectionFilter::default()
        };
        c.connections(&filter, |_| Ok(())).unwrap();
    });
    check("add-wide-service", &|c| {
        c.add_service(&wide()).unwrap();
    });
    check("add-tunnel", &|c| {
        let key = DestinationKey::parse(tcp(), "[2001:db8::2]:*").unwrap();
        c.add_destination(&DestinationSettings {
            key,
            weight: Some(2),
            forwarding: Some(Forwarding::Tunnel),
            encapsulation: Some(Encapsulation::Gue),
            encapsulation_port: Some(6081),
            state: Some(DestinationState::Draining),
            drain_deadline: Some(60),
            upper_limit: Some(100),
            lower_limit: Some(50),
        })
        .unwrap();
    });
    check("connections-filtered", &|c| {
        c.connections(&filter(), |_| Ok(())).unwrap();
    });
    check("end-connections", &|c| {
        let filter = ConnectionFilter {
            client: Some(("2001:db8::7".parse().unwrap(), None)),
            ..ConnectionFilter::default()
        };
        drop(c.end_connections(&filter));
    });
    check("end-all-connections", &|c| {
        drop(c.end_connections(&ConnectionFilter::default()));
    });
    check("explain", &|c| {
        let packet: Vec<u8> = (0..20).collect();
        drop(c.explain(&packet, Some(3)));
    });
    check("set-switch", &|c| {
        let timeout = |state, milliseconds| StateTimeout {
            state,
            milliseconds,
        };
        c.set_switch(&SwitchSettings {
            connection_limit: Some(10_000_000),
            half_open_limit: Some(0),
            timeouts: vec![
                timeout(ConnectionState::Established, 600_000),
                timeout(ConnectionState::Udp, 1500),
            ],
            fragment_memory_limit: Some(1 << 20),
            fragment_timeout: Some(2500),
        })
        .unwrap();
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
#[expect(clippy::too_many_lines, reason = "a list of replies")]
fn replies_of_the_kernels_library_are_understood() {
    let stats = Stats {
        connections: 5,
        packets_in: 1 << 40,
        bytes_in: 7,
        packets_out: 8,
        bytes_out: 9,
        connections_rate: 1,
        packets_in_rate: 2,
        bytes_in_rate: 1 << 33,
        packets_out_rate: 4,
        bytes_out_rate: 5,
    };
    let drop = |reason, packets| Drop { reason, packets };
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
            connections_ipv4: 1,
            connections_ipv6: 2,
            half_open: 3,
            half_open_limit: 7,
            table_bytes: 1 << 34,
            timeouts: vec![StateTimeout {
                state: ConnectionState::FinWait,
                milliseconds: 120_000,
            }],
            fragment_memory_limit: 5,
            fragment_memory: 4,
            fragment_timeout: 6,
            stats,
            drops: vec![drop(DropReason::Down, 1)],
        }
    );
    assert_eq!(
        decode::<Service>("reply-service"),
        Service {
            key: tcp(),
            scheduler: Scheduler::Rr,
            timeout: 900,
            one_packet: false,
            reset_at_expiry: true,
            fallback: Fallback::Local,
            affinity: 60,
            affinity_prefix4: 24,
            affinity_prefix6: 64,
            destinations: 2,
            stats,
            drops: vec![drop(DropReason::ConnectionLimit, 9)],
        }
    );
    let destination = decode::<Destination>("reply-destination");
    assert_eq!(destination.service, tcp());
    assert_eq!(destination.endpoint().to_string(), "10.1.0.2:8080");
    assert_eq!(destination.weight, 2);
    assert_eq!(destination.active_connections, 3);
    assert_eq!(destination.inactive_connections, 2);
    assert_eq!(destination.stats, stats);
    assert_eq!(destination.encapsulation, Some(Encapsulation::Gue));
    assert_eq!(destination.encapsulation_port, Some(6080));
    assert_eq!(destination.state, DestinationState::Draining);
    assert_eq!(destination.drain_deadline, 60);
    assert_eq!(destination.drain_remaining, Some(41));
    assert_eq!((destination.upper_limit, destination.lower_limit), (10, 5));
    assert!(destination.overloaded);
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
    assert_eq!(connection.forwarding, Forwarding::Direct);
    assert_eq!(decode::<Ended>("reply-ended").0, 1 << 32);
    assert_eq!(
        decode::<Explanation>("reply-explanation"),
        Explanation {
            verdict: Verdict::Drop,
            drop_reason: Some(DropReason::NoRoute),
            service: Some(tcp()),
            destination: Some(Place {
                address: "10.1.0.2".parse().unwrap(),
                port: 8080,
            }),
            forwarding: Some(Forwarding::Nat),
            connection_state: Some(ConnectionState::Established),
            next_hop: Some("10.1.0.1".parse().unwrap()),
            out_ifindex: Some(4),
            result: vec![0x45, 0, 0],
            steps: vec!["first".to_owned(), "second".to_owned()],
        }
    );
    let cpu = decode::<Cpu>("reply-cpu");
    assert_eq!((cpu.cpu, cpu.switching, cpu.queues), (2, true, 4));
    assert_eq!((cpu.received, cpu.forwarded, cpu.passed), (10, 9, 8));
    assert_eq!((cpu.local_in, cpu.local_out), (7, 6));
    assert_eq!((cpu.resets, cpu.connections), (5, 4));
    assert_eq!((cpu.expiry_resets, cpu.stats), (11, stats));
    assert_eq!(
        cpu.drops,
        [
            drop(DropReason::Ttl, 3),
            drop(DropReason::ResetSent, 1 << 32)
        ]
    );
}

fn decode_all(bytes: &[u8]) {
    let _ = Switch::decode(bytes);
    let _ = Service::decode(bytes);
    let _ = Destination::decode(bytes);
    let _ = Claim::decode(bytes);
    let _ = Connection::decode(bytes);
    let _ = Cpu::decode(bytes);
    let _ = Explanation::decode(bytes);
    let _ = Ended::decode(bytes);
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
        which in 0usize..8, cut in 0usize..400, at in 0usize..400, byte: u8,
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

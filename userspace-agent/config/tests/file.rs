// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The file: what is wrong is told with its place, what is written is read, and what is
//! applied leaves nothing to be done.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, too"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use switchyard_config::{parse, write, Action, Config, Plan, Running};
use switchyard_netlink::{
    Change, Claim, Destination, DestinationKey, DestinationState, Encapsulation, Fallback,
    Forwarding, Policy, Protocol, Scheduler, Service, ServiceKey, StateTimeout,
};

const SERVICE: &str = "[[service]]\nservice = \"tcp 192.0.2.80:80\"\n";

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let of_service = |line: &str| format!("{SERVICE}{line}");
    let of_destination = |line: &str| format!("{SERVICE}destination = [{{ {line} }}]");
    let mut unlike = Vec::new();
    for (text, words) in [
        ("x".to_owned(), "f:1:2: "),
        ("service = [".into(), "f:1:12: "),
        ("nonsense = 1".into(), "f:1:1: unknown field `nonsense`, expected one of `yardmaster`"),
        ("[yardmaster]\nround = \"1ms\"".into(), "f:2:9: yardmaster.round is from 10ms to 1m"),
        ("[yardmaster]\nmetrics = \"here\"".into(), "f:2:11: "),
        ("[switch]\nconnection-limit = 0".into(), "f:2:20: the limit of connections is from 1"),
        ("[switch]\nfragment-memory = \"4X\"".into(), "f:2:19: `4X` is no size"),
        ("[switch]\nfragment-timeout = 10".into(), "f:2:20: 10 lacks a unit"),
        ("[switch.timeout]\nestablished = \"long\"".into(), "f:2:15: `long` is no time"),
        ("[switch.timeout]\nopen = \"1s\"".into(), "f:2:1: unknown field `open`"),
        ("[yard0]\naddresses = [\"192.0.2.1/33\"]".into(), "f:2:13: `/33` is no length"),
        (
            "[yard0]\naddresses = [\"192.0.2.1\", \"192.0.2.1/24\"]".into(),
            "f:2:27: address 192.0.2.1/24 is there twice: first in line 2",
        ),
        ("[[claim]]\ncpus = [1]".into(), "f:1:1: missing field `device`"),
        ("[[claim]]\ndevice = \"a/b\"".into(), "f:2:10: `a/b` is no device name"),
        ("[[claim]]\ndevice = \"a\"\npolicy = \"lazy\"".into(), "f:3:10: `lazy` is none of"),
        ("[[claim]]\ndevice = \"a\"\npolicy = \"busy\"".into(), "f:3:10: polling takes a CPU"),
        (
            "[[claim]]\ndevice = \"a\"\ncpus = 1\npolicy = \"interrupt\"".into(),
            "f:4:10: the interrupt policy polls nothing",
        ),
        ("[[claim]]\ndevice = \"a\"\ncpus = \"3-1\"".into(), "f:3:8: the range `3-1` runs backwards"),
        ("[[claim]]\ndevice = \"a\"\ncpus = [1, 1]".into(), "f:3:8: 1 is given twice"),
        ("[[claim]]\ndevice = \"a\"\nidle-timeout = 10".into(), "f:3:16: 10 lacks a unit"),
        (
            "[[claim]]\ndevice = \"a\"\n[[claim]]\ndevice = \"a\"".into(),
            "f:4:10: device a is there twice: first in line 2",
        ),
        ("[[service]]".into(), "f:1:1: missing field `service`"),
        ("[[service]]\nservice = \"tcp 10.0.0.1\"".into(), "f:2:11: `10.0.0.1` has no port"),
        ("[[service]]\nservice = \"tcp 224.0.0.1:80\"".into(), "f:2:11: the address is a multicast"),
        (format!("{SERVICE}{SERVICE}"), "f:4:11: service tcp 192.0.2.80:80 is there twice: first in line 2"),
        (of_service("scheduler = \"nq\""), "f:3:13: `nq` is none of: maglev, rr"),
        (of_service("timeout = \"10ms\""), "f:3:11: `10ms` is not in whole seconds"),
        (of_service("timeout = -1"), "f:3:11: -1 seconds are no time"),
        (of_service("one-packet = true"), "f:3:14: only UDP"),
        (of_service("affinity-prefix4 = 33"), "f:3:20: a prefix of IPv4 addresses is from 1 to 32"),
        (of_service("fallback = \"remote\""), "f:3:12: `remote` is none of"),
        (of_service("policy = { gain = 7 }"), "f:3:10: policy: gain is 7, not from 0.01 to 1"),
        (of_service("policy = { algorithm = \"best\" }"), "f:3:24: unknown variant `best`"),
        (of_service("source = { port = 0 }"), "f:3:10: source: port is not"),
        (of_service("check = [{ type = \"icmp\", port = 7 }]"), "f:3:10: check: port has no meaning"),
        (of_service("check = [{ type = \"http\", status = \"900\" }]"), "f:3:36: `900` is no status"),
        (of_destination("address = \"x\""), "f:3:28: `x` is no IP address"),
        (of_destination("weight = 1"), "f:3:16: missing field `address`"),
        (of_destination("address = \"10.0.0.1\", weight = 70000"), "f:3:49: a weight is from 0 to 65535, not 70000"),
        (of_destination("address = \"2001:db8::1\""), "f:3:28: only a tunnel leads to"),
        (of_destination("address = \"192.0.2.80\""), "f:3:28: a service cannot be its own"),
        (of_destination("address = \"10.0.0.1\", encapsulation = \"gue\""), "f:3:28: an encapsulation is for"),
        (
            of_destination("address = \"10.0.0.1\", forwarding = \"tunnel\", encapsulation-port = 7"),
            "f:3:28: encapsulation-port is for",
        ),
        (of_destination("address = \"10.0.0.1\", drain-deadline = 7"), "f:3:28: drain-deadline is for"),
        (of_destination("address = \"10.0.0.1\", lower-limit = 7"), "f:3:28: lower-limit = 7 is above"),
        (of_destination("address = \"local\", forwarding = \"nat\""), "f:3:28: `local` is this machine"),
        (of_destination("address = \"fe80::1\", forwarding = \"tunnel\""), "f:3:28: the address means"),
        (
            "[[service]]\nservice = \"tcp 10.0.0.1:1-9\"\n[[service]]\nservice = \"tcp 10.0.0.1:9-10\"".into(),
            "f:4:11: some of these ports are those of the service in line 2",
        ),
    ] {
        let error = parse("f", &text).unwrap_err().to_string();
        if !error.contains(words) {
            unlike.push(format!("{text}\n{error}\n"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

#[test]
fn all_that_does_not_go_together_is_told() {
    let text =
        format!("{SERVICE}destination = [{{ address = \"x\" }}, {{ address = \"y\" }}]\n{SERVICE}");
    let problems = parse("f", &text).unwrap_err();
    assert_eq!(problems.list.len(), 3, "{problems}");
}

#[test]
fn what_the_file_does_not_mention_is_left_alone() {
    let running = running(3, 2);
    for (text, steps) in [
        ("", 0),
        ("[yardmaster]\nmetrics = \"127.0.0.1:1\"", 0),
        ("service = []", 3),
        ("claim = []", 1),
        ("yard0.addresses = []", 1),
        ("[switch]\nhalf-open-limit = 7", 0),
        ("[switch]\nhalf-open-limit = 8", 1),
    ] {
        let plan = Plan::new(&parse("f", text).unwrap(), &running, false);
        assert_eq!(plan.steps.len(), steps, "{text}: {plan:?}");
    }
}

#[test]
fn weights_of_yardmaster_are_its_own() {
    let mut running = running(1, 1);
    running.destinations[0].weight = 9;
    let saved = Config::of(&running);
    let mut config = saved.clone();
    let service = &mut config.services.as_mut().unwrap()[0];
    service.destinations[0].values.weight = 3;
    let weights = |config: &Config, with| Plan::new(config, &running, with).changes().count();
    assert_eq!(weights(&config, false), 1);
    config.services.as_mut().unwrap()[0].policy = Some(switchyard_config::Policy::default());
    assert_eq!(weights(&config, false), 0);
    assert_eq!(weights(&config, true), 1);
}

#[test]
fn the_example_is_right() {
    let text = include_str!("../../yardctl/switchyard.toml");
    parse("switchyard.toml", text).unwrap();
    // What is commented out is right, too, with one of each kind.
    let text: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.contains(" = ") && !rest.starts_with('{') && !rest.ends_with('.') =>
            {
                rest
            }
            Some(rest) if rest.starts_with('[') => rest,
            _ => line,
        })
        .collect();
    let config = parse("uncommented", &text.join("\n")).unwrap();
    assert!(config.claims.is_some() && config.addresses.is_some() && config.switch.is_some());
}

/// What might run: some services with some destinations.
fn running(services: u32, destinations: u32) -> Running {
    let mut running = Running::default();
    running.switch.connection_limit = 1 << 20;
    running.switch.half_open_limit = 7;
    running.switch.fragment_memory_limit = 4 << 20;
    running.switch.fragment_timeout = 10_000;
    running.switch.timeouts = vec![StateTimeout {
        state: switchyard_netlink::ConnectionState::Udp,
        milliseconds: 1500,
    }];
    running.addresses = vec!["192.0.2.1/32".parse().unwrap()];
    running.claims = vec![Claim {
        ifindex: 1,
        ifname: "eth0".into(),
        queue: Some(0),
        cpu: Some(1),
        policy: Some(Policy::Adaptive),
        idle_timeout: Some(10_000),
        state: None,
        irq: None,
        polls: 0,
        packets: 0,
        handovers: 0,
    }];
    for number in 0..services {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into();
        let key = ServiceKey::new(Protocol::Tcp, address, 80);
        let mut service = Service::new(key);
        service.destinations = destinations;
        running.services.push(service);
        for other in 0..destinations {
            let address =
                std::net::Ipv4Addr::from_bits(0x0b00_0000 + number * destinations + other);
            running
                .destinations
                .push(Destination::new(key, address.into(), 8080));
        }
    }
    running
}

/// Does to what runs what the kernel does for these changes; refuses what it refuses.
fn make<'a>(
    running: &mut Running,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<(), String> {
    let mut services: BTreeMap<ServiceKey, Service> =
        running.services.drain(..).map(|s| (s.key, s)).collect();
    let key_of = |d: &Destination| (d.service, d.address, d.port);
    let mut destinations: BTreeMap<_, Destination> = running
        .destinations
        .drain(..)
        .map(|d| (key_of(&d), d))
        .collect();
    for change in changes {
        match change {
            Change::AddService(settings) | Change::SetService(settings) => {
                let is_new = matches!(change, Change::AddService(_));
                if is_new == services.contains_key(&settings.key) {
                    return Err(format!("{change:?}"));
                }
                let service = services
                    .entry(settings.key)
                    .or_insert_with(|| Service::new(settings.key));
                service.scheduler = settings.scheduler.unwrap_or(service.scheduler);
                service.timeout = settings.timeout.unwrap_or(service.timeout);
                service.one_packet = settings.one_packet.unwrap_or(service.one_packet);
                service.reset_at_expiry =
                    settings.reset_at_expiry.unwrap_or(service.reset_at_expiry);
                service.fallback = settings.fallback.unwrap_or(service.fallback);
                service.affinity = settings.affinity.unwrap_or(service.affinity);
                service.affinity_prefix4 = settings
                    .affinity_prefix4
                    .unwrap_or(service.affinity_prefix4);
                service.affinity_prefix6 = settings
                    .affinity_prefix6
                    .unwrap_or(service.affinity_prefix6);
            }
            Change::DeleteService(key) => {
                services.remove(key).ok_or("no service")?;
                destinations.retain(|(service, ..), _| service != key);
            }
            Change::AddDestination(settings) | Change::SetDestination(settings) => {
                let is_new = matches!(change, Change::AddDestination(_));
                let DestinationKey {
                    service,
                    address,
                    port,
                } = settings.key;
                let port = port.ok_or("no port")?;
                let place = (service, address, port);
                if !services.contains_key(&service) || is_new == destinations.contains_key(&place) {
                    return Err(format!("{change:?}"));
                }
                let to = destinations
                    .entry(place)
                    .or_insert_with(|| Destination::new(service, address, port));
                to.weight = settings.weight.unwrap_or(to.weight);
                to.forwarding = settings.forwarding.unwrap_or(to.forwarding);
                if to.forwarding == Forwarding::Tunnel {
                    let was = to.encapsulation.unwrap_or(Encapsulation::Ip);
                    let now = settings.encapsulation.unwrap_or(was);
                    to.encapsulation = Some(now);
                    to.encapsulation_port = match (now, settings.encapsulation_port) {
                        (Encapsulation::Gue, port) => port.or(to.encapsulation_port).or(Some(6080)),
                        (_, Some(_)) => return Err("a port without GUE".into()),
                        _ => None,
                    };
                } else if settings.encapsulation.is_some() || settings.encapsulation_port.is_some()
                {
                    return Err("no tunnel".into());
                } else {
                    (to.encapsulation, to.encapsulation_port) = (None, None);
                }
                if settings.state.is_some_and(|state| state != to.state) {
                    to.drain_deadline = 0;
                }
                to.state = settings.state.unwrap_or(to.state);
                to.drain_deadline = settings.drain_deadline.unwrap_or(to.drain_deadline);
                if to.drain_deadline > 0 && to.state != DestinationState::Draining {
                    return Err("a deadline without draining".into());
                }
                to.upper_limit = settings.upper_limit.unwrap_or(to.upper_limit);
                to.lower_limit = settings.lower_limit.unwrap_or(to.lower_limit);
                if to.lower_limit > to.upper_limit {
                    return Err("limits".into());
                }
            }
            Change::DeleteDestination(key) => {
                let place = (key.service, key.address, key.port.ok_or("no port")?);
                destinations.remove(&place).ok_or("no destination")?;
            }
            _ => return Err("a flush".into()),
        }
    }
    running.services = services.into_values().collect();
    running.destinations = destinations.into_values().collect();
    Ok(())
}

fn any_service() -> impl Strategy<Value = Service> {
    let key = prop::sample::select(vec![
        "tcp 10.0.0.1:80",
        "udp 10.0.0.1:53",
        "tcp [2001:db8::1]:80",
        "udp 10.0.0.0/24:*",
        "tcp 10.0.0.1:8000-8999",
    ]);
    (
        key,
        0..8_usize,
        any::<bool>(),
        0..3_u32,
        1..=32_u8,
        any::<bool>(),
    )
        .prop_map(|(key, scheduler, flag, seconds, length, local)| {
            let key: ServiceKey = key.parse().unwrap();
            Service {
                scheduler: Scheduler::ALL[scheduler],
                one_packet: flag && key.protocol == Protocol::Udp,
                reset_at_expiry: flag && key.protocol == Protocol::Tcp,
                timeout: seconds,
                affinity: seconds * 61,
                affinity_prefix4: length,
                fallback: if local {
                    Fallback::Local
                } else {
                    Fallback::None
                },
                ..Service::new(key)
            }
        })
}

fn any_destination() -> impl Strategy<Value = Destination> {
    let of = (
        0..4_u8,
        0..3_u16,
        0..4_u32,
        0..3_u8,
        0..3_u32,
        0..9_u32,
        any::<bool>(),
    );
    of.prop_map(|(host, port, weight, way, state, limit, gue)| {
        let service: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
        let address = std::net::Ipv4Addr::new(10, 1, 0, host + 1).into();
        let forwarding =
            [Forwarding::Nat, Forwarding::Direct, Forwarding::Tunnel][usize::from(way)];
        let is_tunnel = forwarding == Forwarding::Tunnel;
        let state = DestinationState::from_value(state);
        Destination {
            weight,
            forwarding,
            encapsulation: is_tunnel.then_some(if gue {
                Encapsulation::Gue
            } else {
                Encapsulation::Ip
            }),
            encapsulation_port: (is_tunnel && gue).then_some(6080 + port),
            state,
            drain_deadline: if state == DestinationState::Draining {
                limit * 60
            } else {
                0
            },
            upper_limit: limit,
            lower_limit: limit / 2,
            ..Destination::new(service, address, port)
        }
    })
}

prop_compose! {
    fn any_running()(
        services in prop::collection::btree_map(0..5_u8, any_service(), 0..5),
        destinations in prop::collection::vec(any_destination(), 0..8),
    ) -> Running {
        let mut running = running(0, 0);
        let mut seen = BTreeMap::new();
        for service in services.into_values() {
            seen.entry(service.key).or_insert(service);
        }
        running.services = seen.into_values().collect();
        let mut seen = BTreeMap::new();
        for service in &running.services {
            for destination in &destinations {
                // Of the same family, and not its own.
                if service.key.address.is_ipv4() && service.key.prefix_length.is_none() {
                    let mut destination = *destination;
                    destination.service = service.key;
                    seen.insert((service.key, destination.address, destination.port), destination);
                }
            }
        }
        running.destinations = seen.into_values().collect();
        running
    }
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "(\\PC|\n){0,200}") {
        if let Err(problems) = parse("f", &text) {
            prop_assert!(problems.list.iter().all(|problem| problem.place.line > 0));
        }
    }

    #[test]
    fn no_order_of_lines_does_harm(lines in prop::collection::vec(prop::sample::select(vec![
        "[[service]]", "service = \"tcp 10.0.0.1:80\"", "service = \"udp 10.0.0.1:1-9\"",
        "[[service.destination]]", "address = \"10.0.0.2\"", "address = \"local\"", "weight = 3",
        "weight = -1", "[service.policy]", "algorithm = \"even\"", "[switch]", "[switch.timeout]",
        "udp = \"1s\"", "[yard0]", "addresses = [\"192.0.2.1\"]", "[[claim]]", "device = \"eth0\"",
        "cpus = \"0-3\"", "policy = \"busy\"", "[[service.check]]", "type = \"http\"", "port = 0",
        "claim = []", "service = []", "labels = [\"x\"]", "forwarding = \"tunnel\"", "= 1",
    ]), 0..16)) {
        let _ = parse("f", &lines.join("\n"));
    }

    /// What runs, saved, is read again; there is nothing to be done then.
    #[test]
    fn what_is_saved_changes_nothing(running in any_running()) {
        let text = write(&Config::of(&running));
        let config = parse("saved", &text);
        prop_assert!(config.is_ok(), "{text}\n{config:?}");
        let plan = Plan::new(&config.unwrap(), &running, true);
        prop_assert_eq!(plan.steps, vec![], "{}", text);
    }

    /// From anywhere to anywhere in one transaction that the kernel takes, after which
    /// nothing is left to be done.
    #[test]
    fn what_is_applied_is_so(before in any_running(), after in any_running()) {
        let config = parse("f", &write(&Config::of(&after))).unwrap();
        let plan = Plan::new(&config, &before, true);
        let mut now = before.clone();
        prop_assert_eq!(make(&mut now, plan.changes()), Ok(()), "{:?}", plan);
        let left = Plan::new(&config, &now, true);
        prop_assert_eq!(left.steps, vec![]);
        let only_changes = |step: &switchyard_config::Step| matches!(step.action, Action::Change(_));
        prop_assert!(plan.steps.iter().all(only_changes));
    }
}

/// How long a thousand services with a hundred destinations each take:
/// `cargo test --release -p switchyard-config --test file -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn a_thousand_services_take_time() {
    let all = running(1000, 100);
    let text = write(&Config::of(&all));
    for _ in 0..3 {
        let begin = Instant::now();
        let config = parse("f", &text).unwrap();
        let parsed = begin.elapsed();
        let plan = Plan::new(&config, &running(0, 0), false);
        let planned = begin.elapsed();
        let steps = plan.changes().count();
        let again = Instant::now();
        let none = Plan::new(&config, &all, false).steps.len();
        println!(
            "{} bytes: parsed in {parsed:?}, {steps} steps in {:?}; compared in {:?}: {none} steps",
            text.len(),
            planned - parsed,
            again.elapsed()
        );
    }
}

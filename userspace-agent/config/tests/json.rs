// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Plans and problems as programs read them. The names of fields are an interface.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use serde_json::{json, Value};
use switchyard_config::{parse, Plan, Running};
use switchyard_netlink::{
    Claim, ConnectionState, Destination, Policy, Scheduler, Service, StateTimeout, Switch,
};

/// Written and read again.
fn back(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn plan(text: &str, running: &Running) -> Plan {
    Plan::new(&parse("f", text).unwrap(), running, false)
}

fn told(text: &str, running: &Running) -> Value {
    back(&plan(text, running))
}

fn claim(queue: u32, cpu: u32) -> Claim {
    Claim {
        ifindex: 2,
        ifname: "eth0".into(),
        queue: Some(queue),
        cpu: Some(cpu),
        policy: Some(Policy::Adaptive),
        idle_timeout: Some(10_000),
        state: None,
        irq: None,
        polls: 0,
        packets: 0,
        handovers: 0,
    }
}

/// A service with two destinations, an address and a claim of two queues.
fn running() -> Running {
    let service = Service {
        scheduler: Scheduler::Wrr,
        ..Service::new("tcp 192.0.2.80:80".parse().unwrap())
    };
    let destination = |address: &str| Destination {
        weight: 2,
        ..Destination::new(service.key, address.parse().unwrap(), 8080)
    };
    Running {
        switch: Switch {
            half_open_limit: 7,
            fragment_memory_limit: 4096,
            timeouts: vec![StateTimeout {
                state: ConnectionState::Established,
                milliseconds: 900_000,
            }],
            ..Switch::default()
        },
        addresses: vec!["192.0.2.80/32".parse().unwrap()],
        claims: vec![claim(0, 2), claim(1, 3)],
        queues: [("eth0".to_owned(), 2)].into(),
        destinations: vec![destination("10.0.0.2"), destination("10.0.0.3")],
        services: vec![service],
    }
}

#[test]
fn nothing_to_do_is_an_empty_list() {
    assert_eq!(told("", &running()), json!([]));
}

#[test]
fn services_and_destinations() {
    let text = "[[service]]\n\
                service = 'tcp 192.0.2.80:80'\n\
                scheduler = 'wlc'\n\
                destination = [{ address = '10.0.0.2:8080', weight = 3, upper-limit = 9 }]\n\
                [[service]]\n\
                service = 'udp [2001:db8::/64]:8000-8999'\n\
                one-packet = true\n\
                destination = [{ address = '10.0.0.4:*', forwarding = 'tunnel', \
                encapsulation = 'gue' }]\n";
    let tcp = json!({"protocol": "tcp", "address": "192.0.2.80", "port": 80});
    let udp = json!({"protocol": "udp", "address": "2001:db8::", "prefix_length": 64,
                     "port": 8000, "last_port": 8999});
    assert_eq!(
        told(text, &running()),
        json!([
            {"action": "remove", "what": "destination",
             "key": {"service": tcp, "address": "10.0.0.3", "port": 8080}, "fields": {}},
            {"action": "change", "what": "service", "key": tcp,
             "fields": {"scheduler": {"before": "wrr", "after": "wlc"}}},
            {"action": "change", "what": "destination",
             "key": {"service": tcp, "address": "10.0.0.2", "port": 8080},
             "fields": {"weight": {"before": 2, "after": 3},
                        "upper_limit": {"before": 0, "after": 9}}},
            {"action": "add", "what": "service", "key": udp,
             "fields": {"one_packet": {"before": null, "after": true}}},
            {"action": "add", "what": "destination",
             "key": {"service": udp, "address": "10.0.0.4", "port": 0},
             "fields": {"forwarding": {"before": null, "after": "tunnel"},
                        "encapsulation": {"before": null, "after": "gue"},
                        "encapsulation_port": {"before": null, "after": 6080}}},
        ])
    );
    assert_eq!(
        told("service = []", &running()),
        json!([{"action": "remove", "what": "service", "key": tcp, "fields": {}}])
    );
}

#[test]
fn the_switch_and_its_addresses() {
    let text = "[switch]\n\
                half-open-limit = 8\n\
                fragment-memory = '8K'\n\
                timeout = { established = '10m' }\n\
                [yard0]\n\
                addresses = ['2001:db8::80/128']\n";
    assert_eq!(
        told(text, &running()),
        json!([
            {"action": "change", "what": "switch", "key": null,
             "fields": {"half_open_limit": {"before": 7, "after": 8},
                        "fragment_memory": {"before": 4096, "after": 8192},
                        "timeout_established": {"before": 900_000, "after": 600_000}}},
            {"action": "add", "what": "address",
             "key": {"address": "2001:db8::80", "prefix_length": 128}, "fields": {}},
            {"action": "remove", "what": "address",
             "key": {"address": "192.0.2.80", "prefix_length": 32}, "fields": {}},
        ])
    );
}

#[test]
fn claims() {
    let of = |lines: &str| told(&format!("[[claim]]\n{lines}"), &running());
    let change = |fields: Value| json!([{"action": "change", "what": "claim", "key": {"ifname": "eth0"}, "fields": fields}]);
    assert_eq!(of("device = 'eth0'\ncpus = [2, 3]"), json!([]));
    assert_eq!(
        of("device = 'eth0'\ncpus = [3]\nidle-timeout = '5ms'"),
        change(json!({"cpus": {"before": [2, 3], "after": [3]},
                      "idle_timeout": {"before": 10_000, "after": 5_000}}))
    );
    assert_eq!(
        of("device = 'eth0'\ncpus = [2]\nqueues = [0]\npolicy = 'busy'"),
        change(json!({"policy": {"before": "adaptive", "after": "busy"},
                      "queues": {"before": [0, 1], "after": [0]},
                      "cpus": {"before": [2, 3], "after": [2]}}))
    );
    // There are more queues than are claimed.
    let mut more = running();
    more.queues.insert("eth0".into(), 4);
    let text = "[[claim]]\ndevice = 'eth0'\ncpus = [2, 3]";
    assert_eq!(
        told(text, &more),
        change(json!({"queues": {"before": [0, 1], "after": null}}))
    );
    assert_eq!(
        of("device = 'eth1'\ncpus = [1]\nqueues = '0-1'"),
        json!([
            {"action": "add", "what": "claim", "key": {"ifname": "eth1"},
             "fields": {"policy": {"before": null, "after": "adaptive"},
                        "queues": {"before": null, "after": [0, 1]},
                        "cpus": {"before": null, "after": [1]},
                        "idle_timeout": {"before": null, "after": 10_000}}},
            {"action": "remove", "what": "claim", "key": {"ifname": "eth0"}, "fields": {}},
        ])
    );
}

#[test]
fn the_same_in_words() {
    let text = "[switch]\n\
                half-open-limit = 8\n\
                timeout = { established = '10m' }\n\
                [yard0]\n\
                addresses = ['2001:db8::80/128']\n\
                [[claim]]\n\
                device = 'eth0'\n\
                cpus = [3]\n\
                queues = [0, 1]\n\
                [[claim]]\n\
                device = 'eth1'\n\
                [[service]]\n\
                service = 'tcp 192.0.2.80:80'\n\
                scheduler = 'wlc'\n\
                destination = [{ address = '10.0.0.2:8080' }, { address = 'local', weight = 4 }]\n";
    let plan = plan(text, &running());
    let words: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "~ switch half-open-limit: 7 -> 8 timeout.established: 900000ms -> 600000ms",
            "+ address 2001:db8::80/128",
            "~ claim eth0 policy=adaptive queues=0,1 cpus=3",
            "+ claim eth1 policy=interrupt",
            "- destination tcp 192.0.2.80:80 10.0.0.3:8080",
            "~ service tcp 192.0.2.80:80 scheduler: wrr -> wlc",
            "~ destination tcp 192.0.2.80:80 10.0.0.2:8080 weight: 2 -> 1",
            "+ destination tcp 192.0.2.80:80 local weight=4 forwarding=local",
            "- address 192.0.2.80/32",
        ]
    );
}

#[test]
fn problems() {
    let text = "[[service]]\nservice = 'tcp 192.0.2.80:80'\nscheduller = 'rr'";
    let problems = parse("here.toml", text).unwrap_err();
    let told = back(&problems.reports().collect::<Vec<_>>());
    let message = problems.list[0].words.as_str();
    assert!(message.starts_with("unknown field `scheduller`"));
    assert_eq!(
        told,
        json!([{"file": "here.toml", "line": 3, "column": 1, "message": message}])
    );
}

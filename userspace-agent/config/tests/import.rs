// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What others have, made into a file: what is carried over, what is warned of, what is
//! refused. Whatever comes out is a sound file.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use proptest::prelude::*;
use switchyard_config::{ipvsadm, keepalived, parse, write, Imported, Problems};

/// What was made, and the warnings, a line each.
fn made(result: Result<Imported, Problems>) -> (String, String) {
    let imported = result.unwrap();
    let text = write(&imported.config);
    // It can be read, and says the same.
    let again = parse("imported", &text).unwrap();
    assert_eq!(write(&again), text);
    let warnings = imported.warnings.iter();
    let warnings: Vec<String> = warnings
        .map(|warning| format!("{}: {}", warning.place, warning.words))
        .collect();
    (text, warnings.join("\n"))
}

fn of_ipvsadm(text: &str) -> (String, String) {
    made(ipvsadm::import("list", text))
}

fn of_keepalived(text: &str) -> (String, String) {
    made(keepalived::import("keepalived.conf", text))
}

#[test]
fn a_list_of_ipvsadm() {
    let (text, warnings) = of_ipvsadm(
        "-A -t 192.0.2.80:80 -s wlc -p 300 -M 255.255.255.0\n\
         -a -t 192.0.2.80:80 -r 10.0.0.2:8080 -m -w 3 -x 100 -y 50\n\
         -a -t 192.0.2.80:80 -r 10.0.0.3:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-nocsum\n\
         -a -t 192.0.2.80:80 -r 127.0.0.1:80 -m -w 0\n\
         -A -u [2001:db8::80]:53 -s mh -b mh-port -o\n\
         -a -u [2001:db8::80]:53 -r [2001:db8:1::2]:53 -g\n\
         ipvsadm --add-service --tcp-service=192.0.2.81:0 --scheduler=sh --persistent\n",
    );
    assert_eq!(
        text,
        r#"[[service]]
service = "tcp 192.0.2.80:80"
scheduler = "wlc"
affinity = "5m"
affinity-prefix4 = 24
destination = [
    { address = "10.0.0.2:8080", weight = 3, upper-limit = 100, lower-limit = 50 },
    { address = "10.0.0.3:80", forwarding = "tunnel", encapsulation = "gue", encapsulation-port = 6081 },
    { address = "local", weight = 0 },
]

[[service]]
service = "udp [2001:db8::80]:53"
one-packet = true
destination = [
    { address = "[2001:db8:1::2]:53", forwarding = "direct" },
]

[[service]]
service = "tcp 192.0.2.81:*"
scheduler = "sh"
affinity = "5m"
"#
    );
    assert_eq!(warnings, "");
}

#[test]
fn ipvsadms_timeouts_are_the_switchs() {
    let (text, _) = of_ipvsadm("ipvsadm --set 900 0 300");
    assert_eq!(
        text,
        "[switch]\n\n[switch.timeout]\nestablished = \"15m\"\nudp = \"5m\"\n"
    );
}

#[test]
fn where_there_is_nothing_nothing_is_removed() {
    for (text, warnings) in [
        of_ipvsadm("\n# nothing\n"),
        of_keepalived("global_defs {\n}\n"),
    ] {
        assert_eq!(text, "");
        assert!(
            warnings.contains("1:1: there is no service in it"),
            "{warnings}"
        );
    }
}

#[test]
fn what_ipvsadm_has_alone_is_warned_of() {
    for (line, warning) in [
        ("-A -f 7 -s rr", "firewall mark 7 is left out"),
        (
            "-A -f 7\n-a -f 7 -r 10.0.0.1",
            "2:1: a destination of firewall mark 7",
        ),
        ("-A -t 192.0.2.1:80 -s nq", "`nq` is made `sed`"),
        ("-A -t 192.0.2.1:80 -s lblc", "`lblc` is made `maglev`"),
        ("-A -t 192.0.2.1:80 -s fo", "upper-limit"),
        (
            "-A -t 192.0.2.1:80 -p 9 -M 255.0.255.0",
            "netmask `255.0.255.0` is left out",
        ),
        ("-A -t 192.0.2.1:80 -o", "one-packet scheduling is for UDP"),
        ("-A -u 192.0.2.1:80 --pe sip", "`sip` is left out"),
        ("-A -t 192.0.2.1:80 -b flag-3", "`flag-3` is left out"),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -w 100000",
            "made 65535",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:90 -g",
            "only -m changes the port",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1 -i --tun-type gre",
            "GRE",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1 -i --tun-type gue --tun-csum",
            "`--tun-csum` is left out",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 127.0.0.1:90 -m",
            "own port only",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r [2001:db8::1]:80 -m",
            "other family",
        ),
        ("--start-daemon master", "left out"),
    ] {
        let (_, warnings) = of_ipvsadm(line);
        assert!(warnings.contains(warning), "{line}: {warnings}");
    }
}

#[test]
fn what_is_no_list_of_ipvsadm_is_refused_with_its_line() {
    for (text, words) in [
        ("\n-Z", "list:2:1: `-Z` is not what ipvsadm -S -n prints"),
        ("IP Virtual Server version 1.2.1", "list:1:1: `IP`"),
        ("-A", "list:1:1: a service is wanted"),
        ("-A -t", "list:1:4: `-t` lacks its value"),
        (
            "-A -t web:http",
            "list:1:7: `web:http` is no address and port in numbers",
        ),
        ("-A -t 2001:db8::1:80 -x", "list:1:22: `-x` lacks its value"),
        (
            "-A -t [2001:db8::1",
            "list:1:7: `[2001:db8::1` is no address",
        ),
        ("-A -t [2001:db8::1]80", "list:1:7:"),
        ("-A -t 192.0.2.1:99999", "list:1:7:"),
        (
            "-A -t 224.0.0.1:80",
            "list:1:7: the address is a multicast address",
        ),
        (
            "-A -t 192.0.2.1:80 -u 192.0.2.1:80",
            "list:1:1: two services",
        ),
        (
            "-A -t 192.0.2.1:80 -s best",
            "list:1:23: `best` is no scheduler",
        ),
        (
            "-A -t 192.0.2.1:80 -r 10.0.0.1",
            "list:1:23: -A takes no server",
        ),
        ("-A -t 192.0.2.1:80 -p -5", "list:1:23: `-5` is unknown"),
        (
            "-A -t 192.0.2.1:80\n-A -t 192.0.2.1:80",
            "list:2:1: there is a service",
        ),
        (
            "-a -t 192.0.2.1:80 -r 10.0.0.1",
            "list:1:1: there is no service tcp 192.0.2.1:80 above",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80",
            "list:2:1: a server is wanted",
        ),
        ("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r x", "list:2:23:"),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1 -w -1",
            "list:2:35: `-1` is no weight",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1\n-a -t 192.0.2.1:80 -r 10.0.0.1",
            "list:3:23: the service has a destination 10.0.0.1 already",
        ),
        (
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1 --tun-type gue",
            "list:2:43: --tun-type is for tunnels",
        ),
        ("--set 1 2", "list:1:1: --set takes three times"),
        (
            "-A -t 192.0.2.1:80 --colour red",
            "list:1:20: `--colour` is unknown",
        ),
        // All of them are told.
        (
            "-X\n-Y",
            "list:1:1: `-X` is not what ipvsadm -S -n prints: -A or -a is wanted\nlist:2:1:",
        ),
    ] {
        let error = ipvsadm::import("list", text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

const KEEPALIVED: &str = r#"
! a comment
global_defs {
    router_id LVS   # another
}
virtual_server_group WEB {
    192.0.2.90-91 80
    2001:db8::90 80
}
virtual_server 192.0.2.80 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    protocol TCP
    sorry_server 127.0.0.1 80
    virtualhost "www.example.org"
    quorum 2
    real_server 10.0.0.2 8080 {
        weight 3
        inhibit_on_failure
        uthreshold 100
        HTTP_GET {
            url {
                path /health
                status_code 200-299
            }
            url
            {
                path /other
                digest 640205b7b0fc66c1ea91c463fac6334d
            }
            connect_timeout 2.5
            nb_get_retry 3
            delay_before_retry 2
        }
    }
    real_server 10.0.0.3 8080 {
        SSL_GET {
            connect_port 443
        }
        MISC_CHECK {
            misc_path /bin/true
        }
    }
}
virtual_server group WEB {
    lb_kind DR
    real_server 10.0.0.4 80 {
        TCP_CHECK {
        }
    }
    real_server 2001:db8:1::4 80 { TCP_CHECK { connect_timeout 3 } }
}
virtual_server fwmark 3 {
}
virtual_server 192.0.2.53 53 {
    protocol UDP
    ops
    lvs_sched rr
    lvs_method TUN
    real_server 10.0.0.53 53 {
        PING_CHECK {
        }
    }
}
"#;

#[test]
fn a_file_of_keepalived() {
    let (text, warnings) = of_keepalived(KEEPALIVED);
    assert_eq!(
        text,
        r#"[[service]]
service = "tcp 192.0.2.80:80"
scheduler = "wrr"
fallback = "local"
affinity = "50s"
affinity-prefix4 = 24
destination = [
    { address = "10.0.0.2:8080", weight = 3, upper-limit = 100, check = [{ type = "http", interval = "6s", timeout = "2s500ms", rise = 1, fall = 4, path = "/health", host = "www.example.org", status = "200-299" }, { type = "http", interval = "6s", timeout = "2s500ms", rise = 1, fall = 4, path = "/other", host = "www.example.org" }] },
    { address = "10.0.0.3:8080", check = [{ type = "https", port = 443, interval = "6s", timeout = "5s", rise = 1, fall = 2, host = "www.example.org" }] },
]

[[service]]
service = "tcp 192.0.2.90:80"
scheduler = "wlc"
destination = [
    { address = "10.0.0.4:80", forwarding = "direct", check = [{ type = "tcp", interval = "1m", timeout = "5s", rise = 1, fall = 2 }] },
]

[[service]]
service = "tcp 192.0.2.91:80"
scheduler = "wlc"
destination = [
    { address = "10.0.0.4:80", forwarding = "direct", check = [{ type = "tcp", interval = "1m", timeout = "5s", rise = 1, fall = 2 }] },
]

[[service]]
service = "tcp [2001:db8::90]:80"
scheduler = "wlc"
destination = [
    { address = "[2001:db8:1::4]:80", forwarding = "direct", check = [{ type = "tcp", interval = "1m", timeout = "3s", rise = 1, fall = 2 }] },
]

[[service]]
service = "udp 192.0.2.53:53"
scheduler = "rr"
one-packet = true
destination = [
    { address = "10.0.0.53:53", forwarding = "tunnel", encapsulation = "ip", check = [{ type = "icmp", interval = "1m", timeout = "5s", rise = 1, fall = 2 }] },
]
"#
    );
    for warning in [
        "3:1: `global_defs` is left out",
        "19:5: `quorum` is left out",
        "32:17: `digest` is left out",
        "36:13: `delay_before_retry` is left out",
        "43:9: `MISC_CHECK` is left out",
        "`real_server` is left out: only a tunnel leads to an address of the other family",
        "56:1: `virtual_server` is left out: there are no services of firewall marks",
    ] {
        assert!(warnings.contains(warning), "{warning}:\n{warnings}");
    }
}

#[test]
fn what_is_no_file_of_keepalived_is_refused_with_its_line() {
    let inside = |line: &str| format!("virtual_server 192.0.2.80 80 {{\n{line}\n}}");
    for (text, words) in [
        (
            "virtual_server 192.0.2.80 80 {".to_owned(),
            "k:1:30: `{` is never closed",
        ),
        ("a {\n}\n}".into(), "k:3:1: `}` closes no block"),
        ("{".into(), "k:1:1: `{` opens a block of nothing"),
        ("a \"b".into(), "k:1:3: the quotes are never closed"),
        (
            "virtual_server".into(),
            "k:1:1: `virtual_server` lacks its value",
        ),
        (
            "virtual_server x 80 {\n}".into(),
            "k:1:1: `x` is no address",
        ),
        (
            "virtual_server 192.0.2.80 http {\n}".into(),
            "k:1:1: `http` is no port",
        ),
        ("virtual_server 192.0.2.80 80".into(), "lacks its block"),
        (
            "virtual_server group none {\n}".into(),
            "k:1:1: there is no group `none`",
        ),
        (
            "virtual_server_group A {\n192.0.2.1-0 80\n}".into(),
            "k:2:1: `192.0.2.1-0` is no range",
        ),
        (
            "virtual_server 224.0.0.1 80 {\n}".into(),
            "k:1:1: the address is a multicast",
        ),
        (inside("lb_algo best"), "k:2:1: `best` is no scheduler"),
        (inside("lb_kind ROUTE"), "k:2:1: `ROUTE` is no kind"),
        (inside("protocol ICMP"), "k:2:1: `ICMP` is no protocol"),
        (inside("delay_loop -1"), "k:2:1: `-1` is no time"),
        (inside("delay_loop 1e300"), "k:2:1: `1e300` is no time"),
        (inside("persistence_timeout x"), "k:2:1: `x` is no number"),
        (inside("real_server y"), "k:2:1: `y` is no address"),
        (
            inside("real_server 10.0.0.1 80 {\nweight\n}"),
            "k:3:1: `weight` lacks its value",
        ),
        (
            inside("real_server 10.0.0.1 80\nreal_server 10.0.0.1 80"),
            "k:3:1: 10.0.0.1:80 is there twice",
        ),
        (
            format!("{}\n{}", inside(""), inside("")),
            "k:4:1: there is a virtual server",
        ),
        ("a {\n".repeat(40), "too deep"),
    ] {
        let error = keepalived::import("k", &text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// Whatever is made is a sound file; whatever is refused has its place.
fn sound(result: Result<Imported, Problems>) -> Result<(), TestCaseError> {
    match result {
        Ok(imported) => {
            let text = write(&imported.config);
            let again = parse("again", &text);
            prop_assert!(again.is_ok(), "{text}\n{again:?}");
            let places = |mut config: switchyard_config::Config| {
                for service in config.services.iter_mut().flatten() {
                    service.at = 0;
                    for destination in &mut service.destinations {
                        destination.at = 0;
                    }
                }
                config
            };
            prop_assert_eq!(places(again.unwrap()), places(imported.config));
        }
        Err(problems) => {
            prop_assert!(!problems.list.is_empty());
            prop_assert!(problems.list.iter().all(|problem| problem.place.line > 0));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "(\\PC|\n){0,200}") {
        sound(ipvsadm::import("list", &text))?;
        sound(keepalived::import("file", &text))?;
    }

    #[test]
    fn no_order_of_ipvsadms_words_does_harm(words in proptest::collection::vec(
        prop::sample::select(vec![
            "-A", "-a", "-C", "-t", "-u", "-f", "-s", "-p", "-M", "-r", "-g", "-i", "-m", "-w", "-x",
            "-y", "-o", "-b", "--tun-type", "--tun-port", "--tun-csum", "gue", "gre", "ipip", "7",
            "192.0.2.1:80", "192.0.2.1:0", "[2001:db8::1]:80", "10.0.0.1:8080", "127.0.0.1", "rr",
            "mh", "mh-port", "255.255.0.0", "64", "70000", "--set", "\n", "\n-A -t 192.0.2.1:80 ",
            "\n-a -t 192.0.2.1:80 -r 10.0.0.1 ", "-A -u [2001:db8::1]:80\n-a -u [2001:db8::1]:80 -r",
        ]), 0..24)) {
        sound(ipvsadm::import("list", &words.join(" ")))?;
    }

    #[test]
    fn no_order_of_keepalived_words_does_harm(words in proptest::collection::vec(
        prop::sample::select(vec![
            "virtual_server 192.0.2.1 80 {\n", "virtual_server 2001:db8::1 53 {\n", "}\n", "{", "\n",
            "real_server 10.0.0.1 80 {\n", "real_server 2001:db8::2 53 {\n", "real_server 127.0.0.1\n",
            "weight 3\n", "weight 99999\n", "lb_kind DR\n", "lb_kind TUN\n", "lb_algo sh\n",
            "protocol UDP\n", "protocol SCTP\n", "ops\n", "persistence_timeout 9\n", "HTTP_GET {\n",
            "persistence_granularity 64\n", "uthreshold 4\n", "lthreshold 9\n", "url {\n",
            "path /a\"b\n", "path \"x y\"\n", "status_code 200\n", "status_code 200 201\n",
            "TCP_CHECK {\n", "connect_port 0\n", "connect_timeout 0.001\n", "delay_loop 7200\n",
            "virtualhost \"a b\"\n", "virtualhost x\n", "retry 4294967295\n", "sorry_server 127.0.0.1 80\n",
            "virtual_server_group G {\n", "virtual_server group G {\n", "192.0.2.1-9 80\n", "!", "\"",
        ]), 0..30)) {
        sound(keepalived::import("file", &words.concat()))?;
    }
}

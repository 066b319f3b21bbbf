// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command as a whole, where no module is loaded.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

fn yardctl(arguments: &str) -> Output {
    Command::new(cargo_bin!("yardctl"))
        .args(arguments.split_whitespace())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Whether the machine that tests has the module: then nothing is absent.
fn module_loaded() -> bool {
    std::path::Path::new("/sys/module/switchyard").exists()
}

#[test]
fn help_and_version() {
    for arguments in ["--help", "service --help", "dest add --help", "monitor -h"] {
        let output = yardctl(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: yardctl"));
    }
    let output = yardctl("--version");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("yardctl "));
}

#[test]
fn nonsense_is_a_usage_error() {
    for arguments in [
        "",
        "frobnicate",
        "service add",
        "service add tcp",
        "service add tcp 10.0.0.1",
        "service add tcp ::1",
        "service add tcp 10.0.0.1/24:80",
        "service add tcp 10.0.0.1:90-80",
        "service add tcp 10.0.0.1:80 --scheduler nq",
        "service add udp 10.0.0.1:80 --one-packet=maybe",
        "service add udp 10.0.0.1:80 --affinity-prefix4 300",
        "service add tcp 10.0.0.1:80 --destination x",
        "service add tcp 10.0.0.1:80 10.0.0.2:80",
        "service list icmp 10.0.0.1:80",
        "destination add tcp 10.0.0.1:80",
        "destination add tcp 10.0.0.1:80 10.1.0.2:80 --weight heavy",
        "destination list tcp",
        "claim",
        "claim eth0 --queues 3-1",
        "claim eth0 --policy lazy",
        "claim eth0 --idle-timeout 10",
        "destination drain tcp 10.0.0.1:80",
        "destination drain tcp 10.0.0.1:80 10.1.0.2 --deadline soon",
        "destination add tcp 10.0.0.1:80 10.1.0.2:80 --encapsulation-port 0",
        "destination add tcp 10.0.0.1:80 10.1.0.2:80 --state asleep",
        "connections --service tcp",
        "connections --client 10.0.0.1/24",
        "connections --state open",
        "disconnect",
        "disconnect --all --protocol tcp",
        "explain",
        "explain tcp 10.0.0.1:1",
        "explain udp 10.0.0.1:1 10.0.0.2:2 --syn",
        "explain --hex 4",
        "explain --pcap /dev/null",
        "set",
        "set --connection-limit many",
        "set --timeout established=15",
        "set --fragment-memory 5G",
        "monitor --timeout soon",
        "batch",
        "apply ../yardctl/Cargo.toml",
        "diff Cargo.toml",
        "check Cargo.toml",
        "restore",
        "import",
        "import nftables",
        "import ipvsadm Cargo.toml",
        "completions cmd.exe",
        "--netns ../init show",
    ] {
        let output = yardctl(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{arguments}");
        assert!(!stderr(&output).is_empty(), "{arguments}");
    }
}

#[test]
fn without_the_module_the_status_is_3() {
    if module_loaded() {
        return;
    }
    for arguments in [
        "show",
        "--json show",
        "service list",
        "service list tcp 10.0.0.1:80",
        "service add tcp 10.0.0.1:80 --scheduler rr --timeout 15m",
        "service add tcp://10.0.0.1:80 -d 10.1.0.2:8080,weight=2 -d 10.1.0.3",
        "service set udp 10.0.0.1:53 --timeout 0",
        "service del tcp 10.0.0.1:80",
        "service flush",
        "flush",
        "destination list --json",
        "dest add tcp 10.0.0.1:80 10.1.0.2:8080 --weight 2 --forwarding nat",
        "destination set tcp://10.0.0.1:80 10.1.0.2:8080 -w 0",
        "destination del tcp 10.0.0.1:80 10.1.0.2",
        "destination flush tcp 10.0.0.1:80",
        "claim eth0 --queues 0-3,5 --cpus 2,3 --policy busy --idle-timeout 10ms",
        "release eth0",
        "claims",
        "service add sctp [2001:db8::80]:9000-9010 -s p2c --fallback local --affinity 5m",
        "service add udp 192.0.2.0/24:* --one-packet",
        "service set udp 192.0.2.0/24:* --one-packet=off --reset-at-expiry=on",
        "dest add tcp 10.0.0.1:80 local",
        "dest add tcp 10.0.0.1:80 [2001:db8::2]:* --forwarding tunnel --encapsulation gue \
         --encapsulation-port 6081 --upper-limit 10 --lower-limit 5 --state down",
        "dest drain tcp 10.0.0.1:80 10.1.0.2 --deadline 5m",
        "dest undrain tcp 10.0.0.1:80 10.1.0.2",
        "dest down tcp 10.0.0.1:80 10.1.0.2",
        "connections --service tcp 10.0.0.1:80",
        "connections --client 198.51.100.0/24 --destination 10.1.0.2:80 --protocol tcp \
         --state established --forwarding nat",
        "disconnect --all",
        "disconnect --service udp 192.0.2.0/24:*",
        "explain tcp 198.51.100.7:1234 192.0.2.80:80 --ack",
        "explain icmp 2001:db8::7 2001:db8::80 --json",
        "explain --hex 45000014000000004001000000000000000000",
        "set --connection-limit 10000000 --half-open-limit 0 --timeout established=15m \
         --timeout udp=30s --fragment-memory 4M --fragment-timeout 10s",
        "stats --rates --cpu",
        "connections --service tcp://10.0.0.1:80 --json",
        "stats --cpu",
        "monitor --count 1 --timeout 1",
        "batch /dev/null",
        "apply /dev/null",
        "apply --weights --verbose switchyard.toml",
        "diff switchyard.toml",
        "diff --weights switchyard.toml",
        "--json diff switchyard.toml",
        "--json apply switchyard.toml",
        "save",
        "save /nonexistent/file",
        "restore switchyard.toml",
    ] {
        let output = yardctl(arguments);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{arguments}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{arguments}");
        assert_eq!(
            stderr(&output),
            "yardctl: the switchyard module is not loaded: insmod switchyard.ko\n"
        );
    }
}

#[test]
fn a_batch_is_read_before_the_module_is_asked() {
    let output = assert_cmd::Command::new(cargo_bin!("yardctl"))
        .args(["batch", "-"])
        .write_stdin("flush\n\nservice add tcp 10.0.0.1 # no port\n")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "yardctl: standard input: line 3: `10.0.0.1` has no port: write it as `10.0.0.1:80`, with `*` for every port\n"
    );
}

fn with_input(arguments: &str, input: &str) -> Output {
    assert_cmd::Command::new(cargo_bin!("yardctl"))
        .args(arguments.split_whitespace())
        .write_stdin(input)
        .output()
        .unwrap()
}

#[test]
fn a_file_is_read_before_the_module_is_asked() {
    let output = with_input("apply -", "[[service]]\nservice = \"tcp 10.0.0.1\"\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("yardctl: standard input:2:11: `10.0.0.1` has no port"));
    // One that is taken for the other is told apart.
    let output = with_input("apply -", "service add tcp 10.0.0.1:80\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).ends_with("This is a file of changes: `yardctl batch` makes them.\n"));
}

#[test]
fn a_file_is_checked_without_the_module() {
    let output = yardctl("check switchyard.toml");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "switchyard.toml: fine: 1 services, 2 destinations, 0 claims\n"
    );
}

#[test]
fn a_check_is_a_list_to_programs() {
    let output = yardctl("--json check switchyard.toml");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n");

    let text = "[[service]]\n\
                service = \"tcp 10.0.0.1:80\"\n\
                destination = [\n\
                \x20   { address = \"10.1.0.2\" },\n\
                \x20   { address = \"10.1.0.2\" },\n\
                \x20 { address = \"10.1.0.3\", upper-limit = 1, lower-limit = 2 },\n\
                ]\n";
    let output = with_input("check --json -", text);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = "standard input";
    assert_eq!(
        told,
        serde_json::json!([
            {"file": file, "line": 5, "column": 17,
             "message": "destination 10.1.0.2:80 is there twice: first in line 4"},
            {"file": file, "line": 6, "column": 15,
             "message": "lower-limit = 2 is above upper-limit = 1"},
        ])
    );

    // What TOML itself does not take, and what cannot be read.
    let output = with_input("check --json -", "service = [");
    assert_eq!(output.status.code(), Some(2));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told[0]["line"], &told[0]["column"]),
        (&1.into(), &12.into())
    );
    let output = yardctl("--json check /nonexistent/file");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("cannot read /nonexistent/file"));
}

#[test]
fn a_wrong_file_is_an_error_of_diff_and_apply() {
    for command in ["--json diff -", "--json apply -"] {
        let output = with_input(command, "[[service]]\nservice = \"tcp 10.0.0.1\"\n");
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(output.stdout.is_empty(), "{command}");
        assert!(stderr(&output).starts_with("yardctl: standard input:2:11: `10.0.0.1` has no"));
    }
}

#[test]
fn what_is_imported_can_be_checked() {
    let list = "-A -t 192.0.2.80:80 -s rr\n-a -t 192.0.2.80:80 -r 10.0.0.2:80 -m -w 2\n-A -f 1\n";
    let output = with_input("import ipvsadm", list);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("standard input:3:1: warning: the service of firewall"));
    let text = String::from_utf8(output.stdout).unwrap();
    let output = with_input("check -", &text);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_opened_is_named() {
    for command in [
        "batch",
        "apply",
        "diff",
        "check",
        "restore",
        "import ipvsadm",
    ] {
        let output = yardctl(&format!("{command} /nonexistent/changes"));
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("cannot read /nonexistent/changes"));
    }
    let output = yardctl("--netns no-such-namespace show");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "yardctl: there is no network namespace `no-such-namespace`\n"
    );
}

#[test]
fn completions_and_the_manual_need_no_module() {
    for shell in ["bash", "zsh", "fish"] {
        let output = yardctl(&format!("completions {shell}"));
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("yardctl"));
    }
    let output = yardctl("man");
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for section in ["NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "JSON"] {
        assert!(
            page.contains(&format!(".SH {section}"))
                || page.contains(&format!(".SH \"{section}\"")),
            "{section}"
        );
    }
}

#[test]
fn a_broken_pipe_is_quiet() {
    // A socket whose other end is gone is what a pipe without a reader is.
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(reader);
    let output = Command::new(cargo_bin!("yardctl"))
        .arg("man")
        .stdout(std::os::fd::OwnedFd::from(writer))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

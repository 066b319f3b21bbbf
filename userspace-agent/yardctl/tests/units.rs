// SPDX-License-Identifier: GPL-2.0 OR MIT

//! systemd understands the units, and finds them confined.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const UNITS: [(&str, &str); 3] = [
    ("switchyard.service", include_str!("../switchyard.service")),
    (
        "yardmaster.service",
        include_str!("../../yardmaster/yardmaster.service"),
    ),
    (
        "yard-agent.service",
        include_str!("../../agent/yard-agent.service"),
    ),
];

/// What systemd says of a unit as it is here, where the programs are not installed.
fn analyze(unit: &str, text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut written = String::new();
    for line in text.lines() {
        match line.split_once('=') {
            Some((key, command)) if key.starts_with("Exec") => {
                let arguments = command.split_once(' ').map_or("", |(_, rest)| rest);
                writeln!(written, "{key}=/bin/true {arguments}").unwrap();
            }
            _ => writeln!(written, "{line}").unwrap(),
        }
    }
    let file = folder.path().join(unit);
    fs::write(&file, written).unwrap();
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(file)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The build root has it; who builds elsewhere may not.
fn is_there() -> bool {
    let is_there = ["/usr/bin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join("systemd-analyze").exists());
    if !is_there {
        let must = std::env::var_os("SWITCHYARD_IN_ROOT").is_some();
        assert!(!must, "systemd belongs into the build root");
        eprintln!("systemd-analyze is missing: nothing was looked at");
    }
    is_there
}

const VERIFY: &[&str] = &["verify", "--man=no", "--recursive-errors=no"];

#[test]
fn the_units_are_understood() {
    if !is_there() {
        return;
    }
    for (unit, text) in UNITS {
        let output = analyze(unit, text, VERIFY);
        // What is ignored is told, and is no error.
        assert_eq!(
            (said(&output), output.status.success()),
            (String::new(), true)
        );
    }
    let (unit, text) = UNITS[0];
    let wrong = text.replace("ProtectHome=yes", "ProtectHouse=yes");
    assert!(said(&analyze(unit, &wrong, VERIFY)).contains("ProtectHouse"));
}

#[test]
fn the_units_are_confined() {
    if !is_there() {
        return;
    }
    for (unit, text) in UNITS {
        // Of 100, the less the better; a unit that says nothing has 96.
        let limits = ["security", "--no-pager", "--offline=true", "--threshold=20"];
        let output = analyze(unit, text, &limits);
        assert!(output.status.success(), "{}", said(&output));
    }
    let bare = "[Service]\nExecStart=/bin/true\n";
    let limits = ["security", "--no-pager", "--offline=true", "--threshold=20"];
    assert!(!analyze("bare.service", bare, &limits).status.success());
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use assert_cmd::Command;

fn yardmaster(arguments: &[&str]) -> (String, String, i32) {
    let output = Command::cargo_bin("yardmaster")
        .unwrap()
        .args(arguments)
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn a_simulation_has_a_table_json_and_a_plot() {
    let folder = std::env::temp_dir().join(format!("yardmaster-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("plot.svg");
    let some = ["simulate", "antagonist", "--servers", "5", "--seconds", "2"];
    let runs = ["--runs", "round-robin,even"];
    let (table, said, status) = yardmaster(&[&some[..], &runs].concat());
    assert_eq!((said.as_str(), status), ("", 0));
    assert_eq!(table.lines().count(), 1 + 4 * 2, "{table}");
    let plot = ["--plot", file.to_str().unwrap(), "--json"];
    let (json, _, status) = yardmaster(&[&some[..], &runs, &plot].concat());
    assert_eq!(status, 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["algorithm"], "even");
    assert_eq!(json[1]["phases"][2]["phase"], "beset");
    let image = std::fs::read_to_string(&file).unwrap();
    assert!(image.starts_with("<svg") && image.contains("round-robin"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, words) in [
        (&["simulate", "--runs", "best"][..], "`best` is no run"),
        (&["simulate", "--noise", "2"], "--noise is from 0 to 1"),
        (&["simulate", "storm"], "`storm` is no scenario"),
        (&["simulate", "--round", "1ms"], "10ms is the least"),
    ] {
        let (_, said, status) = yardmaster(arguments);
        assert!(said.contains(words), "{said}");
        assert_eq!(status, 2);
    }
}

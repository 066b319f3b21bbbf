// SPDX-License-Identifier: GPL-2.0

//! The tables of packets in `selftests/packets`, against core and filter.

#![allow(missing_docs)]

mod common;
mod harness;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use harness::{Config, Side, Switch};
use switchyard_core::core::packet::ChecksumState;

/// A packet that has to come out, and which of its bits count.
struct Wanted {
    side: Side,
    bytes: Vec<u8>,
    mask: Option<Vec<u8>>,
}

impl Wanted {
    fn is(&self, side: Side, bytes: &[u8]) -> bool {
        let counts = |at: usize| self.mask.as_ref().map_or(0xff, |mask| mask[at]);
        side == self.side
            && bytes.len() == self.bytes.len()
            && bytes
                .iter()
                .zip(&self.bytes)
                .enumerate()
                .all(|(at, (a, b))| (a ^ b) & counts(at) == 0)
    }
}

/// A packet that goes in, and what has to become of it.
struct Step {
    from: Side,
    bytes: Vec<u8>,
    out: Vec<Wanted>,
    drop: Option<String>,
    pass: bool,
}

/// Packets in their order.
struct Case {
    name: String,
    /// Not done yet: it has to fail, so that it is not forgotten.
    pending: bool,
    steps: Vec<Step>,
}

#[derive(Default)]
struct Topic {
    config: Config,
    cases: Vec<Case>,
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

fn read(path: &Path) -> Topic {
    let mut topic = Topic::default();
    for line in fs::read_to_string(path).expect("readable").lines() {
        if line.is_empty() || line.starts_with('#') || topic.config.line(line) {
            continue;
        }
        if let Some(name) = line.strip_prefix("case ") {
            topic.cases.push(Case {
                name: name.into(),
                pending: false,
                steps: Vec::new(),
            });
            continue;
        }
        let case = topic.cases.last_mut().expect("a case before");
        if line == "pending" {
            case.pending = true;
            continue;
        }
        let steps = &mut case.steps;
        let words: Vec<&str> = line.split(' ').collect();
        if let ["from", side, bytes] = words.as_slice() {
            steps.push(Step {
                from: Side::of(side),
                bytes: hex(bytes),
                out: Vec::new(),
                drop: None,
                pass: false,
            });
            continue;
        }
        let step = steps.last_mut().expect("a packet before");
        match words.as_slice() {
            ["to", side, bytes] => step.out.push(Wanted {
                side: Side::of(side),
                bytes: hex(bytes),
                mask: None,
            }),
            ["mask", mask] => step.out.last_mut().expect("a packet before").mask = Some(hex(mask)),
            ["drop", reason] => step.drop = Some((*reason).into()),
            ["pass"] => step.pass = true,
            _ => panic!("{line}"),
        }
    }
    topic
}

/// What is wrong with one case, if anything is.
fn play(switch: &mut Switch, steps: &[Step]) -> Result<(), String> {
    for (number, step) in steps.iter().enumerate() {
        let number = number + 1;
        let outcome = switch.receive(step.from, &step.bytes, ChecksumState::Full);
        let mut left = outcome.out.clone();
        for wanted in &step.out {
            let found = left
                .iter()
                .position(|(side, bytes)| wanted.is(*side, bytes));
            match found {
                Some(at) => drop(left.remove(at)),
                None => {
                    return Err(format!(
                        "step {number}: wanted to {:?}\n   {:02x?}\n but {outcome:02x?}",
                        wanted.side, wanted.bytes
                    ))
                }
            }
        }
        if !left.is_empty() {
            return Err(format!("step {number}: nobody wanted {left:02x?}"));
        }
        let reason = outcome.drop.map(|reason| reason.name());
        if reason != step.drop.as_deref() || outcome.pass != step.pass {
            return Err(format!(
                "step {number}: wanted drop {:?}, pass {}, but {outcome:02x?}",
                step.drop, step.pass
            ));
        }
    }
    Ok(())
}

#[test]
fn packets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../selftests/packets");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    let (mut count, mut failed, mut failures) = (0, 0, String::new());
    let (mut expressed, mut opened) = (0, 0);
    for path in paths {
        let name = path
            .file_stem()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let topic = read(&path);
        let mut switch = Switch::new(topic.config);
        for case in &topic.cases {
            count += 1;
            let what = match (play(&mut switch, &case.steps), case.pending) {
                (Ok(()), false) | (Err(_), true) => continue,
                (Ok(()), true) => "pending no more".into(),
                (Err(what), false) => what,
            };
            failed += 1;
            writeln!(failures, "{name}: {}: {what}", case.name).expect("string");
        }
        expressed += switch.expressed;
        opened += switch.opened;
    }
    assert!(
        failures.is_empty(),
        "{failures}\n{failed} of {count} failed"
    );
    assert!(count >= 200, "{count} cases");
    // Of either there are enough that the one way was held against the other.
    assert!(opened >= 20, "{opened} opened on the express way");
    assert!(expressed - opened >= 20, "{expressed} took it");
}

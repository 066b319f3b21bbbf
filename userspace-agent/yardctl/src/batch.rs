// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Files of changes, one to a line.

use clap::error::ErrorKind;
use clap::Parser;
use switchyard_netlink::Change;

use crate::change;
use crate::cli::{Line, LineCommand};

/// The changes of a file, and where each stands in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the file.
    pub changes: Vec<Change>,
    /// The line of each change, from 1.
    pub lines: Vec<usize>,
}

impl Batch {
    /// Reads a whole file; an error begins with the line's number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut batch = Self::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let changes = parse_line(line).map_err(|error| format!("line {number}: {error}"))?;
            batch
                .lines
                .resize(batch.lines.len() + changes.len(), number);
            batch.changes.extend(changes);
        }
        Ok(batch)
    }
}

fn parse_line(line: &str) -> Result<Vec<Change>, String> {
    let words: Vec<&str> = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let line = Line::try_parse_from(&words).map_err(|error| sentence(&error))?;
    let changes = match &line.command {
        LineCommand::Service(command) => change::of_service(command)?,
        LineCommand::Destination(command) => change::of_destination(command)?,
        LineCommand::Flush => Some(vec![Change::Flush]),
    };
    changes.ok_or_else(|| "`list` changes nothing".to_owned())
}

/// The first paragraph of clap's message, in one line.
fn sentence(error: &clap::Error) -> String {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion
            | ErrorKind::MissingSubcommand
    ) {
        return "a change is wanted, as in `service add tcp 10.0.0.1:80`".to_owned();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use switchyard_netlink::{DestinationKey, DestinationSettings, Scheduler, ServiceSettings};

    #[test]
    fn a_file_has_the_words_of_the_command_line() {
        let batch = Batch::parse(
            "# two servers\n\
             flush\n\
             \n\
             service add tcp 10.0.0.1:80 --scheduler rr --timeout 900 # web\n\
             destination add tcp 10.0.0.1:80 10.1.0.2:8080 --weight 2\r\n\
             \tdest set tcp://10.0.0.1:80 10.1.0.3\n\
             destination flush tcp 10.0.0.1:80\n\
             service add udp 10.0.0.1:53 -d 10.1.0.2:53,weight=4 -d 10.1.0.3:53\n\
             service del tcp://10.0.0.1:80",
        )
        .unwrap();
        let tcp = "tcp 10.0.0.1:80".parse().unwrap();
        let udp = "udp 10.0.0.1:53".parse().unwrap();
        let destination = |service, text, weight| DestinationSettings {
            weight,
            ..DestinationSettings::new(DestinationKey::parse(service, text).unwrap())
        };
        assert_eq!(
            batch.changes,
            [
                Change::Flush,
                Change::AddService(ServiceSettings {
                    scheduler: Some(Scheduler::Rr),
                    timeout: Some(900),
                    ..ServiceSettings::new(tcp)
                }),
                Change::AddDestination(destination(tcp, "10.1.0.2:8080", Some(2))),
                Change::SetDestination(destination(tcp, "10.1.0.3", None)),
                Change::FlushDestinations(tcp),
                Change::AddService(ServiceSettings::new(udp)),
                Change::AddDestination(destination(udp, "10.1.0.2:53", Some(4))),
                Change::AddDestination(destination(udp, "10.1.0.3:53", None)),
                Change::DeleteService(tcp),
            ]
        );
        assert_eq!(batch.lines, [2, 4, 5, 6, 7, 8, 8, 8, 9]);
    }

    #[test]
    fn an_error_names_its_line() {
        for (text, words) in [
            ("flush\nservice add tcp", "line 2: "),
            ("flush\n\nfrobnicate", "line 3: unrecognized subcommand"),
            ("service list", "line 1: `list` changes nothing"),
            ("service", "line 1: a change is wanted"),
            ("service add tcp 10.0.0.1:80 --help", "line 1: "),
            (
                "service add tcp 10.0.0.1:80 --scheduler nq",
                "line 1: invalid value 'nq'",
            ),
            (
                "destination add tcp 10.0.0.1:80",
                "line 1: a service and a destination",
            ),
            (
                "destination add tcp 10.0.0.1:80 10.1.0.2:80 --weight x",
                "line 1: invalid value",
            ),
            ("service add tcp ::1", "`[2001:db8::1]:80`"),
            ("destination drain tcp 10.0.0.1:80", "line 1: a service"),
        ] {
            let error = Batch::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(Batch::parse("\n# nothing\n  \n"), Ok(Batch::default()));
    }

    proptest! {
        #[test]
        fn no_file_does_harm(text in "(\\PC|\n){0,120}") {
            let _ = Batch::parse(&text);
        }

        #[test]
        fn no_order_of_words_does_harm(words in proptest::collection::vec(
            prop::sample::select(vec![
                "service", "destination", "dest", "flush", "add", "set", "del", "list", "tcp",
                "udp", "10.0.0.1:80", "tcp://10.0.0.1:80", "10.1.0.2", "--weight", "-w", "2",
                "--scheduler", "rr", "--destination", "--timeout", "-5", "--", "--help", "\n", "#",
            ]), 0..12)) {
            if let Ok(batch) = Batch::parse(&words.join(" ")) {
                prop_assert_eq!(batch.changes.len(), batch.lines.len());
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Numbers that a report may hold.

use crate::{LoadReport, Reading};

/// Most that a utilisation may be: a server asked for a hundred times what it can do.
const UTILISATION: f64 = 100.0;
/// Most that a share of time or memory may be, with room for rounding.
const SHARE: f64 = 1.001;
/// Longest mean time to serve a request: a day.
const EXECUTION_TIME: f64 = 86_400.0;
/// Most requests in a second.
const RATE: f64 = 1e9;
/// Most connections or requests at a time.
const COUNT: u64 = 1 << 32;
/// Largest magnitude of a named measure.
const NAMED: f64 = 1e18;
/// HAProxy's weights go to 256; a server that has 1 may ask for all of it.
const WANTED: f64 = 256.0;
/// Most labels, and most named measures.
const NAMES: usize = 64;
/// Longest label or name, in bytes.
const NAME: usize = 128;
/// Most ports of one agent.
const PORTS: usize = 256;

/// A number that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Absurd {
    /// No number, infinite, negative, or more than can be.
    #[error("{field} is {value}, not from 0 to {most}")]
    Number {
        /// Which.
        field: &'static str,
        /// What was told.
        value: f64,
        /// The most that it may be.
        most: f64,
    },
    /// Too many clients or requests.
    #[error("{field} is {value}, more than {COUNT}")]
    Count {
        /// Which.
        field: &'static str,
        /// What was told.
        value: u64,
    },
    /// Too many or too long names, or characters that have no place in one.
    #[error("{0}")]
    Names(&'static str),
}

fn number(field: &'static str, value: Option<f64>, most: f64) -> Result<(), Absurd> {
    match value {
        // NaN is in no range.
        Some(value) if !(0.0..=most).contains(&value) => Err(Absurd::Number { field, value, most }),
        _ => Ok(()),
    }
}

fn count(field: &'static str, value: Option<u64>) -> Result<(), Absurd> {
    match value {
        Some(value) if value > COUNT => Err(Absurd::Count { field, value }),
        _ => Ok(()),
    }
}

fn name(text: &str) -> Result<(), Absurd> {
    if text.is_empty() || text.len() > NAME {
        return Err(Absurd::Names("a name has from 1 to 128 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(Absurd::Names("a name has no control characters"));
    }
    Ok(())
}

fn names<'a>(mut all: impl ExactSizeIterator<Item = &'a String>) -> Result<(), Absurd> {
    if all.len() > NAMES {
        return Err(Absurd::Names("there are at most 64 labels or measures"));
    }
    all.try_for_each(|text| name(text))
}

impl LoadReport {
    /// Whether its numbers can be: finite, not negative, within bounds.
    pub fn check(&self) -> Result<(), Absurd> {
        number("cpu", self.cpu, UTILISATION)?;
        number("memory", self.memory, SHARE)?;
        number("application", self.application, UTILISATION)?;
        number("pressure.cpu", self.pressure.cpu, SHARE)?;
        number("pressure.memory", self.pressure.memory, SHARE)?;
        number("pressure.io", self.pressure.io, SHARE)?;
        number("execution_time", self.execution_time, EXECUTION_TIME)?;
        number("requests_per_second", self.requests_per_second, RATE)?;
        number("errors_per_second", self.errors_per_second, RATE)?;
        number("wanted_share", self.wanted_share, WANTED)?;
        count("clients", self.clients)?;
        count("in_flight", self.in_flight)?;
        names(self.labels.iter())?;
        names(self.named.keys())?;
        for &value in self.named.values() {
            // These alone may be negative.
            number("a named measure", Some(value.abs()), NAMED)?;
        }
        Ok(())
    }
}

impl Reading {
    /// Whether its numbers can be: those of every port.
    pub fn check(&self) -> Result<(), Absurd> {
        name(&self.agent)?;
        if self.ports.len() > PORTS {
            return Err(Absurd::Names("an agent has at most 256 ports"));
        }
        // Port 0 is nobody's: the machine's numbers, whether it has ports or not.
        self.of_port(0).check()?;
        self.ports
            .iter()
            .try_for_each(|served| self.of_port(served.port).check())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Application, Host, Port};

    #[test]
    fn an_empty_report_is_fine() {
        assert_eq!(LoadReport::default().check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let of = |cpu| LoadReport {
            cpu: Some(cpu),
            ..LoadReport::default()
        };
        for bad in [f64::NAN, f64::INFINITY, -0.01, 100.5] {
            let said = of(bad).check().unwrap_err().to_string();
            assert!(said.starts_with("cpu is "), "{said}");
        }
        assert_eq!(of(1.7).check(), Ok(()));
    }

    #[test]
    fn names_are_bounded() {
        let of = |label: &str| LoadReport {
            labels: vec![label.to_string()],
            ..LoadReport::default()
        };
        assert_eq!(of("zone=a").check(), Ok(()));
        of("").check().unwrap_err();
        of("a\nb").check().unwrap_err();
        of(&"a".repeat(129)).check().unwrap_err();
        let many = LoadReport {
            labels: vec!["a".into(); 65],
            ..LoadReport::default()
        };
        many.check().unwrap_err();
    }

    proptest! {
        #[test]
        fn a_reading_is_as_good_as_its_worst_port(
            good in 0.0..1.0f64,
            bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -1e9..-1e-9f64, 1e10..1e300f64],
            which in 0usize..4,
        ) {
            let mut reading = Reading {
                agent: "web1".into(),
                host: Host { cpu: Some(good), ..Host::default() },
                ports: (1..=4).map(|port| Port {
                    port,
                    application: Application {
                        requests_per_second: Some(good),
                        ..Application::default()
                    },
                    ..Port::default()
                }).collect(),
                ..Reading::default()
            };
            prop_assert_eq!(reading.check(), Ok(()));
            reading.ports[which].application.requests_per_second = Some(bad);
            prop_assert!(reading.check().is_err());
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The local socket: what applications measure themselves, and what operators want.
//!
//! A datagram holds lines; a line holds a port and measures, or an intent:
//!
//! ```text
//! 8080 requests=12 errors=1 seconds=0.34 in_flight=5 utilisation=0.4
//! drain
//! ready 8080
//! ```
//!
//! `requests`, `errors` and `seconds` say what has come since the line before, the
//! others how things are.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchyard_report::Intent;

use crate::application::Sample;

/// Longest datagram that is read, in bytes.
pub const MAX_DATAGRAM: usize = 4096;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// What an application measured.
    Measures {
        /// The port that it serves.
        port: u16,
        /// What it told.
        told: Told,
    },
    /// What an operator or application wants.
    Intent {
        /// Of what; `None` is the whole server.
        port: Option<u16>,
        /// What.
        intent: Intent,
    },
}

/// What one line of measures tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Told {
    requests: Option<f64>,
    errors: Option<f64>,
    seconds: Option<f64>,
    in_flight: Option<f64>,
    utilisation: Option<f64>,
}

/// A line that is none; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It begins neither with a port nor with an intent.
    #[error("a line begins with a port, ready, drain, maintenance or down, not with `{0}`")]
    Begin(String),
    /// A word is not NAME=NUMBER.
    #[error("`{0}` is not one of requests=, errors=, seconds=, in_flight= and utilisation= with a number that is not negative")]
    Measure(String),
    /// Nothing is told.
    #[error("the line tells nothing")]
    Empty,
    /// Something stands after an intent.
    #[error("`{0}` is no port that is served")]
    Port(String),
}

fn shown(word: &str) -> String {
    word.chars().take(40).flat_map(char::escape_debug).collect()
}

/// The word for an intent.
pub fn intent(word: &str) -> Option<Intent> {
    match word {
        "ready" => Some(Intent::Ready),
        "drain" => Some(Intent::Drain),
        "maintenance" => Some(Intent::Maintenance),
        "down" => Some(Intent::Down),
        _ => None,
    }
}

impl FromStr for Line {
    type Err = BadLine;

    fn from_str(text: &str) -> Result<Self, BadLine> {
        let mut words = text.split_whitespace();
        let first = words.next().ok_or(BadLine::Empty)?;
        if let Some(intent) = intent(first) {
            let port = words
                .next()
                .map(|word| word.parse().map_err(|_| BadLine::Port(shown(word))))
                .transpose()?;
            return match words.next() {
                Some(word) => Err(BadLine::Port(shown(word))),
                None => Ok(Self::Intent { port, intent }),
            };
        }
        let port = first.parse().map_err(|_| BadLine::Begin(shown(first)))?;
        let mut told = Told::default();
        for word in words {
            let bad = || BadLine::Measure(shown(word));
            let (name, value) = word.split_once('=').ok_or_else(bad)?;
            let field = match name {
                "requests" => &mut told.requests,
                "errors" => &mut told.errors,
                "seconds" => &mut told.seconds,
                "in_flight" => &mut told.in_flight,
                "utilisation" => &mut told.utilisation,
                _ => return Err(bad()),
            };
            let number: f64 = value.parse().map_err(|_| bad())?;
            if !(0.0..=1e12).contains(&number) {
                return Err(bad());
            }
            *field = Some(number);
        }
        if told == Told::default() {
            return Err(BadLine::Empty);
        }
        Ok(Self::Measures { port, told })
    }
}

/// What has been told by the local socket.
#[derive(Debug, Default)]
pub struct Local {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: BTreeMap<u16, Sample>,
    server: Intent,
    ports: BTreeMap<u16, Intent>,
}

impl Local {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line in, of a port that is among `served`.
    pub fn apply(&self, line: Line, served: &[u16]) -> Result<(), BadLine> {
        let known = |port: u16| {
            if served.contains(&port) {
                Ok(port)
            } else {
                Err(BadLine::Port(port.to_string()))
            }
        };
        let mut inner = self.lock();
        match line {
            Line::Intent { port: None, intent } => inner.server = intent,
            Line::Intent {
                port: Some(port),
                intent,
            } => {
                inner.ports.insert(known(port)?, intent);
            }
            Line::Measures { port, told } => {
                let sample = inner.samples.entry(known(port)?).or_default();
                let add = |counter: &mut Option<f64>, more: Option<f64>| {
                    if let Some(more) = more {
                        *counter = Some(counter.unwrap_or(0.0) + more);
                    }
                };
                add(&mut sample.requests, told.requests);
                add(&mut sample.errors, told.errors);
                add(&mut sample.seconds, told.seconds);
                if told.seconds.is_some() {
                    add(&mut sample.timed, told.requests);
                }
                sample.in_flight = told.in_flight.or(sample.in_flight);
                sample.utilisation = told.utilisation.or(sample.utilisation);
            }
        }
        Ok(())
    }

    /// What an application has told so far, if anything.
    pub fn sample(&self, port: u16) -> Option<Sample> {
        self.lock().samples.get(&port).copied()
    }

    /// What is wanted for the whole server.
    pub fn server_intent(&self) -> Intent {
        self.lock().server
    }

    /// What is wanted for one port alone.
    pub fn port_intent(&self, port: u16) -> Intent {
        self.lock().ports.get(&port).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(local: &Local, text: &str) {
        local.apply(text.parse().unwrap(), &[80, 443]).unwrap();
    }

    #[test]
    fn measures_add_up() {
        let local = Local::default();
        assert_eq!(local.sample(80), None);
        apply(&local, "80 requests=2 seconds=0.5 in_flight=3");
        apply(&local, "80 requests=1 errors=1 seconds=0.25 in_flight=1");
        apply(&local, "80 requests=4");
        let sample = local.sample(80).unwrap();
        assert_eq!(sample.requests, Some(7.0));
        assert_eq!(sample.errors, Some(1.0));
        assert_eq!(sample.seconds, Some(0.75));
        assert_eq!(sample.timed, Some(3.0));
        assert_eq!(sample.in_flight, Some(1.0));
        assert_eq!(local.sample(443), None);
    }

    #[test]
    fn intents() {
        let local = Local::default();
        apply(&local, "drain");
        apply(&local, "maintenance 443");
        assert_eq!(local.server_intent(), Intent::Drain);
        assert_eq!(local.port_intent(80), Intent::Ready);
        assert_eq!(local.port_intent(443), Intent::Maintenance);
        apply(&local, "ready");
        assert_eq!(local.server_intent(), Intent::Ready);
    }

    #[test]
    fn lines_that_are_none() {
        for bad in [
            "",
            "80",
            "requests=1",
            "80 requests",
            "80 requests=-1",
            "80 requests=NaN",
            "80 seconds=inf",
            "80 colour=1",
            "99999 requests=1",
            "drain x",
            "drain 80 90",
        ] {
            assert!(bad.parse::<Line>().is_err(), "{bad}");
        }
        let local = Local::default();
        let stranger = "81 requests=1".parse().unwrap();
        assert!(local.apply(stranger, &[80]).is_err());
    }

    proptest! {
        #[test]
        fn anything_is_a_line_or_not(text in any::<String>(), like in "(80|drain|requests=|1|e| |-|NaN|inf){0,6}") {
            for text in [text, like] {
                if let Ok(line) = text.parse::<Line>() {
                    let local = Local::default();
                    let _ = local.apply(line, &[80]);
                    if let Some(sample) = local.sample(80) {
                        prop_assert!(sample.requests.is_none_or(f64::is_finite));
                    }
                }
            }
        }
    }
}

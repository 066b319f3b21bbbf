// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The line that an agent answers HAProxy's `agent-check` with.
//!
//! Words stand between spaces, tabs or commas and end with the line; `#` begins a
//! description. Case does not matter. A word that is not there leaves what it would
//! have changed as it was, which is what a [`Memory`] is for. (HAProxy's
//! configuration manual, `agent-check`.)

use std::fmt;
use std::str::FromStr;

use crate::{Intent, LoadReport, Timestamp};

/// Longest line that is read, in bytes.
pub const MAX_LINE: usize = 1024;

/// The highest percentage taken: HAProxy's weights end at 256 times the least.
const MAX_PERCENT: u32 = 25_600;

/// One answer of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// `75%`: the share of its configured weight that the server is to have.
    pub percent: Option<u32>,
    /// `maxconn:30`: most connections at a time.
    pub connection_limit: Option<u32>,
    /// `ready`, `drain`, `maint`.
    pub administrative: Option<Administrative>,
    /// `up`, or `down`, `failed`, `fail`, `stopped`.
    pub up: Option<bool>,
    /// What follows `#`.
    pub description: Option<String>,
}

/// Administrative state of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrative {
    /// Takes connections.
    Ready,
    /// Takes no new ones.
    Drain,
    /// Is being worked on.
    Maintenance,
}

/// A line that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Nothing that has a meaning in it.
    #[error("the line says nothing")]
    Empty,
    /// A word of no known meaning.
    #[error("`{0}` is no word of an agent: a percentage, ready, drain, maint, up, down, failed, stopped, and maxconn:N are")]
    Word(String),
    /// A percentage or limit that is out of bounds.
    #[error("`{0}` is out of bounds")]
    Bounds(String),
    /// Too long.
    #[error("the line has more than 1024 bytes")]
    Long,
}

impl FromStr for Line {
    type Err = BadLine;

    fn from_str(text: &str) -> Result<Self, BadLine> {
        let text = text.split(['\r', '\n']).next().unwrap_or_default();
        if text.len() > MAX_LINE {
            return Err(BadLine::Long);
        }
        let mut line = Self::default();
        let (words, description) = match text.split_once('#') {
            Some((words, description)) => (words, Some(description.trim())),
            None => (text, None),
        };
        line.description = description.filter(|d| !d.is_empty()).map(str::to_string);
        for word in words.split([' ', '\t', ',']).filter(|w| !w.is_empty()) {
            line.word(word)?;
        }
        let says_nothing = line.percent.is_none()
            && line.connection_limit.is_none()
            && line.administrative.is_none()
            && line.up.is_none();
        if says_nothing {
            return Err(BadLine::Empty);
        }
        Ok(line)
    }
}

impl Line {
    fn word(&mut self, word: &str) -> Result<(), BadLine> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "ready" => self.administrative = Some(Administrative::Ready),
            "drain" => self.administrative = Some(Administrative::Drain),
            "maint" => self.administrative = Some(Administrative::Maintenance),
            "up" => self.up = Some(true),
            "down" | "failed" | "fail" | "stopped" => self.up = Some(false),
            other => {
                if let Some(digits) = other.strip_suffix('%') {
                    self.percent = Some(number(digits, word, MAX_PERCENT)?);
                } else if let Some(digits) = other.strip_prefix("maxconn:") {
                    self.connection_limit = Some(number(digits, word, u32::MAX)?);
                } else {
                    return Err(BadLine::Word(shown(word)));
                }
            }
        }
        Ok(())
    }
}

fn number(digits: &str, word: &str, most: u32) -> Result<u32, BadLine> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadLine::Word(shown(word)));
    }
    digits
        .parse()
        .ok()
        .filter(|&value| value <= most)
        .ok_or_else(|| BadLine::Bounds(shown(word)))
}

/// A stranger's word, fit for a log.
fn shown(word: &str) -> String {
    word.chars().take(40).flat_map(char::escape_debug).collect()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match self.up {
            Some(true) => words.push("up".to_string()),
            Some(false) => words.push("down".to_string()),
            None => (),
        }
        match self.administrative {
            Some(Administrative::Ready) => words.push("ready".to_string()),
            Some(Administrative::Drain) => words.push("drain".to_string()),
            Some(Administrative::Maintenance) => words.push("maint".to_string()),
            None => (),
        }
        words.extend(self.percent.map(|percent| format!("{percent}%")));
        words.extend(self.connection_limit.map(|most| format!("maxconn:{most}")));
        words.extend(self.description.as_ref().map(|text| format!("#{text}")));
        f.write_str(&words.join(" "))
    }
}

/// What an agent has said so far: each line changes only what it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    share: Option<f64>,
    administrative: Administrative,
    up: bool,
    connection_limit: Option<u32>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            share: None,
            administrative: Administrative::Ready,
            up: true,
            connection_limit: None,
        }
    }
}

impl Memory {
    /// Takes a line in that came at `now`, and gives the load that all lines amount to.
    pub fn apply(&mut self, line: &Line, now: Timestamp) -> LoadReport {
        if let Some(percent) = line.percent {
            self.share = Some(f64::from(percent) / 100.0);
        }
        self.administrative = line.administrative.unwrap_or(self.administrative);
        self.up = line.up.unwrap_or(self.up);
        self.connection_limit = line.connection_limit.or(self.connection_limit);
        let intent = match (self.up, self.administrative) {
            (_, Administrative::Maintenance) => Intent::Maintenance,
            (false, _) => Intent::Down,
            (true, Administrative::Drain) => Intent::Drain,
            (true, Administrative::Ready) => Intent::Ready,
        };
        LoadReport {
            taken_at: now,
            wanted_share: self.share,
            intent,
            named: self
                .connection_limit
                .map(|most| ("connection_limit".to_string(), f64::from(most)))
                .into_iter()
                .collect(),
            ..LoadReport::default()
        }
    }
}

impl Line {
    /// What an agent answers for a server with this load: all that a line can say,
    /// so that a balancer that has missed lines is right again.
    ///
    /// The percentage is the share of the server that is idle, so that servers
    /// settle where each has the same to spare; 1 at least, since 0 would drain it.
    #[must_use]
    pub fn of_load(report: &LoadReport) -> Self {
        let (up, administrative) = match report.intent {
            Intent::Ready => (true, Administrative::Ready),
            Intent::Drain => (true, Administrative::Drain),
            Intent::Maintenance => (true, Administrative::Maintenance),
            Intent::Down => (false, Administrative::Ready),
        };
        Self {
            percent: report.utilisation().map(|busy| idle_percent(busy).max(1)),
            connection_limit: None,
            administrative: Some(administrative),
            up: Some(up),
            description: None,
        }
    }
}

/// `100 (1 - busy)`, rounded, from 0 to 100.
fn idle_percent(busy: f64) -> u32 {
    // A float cannot be made an integer without a cast, and counting is enough here.
    let idle = (1.0 - busy).clamp(0.0, 1.0) * 100.0;
    (1..=100u32)
        .take_while(|&percent| f64::from(percent) <= idle + 0.5)
        .last()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Line {
        text.parse().unwrap()
    }

    #[test]
    fn the_manual_s_examples() {
        assert_eq!(line("75%\n").percent, Some(75));
        let both = line("ready up 75%\r\nnot read");
        assert_eq!(both.administrative, Some(Administrative::Ready));
        assert_eq!((both.up, both.percent), (Some(true), Some(75)));
        let down = line("DOWN,drain\tmaxconn:10 # disk full\n");
        assert_eq!(down.up, Some(false));
        assert_eq!(down.administrative, Some(Administrative::Drain));
        assert_eq!(down.connection_limit, Some(10));
        assert_eq!(down.description.as_deref(), Some("disk full"));
    }

    #[test]
    fn what_is_no_answer() {
        assert_eq!("".parse::<Line>(), Err(BadLine::Empty));
        assert_eq!("# only words".parse::<Line>(), Err(BadLine::Empty));
        for bad in [
            "75",
            "%",
            "-5%",
            "+5%",
            "1e3%",
            "maxconn:",
            "maxconn:-1",
            "hello",
        ] {
            assert!(
                matches!(bad.parse::<Line>(), Err(BadLine::Word(_))),
                "{bad}"
            );
        }
        for bad in ["25601%", "99999999999%", "maxconn:4294967296"] {
            assert!(
                matches!(bad.parse::<Line>(), Err(BadLine::Bounds(_))),
                "{bad}"
            );
        }
        assert_eq!("up ".repeat(400).parse::<Line>(), Err(BadLine::Long));
    }

    #[test]
    fn what_is_not_spoken_of_stays() {
        let mut memory = Memory::default();
        let now = Timestamp(1);
        assert_eq!(memory.apply(&line("drain 50%"), now).intent, Intent::Drain);
        let after = memory.apply(&line("40%"), now);
        assert_eq!(
            (after.intent, after.wanted_share),
            (Intent::Drain, Some(0.4))
        );
        assert_eq!(memory.apply(&line("down"), now).intent, Intent::Down);
        assert_eq!(memory.apply(&line("ready"), now).intent, Intent::Down);
        let back = memory.apply(&line("up"), now);
        assert_eq!((back.intent, back.wanted_share), (Intent::Ready, Some(0.4)));
    }

    #[test]
    fn an_idle_share_is_told() {
        let of = |cpu| {
            let report = LoadReport {
                cpu,
                ..LoadReport::default()
            };
            Line::of_load(&report).to_string()
        };
        assert_eq!(of(Some(0.25)), "up ready 75%");
        assert_eq!(of(Some(0.0)), "up ready 100%");
        assert_eq!(of(Some(3.0)), "up ready 1%");
        assert_eq!(of(None), "up ready");
    }

    fn any_line() -> impl Strategy<Value = Line> {
        let administrative = prop_oneof![
            Just(Administrative::Ready),
            Just(Administrative::Drain),
            Just(Administrative::Maintenance)
        ];
        (
            prop::option::of(0..=MAX_PERCENT),
            prop::option::of(any::<u32>()),
            prop::option::of(administrative),
            any::<bool>(),
            prop::option::of("[a-z][a-z ]{0,20}[a-z]"),
        )
            .prop_map(
                |(percent, connection_limit, administrative, up, description)| Line {
                    percent,
                    connection_limit,
                    administrative,
                    up: Some(up),
                    description,
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(line in any_line()) {
            prop_assert_eq!(line.to_string().parse::<Line>(), Ok(line));
        }

        #[test]
        fn anything_is_an_answer_or_an_error(text in any::<String>()) {
            if let Ok(line) = text.parse::<Line>() {
                let report = Memory::default().apply(&line, Timestamp(1));
                prop_assert_eq!(report.check(), Ok(()));
            }
        }

        #[test]
        fn more_load_never_asks_for_more(a in 0.0..2.0f64, b in 0.0..2.0f64) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(idle_percent(low) >= idle_percent(high));
        }
    }
}

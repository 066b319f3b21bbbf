// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Rise and fall of one check.

use switchyard_report::Health;

/// What the results of one check amount to.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    rise: u32,
    fall: u32,
    health: Health,
    /// Results on end that speak against `health`.
    against: u32,
    /// What the last one was, while it is unknown what to think.
    last: Option<bool>,
}

impl Verdict {
    /// Knows nothing. `rise` good results on end make it up, `fall` bad ones down.
    pub const fn new(rise: u32, fall: u32) -> Self {
        Self {
            rise,
            fall,
            health: Health::Unknown,
            against: 0,
            last: None,
        }
    }

    /// What the results so far amount to.
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Takes a result in.
    pub fn take(&mut self, good: bool) -> Health {
        let agrees = match self.health {
            Health::Up => good,
            Health::Down => !good,
            Health::Unknown => {
                if self.last != Some(good) {
                    self.against = 0;
                }
                self.last = Some(good);
                false
            }
        };
        if agrees {
            self.against = 0;
            return self.health;
        }
        self.against += 1;
        let needed = if good { self.rise } else { self.fall };
        if self.against >= needed {
            self.health = if good { Health::Up } else { Health::Down };
            self.against = 0;
        }
        self.health
    }
}

/// What several checks amount to: down if one is, up if all are.
pub fn all<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Health {
    let mut worst = None;
    for verdict in verdicts {
        match verdict.health() {
            Health::Down => return Health::Down,
            Health::Unknown => worst = Some(Health::Unknown),
            Health::Up => worst = worst.or(Some(Health::Up)),
        }
    }
    worst.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(rise: u32, fall: u32, results: &str) -> Vec<Health> {
        let mut verdict = Verdict::new(rise, fall);
        results.chars().map(|c| verdict.take(c == '+')).collect()
    }

    #[test]
    fn it_takes_some_on_end() {
        use Health::{Down, Unknown, Up};
        assert_eq!(run(2, 3, "+-++"), [Unknown, Unknown, Unknown, Up]);
        assert_eq!(
            run(2, 3, "--+---"),
            [Unknown, Unknown, Unknown, Unknown, Unknown, Down]
        );
        assert_eq!(run(1, 2, "+-+--+"), [Up, Up, Up, Up, Down, Up]);
    }

    #[test]
    fn one_that_is_down_is_enough() {
        let (up, down) = (
            Verdict {
                health: Health::Up,
                ..Verdict::new(1, 1)
            },
            Verdict {
                health: Health::Down,
                ..Verdict::new(1, 1)
            },
        );
        let unknown = Verdict::new(1, 1);
        assert_eq!(all([]), Health::Unknown);
        assert_eq!(all([&up, &up]), Health::Up);
        assert_eq!(all([&up, &unknown]), Health::Unknown);
        assert_eq!(all([&unknown, &up]), Health::Unknown);
        assert_eq!(all([&up, &unknown, &down]), Health::Down);
    }

    proptest! {
        /// It is up after `rise` good ones on end, and not before; down likewise.
        #[test]
        fn the_last_results_decide(
            rise in 1u32..5,
            fall in 1u32..5,
            results in prop::collection::vec(any::<bool>(), 1..60),
        ) {
            let mut verdict = Verdict::new(rise, fall);
            let mut before = Health::Unknown;
            for (i, &good) in results.iter().enumerate() {
                let now = verdict.take(good);
                let run = results[..=i].iter().rev().take_while(|&&r| r == good).count();
                let run = u32::try_from(run).unwrap();
                let (needed, aim) = if good { (rise, Health::Up) } else { (fall, Health::Down) };
                if run >= needed {
                    prop_assert_eq!(now, aim);
                } else {
                    prop_assert_eq!(now, before);
                }
                before = now;
            }
        }
    }
}

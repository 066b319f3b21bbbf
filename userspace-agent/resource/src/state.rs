// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is known, and how events change it. No task, no socket, no clock in here.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use switchyard_report::{
    Health, Ignored, Inventory, LoadReport, Reason, Standing, TargetKey, Timestamp,
};
use tracing::info;

use crate::passive::{Counters, Tracker};
use crate::spec::{CheckSpec, Source};
use crate::verdict::{all, Verdict};

/// What is known of all destinations.
#[derive(Debug)]
pub struct State {
    targets: BTreeMap<TargetKey, Target>,
    ignored: Ignored,
    words: Words,
    /// Reports have been silent after this long.
    silence: Duration,
    /// Something is not yet in an inventory.
    dirty: bool,
}

/// What is said of destinations: mostly the same of many.
#[derive(Debug, Default)]
struct Words {
    all: HashSet<Arc<str>>,
    /// When those that nobody has any more are looked for.
    full: usize,
}

impl Words {
    /// The same words, once.
    fn share(&mut self, words: &str) -> Arc<str> {
        if let Some(found) = self.all.get(words) {
            return Arc::clone(found);
        }
        if self.all.len() >= self.full {
            self.all.retain(|words| Arc::strong_count(words) > 1);
            self.full = self.all.len() * 2 + 64;
        }
        let words: Arc<str> = words.into();
        self.all.insert(Arc::clone(&words));
        words
    }
}

#[derive(Debug)]
struct Target {
    standing: Arc<Standing>,
    checks: Arc<[CheckSpec]>,
    verdicts: Box<[Verdict]>,
    /// Counts changes of the checks.
    round: u64,
    tracker: Tracker,
}

impl State {
    /// Knows of no destination. Without a report for `silence`, a source has been
    /// silent.
    pub fn new(silence: Duration) -> Self {
        Self {
            targets: BTreeMap::new(),
            ignored: Ignored::default(),
            words: Words::default(),
            silence,
            dirty: true,
        }
    }

    /// Adds a destination, or changes where it is reported from and how it is
    /// checked; what is known of it stays as far as it can. Gives the round of its
    /// checks if these are to begin anew.
    pub fn set(
        &mut self,
        key: &TargetKey,
        source: Option<&Source>,
        checks: &Arc<[CheckSpec]>,
        now: Timestamp,
    ) -> Option<u64> {
        self.dirty = true;
        let kind = source.map(|source| source.kind);
        let fresh = !self.targets.contains_key(key);
        let target = self.targets.entry(key.clone()).or_insert_with(|| Target {
            standing: Arc::new(Standing {
                health_since: now,
                ..Standing::default()
            }),
            checks: Arc::default(),
            verdicts: Box::default(),
            round: 0,
            tracker: Tracker::default(),
        });
        if target.standing.source != kind {
            let standing = Arc::make_mut(&mut target.standing);
            standing.source = kind;
            standing.source_error = None;
            if kind.is_none() {
                standing.report = None;
                standing.received_at = None;
                standing.reporting_since = None;
            }
        }
        if !fresh && target.checks == *checks {
            return None;
        }
        target.checks = Arc::clone(checks);
        target.verdicts = checks
            .iter()
            .map(|check| Verdict::new(check.rise, check.fall))
            .collect();
        target.round += 1;
        let round = target.round;
        target.judge(key, now);
        Some(round)
    }

    /// Forgets the destinations that are not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&TargetKey) -> bool) {
        self.dirty = true;
        self.targets.retain(|key, _| is_kept(key));
    }

    /// A report of a destination that counts.
    pub fn accept(&mut self, key: &TargetKey, report: impl Into<Arc<LoadReport>>, now: Timestamp) {
        let silence = self.silence;
        if let Some(standing) = self.standing(key) {
            let was_silent = standing
                .received_at
                .is_none_or(|then| now.since(then) > silence);
            if was_silent {
                standing.reporting_since = Some(now);
            }
            standing.received_at = Some(now);
            standing.report = Some(report.into());
            standing.accepted = standing.accepted.saturating_add(1);
        }
    }

    /// A report that does not count: of these destinations, or of nobody known.
    pub fn ignore<'a>(&mut self, keys: impl IntoIterator<Item = &'a TargetKey>, reason: Reason) {
        let mut is_known = false;
        for key in keys {
            if let Some(standing) = self.standing(key) {
                standing.ignored.count(reason);
                is_known = true;
            }
        }
        if !is_known {
            self.dirty = true;
            self.ignored.count(reason);
        }
    }

    /// The same words, kept once however many destinations they are said of.
    pub fn words(&mut self, words: &str) -> Arc<str> {
        self.words.share(words)
    }

    /// The source of a destination cannot be had, or can again.
    pub fn trouble(&mut self, key: &TargetKey, error: Option<&str>) {
        let is_news = self
            .targets
            .get(key)
            .is_some_and(|target| target.standing.source_error.as_deref() != error);
        if is_news {
            let error = error.map(|error| self.words.share(error));
            if let Some(standing) = self.standing(key) {
                standing.source_error = error;
            }
        }
    }

    /// A check came to a result.
    pub fn checked(
        &mut self,
        key: &TargetKey,
        round: u64,
        index: usize,
        result: Result<(), String>,
        now: Timestamp,
    ) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.round != round {
            return;
        }
        let Some(verdict) = target.verdicts.get_mut(index) else {
            return;
        };
        verdict.take(result.is_ok());
        if let Err(why) = result {
            if target.standing.last_failure.as_deref() != Some(&*why) {
                let why = self.words.share(&why);
                Arc::make_mut(&mut target.standing).last_failure = Some(why);
                self.dirty = true;
            }
        }
        self.dirty |= target.judge(key, now);
    }

    /// Counters of a destination.
    pub fn observe(&mut self, key: &TargetKey, counters: Counters, now: Timestamp) {
        if let Some(target) = self.targets.get_mut(key) {
            let passive = target.tracker.take(now, counters);
            if target.standing.passive != passive {
                Arc::make_mut(&mut target.standing).passive = passive;
                self.dirty = true;
            }
        }
    }

    /// What is known, if that has changed since it was last asked for.
    pub fn inventory(&mut self, now: Timestamp) -> Option<Inventory> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        Some(Inventory {
            taken_at: now,
            targets: self
                .targets
                .iter()
                .map(|(key, target)| (key.clone(), Arc::clone(&target.standing)))
                .collect(),
            ignored: self.ignored,
        })
    }

    fn standing(&mut self, key: &TargetKey) -> Option<&mut Standing> {
        let target = self.targets.get_mut(key)?;
        self.dirty = true;
        Some(Arc::make_mut(&mut target.standing))
    }
}

impl Target {
    /// Whether its health became another one.
    fn judge(&mut self, key: &TargetKey, now: Timestamp) -> bool {
        let health = all(&*self.verdicts);
        if health == self.standing.health {
            return false;
        }
        let standing = Arc::make_mut(&mut self.standing);
        standing.health = health;
        standing.health_since = now;
        let why = standing.last_failure.as_deref().unwrap_or_default();
        match health {
            Health::Down => {
                info!(service = &*key.service, destination = %key.destination, why, "down");
            }
            Health::Up => info!(service = &*key.service, destination = %key.destination, "up"),
            Health::Unknown => (),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> TargetKey {
        TargetKey {
            service: "tcp 192.0.2.80:80".into(),
            destination: ([10, 0, 0, 2], port).into(),
        }
    }

    fn state() -> State {
        let mut state = State::new(Duration::from_secs(5));
        let source = Source::of(&crate::SourceSpec::default(), key(80).destination);
        state.set(
            &key(80),
            Some(&source),
            &Arc::from([CheckSpec::default()]),
            Timestamp(0),
        );
        state
    }

    fn report(cpu: f64) -> LoadReport {
        LoadReport {
            cpu: Some(cpu),
            ..LoadReport::default()
        }
    }

    #[test]
    fn reports_and_silence() {
        let mut state = state();
        assert!(state.inventory(Timestamp(0)).is_some());
        assert!(state.inventory(Timestamp(0)).is_none());
        for at in [1000, 2000, 9000] {
            state.accept(&key(80), report(0.5), Timestamp(at));
        }
        let inventory = state.inventory(Timestamp(9500)).unwrap();
        let standing = inventory.get(&key(80)).unwrap();
        assert_eq!(standing.accepted, 3);
        assert_eq!(standing.reporting_since, Some(Timestamp(9000)));
        assert_eq!(
            standing.age(inventory.taken_at),
            Some(Duration::from_millis(500))
        );
        // What is out is not changed by what comes.
        state.accept(&key(80), report(0.9), Timestamp(9600));
        assert_eq!(standing.report.as_ref().unwrap().cpu, Some(0.5));
    }

    #[test]
    fn an_ignored_report_changes_nothing_but_a_counter() {
        let mut state = state();
        state.accept(&key(80), report(0.5), Timestamp(1));
        let before = state.inventory(Timestamp(2)).unwrap();
        state.ignore([&key(80)], Reason::Forged);
        state.ignore([], Reason::Forged);
        state.ignore([&key(81)], Reason::Stale);
        let after = state.inventory(Timestamp(3)).unwrap();
        let mut expected = Standing::clone(before.get(&key(80)).unwrap());
        expected.ignored.forged = 1;
        assert_eq!(after.get(&key(80)), Some(&Arc::new(expected)));
        assert_eq!((after.ignored.forged, after.ignored.stale), (1, 1));
    }

    #[test]
    fn checks_of_an_older_round_do_not_count() {
        let mut state = state();
        let bad = || Err("refused".to_string());
        for _ in 0..3 {
            state.checked(&key(80), 1, 0, bad(), Timestamp(10));
        }
        let health = |state: &mut State| {
            let inventory = state.inventory(Timestamp(20)).unwrap();
            let standing = inventory.get(&key(80)).unwrap();
            (standing.health, standing.health_since)
        };
        assert_eq!(health(&mut state), (Health::Down, Timestamp(10)));
        // The same checks again go on; others begin anew.
        let same = state.set(
            &key(80),
            None,
            &Arc::from([CheckSpec::default()]),
            Timestamp(30),
        );
        assert_eq!(same, None);
        assert_eq!(health(&mut state), (Health::Down, Timestamp(10)));
        let quick = CheckSpec {
            fall: 1,
            ..CheckSpec::default()
        };
        assert_eq!(
            state.set(&key(80), None, &Arc::from([quick]), Timestamp(40)),
            Some(2)
        );
        state.checked(&key(80), 1, 0, bad(), Timestamp(50));
        assert_eq!(health(&mut state), (Health::Unknown, Timestamp(40)));
        state.checked(&key(80), 2, 0, bad(), Timestamp(60));
        assert_eq!(health(&mut state), (Health::Down, Timestamp(60)));
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let mut state = state();
        state.retain(|_| false);
        state.accept(&key(80), report(0.1), Timestamp(1));
        state.checked(&key(80), 1, 0, Ok(()), Timestamp(1));
        assert!(state.inventory(Timestamp(1)).unwrap().targets.is_empty());
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How busy the CPUs are, from `/proc/stat`.

use std::collections::BTreeMap;

/// What a CPU has done since the machine began, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Everything but idling and waiting for disks.
    pub busy: u64,
    /// Everything.
    pub total: u64,
}

impl CpuTime {
    /// The share of the time since `before` that it was busy.
    pub fn since(&self, before: &Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total).filter(|t| *t > 0)?;
        let busy = self.busy.checked_sub(before.busy)?;
        Some(super::number::real(busy) / super::number::real(total))
    }
}

/// That of each CPU, by its number; empty where there is no such file.
pub fn read() -> BTreeMap<u32, CpuTime> {
    std::fs::read_to_string("/proc/stat").map_or_else(|_| BTreeMap::new(), |text| parse(&text))
}

/// From the lines "cpuN user nice system idle iowait irq softirq steal ...": guests'
/// time, which follows, is part of the user's.
fn parse(text: &str) -> BTreeMap<u32, CpuTime> {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let cpu = words.next()?.strip_prefix("cpu")?.parse().ok()?;
        let ticks: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let total = ticks.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let idle = ticks
            .get(3)?
            .saturating_add(ticks.get(4).copied().unwrap_or(0));
        let busy = total.saturating_sub(idle);
        Some((cpu, CpuTime { busy, total }))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn idle_and_waiting_are_not_busy() {
        let text = "cpu  9 9 9 9\ncpu0 10 0 10 70 10 0 0 0 5 0\ncpu3 1 1 1 1\nintr 5 6 7\n";
        let times = parse(text);
        assert_eq!(times.keys().copied().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(
            times.get(&0),
            Some(&CpuTime {
                busy: 20,
                total: 100
            })
        );
        let later = CpuTime {
            busy: 70,
            total: 200,
        };
        assert_eq!(
            later.since(&CpuTime {
                busy: 20,
                total: 100
            }),
            Some(0.5)
        );
        assert_eq!(later.since(&later), None);
        assert!(!read().is_empty());
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "(cpu[0-9 ]{0,60}\n|.*\n){0,8}") {
            for time in parse(&text).values() {
                prop_assert!(time.busy <= time.total);
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Utilisation of the CPUs, from /proc/stat (`proc_stat(5)`).

/// Time that all CPUs together have spent since boot, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// Doing something, for a guest or for interrupts included.
    busy: u64,
    /// Doing anything or nothing. Waiting for a disk is nothing.
    all: u64,
}

/// Reads the line of all CPUs.
pub fn parse(text: &str) -> Option<Ticks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; guests are in user and nice.
    let mut fields = [0u64; 8];
    let mut words = line.split_whitespace();
    for (i, field) in fields.iter_mut().enumerate() {
        match words.next() {
            Some(word) => *field = word.parse().ok()?,
            // Kernels before 2.6.11 had fewer.
            None if i >= 4 => break,
            None => return None,
        }
    }
    let [user, nice, system, idle, wait, interrupt, soft, stolen] = fields;
    let sum = |parts: &[u64]| {
        parts
            .iter()
            .fold(0u64, |sum, &part| sum.saturating_add(part))
    };
    let busy = sum(&[user, nice, system, interrupt, soft, stolen]);
    Some(Ticks {
        busy,
        all: sum(&[busy, idle, wait]),
    })
}

impl Ticks {
    /// Share of the time since `before` that was spent busy; `None` if none passed.
    pub fn utilisation_since(&self, before: &Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|&all| all > 0)?;
        // The kernel's counters of idle time have been seen to run back a little.
        let busy = self.busy.saturating_sub(before.busy).min(all);
        Some(share(busy, all))
    }
}

/// `part / whole` of counts far below 2^53, or nearly so above.
pub fn share(part: u64, whole: u64) -> f64 {
    let float = |count: u64| {
        let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
        let low = u32::try_from(count & 0xffff_ffff).unwrap_or_default();
        f64::from(high) * 4_294_967_296.0 + f64::from(low)
    };
    float(part) / float(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 100 0 50 800 50 0 0 0 0 0\nintr 5\n";

    #[test]
    fn the_share_that_was_busy() {
        let before = parse(STAT).unwrap();
        assert_eq!(
            before,
            Ticks {
                busy: 150,
                all: 1000
            }
        );
        let now = parse("cpu  150 5 60 850 60 3 2 5 0 0\n").unwrap();
        // 50 + 5 + 10 + 3 + 2 + 5 of 135.
        assert_eq!(now.utilisation_since(&before), Some(75.0 / 135.0));
        assert_eq!(now.utilisation_since(&now), None);
        assert_eq!(before.utilisation_since(&now), None);
    }

    #[test]
    fn what_is_no_such_file() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("cpu0 1 2 3 4\n"), None);
        assert_eq!(parse("cpu  1 2 3\n"), None);
        assert_eq!(parse("cpu  1 2 -3 4\n"), None);
        assert!(parse("cpu  1 2 3 4\n").is_some());
    }

    proptest! {
        #[test]
        fn a_share_is_from_0_to_1(a in any::<[u64; 8]>(), b in any::<[u64; 8]>()) {
            let of = |ticks: [u64; 8]| {
                let words: Vec<String> = ticks.iter().map(ToString::to_string).collect();
                parse(&format!("cpu  {}\n", words.join(" "))).unwrap()
            };
            if let Some(share) = of(b).utilisation_since(&of(a)) {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }

        #[test]
        fn anything_is_read_or_not(text in any::<String>()) {
            let _ = parse(&format!("cpu {text}"));
        }
    }
}

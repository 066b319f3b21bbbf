// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Utilisation of the memory, from /proc/meminfo (`proc_meminfo(5)`).

use super::processor::share;

/// Share of the memory that a new program could not have.
pub fn parse(text: &str) -> Option<f64> {
    let value = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_prefix(':')?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()
    };
    let total = value("MemTotal").filter(|&total| total > 0)?;
    let available = value("MemAvailable")?;
    Some(share(total.saturating_sub(available), total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_available_is_used() {
        let text = "MemTotal:        1000 kB\nMemFree:          10 kB\nMemAvailable:     250 kB\n";
        assert_eq!(parse(text), Some(0.75));
        assert_eq!(parse("MemTotal: 1000 kB\n"), None);
        assert_eq!(parse("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), None);
        assert_eq!(parse("MemTotal: 1000\nMemAvailable: 1\n"), None);
        assert_eq!(parse("MemTotal: 10 kB\nMemAvailable: 20 kB\n"), Some(0.0));
    }

    proptest! {
        #[test]
        fn anything_is_a_share_or_nothing(text in any::<String>(), total: u64, available: u64) {
            let _ = parse(&text);
            let text = format!("MemTotal: {total} kB\nMemAvailable: {available} kB\n");
            if let Some(share) = parse(&text) {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }
}

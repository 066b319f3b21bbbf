// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Stalls, from /proc/pressure (the kernel's Documentation/accounting/psi.rst).

/// Share of the last ten seconds in which some task waited.
pub fn parse(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent: f64 = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("avg10="))?
        .parse()
        .ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn some_of_ten_seconds() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.10 total=12345\n\
                    full avg10=2.00 avg60=0.00 avg300=0.00 total=1\n";
        assert_eq!(parse(text), Some(0.125));
        assert_eq!(parse(""), None);
        assert_eq!(parse("some avg10=NaN"), None);
        assert_eq!(parse("some avg10=-1"), None);
        assert_eq!(parse("full avg10=1.00"), None);
    }

    proptest! {
        #[test]
        fn anything_is_a_share_or_nothing(text in any::<String>()) {
            for text in [text.clone(), format!("some avg10={text}")] {
                if let Some(share) = parse(&text) {
                    prop_assert!((0.0..=1.0).contains(&share));
                }
            }
        }
    }
}

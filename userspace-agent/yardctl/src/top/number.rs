// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Numbers in few letters.

/// A 64-bit count as a real number; exact up to 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no `From` has it"
)]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// At most five letters: `0`, `0.25`, `7.3`, `812`, `1.2k`, `34M`; units of a thousand.
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let mut value = value;
    let mut unit = "";
    for next in ["k", "M", "G", "T", "P", "E"] {
        // What would be rounded up to four digits is of the next unit.
        if value.abs() < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = match value.abs() {
        v if v < 0.005 => return format!("0{unit}"),
        v if unit.is_empty() && v < 0.995 => 2,
        v if v < 9.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{unit}")
}

/// The same, or a dash for what is not known.
pub fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}

/// A share as a percentage, or a dash.
pub fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) if share.is_finite() => format!("{:.1}%", share * 100.0),
        _ => "-".to_owned(),
    }
}

/// Seconds, in the unit that suits them, or a dash.
pub fn seconds(time: Option<f64>) -> String {
    match time {
        None => "-".to_owned(),
        Some(time) if !time.is_finite() => "-".to_owned(),
        Some(time) if time < 0.000_999_5 => format!("{:.0}us", time * 1e6),
        Some(time) if time < 0.099_95 => format!("{:.1}ms", time * 1e3),
        Some(time) if time < 0.999_5 => format!("{:.0}ms", time * 1e3),
        Some(time) if time < 99.95 => format!("{time:.1}s"),
        Some(time) => format!("{}s", short(time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_letters_say_enough() {
        for (value, text) in [
            (0.0, "0"),
            (0.001, "0"),
            (0.25, "0.25"),
            (0.996, "1.0"),
            (7.34, "7.3"),
            (9.96, "10"),
            (812.4, "812"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (34_567_890.0, "35M"),
            (1.8e19, "18E"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(maybe(None), "-");
        assert_eq!(percent(Some(0.3333)), "33.3%");
        for (time, text) in [
            (0.000_25, "250us"),
            (0.012_34, "12.3ms"),
            (0.25, "250ms"),
            (2.5, "2.5s"),
            (5000.0, "5.0ks"),
        ] {
            assert_eq!(seconds(Some(time)), text);
        }
    }

    proptest! {
        #[test]
        fn never_more_than_six_letters(value in any::<f64>()) {
            if value.abs() < 1e20 {
                prop_assert!(short(value).len() <= 6, "{}", short(value));
            }
        }
    }
}

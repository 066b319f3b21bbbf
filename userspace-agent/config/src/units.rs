// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Times, sizes, ports and lists of numbers in words: on command lines and in files.

use std::time::Duration;

/// Numbers in the order given, as in `2,0-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List(pub Vec<u32>);

/// A range holds no more numbers than this, lest a slip fill the memory.
const LONGEST_RANGE: u32 = 4096;

/// Reads numbers and ranges.
pub fn list(text: &str) -> Result<List, String> {
    let number = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| format!("`{text}` is no number; write a list as `0-3,5`"))
    };
    let mut numbers = Vec::new();
    for part in text.split(',') {
        if let Some((first, last)) = part.split_once('-') {
            let (first, last) = (number(first)?, number(last)?);
            match last.checked_sub(first) {
                None => return Err(format!("the range `{part}` runs backwards")),
                Some(length) if length >= LONGEST_RANGE => {
                    return Err(format!("the range `{part}` is too long"));
                }
                Some(_) => numbers.extend(first..=last),
            }
        } else {
            numbers.push(number(part)?);
        }
    }
    for (index, number) in numbers.iter().enumerate() {
        if numbers.iter().take(index).any(|earlier| earlier == number) {
            return Err(format!("{number} is given twice"));
        }
    }
    Ok(List(numbers))
}

/// A time with its unit, or a bare number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is no time; write it as `10ms`, `30s` or `15m`"))
}

/// A time in whole seconds.
pub fn seconds(text: &str) -> Result<u32, String> {
    let time = duration(text)?;
    if time.subsec_nanos() != 0 {
        return Err(format!("`{text}` is not in whole seconds"));
    }
    u32::try_from(time.as_secs()).map_err(|_| format!("`{text}` is too long"))
}

/// A time in whole milliseconds; a bare number is refused as above.
pub fn milliseconds(text: &str) -> Result<u32, String> {
    let microseconds = wide_microseconds(text)?;
    if microseconds % 1000 != 0 {
        return Err(format!("`{text}` is not in whole milliseconds"));
    }
    u32::try_from(microseconds / 1000).map_err(|_| format!("`{text}` is too long"))
}

/// A port from 1 to 65535.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port != 0 && !text.starts_with('+'))
        .ok_or_else(|| format!("`{text}` is no port from 1 to 65535"))
}

/// Bytes, or KiB, MiB and GiB as `K`, `M` and `G`.
pub fn bytes(text: &str) -> Result<u32, String> {
    let (number, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) if text.ends_with('K') => (number, 10),
        Some(number) if text.ends_with('M') => (number, 20),
        Some(number) => (number, 30),
        None => (text, 0),
    };
    number
        .parse::<u32>()
        .ok()
        .filter(|_| number.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| format!("`{text}` is no size; write it as `4M` or in bytes"))?
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("`{text}` is too much"))
}

/// A time in whole microseconds; a bare number would be taken for milliseconds
/// as often as for microseconds and is refused.
pub fn microseconds(text: &str) -> Result<u32, String> {
    let microseconds = wide_microseconds(text)?;
    u32::try_from(microseconds).map_err(|_| format!("`{text}` is too long"))
}

fn wide_microseconds(text: &str) -> Result<u128, String> {
    if text.parse::<u64>().is_ok() {
        return Err(format!("`{text}` lacks a unit; write it as `{text}ms`"));
    }
    let time = duration(text)?;
    if time.subsec_nanos() % 1000 != 0 {
        return Err(format!("`{text}` is not in whole microseconds"));
    }
    Ok(time.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        assert_eq!(list("0-3,5"), Ok(List(vec![0, 1, 2, 3, 5])));
        assert_eq!(list("3,2"), Ok(List(vec![3, 2])));
        for text in [
            "",
            "1,",
            "a",
            "3-1",
            "0-4294967295",
            "+1",
            "1,1",
            "0-2,1",
            "-1",
        ] {
            assert!(list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(seconds("900"), Ok(900));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("0"), Ok(0));
        assert!(seconds("10ms").is_err());
        assert!(seconds("soon").is_err());
        assert_eq!(microseconds("10ms"), Ok(10_000));
        assert_eq!(microseconds("1s"), Ok(1_000_000));
        assert!(microseconds("10").unwrap_err().contains("unit"));
        assert!(microseconds("10ns").is_err());
        assert!(microseconds("2h").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("4M"), Ok(4 << 20));
        assert_eq!(bytes("1024"), Ok(1024));
        assert_eq!(bytes("3G"), Ok(3 << 30));
        for text in ["", "M", "4MB", "-1", "5G", "+1"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_does_harm(text in "\\PC{0,40}") {
            let _ = (list(&text), duration(&text), seconds(&text), microseconds(&text));
            let _ = (milliseconds(&text), bytes(&text), port(&text));
        }
    }
}

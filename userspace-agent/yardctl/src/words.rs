// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the words of a command line or batch mean.

use std::time::Duration;

use switchyard_netlink::{DestinationKey, DestinationSettings, ServiceKey};

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

/// A time in whole microseconds; a bare number would be taken for milliseconds
/// as often as for microseconds and is refused.
pub fn microseconds(text: &str) -> Result<u32, String> {
    if text.parse::<u64>().is_ok() {
        return Err(format!("`{text}` lacks a unit; write it as `{text}ms`"));
    }
    let time = duration(text)?;
    if time.subsec_nanos() % 1000 != 0 {
        return Err(format!("`{text}` is not in whole microseconds"));
    }
    u32::try_from(time.as_micros()).map_err(|_| format!("`{text}` is too long"))
}

/// One word with `://`, or two.
pub fn service(words: &[String]) -> Result<ServiceKey, String> {
    words
        .join(" ")
        .parse()
        .map_err(|e: switchyard_netlink::ParseError| e.to_string())
}

/// None, or a service.
pub fn service_choice(words: &[String]) -> Result<Option<ServiceKey>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    service(words).map(Some)
}

/// A service of one or two words, then the destination.
pub fn destination(words: &[String]) -> Result<DestinationKey, String> {
    let too_few = "a service and a destination are wanted, as in `tcp 10.0.0.1:80 10.1.0.2:8080`";
    let (destination, key) = words.split_last().ok_or(too_few)?;
    // `tcp 10.0.0.1:80`, and the destination left out.
    if key.len() == 1 && !key.iter().any(|word| word.contains("://")) {
        return Err(too_few.to_owned());
    }
    DestinationKey::parse(service(key)?, destination).map_err(|e| e.to_string())
}

/// `10.1.0.2:8080`, then perhaps `,weight=2`.
pub fn weighted_destination(
    service: ServiceKey,
    text: &str,
) -> Result<DestinationSettings, String> {
    let mut parts = text.split(',');
    let key = DestinationKey::parse(service, parts.next().unwrap_or_default())
        .map_err(|e| e.to_string())?;
    let mut settings = DestinationSettings::new(key);
    for part in parts {
        match part.split_once('=') {
            Some(("weight", weight)) => {
                let weight = weight
                    .parse()
                    .map_err(|_| format!("`{weight}` is no weight"))?;
                settings.weight = Some(weight);
            }
            _ => return Err(format!("`{part}` is unknown here; `weight=N` is known")),
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

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
    fn destinations_in_both_spellings() {
        let two = destination(&words("tcp 10.0.0.1:80 10.1.0.2:8080")).unwrap();
        assert_eq!(
            destination(&words("tcp://10.0.0.1:80 10.1.0.2:8080")),
            Ok(two)
        );
        assert_eq!(two.port, Some(8080));
        for text in ["tcp 10.0.0.1:80", "tcp", "", "tcp://10.0.0.1:80"] {
            assert!(destination(&words(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn weights() {
        let service = "tcp 10.0.0.1:80".parse().unwrap();
        let settings = weighted_destination(service, "10.1.0.2:8080,weight=3").unwrap();
        assert_eq!(settings.weight, Some(3));
        assert_eq!(settings.key.port, Some(8080));
        for text in ["10.1.0.2:80,weight=x", "10.1.0.2:80,colour=red", "", "x"] {
            assert!(weighted_destination(service, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_does_harm(text in "\\PC{0,40}") {
            let _ = (list(&text), duration(&text), seconds(&text), microseconds(&text));
            let _ = (service(&words(&text)), destination(&words(&text)));
            let _ = weighted_destination("udp 10.0.0.1:53".parse().unwrap(), &text);
        }
    }
}

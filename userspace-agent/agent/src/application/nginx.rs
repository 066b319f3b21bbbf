// SPDX-License-Identifier: GPL-2.0 OR MIT

//! nginx's `stub_status` (the manual of `ngx_http_stub_status_module`).

use super::Sample;

/// Reads the page. The request that fetches it is not counted as being served.
pub fn parse(page: &str) -> Option<Sample> {
    let mut lines = page.lines();
    let _active: u64 = lines
        .next()?
        .trim()
        .strip_prefix("Active connections:")?
        .trim()
        .parse()
        .ok()?;
    // nginx says "handled requests", its commercial edition also "request_time".
    if !lines
        .next()?
        .trim_start()
        .starts_with("server accepts handled requests")
    {
        return None;
    }
    let requests = lines
        .next()?
        .split_whitespace()
        .nth(2)?
        .parse::<u64>()
        .ok()?;
    let mut words = lines.next()?.split_whitespace();
    let mut field = |name: &str| -> Option<u64> {
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    };
    let reading = field("Reading:")?;
    let writing = field("Writing:")?;
    let in_flight = reading.saturating_add(writing).saturating_sub(1);
    Some(Sample {
        requests: requests.to_string().parse().ok(),
        in_flight: in_flight.to_string().parse().ok(),
        ..Sample::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "Active connections: 291 \n\
                        server accepts handled requests\n \
                        16630948 16630948 31070465 \n\
                        Reading: 6 Writing: 179 Waiting: 106 \n";

    #[test]
    fn the_manual_s_example() {
        let sample = parse(PAGE).unwrap();
        assert_eq!(sample.requests, Some(31_070_465.0));
        assert_eq!(sample.in_flight, Some(184.0));
    }

    #[test]
    fn other_pages() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("<html>404</html>"), None);
        let lines: Vec<&str> = PAGE.lines().collect();
        for left_out in 0..4 {
            let mut some = lines.clone();
            some.remove(left_out);
            assert_eq!(parse(&some.join("\n")), None, "{left_out}");
        }
        assert_eq!(parse(&PAGE.replace("Writing: 179", "Writing: -1")), None);
    }

    proptest! {
        #[test]
        fn anything_is_a_page_or_not(text in any::<String>(), cut: prop::sample::Index) {
            let _ = parse(&text);
            let _ = parse(&PAGE[..cut.index(PAGE.len())]);
        }

        #[test]
        fn numbers_come_back(requests: u32, reading: u16, writing in 1u16..) {
            let page = format!(
                "Active connections: 1\nserver accepts handled requests\n 1 1 {requests}\n\
                 Reading: {reading} Writing: {writing} Waiting: 0\n"
            );
            let sample = parse(&page).unwrap();
            prop_assert_eq!(sample.requests, Some(f64::from(requests)));
            let busy = u32::from(reading) + u32::from(writing) - 1;
            prop_assert_eq!(sample.in_flight, Some(f64::from(busy)));
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Rates: they come to what is going on, and go when it ends.

#![allow(missing_docs)]

use switchyard_core::core::rate::{Rate, INTERVAL};

/// Samples a count that grows by so much a second for so many intervals.
fn run(rate: &Rate, count: &mut u64, per_second: u64, intervals: u32, interval: u32) {
    for _ in 0..intervals {
        *count = count.wrapping_add(per_second * u64::from(interval) / 1000);
        rate.sample(*count, interval);
    }
}

#[test]
fn comes_and_goes() {
    for per_second in [1, 7, 1000, 123_456_789, 12_500_000_000_000] {
        let (rate, mut count) = (Rate::new(), 0);
        assert_eq!(rate.per_second(), 0);
        run(&rate, &mut count, per_second, 1, INTERVAL);
        // A quarter after the first sample.
        assert_eq!(rate.per_second(), (per_second + 2) / 4);
        run(&rate, &mut count, per_second, 3, INTERVAL);
        // 1 - 0.75^4 after eight seconds.
        let part = rate.per_second() as f64 / per_second as f64;
        assert!(
            per_second == 1 || (0.6..0.8).contains(&part),
            "{per_second} {part}"
        );
        run(&rate, &mut count, per_second, 150, INTERVAL);
        assert_eq!(rate.per_second(), per_second);
        run(&rate, &mut count, 0, 150, INTERVAL);
        assert_eq!(rate.per_second(), 0, "{per_second}");
    }
}

/// However late a sample comes, the rate is a second's.
#[test]
fn by_the_time_that_went_by() {
    let (rate, mut count) = (Rate::new(), u64::MAX - 5000);
    rate.sample(count, INTERVAL);
    run(&rate, &mut count, 0, 200, INTERVAL);
    for interval in [500, 1999, 2500, 10_000] {
        run(&rate, &mut count, 4000, 100, interval);
        assert_eq!(rate.per_second(), 4000, "{interval}");
    }
    rate.sample(count, 0);
}

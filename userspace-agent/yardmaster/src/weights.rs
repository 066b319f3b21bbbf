// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From levels to the whole numbers that the kernel takes, with the least change.
//!
//! Only the weights' ratios count, for both of the kernel's schedulers. So a service
//! that is distributed as configured has the configured numbers, and one that is not
//! has weights about [`MEAN`] on average, fine enough for steps of a tenth of a
//! percent.

use crate::number::{real, whole};

/// The most that a destination's weight may be.
pub const MAX_WEIGHT: u32 = 65_535;
/// The mean weight of a service whose distribution is not the configured one.
const MEAN: f64 = 1000.0;

/// What one destination should have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Its configured weight.
    pub configured: f64,
    /// The level that it should have; `None` for no new connections.
    pub level: Option<f64>,
    /// What was decided last.
    pub last: Option<u32>,
}

/// By what a level is multiplied.
fn scale(shares: &[Share], ceiling: f64) -> f64 {
    let configured = || shares.iter().map(|s| s.configured).filter(|c| *c > 0.0);
    let largest = configured().fold(0.0, f64::max);
    if largest <= 0.0 {
        return 1.0;
    }
    let mean = configured().sum::<f64>() / real(configured().count());
    (MEAN / mean).min(f64::from(MAX_WEIGHT) / (largest * ceiling))
}

/// Whether every level is the configured one, but for this relative difference.
fn is_configured(shares: &[Share], difference: f64) -> bool {
    shares.iter().all(|share| match share.level {
        Some(level) => (level / share.configured).ln().abs() <= difference,
        None => true,
    })
}

/// The weights for the levels. `exact` says, before and after, whether they are the
/// configured numbers: these are left when a level leaves the dead band, and come back
/// when all levels have gone back wholly.
pub(crate) fn weights(
    shares: &[Share],
    dead_band: f64,
    ceiling: f64,
    exact: &mut bool,
) -> Vec<u32> {
    *exact = is_configured(shares, if *exact { dead_band } else { 1e-6 });
    let scale = scale(shares, ceiling);
    shares
        .iter()
        .map(|share| {
            let Some(level) = share.level else { return 0 };
            if *exact {
                return whole(share.configured).min(MAX_WEIGHT);
            }
            let wanted = (level * scale).clamp(1.0, f64::from(MAX_WEIGHT));
            match share.last {
                Some(last) if last > 0 && (wanted / f64::from(last)).ln().abs() <= dead_band => {
                    last
                }
                _ => whole(wanted),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(configured: u32, level: f64, last: u32) -> Share {
        Share {
            configured: f64::from(configured),
            level: Some(level),
            last: Some(last),
        }
    }

    #[test]
    fn configured_levels_are_the_configured_numbers() {
        let mut exact = true;
        let shares = [share(1, 1.0, 1), share(2, 2.015, 2), share(3, 3.0, 3)];
        assert_eq!(weights(&shares, 0.01, 16.0, &mut exact), [1, 2, 3]);
        assert!(exact);
    }

    #[test]
    fn others_are_about_a_thousand() {
        let mut exact = true;
        let shares = [share(1, 0.5, 1), share(1, 1.5, 1)];
        assert_eq!(weights(&shares, 0.01, 16.0, &mut exact), [500, 1500]);
        assert!(!exact);
        // Little differences are not worth a change; the configured numbers come back
        // when they are wholly reached.
        let shares = [share(1, 0.502, 500), share(1, 1.52, 1500)];
        assert_eq!(weights(&shares, 0.01, 16.0, &mut exact), [500, 1520]);
        let shares = [share(1, 1.0, 500), share(1, 1.0, 1520)];
        assert_eq!(weights(&shares, 0.01, 16.0, &mut exact), [1, 1]);
    }

    #[test]
    fn who_is_out_has_none_and_who_is_in_has_some() {
        let mut exact = false;
        let out = Share {
            level: None,
            ..share(1, 0.0, 7)
        };
        let shares = [out, share(1, 1e-9, 7), share(60_000, 60_000.0, 7)];
        let weights = weights(&shares, 0.01, 16.0, &mut exact);
        assert_eq!(weights[..2], [0, 1]);
        assert!(weights[2] > 1000);
    }

    proptest! {
        #[test]
        fn weights_are_bounded_and_in_the_order_of_levels(
            levels in proptest::collection::vec((1u32..=65_535, 0.05..16.0f64), 1..50),
        ) {
            let mut exact = false;
            let shares: Vec<Share> = levels.iter().map(|&(configured, ratio)| Share {
                last: None,
                ..share(configured, f64::from(configured) * ratio, 0)
            }).collect();
            let weights = weights(&shares, 0.01, 16.0, &mut exact);
            for (a, wa) in shares.iter().zip(&weights) {
                prop_assert!((1..=MAX_WEIGHT).contains(wa));
                for (b, wb) in shares.iter().zip(&weights) {
                    prop_assert!(a.level > b.level || wa <= wb);
                }
            }
        }
    }
}

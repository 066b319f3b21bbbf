// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Conversions between kinds of numbers that `From` does not have.

/// A count as a real number; exact up to 2^53.
#[must_use]
#[expect(clippy::as_conversions, clippy::cast_precision_loss)]
pub const fn real(count: usize) -> f64 {
    count as f64
}

/// A 64-bit count as a real number; exact up to 2^53.
#[must_use]
#[expect(clippy::as_conversions, clippy::cast_precision_loss)]
pub const fn real_u64(count: u64) -> f64 {
    count as f64
}

/// The nearest whole number from 0 to `u32::MAX`; 0 for what is no number.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn whole(value: f64) -> u32 {
    // `as` saturates, and takes NaN for 0.
    value.round() as u32
}

/// The whole number below, from 0 up; 0 for what is no number.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub const fn index(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_at_the_border() {
        assert_eq!(whole(0.5), 1);
        assert_eq!(whole(-3.0), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(1e30), u32::MAX);
        assert_eq!(index(2.99), 2);
        assert_eq!(index(-1.0), 0);
    }
}

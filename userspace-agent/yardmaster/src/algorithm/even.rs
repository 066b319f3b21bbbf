// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `even`: every server equally utilised.

use super::{without, Advice, Algorithm, Candidate, Terms};

/// Added to every utilisation, so that idle servers, whose utilisation is their
/// housekeeping's, are not told apart by it.
const IDLE: f64 = 0.03;

/// The algorithm `even`.
///
/// A server that has utilisation `u` under level `w` can take `w / u` of whatever the
/// service's clients bring; if every server gets that share, all have the utilisation
/// `U = sum(w) / sum(w / u)`. Work that is none of the service's makes this inexact,
/// so the correction is repeated until nothing differs, each time by a part (`gain`).
#[derive(Clone, Copy, Debug)]
pub struct Even {
    /// The exponent of the correction, 0 to 1.
    pub gain: f64,
    /// Relative difference that is not corrected.
    pub dead_band: f64,
}

impl Algorithm for Even {
    fn name(&self) -> String {
        "even".into()
    }

    fn formula(&self) -> String {
        format!("level = w * ((U + {IDLE}) / (u + {IDLE}))^{}", self.gain)
    }

    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice> {
        let (mut levels, mut capacities) = (0.0, 0.0);
        for candidate in candidates {
            if let Some(utilisation) = candidate.load.utilisation {
                levels += candidate.level;
                capacities += candidate.level / (utilisation + IDLE);
            }
        }
        let all = if capacities > 0.0 {
            levels / capacities
        } else {
            IDLE
        };
        candidates
            .iter()
            .map(|candidate| {
                let Some(utilisation) = candidate.load.utilisation else {
                    return without(candidate, "no utilisation is reported");
                };
                let mut ratio = all / (utilisation + IDLE);
                if ratio.ln().abs() < self.dead_band {
                    ratio = 1.0;
                }
                Advice::Level(
                    candidate.level * ratio.powf(self.gain),
                    Terms::new([
                        ("w", candidate.level),
                        ("u", utilisation),
                        ("U", (all - IDLE).max(0.0)),
                    ]),
                )
            })
            .collect()
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `latency`: requests in flight and latency.

use std::f64::consts::E;

use super::{without, Advice, Algorithm, Candidate, Terms};
use crate::number::{index, real};

/// Seconds added to every latency, so that microseconds do not matter.
const NEGLIGIBLE: f64 = 0.001;
/// A hot server has this many times the quantile's requests in flight, and one more:
/// there is always someone above a quantile.
const HOT: f64 = 1.2;
/// No less of a correction, however steep the server's latency is.
const LEAST_PART: f64 = 0.1;

/// The algorithm `latency`.
///
/// Prequal (Wydrowski et al., "Load is not what you should balance", NSDI 2024) sends a
/// query, of the few servers that it has probed, to the one of least latency among the
/// *cold* ones, and only if all are *hot* to the one with the fewest requests in
/// flight; hot is who has more of these than a quantile of all servers. A switch
/// chooses by weights, not by the query, so the rule becomes:
///
/// - a cold server's level is corrected towards equal latency: whoever has less than
///   the others gets more, until it has not;
/// - a hot server's level is corrected by its requests in flight, whatever its
///   latency, and when it is hot by far never for the better than that of any cold
///   one (the rule's lexicographic order).
///
/// A query is chosen anew each time, a weight stays: a hard border between the two
/// would make weights swing about it. So a cold server is raised the less the nearer it
/// is to the border (*room*), and a hot one comes behind the cold ones the more the
/// farther it is beyond (*rank*).
///
/// Near saturation a little more load makes much more latency. The correction is
/// taken back in proportion, by how far the latency is above the least that the
/// server has lately had: for a server that shares its time among its requests,
/// latency goes with `1 / (1 - u)` and its slope is `1 / (1 - u)` as well. Taken that far, a
/// server that is very slow would be corrected by less than one that is slow: it is by no
/// less.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The exponent of the correction, 0 to 1.
    pub gain: f64,
    /// The quantile of requests in flight, 0 to 1.
    pub hot_quantile: f64,
    /// Relative difference that is not corrected.
    pub dead_band: f64,
}

impl Latency {
    /// The number of requests in flight that this part of the servers does not exceed.
    fn threshold(&self, candidates: &[Candidate<'_>]) -> Option<f64> {
        let mut all: Vec<f64> = candidates.iter().filter_map(|c| c.load.in_flight).collect();
        all.sort_by(f64::total_cmp);
        let last = real(all.len().checked_sub(1)?);
        all.get(index(self.hot_quantile * last)).copied()
    }

    /// The latency that cold servers are corrected towards: the geometric mean of theirs
    /// by level, so that corrections leave the sum about as it is.
    fn usual(candidates: &[Candidate<'_>], is_hot: impl Fn(&Candidate<'_>) -> bool) -> f64 {
        let (mut levels, mut logarithms) = (0.0, 0.0);
        for candidate in candidates.iter().filter(|c| !is_hot(c)) {
            if let Some(latency) = candidate.load.latency {
                levels += candidate.level;
                logarithms += candidate.level * (latency + NEGLIGIBLE).ln();
            }
        }
        if levels > 0.0 {
            (logarithms / levels).exp()
        } else {
            NEGLIGIBLE
        }
    }
}

/// Where a server stands between cold and hot.
#[derive(Clone, Copy, Debug)]
struct Heat {
    in_flight: f64,
    border: f64,
}

impl Heat {
    fn is_hot(self) -> bool {
        self.in_flight > self.border
    }

    /// How much more it may be given: 1 up to half the border, 0 from there on.
    fn room(self) -> f64 {
        (2.0 * (1.0 - self.in_flight / self.border)).clamp(0.0, 1.0)
    }

    /// How far it comes behind the cold ones: 0 at the border, 1 at twice that.
    fn rank(self) -> f64 {
        (self.in_flight / self.border - 1.0).clamp(0.0, 1.0)
    }
}

impl Algorithm for Latency {
    fn name(&self) -> String {
        "latency".into()
    }

    fn formula(&self) -> String {
        format!(
            "cold: level = w * (T / t)^({} * part); hot (rif > R): \
             level = w * least^rank * R / rif",
            self.gain
        )
    }

    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice> {
        let threshold = self.threshold(candidates);
        let heat = |candidate: &Candidate<'_>| {
            Some(Heat {
                in_flight: candidate.load.in_flight?,
                border: HOT * threshold? + 1.0,
            })
        };
        let is_hot = |candidate: &Candidate<'_>| heat(candidate).is_some_and(Heat::is_hot);
        let usual = Self::usual(candidates, is_hot);
        // Of the cold ones: the ratio that the level is corrected by, and why not by more.
        let cold = |candidate: &Candidate<'_>| {
            let latency = candidate.load.latency? + NEGLIGIBLE;
            let ratio = usual / latency;
            if ratio.ln().abs() < self.dead_band {
                return Some((1.0, 1.0));
            }
            let base = candidate.base_latency.unwrap_or(latency) + NEGLIGIBLE;
            let part_of = |latency: f64| (base / latency).clamp(LEAST_PART, 1.0);
            let mut part = part_of(latency);
            if ratio > 1.0 {
                part *= heat(candidate).map_or(1.0, Heat::room);
            } else if ratio.ln() < -1.0 {
                // Where ln(t / T) / t is greatest, the correction is, too.
                part = part.max(part_of(usual * E) / -ratio.ln());
            }
            Some((ratio.powf(self.gain * part), part))
        };
        let least = candidates
            .iter()
            .filter(|candidate| !is_hot(candidate))
            .filter_map(|candidate| Some(cold(candidate)?.0))
            .fold(1.0, f64::min);
        candidates
            .iter()
            .map(|candidate| {
                let level = candidate.level;
                let heat = heat(candidate);
                if let Some(hot) = heat.filter(|heat| heat.is_hot()) {
                    return Advice::Level(
                        level * least.powf(hot.rank()) * hot.border / hot.in_flight,
                        Terms::new([
                            ("w", level),
                            ("rif", hot.in_flight),
                            ("R", hot.border),
                            ("least", least),
                            ("rank", hot.rank()),
                        ]),
                    );
                }
                let (Some(latency), Some((ratio, part))) =
                    (candidate.load.latency, cold(candidate))
                else {
                    return without(candidate, "no latency is reported");
                };
                let terms = [
                    ("w", level),
                    ("t", latency),
                    ("T", (usual - NEGLIGIBLE).max(0.0)),
                    ("part", part),
                ];
                let terms = match heat {
                    Some(heat) => {
                        let [w, t, usual, part] = terms;
                        let rif = ("rif", heat.in_flight);
                        Terms::new([w, t, usual, part, rif, ("R", heat.border)])
                    }
                    None => Terms::new(terms),
                };
                Advice::Level(level * ratio, terms)
            })
            .collect()
    }
}

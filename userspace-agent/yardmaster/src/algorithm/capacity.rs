// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `capacity`: requests per second over utilisation.

use super::{without, Advice, Algorithm, Candidate, Terms};

/// No utilisation counts as less, so that a rounding to zero is no boundless capacity.
const LEAST: f64 = 0.01;

/// The algorithm `capacity`.
///
/// What a server could serve if it were wholly utilised, as clients of ORCA weigh
/// (gRFC A58, `weighted_round_robin`): a server that fails requests quickly is not
/// taken to be fast, since errors count as utilisation. Requests and utilisation are
/// of the same time, so however late a report is it does not mislead.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// How much utilisation a server that fails all requests is taken to have more.
    pub error_penalty: f64,
}

impl Algorithm for Capacity {
    fn name(&self) -> String {
        "capacity".into()
    }

    fn formula(&self) -> String {
        format!(
            "level ~ rps / (u + {} * eps / rps)",
            self.error_penalty.max(0.0)
        )
    }

    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice> {
        candidates
            .iter()
            .map(|candidate| {
                let load = candidate.load;
                let Some(utilisation) = load.utilisation else {
                    return without(candidate, "no utilisation is reported");
                };
                let Some(requests) = load.requests else {
                    return without(candidate, "no requests per second are reported");
                };
                if requests <= 0.0 {
                    return without(candidate, "it has no requests to be measured by");
                }
                let errors = load.errors.unwrap_or(0.0).min(requests);
                let burden = utilisation + self.error_penalty * errors / requests;
                Advice::Level(
                    requests / burden.max(LEAST),
                    Terms::new([("rps", requests), ("u", utilisation), ("eps", errors)]),
                )
            })
            .collect()
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `static`: the configured weights, and of them what a server asks for.

use super::{without, Advice, Algorithm, Candidate};

/// The algorithm `static`.
///
/// Load does not matter. An agent that speaks HAProxy's protocol (or an operator
/// through it) may ask for a share of the configured weight, as there.
#[derive(Clone, Copy, Debug)]
pub struct Fixed;

impl Algorithm for Fixed {
    fn name(&self) -> String {
        "static".into()
    }

    fn formula(&self) -> String {
        "level = configured * wanted".into()
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice> {
        candidates
            .iter()
            .map(|candidate| without(candidate, ""))
            .collect()
    }
}

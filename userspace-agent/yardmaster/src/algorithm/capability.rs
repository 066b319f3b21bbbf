// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `capability`: only servers that have what the service wants.

use super::{Advice, Algorithm, Candidate};

/// The algorithm `capability`: leaves to another algorithm those servers that have all
/// labels wanted, and excludes the others. It is had by writing what a service `wants`.
#[derive(Debug)]
pub struct Capability {
    /// The labels wanted.
    pub wants: Vec<String>,
    /// Distributes among those who have them.
    pub inner: Box<dyn Algorithm>,
}

impl Algorithm for Capability {
    fn name(&self) -> String {
        format!("capability({}) {}", self.wants.join(","), self.inner.name())
    }

    fn formula(&self) -> String {
        format!(
            "no level without {}; {}",
            self.wants.join(" and "),
            self.inner.formula()
        )
    }

    fn is_immediate(&self) -> bool {
        self.inner.is_immediate()
    }

    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice> {
        let capable: Vec<Candidate<'_>> = candidates
            .iter()
            .filter(|c| c.capable == Some(true))
            .copied()
            .collect();
        let mut inner = self.inner.advise(&capable).into_iter();
        candidates
            .iter()
            .map(|candidate| match candidate.capable {
                Some(true) => inner
                    .next()
                    .unwrap_or(Advice::Configured(1.0, "the algorithm says nothing")),
                Some(false) => Advice::Exclude("it lacks a label that the service wants"),
                None => Advice::Exclude("its labels are not known yet"),
            })
            .collect()
    }
}

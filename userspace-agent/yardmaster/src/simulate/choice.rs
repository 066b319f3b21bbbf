// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Which server gets a connection: the kernel module's own schedulers, compiled from
//! the same source.

use switchyard_core::core::address::{IpAddress, Ipv4Address};
use switchyard_core::core::scheduler::candidate::Candidate;
use switchyard_core::core::scheduler::{Arrival, Loads, Scheduler as Kernel};
use switchyard_core::core::tuple::Endpoint;
use switchyard_netlink::Scheduler;

/// A filled table of a service.
#[derive(Debug)]
pub struct Choice {
    scheduler: Kernel,
    table: Vec<u16>,
    /// Connections before.
    turn: u32,
    weights: Vec<u32>,
}

/// What the switch knows of the servers.
struct Known<'a, F> {
    weights: &'a [u32],
    active: F,
}

impl<F: Fn(usize) -> usize> Loads for Known<'_, F> {
    fn active(&self, index: u16) -> u32 {
        u32::try_from((self.active)(usize::from(index))).unwrap_or(u32::MAX)
    }

    fn inactive(&self, _index: u16) -> u32 {
        0
    }

    fn weight(&self, index: u16) -> u32 {
        let weight = self.weights.get(usize::from(index));
        weight.copied().unwrap_or(1)
    }

    fn takes(&self, _index: u16) -> bool {
        true
    }
}

impl Choice {
    /// A service without destinations.
    #[must_use]
    pub fn new(scheduler: Scheduler) -> Self {
        Self {
            scheduler: Kernel::from_value(scheduler.value()).unwrap_or(Kernel::Maglev),
            table: Vec::new(),
            turn: 0,
            weights: Vec::new(),
        }
    }

    /// Makes the table anew. Without any weight there is nothing to choose from.
    pub fn fill(&mut self, weights: &[u32]) {
        self.weights = weights.to_vec();
        let mut candidates: Vec<Candidate> = weights
            .iter()
            .zip(0_u16..)
            .filter(|(weight, _)| **weight > 0)
            .map(|(&weight, index)| {
                let [high, low] = index.to_be_bytes();
                let address = IpAddress::V4(Ipv4Address::from_octets([10, 0, high, low]));
                Candidate::new(index, Endpoint::new(address, 80), weight)
            })
            .collect();
        let length = self.scheduler.table_len(&candidates);
        self.table
            .resize(usize::try_from(length).unwrap_or_default(), u16::MAX);
        if self
            .scheduler
            .fill(&mut self.table, &mut candidates)
            .is_err()
        {
            self.table.clear();
        }
    }

    /// Chooses for a connection whose 5-tuple hashes to `hash`, where `active` tells how
    /// many connections a server has.
    pub fn select(&mut self, hash: u32, active: impl Fn(usize) -> usize) -> Option<usize> {
        let known = Known {
            weights: &self.weights,
            active,
        };
        let arrival = Arrival {
            hash,
            turn: self.turn,
        };
        let chosen = self.scheduler.select(&self.table, &known, arrival)?;
        self.turn = self.turn.wrapping_add(1);
        Some(usize::from(chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_weights() {
        for scheduler in [Scheduler::Maglev, Scheduler::Wrr] {
            let mut choice = Choice::new(scheduler);
            choice.fill(&[1000, 3000, 0]);
            let mut counts = [0_u32; 3];
            for i in 0..40_000_u32 {
                // Evenly spread hashes.
                counts[choice.select(i.wrapping_mul(107_374), |_| 0).unwrap()] += 1;
            }
            assert!(
                counts[0].abs_diff(10_000) < 150 && counts[2] == 0,
                "{counts:?}"
            );
            choice.fill(&[0, 0]);
            assert_eq!(choice.select(0, |_| 0), None);
        }
    }

    #[test]
    fn some_go_by_what_the_switch_knows() {
        let mut choice = Choice::new(Scheduler::Wlc);
        choice.fill(&[1, 1, 1]);
        let active = [5, 2, 9];
        assert_eq!(choice.select(0, |i| active[i]), Some(1));
    }
}

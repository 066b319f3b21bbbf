// SPDX-License-Identifier: GPL-2.0 OR MIT

//! All services: one round for everything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use switchyard_netlink::ServiceKey;
use switchyard_report::{Inventory, Standing, TargetKey, Timestamp};

use crate::{Balance, Decision, ServicePlan};

/// A weight that the kernel should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightChange {
    /// The service.
    pub service: ServiceKey,
    /// The destination.
    pub endpoint: SocketAddr,
    /// Its new weight.
    pub weight: u32,
}

/// What the kernel has: the weight of each destination of each service.
pub type KernelWeights = BTreeMap<ServiceKey, BTreeMap<SocketAddr, u32>>;

/// All services whose weights are made here.
#[derive(Debug, Default)]
pub struct Master {
    services: BTreeMap<ServiceKey, Named>,
}

#[derive(Debug)]
struct Named {
    /// The service as the inventory names it.
    name: Arc<str>,
    balance: Balance,
}

impl Master {
    /// A master of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the operator wants from now on. What is known of destinations that
    /// stay is kept. A new service begins with the weights that the kernel has.
    pub fn plan(&mut self, plans: Vec<ServicePlan>, kernel: &KernelWeights, now: Timestamp) {
        let mut old = std::mem::take(&mut self.services);
        let nothing = BTreeMap::new();
        for plan in plans {
            let key = plan.key;
            let kernel = kernel.get(&key).unwrap_or(&nothing);
            let named = if let Some(mut named) = old.remove(&key) {
                if !named.balance.follows(&plan) {
                    named.balance.replan(plan, now);
                    named.balance.written_all(kernel);
                }
                named
            } else {
                let mut balance = Balance::new(plan, now);
                balance.adopt(kernel);
                Named {
                    name: key.to_string().into(),
                    balance,
                }
            };
            self.services.insert(key, named);
        }
    }

    /// Takes note of everything that the kernel has.
    pub fn written_all(&mut self, kernel: &KernelWeights) {
        let nothing = BTreeMap::new();
        for (key, named) in &mut self.services {
            named
                .balance
                .written_all(kernel.get(key).unwrap_or(&nothing));
        }
    }

    /// Takes note of one weight that the kernel has, or of a destination that it has no
    /// more.
    pub fn written(&mut self, service: &ServiceKey, endpoint: SocketAddr, weight: Option<u32>) {
        if let Some(named) = self.services.get_mut(service) {
            named.balance.written(endpoint, weight);
        }
    }

    /// Whether the kernel is known to have this weight; `None` if it is no destination
    /// of ours.
    #[must_use]
    pub fn is_written(&self, change: &WeightChange) -> Option<bool> {
        let balance = &self.services.get(&change.service)?.balance;
        Some(balance.known_weight(change.endpoint)? == Some(change.weight))
    }

    /// Decides anew for all services, and gives what the kernel should change. The same
    /// changes come again until they are said to be [written](Self::written).
    pub fn round(&mut self, inventory: &Inventory, now: Timestamp) -> Vec<WeightChange> {
        let mut changes = Vec::new();
        for (&service, named) in &mut self.services {
            let standing = |destination| -> Option<&Arc<Standing>> {
                inventory.get(&TargetKey {
                    service: Arc::clone(&named.name),
                    destination,
                })
            };
            named.balance.round(now, standing);
            changes.extend(
                named
                    .balance
                    .changes()
                    .map(|(endpoint, weight)| WeightChange {
                        service,
                        endpoint,
                        weight,
                    }),
            );
        }
        changes
    }

    /// The services.
    pub fn services(&self) -> impl Iterator<Item = (&ServiceKey, &Balance)> {
        self.services
            .iter()
            .map(|(key, named)| (key, &named.balance))
    }

    /// The last decision for a service.
    #[must_use]
    pub fn decision(&self, service: &ServiceKey) -> Option<Decision> {
        self.services
            .get(service)
            .map(|named| named.balance.decision())
    }
}

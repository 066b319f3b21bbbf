// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the file says, understood.

use std::net::IpAddr;

use switchyard_netlink::{
    ConnectionState, Destination, DestinationKey, DestinationState, Encapsulation, Fallback,
    Forwarding, Policy as PollPolicy, Scheduler, Service, ServiceKey, StateTimeout, SwitchSettings,
};

use crate::file::MasterSettings;
use crate::values::DeviceAddress;
use crate::{CheckSpec, Policy, SourceSpec};

/// The UDP port of GUE unless another is given.
const GUE_PORT: u16 = 6080;
/// Microseconds without a packet, unless told.
const IDLE_TIMEOUT: u32 = 10_000;

/// A whole file. What it does not mention is `None`, and is left alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// yardmaster's own settings.
    pub master: MasterSettings,
    /// Limits and timeouts of the switch; each one that is not given is left alone.
    pub switch: Option<SwitchSettings>,
    /// The addresses of `yard0`.
    pub addresses: Option<Vec<DeviceAddress>>,
    /// The claimed devices.
    pub claims: Option<Vec<ClaimConfig>>,
    /// The services.
    pub services: Option<Vec<ServiceConfig>>,
}

/// A device to claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimConfig {
    /// Its name.
    pub device: String,
    /// Its receive queues; `None` for all.
    pub queues: Option<Vec<u32>>,
    /// The switching CPUs that they go round.
    pub cpus: Vec<u32>,
    /// How they are attended to.
    pub policy: PollPolicy,
    /// Microseconds until the adaptive policy returns a queue.
    pub idle_timeout: u32,
    /// Where in the file it is, in bytes.
    pub at: usize,
}

impl ClaimConfig {
    /// A claim of all queues, with what is the default for these CPUs.
    #[must_use]
    pub fn new(device: String, cpus: Vec<u32>) -> Self {
        Self {
            device,
            queues: None,
            policy: if cpus.is_empty() {
                PollPolicy::Interrupt
            } else {
                PollPolicy::Adaptive
            },
            cpus,
            idle_timeout: IDLE_TIMEOUT,
            at: 0,
        }
    }
}

/// A service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceConfig {
    /// Which.
    pub key: ServiceKey,
    /// What the kernel is told of it.
    pub values: ServiceValues,
    /// How yardmaster makes its weights, if it is told to.
    pub policy: Option<Policy>,
    /// Where reports come from, of destinations that have no source of their own.
    pub source: Option<SourceSpec>,
    /// What is checked of destinations that have no checks of their own.
    pub checks: Vec<CheckSpec>,
    /// Its destinations.
    pub destinations: Vec<DestinationConfig>,
    /// Where in the file it is, in bytes.
    pub at: usize,
}

impl ServiceConfig {
    /// A service with the defaults, and without destinations.
    #[must_use]
    pub fn new(key: ServiceKey) -> Self {
        Self {
            key,
            values: ServiceValues::default(),
            policy: None,
            source: None,
            checks: Vec::new(),
            destinations: Vec::new(),
            at: 0,
        }
    }

    /// Whether yardmaster makes the weights: the file has a policy, a source or a check.
    #[must_use]
    pub fn has_master(&self) -> bool {
        let own = |destination: &DestinationConfig| {
            destination.source.is_some()
                || destination
                    .checks
                    .as_ref()
                    .is_some_and(|checks| !checks.is_empty())
        };
        self.policy.is_some()
            || self.source.is_some()
            || !self.checks.is_empty()
            || self.destinations.iter().any(own)
    }
}

/// What the kernel is told of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceValues {
    /// How destinations are chosen.
    pub scheduler: Scheduler,
    /// Seconds until an idle connection is forgotten; 0 for the switch's timeouts.
    pub timeout: u32,
    /// Whether every UDP packet is scheduled by itself.
    pub one_packet: bool,
    /// Whether both ends get a reset when a TCP connection expires.
    pub reset_at_expiry: bool,
    /// Who takes what no destination can.
    pub fallback: Fallback,
    /// Seconds for which a client keeps its destination; 0 for none.
    pub affinity: u32,
    /// How many leading bits of an IPv4 address make one client.
    pub affinity_prefix4: u8,
    /// How many leading bits of an IPv6 address make one client.
    pub affinity_prefix6: u8,
}

impl Default for ServiceValues {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::Maglev,
            timeout: 0,
            one_packet: false,
            reset_at_expiry: false,
            fallback: Fallback::None,
            affinity: 0,
            affinity_prefix4: 32,
            affinity_prefix6: 128,
        }
    }
}

impl From<&Service> for ServiceValues {
    fn from(service: &Service) -> Self {
        Self {
            scheduler: service.scheduler,
            timeout: service.timeout,
            one_packet: service.one_packet,
            reset_at_expiry: service.reset_at_expiry,
            fallback: service.fallback,
            affinity: service.affinity,
            affinity_prefix4: service.affinity_prefix4,
            affinity_prefix6: service.affinity_prefix6,
        }
    }
}

/// A destination.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationConfig {
    /// Which: its port is given, 0 for the one that a packet has.
    pub key: DestinationKey,
    /// What the kernel is told of it.
    pub values: DestinationValues,
    /// What it can do, besides what its agent says.
    pub labels: Vec<String>,
    /// Where its reports come from, if not from where its service's do.
    pub source: Option<Box<SourceSpec>>,
    /// What is checked of it, if not what its service says.
    pub checks: Option<Vec<CheckSpec>>,
    /// Where in the file it is, in bytes.
    pub at: usize,
}

impl DestinationConfig {
    /// A destination with the defaults. A port that is left to the service is filled in.
    #[must_use]
    pub fn new(key: DestinationKey) -> Self {
        Self {
            key: with_port(key),
            values: DestinationValues::default(),
            labels: Vec::new(),
            source: None,
            checks: None,
            at: 0,
        }
    }

    /// Address and port as the file has them.
    #[must_use]
    pub fn name(&self) -> String {
        Destination {
            forwarding: self.values.forwarding,
            ..Destination::new(
                self.key.service,
                self.key.address,
                self.key.port.unwrap_or(0),
            )
        }
        .name()
    }
}

/// The key with its port: the service's, or that of each packet where it has many.
pub(crate) fn with_port(key: DestinationKey) -> DestinationKey {
    let one = key.service.last_port.is_none();
    DestinationKey {
        port: Some(key.port.unwrap_or(if one { key.service.port } else { 0 })),
        ..key
    }
}

/// What the kernel is told of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationValues {
    /// Share of new connections.
    pub weight: u32,
    /// How packets get there.
    pub forwarding: Forwarding,
    /// What tunnelled ones travel in; `None` but for tunnels.
    pub encapsulation: Option<Encapsulation>,
    /// The port of GUE; `None` but for GUE.
    pub encapsulation_port: Option<u16>,
    /// What it is given.
    pub state: DestinationState,
    /// Seconds that draining may take; 0 for as long as it takes.
    pub drain_deadline: u32,
    /// How many connections it may have; 0 for no limit.
    pub upper_limit: u32,
    /// Below how many it takes new ones again.
    pub lower_limit: u32,
}

impl Default for DestinationValues {
    fn default() -> Self {
        Self {
            weight: 1,
            forwarding: Forwarding::Nat,
            encapsulation: None,
            encapsulation_port: None,
            state: DestinationState::Active,
            drain_deadline: 0,
            upper_limit: 0,
            lower_limit: 0,
        }
    }
}

impl From<&Destination> for DestinationValues {
    fn from(destination: &Destination) -> Self {
        Self {
            weight: destination.weight,
            forwarding: destination.forwarding,
            encapsulation: destination.encapsulation,
            encapsulation_port: destination.encapsulation_port,
            state: destination.state,
            drain_deadline: destination.drain_deadline,
            upper_limit: destination.upper_limit,
            lower_limit: destination.lower_limit,
        }
    }
}

impl DestinationValues {
    /// Fills in what follows from the forwarding method; says what contradicts it.
    pub fn settle(&mut self) -> Result<(), String> {
        if self.forwarding == Forwarding::Tunnel {
            let encapsulation = *self.encapsulation.get_or_insert(Encapsulation::Ip);
            if encapsulation == Encapsulation::Gue {
                self.encapsulation_port.get_or_insert(GUE_PORT);
            } else if self.encapsulation_port.is_some() {
                return Err("encapsulation-port is for encapsulation = \"gue\"".into());
            }
        } else if self.encapsulation.is_some() || self.encapsulation_port.is_some() {
            return Err("an encapsulation is for forwarding = \"tunnel\"".into());
        }
        if self.drain_deadline > 0 && self.state != DestinationState::Draining {
            return Err("drain-deadline is for state = \"draining\"".into());
        }
        if self.lower_limit > self.upper_limit {
            return Err(format!(
                "lower-limit = {} is above upper-limit = {}",
                self.lower_limit, self.upper_limit
            ));
        }
        Ok(())
    }
}

/// Why packets for the service cannot be taken there in this way, if they cannot.
pub(crate) fn unsuited(key: &DestinationKey, values: &DestinationValues) -> Option<&'static str> {
    let service = &key.service;
    let mixed = service.address.is_ipv4() != key.address.is_ipv4();
    if mixed && matches!(values.forwarding, Forwarding::Nat | Forwarding::Direct) {
        return Some(
            "only a tunnel leads to an address of the other family: forwarding = \"tunnel\"",
        );
    }
    let same_address = contains(service, key.address);
    let comes_back = match values.forwarding {
        Forwarding::Nat => same_address && has_port(service, key.port.unwrap_or(0)),
        Forwarding::Direct | Forwarding::Tunnel => same_address,
        _ => false,
    };
    comes_back.then_some("a service cannot be its own destination: for this machine's sockets write address = \"local\"")
}

fn contains(service: &ServiceKey, address: IpAddr) -> bool {
    match (service.address, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let length = u32::from(service.prefix_length.unwrap_or(32));
            let differ = first.to_bits() ^ address.to_bits();
            differ
                .checked_shr(32_u32.saturating_sub(length))
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let length = u32::from(service.prefix_length.unwrap_or(128));
            let differ = first.to_bits() ^ address.to_bits();
            differ
                .checked_shr(128_u32.saturating_sub(length))
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

fn has_port(service: &ServiceKey, port: u16) -> bool {
    let (first, last) = (service.port, service.last_port.unwrap_or(service.port));
    port == 0 || first == 0 || (first..=last).contains(&port)
}

/// Timeouts in the order of the states.
pub(crate) fn timeouts(list: &[(ConnectionState, Option<u32>)]) -> Vec<StateTimeout> {
    list.iter()
        .filter_map(|(state, milliseconds)| {
            Some(StateTimeout {
                state: *state,
                milliseconds: (*milliseconds)?,
            })
        })
        .collect()
}

impl Config {
    /// How many destinations there are in all.
    #[must_use]
    pub fn destination_count(&self) -> usize {
        let services = self.services.iter().flatten();
        services.map(|service| service.destinations.len()).sum()
    }
}

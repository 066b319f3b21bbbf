// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From what runs to what the file says: which steps there are to make.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use switchyard_netlink::{
    Change, Claim, ClaimRequest, Destination, DestinationKey, DestinationSettings, Device,
    Encapsulation, Forwarding, Policy, Service, ServiceKey, ServiceSettings, Switch,
    SwitchSettings,
};

use crate::config::with_port;
use crate::values::DeviceAddress;
use crate::{
    ClaimConfig, Config, DestinationConfig, DestinationValues, ServiceConfig, ServiceValues,
};

/// What runs.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// The switch.
    pub switch: Switch,
    /// The addresses of `yard0`, but for those that the kernel makes by itself.
    pub addresses: Vec<DeviceAddress>,
    /// The claimed queues.
    pub claims: Vec<Claim>,
    /// How many receive queues each claimed device has, as far as that is known.
    pub queues: HashMap<String, usize>,
    /// The services.
    pub services: Vec<Service>,
    /// Their destinations.
    pub destinations: Vec<Destination>,
}

/// One step, and where in the file it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Bytes from the beginning of the file; `None` for what is not in it.
    pub at: Option<usize>,
    /// In words, but for what comes: that is told by the action, if anybody asks. A whole
    /// configuration has a hundred thousand such steps.
    words: String,
}

/// What is done in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Sets limits and timeouts.
    Set(SwitchSettings),
    /// Gives `yard0` an address.
    AddAddress(DeviceAddress),
    /// Takes one away.
    RemoveAddress(DeviceAddress),
    /// Claims a device, having released it if it is claimed already.
    Claim(ClaimRequest),
    /// Releases a device.
    Release(String),
    /// Changes services and destinations: all such steps are one transaction.
    Change(Change),
}

/// In words, behind a sign: `+` for what comes, `-` for what goes, `~` for what changes.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Change(Change::AddService(settings)) => {
                write!(f, "+ service {}", settings.key)?;
                given(f, "scheduler", settings.scheduler)?;
                given(f, "timeout", settings.timeout)?;
                given(f, "one-packet", settings.one_packet)?;
                given(f, "reset-at-expiry", settings.reset_at_expiry)?;
                given(f, "fallback", settings.fallback)?;
                given(f, "affinity", settings.affinity)?;
                given(f, "affinity-prefix4", settings.affinity_prefix4)?;
                given(f, "affinity-prefix6", settings.affinity_prefix6)
            }
            Action::Change(Change::AddDestination(settings)) => {
                let DestinationKey {
                    service,
                    address,
                    port,
                } = settings.key;
                let destination = Destination {
                    forwarding: settings.forwarding.unwrap_or(Forwarding::Nat),
                    ..Destination::new(service, address, port.unwrap_or(0))
                };
                write!(f, "+ destination {service} {}", destination.name())?;
                given(f, "weight", settings.weight)?;
                given(f, "forwarding", settings.forwarding)?;
                given(f, "encapsulation", settings.encapsulation)?;
                given(f, "encapsulation-port", settings.encapsulation_port)?;
                given(f, "state", settings.state)?;
                given(f, "drain-deadline", settings.drain_deadline)?;
                given(f, "upper-limit", settings.upper_limit)?;
                given(f, "lower-limit", settings.lower_limit)
            }
            _ => f.write_str(&self.words),
        }
    }
}

fn given(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {name}={value}"),
        None => Ok(()),
    }
}

/// What is to be done, in this order; nothing if all is as the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// What to do so that all is as `config` says.
    ///
    /// Weights that yardmaster makes are left to it where the destination is there, unless
    /// `with_weights`.
    #[must_use]
    pub fn new(config: &Config, running: &Running, with_weights: bool) -> Self {
        let mut plan = Self::default();
        if let Some(settings) = &config.switch {
            plan.switch(settings, &running.switch);
        }
        if let Some(addresses) = &config.addresses {
            plan.addresses(addresses, &running.addresses);
        }
        if let Some(claims) = &config.claims {
            plan.claims(claims, running);
        }
        if let Some(services) = &config.services {
            plan.services(services, running, with_weights);
        }
        // What can be undone comes before the transaction, which may be refused, and what
        // takes something away after it. The sort is stable.
        plan.steps.sort_by_key(|step| match step.action {
            Action::Set(_) | Action::AddAddress(_) => 0,
            Action::Claim(_) => 1,
            Action::Change(_) => 2,
            Action::Release(_) | Action::RemoveAddress(_) => 3,
        });
        plan
    }

    /// The changes of services and destinations.
    pub fn changes(&self) -> impl Iterator<Item = &Change> + Clone {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Change(change) => Some(change),
            _ => None,
        })
    }

    fn step(&mut self, action: Action, at: Option<usize>, words: String) {
        self.steps.push(Step { action, at, words });
    }

    fn switch(&mut self, wanted: &SwitchSettings, running: &Switch) {
        let mut set = SwitchSettings::default();
        let mut words = Differences::of(true);
        if let Some(limit) = wanted.connection_limit {
            // The kernel rounds up to whole chunks.
            let rounded = limit.next_multiple_of(CHUNK);
            if running.connection_limit != rounded && running.connection_limit != limit {
                words.add("connection-limit", running.connection_limit, limit);
                set.connection_limit = Some(limit);
            }
        }
        set.half_open_limit = words.differing(
            "half-open-limit",
            running.half_open_limit,
            wanted.half_open_limit,
        );
        set.fragment_memory_limit = words.differing(
            "fragment-memory",
            running.fragment_memory_limit,
            wanted.fragment_memory_limit,
        );
        set.fragment_timeout = words.differing(
            "fragment-timeout",
            running.fragment_timeout,
            wanted.fragment_timeout,
        );
        for timeout in &wanted.timeouts {
            let now = running
                .timeouts
                .iter()
                .find(|now| now.state == timeout.state);
            let now = now.map_or(0, |now| now.milliseconds);
            if now != timeout.milliseconds {
                let name = format!("timeout.{}", timeout.state);
                words.add(
                    &name,
                    format!("{now}ms"),
                    format!("{}ms", timeout.milliseconds),
                );
                set.timeouts.push(*timeout);
            }
        }
        if set != SwitchSettings::default() {
            self.step(Action::Set(set), None, format!("~ switch{words}"));
        }
    }

    fn addresses(&mut self, wanted: &[DeviceAddress], running: &[DeviceAddress]) {
        for address in wanted {
            if !running.contains(address) {
                let words = format!("+ address {address}");
                self.step(Action::AddAddress(*address), None, words);
            }
        }
        for address in running {
            if !wanted.contains(address) {
                let words = format!("- address {address}");
                self.step(Action::RemoveAddress(*address), None, words);
            }
        }
    }

    fn claims(&mut self, wanted: &[ClaimConfig], running: &Running) {
        let now = claims_of(&running.claims);
        for claim in wanted {
            let before = now.iter().find(|now| now.device == claim.device);
            let queues = running.queues.get(&claim.device).copied();
            if before.is_some_and(|before| is_same(claim, before, queues)) {
                continue;
            }
            let sign = if before.is_some() { '~' } else { '+' };
            let words = format!("{sign} claim {}", describe(claim));
            self.step(Action::Claim(request(claim)), Some(claim.at), words);
        }
        for claim in &now {
            if !wanted.iter().any(|wanted| wanted.device == claim.device) {
                let words = format!("- claim {}", claim.device);
                self.step(Action::Release(claim.device.clone()), None, words);
            }
        }
    }

    fn services(&mut self, wanted: &[ServiceConfig], running: &Running, with_weights: bool) {
        let services: HashMap<ServiceKey, &Service> = running
            .services
            .iter()
            .map(|service| (service.key, service))
            .collect();
        let mut destinations: HashMap<DestinationKey, &Destination> =
            HashMap::with_capacity(running.destinations.len());
        for destination in &running.destinations {
            destinations.insert(key_of(destination), destination);
        }
        self.removals(wanted, running);
        for service in wanted {
            let before = services.get(&service.key);
            self.service(service, before.copied());
            let keeps_weights = service.has_master() && !with_weights;
            for destination in &service.destinations {
                let before = destinations.get(&destination.key).copied();
                self.destination(destination, before, keeps_weights);
            }
        }
    }

    /// First of all, so that what comes finds room: ranges of ports, for one.
    fn removals(&mut self, wanted: &[ServiceConfig], running: &Running) {
        if running.services.is_empty() {
            return;
        }
        let mut stay = HashSet::with_capacity(running.destinations.len());
        let mut services = HashSet::with_capacity(wanted.len());
        for service in wanted {
            services.insert(service.key);
            stay.extend(
                service
                    .destinations
                    .iter()
                    .map(|destination| destination.key),
            );
        }
        for service in &running.services {
            if !services.contains(&service.key) {
                let words = format!("- service {}", service.key);
                self.step(
                    Action::Change(Change::DeleteService(service.key)),
                    None,
                    words,
                );
            }
        }
        for destination in &running.destinations {
            let key = key_of(destination);
            if services.contains(&key.service) && !stay.contains(&key) {
                let words = format!("- destination {} {}", key.service, destination.name());
                self.step(Action::Change(Change::DeleteDestination(key)), None, words);
            }
        }
    }

    fn service(&mut self, wanted: &ServiceConfig, before: Option<&Service>) {
        let old = before.map_or_else(ServiceValues::default, ServiceValues::from);
        let mut words = Differences::of(before.is_some());
        let settings = service_settings(wanted.key, &old, &wanted.values, &mut words);
        if before.is_none() {
            let change = Change::AddService(settings);
            self.step(Action::Change(change), Some(wanted.at), String::new());
        } else if !words.is_empty() {
            let change = Change::SetService(settings);
            let words = format!("~ service {}{words}", wanted.key);
            self.step(Action::Change(change), Some(wanted.at), words);
        }
    }

    fn destination(
        &mut self,
        wanted: &DestinationConfig,
        before: Option<&Destination>,
        keeps_weight: bool,
    ) {
        let old = before.map_or_else(DestinationValues::default, DestinationValues::from);
        let mut values = wanted.values;
        if keeps_weight && before.is_some() {
            values.weight = old.weight;
        }
        let mut words = Differences::of(before.is_some());
        let settings = destination_settings(wanted.key, &old, &values, &mut words);
        if before.is_none() {
            let change = Change::AddDestination(settings);
            self.step(Action::Change(change), Some(wanted.at), String::new());
        } else if !words.is_empty() {
            let change = Change::SetDestination(settings);
            let (service, name) = (wanted.key.service, wanted.name());
            let words = format!("~ destination {service} {name}{words}");
            self.step(Action::Change(change), Some(wanted.at), words);
        }
    }
}

/// Connections of one chunk of the kernel's tables.
const CHUNK: u64 = 8192;

fn key_of(destination: &Destination) -> DestinationKey {
    with_port(DestinationKey {
        service: destination.service,
        address: destination.address,
        port: Some(destination.port),
    })
}

/// What differs, in words, if it is to be told.
#[derive(Debug)]
struct Differences {
    words: String,
    are_told: bool,
}

impl Differences {
    const fn of(are_told: bool) -> Self {
        Self {
            words: String::new(),
            are_told,
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn add(&mut self, name: &str, old: impl fmt::Display, new: impl fmt::Display) {
        if self.are_told {
            let _ = write!(self.words, " {name}: {old} -> {new}");
        }
    }

    /// The new value, if it is another one.
    fn differing<T: Copy + PartialEq + fmt::Display>(
        &mut self,
        name: &str,
        old: T,
        new: Option<T>,
    ) -> Option<T> {
        let new = new.filter(|new| *new != old)?;
        self.add(name, old, new);
        Some(new)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

fn service_settings(
    key: ServiceKey,
    old: &ServiceValues,
    new: &ServiceValues,
    words: &mut Differences,
) -> ServiceSettings {
    ServiceSettings {
        scheduler: words.differing("scheduler", old.scheduler, Some(new.scheduler)),
        timeout: words.differing("timeout", old.timeout, Some(new.timeout)),
        one_packet: words.differing("one-packet", old.one_packet, Some(new.one_packet)),
        reset_at_expiry: words.differing(
            "reset-at-expiry",
            old.reset_at_expiry,
            Some(new.reset_at_expiry),
        ),
        fallback: words.differing("fallback", old.fallback, Some(new.fallback)),
        affinity: words.differing("affinity", old.affinity, Some(new.affinity)),
        affinity_prefix4: words.differing(
            "affinity-prefix4",
            old.affinity_prefix4,
            Some(new.affinity_prefix4),
        ),
        affinity_prefix6: words.differing(
            "affinity-prefix6",
            old.affinity_prefix6,
            Some(new.affinity_prefix6),
        ),
        ..ServiceSettings::new(key)
    }
}

fn destination_settings(
    key: DestinationKey,
    old: &DestinationValues,
    new: &DestinationValues,
    words: &mut Differences,
) -> DestinationSettings {
    let mut settings = DestinationSettings {
        weight: words.differing("weight", old.weight, Some(new.weight)),
        forwarding: words.differing("forwarding", old.forwarding, Some(new.forwarding)),
        state: words.differing("state", old.state, Some(new.state)),
        upper_limit: words.differing("upper-limit", old.upper_limit, Some(new.upper_limit)),
        lower_limit: words.differing("lower-limit", old.lower_limit, Some(new.lower_limit)),
        ..DestinationSettings::new(key)
    };
    // Without a tunnel there is no encapsulation to be told of.
    let encapsulation = new
        .encapsulation
        .filter(|new| Some(*new) != old.encapsulation);
    if let Some(encapsulation) = encapsulation {
        // A new tunnel is one of IP in IP, unless told.
        let before = old.encapsulation.unwrap_or(Encapsulation::Ip);
        settings.encapsulation = words.differing("encapsulation", before, Some(encapsulation));
    }
    if let Some(port) = new.encapsulation_port {
        if old.encapsulation_port != Some(port) {
            words.add(
                "encapsulation-port",
                old.encapsulation_port.unwrap_or(0),
                port,
            );
            settings.encapsulation = new.encapsulation;
            settings.encapsulation_port = Some(port);
        }
    }
    // Another state ends the old one's deadline; the same one given again would begin anew.
    let left = if settings.state.is_some() {
        0
    } else {
        old.drain_deadline
    };
    settings.drain_deadline = words.differing("drain-deadline", left, Some(new.drain_deadline));
    settings
}

/// Claims by device, as the file would have them.
pub(crate) fn claims_of(queues: &[Claim]) -> Vec<ClaimConfig> {
    let mut claims: Vec<ClaimConfig> = Vec::new();
    for queue in queues {
        let place = claims.iter().position(|claim| claim.device == queue.ifname);
        let place = place.unwrap_or_else(|| {
            claims.push(ClaimConfig {
                queues: Some(Vec::new()),
                policy: queue.policy.unwrap_or(Policy::Interrupt),
                idle_timeout: queue.idle_timeout.unwrap_or(0),
                ..ClaimConfig::new(queue.ifname.clone(), Vec::new())
            });
            claims.len() - 1
        });
        let Some(claim) = claims.get_mut(place) else {
            continue;
        };
        claim.queues.get_or_insert_default().extend(queue.queue);
        claim.cpus.extend(queue.cpu);
    }
    for claim in &mut claims {
        claim.cpus = shortest(&claim.cpus);
    }
    claims
}

/// The shortest list that goes round to make this one.
fn shortest(cpus: &[u32]) -> Vec<u32> {
    let goes_round = |length: usize| {
        let first = cpus.iter().take(length).cycle();
        cpus.iter().zip(first).all(|(one, other)| one == other)
    };
    let length = (1..=cpus.len())
        .find(|length| goes_round(*length))
        .unwrap_or(0);
    cpus.iter().take(length).copied().collect()
}

/// Whether queues are all that there are; if nobody knows how many, those from 0 on are.
pub(crate) fn are_all(queues: &[u32], count: Option<usize>) -> bool {
    let from_zero = queues.iter().zip(0..).all(|(queue, index)| *queue == index);
    from_zero && count.is_none_or(|count| count == queues.len())
}

/// Whether a claim is as wanted.
fn is_same(wanted: &ClaimConfig, before: &ClaimConfig, count: Option<usize>) -> bool {
    let claimed = before.queues.as_deref().unwrap_or_default();
    let same_queues = match &wanted.queues {
        Some(queues) => queues == claimed,
        None => are_all(claimed, count),
    };
    // CPUs beyond the number of queues have nothing to do.
    let cpus: Vec<u32> = wanted
        .cpus
        .iter()
        .copied()
        .cycle()
        .take(claimed.len())
        .collect();
    let is_adaptive = wanted.policy == Policy::Adaptive;
    same_queues
        && wanted.policy == before.policy
        && (!is_adaptive || wanted.idle_timeout == before.idle_timeout)
        && (wanted.cpus.is_empty() || shortest(&cpus) == before.cpus)
}

fn request(claim: &ClaimConfig) -> ClaimRequest {
    ClaimRequest {
        queues: claim.queues.clone().unwrap_or_default(),
        cpus: claim.cpus.clone(),
        policy: Some(claim.policy),
        idle_timeout: Some(claim.idle_timeout),
        ..ClaimRequest::new(Device::Name(claim.device.clone()))
    }
}

/// The request that makes a claim that there is.
#[must_use]
pub fn request_of(claims: &[Claim], device: &str) -> Option<ClaimRequest> {
    let claims = claims_of(claims);
    claims
        .iter()
        .find(|claim| claim.device == device)
        .map(request)
}

fn describe(claim: &ClaimConfig) -> String {
    let list = |numbers: &[u32]| {
        let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
        words.join(",")
    };
    let mut words = format!("{} policy={}", claim.device, claim.policy);
    if let Some(queues) = &claim.queues {
        let _ = write!(words, " queues={}", list(queues));
    }
    if !claim.cpus.is_empty() {
        let _ = write!(words, " cpus={}", list(&claim.cpus));
    }
    words
}

/// What undoes [`Action::Set`].
#[must_use]
pub fn undo_of(set: &SwitchSettings, before: &Switch) -> SwitchSettings {
    let timeouts = set.timeouts.iter().filter_map(|timeout| {
        let old = before
            .timeouts
            .iter()
            .find(|old| old.state == timeout.state)?;
        Some(*old)
    });
    SwitchSettings {
        connection_limit: set.connection_limit.map(|_| before.connection_limit),
        half_open_limit: set.half_open_limit.map(|_| before.half_open_limit),
        timeouts: timeouts.collect(),
        fragment_memory_limit: set
            .fragment_memory_limit
            .map(|_| before.fragment_memory_limit),
        fragment_timeout: set.fragment_timeout.map(|_| before.fragment_timeout),
    }
}

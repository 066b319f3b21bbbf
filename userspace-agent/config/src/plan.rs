// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From what runs to what the file says: which steps there are to make.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Serialize;
use switchyard_netlink::{
    Change, Claim, ClaimRequest, Destination, DestinationKey, DestinationSettings, Device,
    Encapsulation, Policy, Service, ServiceKey, ServiceSettings, Switch, SwitchSettings,
};

use crate::config::with_port;
use crate::step::{Action, Field, Fields, Step, Value};
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

/// What is to be done, in this order; nothing if all is as the file says.
/// It serializes as the list of its steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
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

    fn switch(&mut self, wanted: &SwitchSettings, running: &Switch) {
        let mut set = SwitchSettings::default();
        let mut fields = Differences::of(true);
        if let Some(limit) = wanted.connection_limit {
            // The kernel rounds up to whole chunks.
            let rounded = limit.next_multiple_of(CHUNK);
            if running.connection_limit != rounded && running.connection_limit != limit {
                fields.add("connection-limit", running.connection_limit, limit);
                set.connection_limit = Some(limit);
            }
        }
        set.half_open_limit = fields.differing(
            "half-open-limit",
            running.half_open_limit,
            wanted.half_open_limit,
        );
        set.fragment_memory_limit = fields.differing(
            "fragment-memory",
            running.fragment_memory_limit,
            wanted.fragment_memory_limit,
        );
        set.fragment_timeout = fields.differing(
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
                let (now, then) = (now, timeout.milliseconds);
                fields.add(name, Value::Milliseconds(now), Value::Milliseconds(then));
                set.timeouts.push(*timeout);
            }
        }
        if set != SwitchSettings::default() {
            let step = Step::change(Action::Set(set), None, fields.end());
            self.steps.push(step);
        }
    }

    fn addresses(&mut self, wanted: &[DeviceAddress], running: &[DeviceAddress]) {
        for address in wanted {
            if !running.contains(address) {
                let action = Action::AddAddress(*address);
                self.steps.push(Step::add(action, None));
            }
        }
        for address in running {
            if !wanted.contains(address) {
                let action = Action::RemoveAddress(*address);
                self.steps.push(Step::remove(action));
            }
        }
    }

    fn claims(&mut self, wanted: &[ClaimConfig], running: &Running) {
        let now = claims_of(&running.claims);
        for claim in wanted {
            let before = now.iter().find(|now| now.device == claim.device);
            let queues = running.queues.get(&claim.device).copied();
            let (action, at) = (Action::Claim(request(claim)), Some(claim.at));
            let step = match before {
                None => Step::add(action, at),
                Some(before) => {
                    let fields = claim_differences(claim, before, queues);
                    if fields.is_empty() {
                        continue;
                    }
                    Step::change(action, at, fields)
                }
            };
            self.steps.push(step);
        }
        for claim in &now {
            if !wanted.iter().any(|wanted| wanted.device == claim.device) {
                let action = Action::Release(claim.device.clone());
                self.steps.push(Step::remove(action));
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
                let action = Action::Change(Change::DeleteService(service.key));
                self.steps.push(Step::remove(action));
            }
        }
        for destination in &running.destinations {
            let key = key_of(destination);
            if services.contains(&key.service) && !stay.contains(&key) {
                let action = Action::Change(Change::DeleteDestination(key));
                let step = Step::remove(action).named(destination.name());
                self.steps.push(step);
            }
        }
    }

    fn service(&mut self, wanted: &ServiceConfig, before: Option<&Service>) {
        let old = before.map_or_else(ServiceValues::default, ServiceValues::from);
        let mut fields = Differences::of(before.is_some());
        let settings = service_settings(wanted.key, &old, &wanted.values, &mut fields);
        if before.is_none() {
            let action = Action::Change(Change::AddService(settings));
            self.steps.push(Step::add(action, Some(wanted.at)));
        } else if !fields.is_empty() {
            let action = Action::Change(Change::SetService(settings));
            let step = Step::change(action, Some(wanted.at), fields.end());
            self.steps.push(step);
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
        let mut fields = Differences::of(before.is_some());
        let settings = destination_settings(wanted.key, &old, &values, &mut fields);
        if before.is_none() {
            let action = Action::Change(Change::AddDestination(settings));
            self.steps.push(Step::add(action, Some(wanted.at)));
        } else if !fields.is_empty() {
            let action = Action::Change(Change::SetDestination(settings));
            let step = Step::change(action, Some(wanted.at), fields.end());
            self.steps.push(step.named(wanted.name()));
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

/// What differs, if it is to be told.
#[derive(Debug)]
struct Differences {
    fields: Fields,
    are_told: bool,
}

impl Differences {
    fn of(are_told: bool) -> Self {
        Self {
            fields: Fields::default(),
            are_told,
        }
    }

    fn is_empty(&self) -> bool {
        self.fields.0.is_empty()
    }

    fn end(self) -> Vec<Field> {
        self.fields.0
    }

    fn add(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) {
        if self.are_told {
            self.fields.add(name, before, after);
        }
    }

    /// The new value, if it is another one.
    fn differing<T: Copy + PartialEq + Into<Value>>(
        &mut self,
        name: &'static str,
        old: T,
        new: Option<T>,
    ) -> Option<T> {
        let new = new.filter(|new| *new != old)?;
        self.add(name, old, new);
        Some(new)
    }
}

fn service_settings(
    key: ServiceKey,
    old: &ServiceValues,
    new: &ServiceValues,
    fields: &mut Differences,
) -> ServiceSettings {
    ServiceSettings {
        scheduler: fields.differing("scheduler", old.scheduler, Some(new.scheduler)),
        timeout: fields.differing("timeout", old.timeout, Some(new.timeout)),
        one_packet: fields.differing("one-packet", old.one_packet, Some(new.one_packet)),
        reset_at_expiry: fields.differing(
            "reset-at-expiry",
            old.reset_at_expiry,
            Some(new.reset_at_expiry),
        ),
        fallback: fields.differing("fallback", old.fallback, Some(new.fallback)),
        affinity: fields.differing("affinity", old.affinity, Some(new.affinity)),
        affinity_prefix4: fields.differing(
            "affinity-prefix4",
            old.affinity_prefix4,
            Some(new.affinity_prefix4),
        ),
        affinity_prefix6: fields.differing(
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
    fields: &mut Differences,
) -> DestinationSettings {
    let mut settings = DestinationSettings {
        weight: fields.differing("weight", old.weight, Some(new.weight)),
        forwarding: fields.differing("forwarding", old.forwarding, Some(new.forwarding)),
        state: fields.differing("state", old.state, Some(new.state)),
        upper_limit: fields.differing("upper-limit", old.upper_limit, Some(new.upper_limit)),
        lower_limit: fields.differing("lower-limit", old.lower_limit, Some(new.lower_limit)),
        ..DestinationSettings::new(key)
    };
    // Without a tunnel there is no encapsulation to be told of.
    let encapsulation = new
        .encapsulation
        .filter(|new| Some(*new) != old.encapsulation);
    if let Some(encapsulation) = encapsulation {
        // A new tunnel is one of IP in IP, unless told.
        let before = old.encapsulation.unwrap_or(Encapsulation::Ip);
        settings.encapsulation = fields.differing("encapsulation", before, Some(encapsulation));
    }
    if let Some(port) = new.encapsulation_port {
        if old.encapsulation_port != Some(port) {
            fields.add(
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
    settings.drain_deadline = fields.differing("drain-deadline", left, Some(new.drain_deadline));
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

/// What of a claim is not as wanted; nothing if it is as it should be.
fn claim_differences(
    wanted: &ClaimConfig,
    before: &ClaimConfig,
    count: Option<usize>,
) -> Vec<Field> {
    let claimed = before.queues.as_deref().unwrap_or_default();
    let mut fields = Fields::default();
    if wanted.policy != before.policy {
        fields.add("policy", before.policy, wanted.policy);
    }
    let same_queues = match &wanted.queues {
        Some(queues) => queues == claimed,
        None => are_all(claimed, count),
    };
    if !same_queues {
        let all = Value::Nothing;
        let after = wanted.queues.clone().map_or(all, Value::Numbers);
        fields.add("queues", Value::Numbers(claimed.to_vec()), after);
    }
    // CPUs beyond the number of queues have nothing to do.
    let queues = wanted.queues.as_ref().map(Vec::len).or(count);
    let cpus = wanted.cpus.iter().copied().cycle();
    let cpus: Vec<u32> = cpus.take(queues.unwrap_or(claimed.len())).collect();
    let cpus = shortest(&cpus);
    if !wanted.cpus.is_empty() && cpus != before.cpus {
        let (before, after) = (before.cpus.clone(), wanted.cpus.clone());
        fields.add("cpus", Value::Numbers(before), Value::Numbers(after));
    }
    if wanted.policy == Policy::Adaptive && wanted.idle_timeout != before.idle_timeout {
        fields.add("idle-timeout", before.idle_timeout, wanted.idle_timeout);
    }
    fields.0
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

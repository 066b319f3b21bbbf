// SPDX-License-Identifier: GPL-2.0 OR MIT

//! One step of a plan: what it does, in words, and as programs read it.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use switchyard_netlink::{
    Change, ClaimRequest, Destination, DestinationKey, DestinationSettings, DestinationState,
    Device, Encapsulation, Fallback, Forwarding, Policy, Scheduler, ServiceKey, ServiceSettings,
    SwitchSettings,
};

use crate::values::DeviceAddress;

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

/// What becomes of the thing that a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It comes.
    Add,
    /// It is there, and changes.
    Change,
    /// It goes.
    Remove,
}

/// A value that a step sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// There is none, as before what comes; of queues it is all of them.
    Nothing,
    /// On or off.
    Flag(bool),
    /// A number, in the unit that the kernel has it in.
    Number(u64),
    /// A time that is told with its unit, but as a number to programs.
    Milliseconds(u32),
    /// One of a list of words.
    Word(String),
    /// Queues or CPUs.
    Numbers(Vec<u32>),
}

/// A field that a step sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// As the file has it; `timeout.STATE` is one of many.
    #[serde(skip)]
    pub name: Cow<'static, str>,
    /// What it was.
    pub before: Value,
    /// What it is to be.
    pub after: Value,
}

/// One step, and where in the file it comes from. It displays as a line of words, and
/// serializes as `action`, `what`, `key` and `fields`.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Bytes from the beginning of the file; `None` for what is not in it.
    pub at: Option<usize>,
    /// What becomes of the thing.
    pub verb: Verb,
    /// The destination's name, unless it comes: a key does not know the local one.
    name: String,
    /// What differs, but for what comes: that is told by the action, if anybody asks. A
    /// whole configuration has a hundred thousand such steps.
    fields: Vec<Field>,
}

impl Step {
    pub(crate) const fn add(action: Action, at: Option<usize>) -> Self {
        Self {
            action,
            at,
            verb: Verb::Add,
            name: String::new(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn change(action: Action, at: Option<usize>, fields: Vec<Field>) -> Self {
        Self {
            verb: Verb::Change,
            fields,
            ..Self::add(action, at)
        }
    }

    pub(crate) fn remove(action: Action) -> Self {
        Self {
            verb: Verb::Remove,
            ..Self::add(action, None)
        }
    }

    /// With the name of the destination.
    pub(crate) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// What it sets: all that is given of what comes, what differs of what changes.
    #[must_use]
    pub fn fields(&self) -> Cow<'_, [Field]> {
        match (&self.verb, &self.action) {
            (Verb::Add, Action::Claim(request)) => of_claim(request).into(),
            (Verb::Add, Action::Change(Change::AddService(settings))) => {
                of_service(settings).into()
            }
            (Verb::Add, Action::Change(Change::AddDestination(settings))) => {
                of_destination(settings).into()
            }
            _ => Cow::Borrowed(&self.fields),
        }
    }

    /// The kind of thing, and which of them.
    fn subject(&self) -> (&'static str, Key<'_>) {
        match &self.action {
            Action::Set(_) => ("switch", Key::Only),
            Action::AddAddress(address) | Action::RemoveAddress(address) => (
                "address",
                Key::Address {
                    address: address.address,
                    prefix_length: address.length,
                },
            ),
            Action::Claim(request) => ("claim", Key::of(&request.device)),
            Action::Release(name) => ("claim", Key::Name { ifname: name }),
            Action::Change(change) => match change {
                Change::AddService(settings) | Change::SetService(settings) => {
                    ("service", Key::Service(&settings.key))
                }
                Change::DeleteService(key) => ("service", Key::Service(key)),
                Change::AddDestination(settings) | Change::SetDestination(settings) => {
                    ("destination", Key::destination(&settings.key))
                }
                Change::DeleteDestination(key) => ("destination", Key::destination(key)),
                Change::FlushDestinations(key) => ("destinations", Key::Service(key)),
                Change::Flush => ("services", Key::Only),
            },
        }
    }
}

/// In words, behind a sign: `+` for what comes, `-` for what goes, `~` for what changes.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.verb {
            Verb::Add => '+',
            Verb::Change => '~',
            Verb::Remove => '-',
        };
        write!(f, "{sign} {}", self.subject().0)?;
        match &self.action {
            Action::Set(_) | Action::Change(Change::Flush) => (),
            Action::AddAddress(address) | Action::RemoveAddress(address) => {
                write!(f, " {address}")?;
            }
            // A claim is made anew: it is told as a whole.
            Action::Claim(request) => return write!(f, " {}", describe(request)),
            Action::Release(name) => write!(f, " {name}")?,
            Action::Change(
                Change::AddService(ServiceSettings { key, .. })
                | Change::SetService(ServiceSettings { key, .. })
                | Change::DeleteService(key)
                | Change::FlushDestinations(key),
            ) => write!(f, " {key}")?,
            Action::Change(Change::AddDestination(settings)) => {
                write!(f, " {} {}", settings.key.service, name_of(settings))?;
            }
            Action::Change(
                Change::SetDestination(DestinationSettings { key, .. })
                | Change::DeleteDestination(key),
            ) => write!(f, " {} {}", key.service, self.name)?,
        }
        for field in self.fields().iter() {
            match self.verb {
                Verb::Add => write!(f, " {}={}", field.name, field.after)?,
                _ => write!(f, " {}: {} -> {}", field.name, field.before, field.after)?,
            }
        }
        Ok(())
    }
}

/// The keys are those of the lists of what runs, the fields those of the file with
/// underscores for what is no part of a word in most languages.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            action: Verb,
            what: &'static str,
            key: Key<'a>,
            #[serde(serialize_with = "by_name")]
            fields: &'a [Field],
        }
        let (what, key) = self.subject();
        Told {
            action: self.verb,
            what,
            key,
            fields: &self.fields(),
        }
        .serialize(serializer)
    }
}

fn by_name<S: Serializer>(fields: &[Field], serializer: S) -> Result<S::Ok, S::Error> {
    let name = |field: &Field| field.name.replace(['-', '.'], "_");
    serializer.collect_map(fields.iter().map(|field| (name(field), field)))
}

/// Which one of its kind.
#[derive(Serialize)]
#[serde(untagged)]
enum Key<'a> {
    Only,
    Address {
        address: IpAddr,
        prefix_length: u8,
    },
    Name {
        ifname: &'a str,
    },
    Index {
        ifindex: u32,
    },
    Service(&'a ServiceKey),
    Destination {
        service: &'a ServiceKey,
        address: IpAddr,
        port: Option<u16>,
    },
}

impl<'a> Key<'a> {
    fn of(device: &'a Device) -> Self {
        match device {
            Device::Name(name) => Self::Name { ifname: name },
            Device::Index(index) => Self::Index { ifindex: *index },
        }
    }

    const fn destination(key: &'a DestinationKey) -> Self {
        Self::Destination {
            service: &key.service,
            address: key.address,
            port: key.port,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("-"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Milliseconds(time) => write!(f, "{time}ms"),
            Self::Word(word) => f.write_str(word),
            Self::Numbers(numbers) => f.write_str(&list(numbers)),
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

macro_rules! values {
    ($variant:ident: $($kind:ty)+, $from:expr) => {
        $(impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::$variant($from(value))
            }
        })+
    };
}

values! { Number: u8 u16 u32 u64, u64::from }
values! {
    Word: Scheduler Fallback Forwarding Encapsulation DestinationState Policy,
    |value| ToString::to_string(&value)
}

/// Fields that are found to differ.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub Vec<Field>);

impl Fields {
    /// One that is another now.
    pub fn add(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) {
        self.0.push(Field {
            name: name.into(),
            before: before.into(),
            after: after.into(),
        });
    }

    /// One of what comes, if it is given.
    fn given(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(name, Value::Nothing, value);
        }
    }
}

fn of_service(settings: &ServiceSettings) -> Vec<Field> {
    let mut fields = Fields::default();
    fields.given("scheduler", settings.scheduler);
    fields.given("timeout", settings.timeout);
    fields.given("one-packet", settings.one_packet);
    fields.given("reset-at-expiry", settings.reset_at_expiry);
    fields.given("fallback", settings.fallback);
    fields.given("affinity", settings.affinity);
    fields.given("affinity-prefix4", settings.affinity_prefix4);
    fields.given("affinity-prefix6", settings.affinity_prefix6);
    fields.0
}

fn of_destination(settings: &DestinationSettings) -> Vec<Field> {
    let mut fields = Fields::default();
    fields.given("weight", settings.weight);
    fields.given("forwarding", settings.forwarding);
    fields.given("encapsulation", settings.encapsulation);
    fields.given("encapsulation-port", settings.encapsulation_port);
    fields.given("state", settings.state);
    fields.given("drain-deadline", settings.drain_deadline);
    fields.given("upper-limit", settings.upper_limit);
    fields.given("lower-limit", settings.lower_limit);
    fields.0
}

fn of_claim(request: &ClaimRequest) -> Vec<Field> {
    let some = |numbers: &[u32]| (!numbers.is_empty()).then(|| Value::Numbers(numbers.to_vec()));
    let is_adaptive = request.policy == Some(Policy::Adaptive);
    let mut fields = Fields::default();
    fields.given("policy", request.policy);
    fields.given("queues", some(&request.queues));
    fields.given("cpus", some(&request.cpus));
    fields.given("idle-timeout", request.idle_timeout.filter(|_| is_adaptive));
    fields.0
}

/// A new destination's name, which depends on how packets get there.
fn name_of(settings: &DestinationSettings) -> String {
    let DestinationKey {
        service,
        address,
        port,
    } = settings.key;
    let destination = Destination {
        forwarding: settings.forwarding.unwrap_or(Forwarding::Nat),
        ..Destination::new(service, address, port.unwrap_or(0))
    };
    destination.name()
}

fn describe(request: &ClaimRequest) -> String {
    let mut words = match &request.device {
        Device::Name(name) => name.clone(),
        Device::Index(index) => index.to_string(),
    };
    let fields = of_claim(request);
    for field in fields.iter().filter(|field| field.name != "idle-timeout") {
        let _ = write!(words, " {}={}", field.name, field.after);
    }
    words
}

fn list(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    words.join(",")
}

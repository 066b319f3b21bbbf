// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From text to configuration: first what TOML and single values say, then what goes
//! together. Of the latter all problems are told at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::io::Read;
use std::path::Path;

use switchyard_netlink::{
    ConnectionState, DestinationKey, DestinationState, Forwarding, Policy as PollPolicy, Protocol,
    ServiceKey, SwitchSettings,
};
use toml::Spanned;

use crate::config::{
    timeouts, unsuited, ClaimConfig, Config, DestinationConfig, DestinationValues, ServiceConfig,
    ServiceValues,
};
use crate::file::{
    ClaimSection, DestinationSection, File, ServiceSection, Services, SwitchSection,
};
use crate::problem::Finder;
use crate::values::of_a_host;
use crate::{CheckSpec, Place, Problem, Problems, SourceSpec};

/// A service has no more destinations than this.
const MOST_DESTINATIONS: usize = 65_535;

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("cannot read {name}: {error}")]
    Io {
        /// Its name.
        name: String,
        /// Why.
        error: std::io::Error,
    },
    /// It cannot be used.
    #[error("{0}")]
    Problems(#[from] Problems),
}

/// A text and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What errors call it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let is_input = path == Path::new("-");
        let name = if is_input {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let text = if is_input {
            let mut text = String::new();
            let result = std::io::stdin().lock().read_to_string(&mut text);
            result.map(|_| text)
        } else {
            std::fs::read_to_string(path)
        };
        match text {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => Err(ReadError::Io { name, error }),
        }
    }

    /// `NAME:LINE:COLUMN` of a byte.
    #[must_use]
    pub fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.name, Place::of(&self.text, offset))
    }

    /// Understands it as `switchyard.toml`.
    pub fn parse(&self) -> Result<Config, Problems> {
        parse(&self.name, &self.text)
    }
}

/// Reads and understands a file.
pub fn read(path: &Path) -> Result<Config, ReadError> {
    Ok(Source::read(path)?.parse()?)
}

/// Understands a text; `name` is what errors call it.
pub fn parse(name: &str, text: &str) -> Result<Config, Problems> {
    let (config, problems) = match by_pieces(name, text) {
        Some(read) => read,
        None => whole(name, text)?,
    };
    problems.end()?;
    Ok(config)
}

type Understood<'a> = (Config, Finder<'a>);

/// Understands a text as one.
fn whole<'a>(name: &'a str, text: &'a str) -> Result<Understood<'a>, Problems> {
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Problems {
            name: name.to_owned(),
            list: vec![Problem {
                place: Place::of(text, offset),
                words: error.message().replace('\n', ": "),
            }],
        }
    })?;
    let mut reader = Reader::new(name, text);
    let config = reader.file(file);
    Ok((config, reader.problems))
}

/// Understands a text one `[[service]]` after the other: what TOML makes of a hundred thousand
/// destinations at once takes more memory, and so more time, than all else. `None` if it cannot be
/// taken apart, or if something is wrong with a piece: it is then to be read as one, which tells
/// what.
fn by_pieces<'a>(name: &'a str, text: &'a str) -> Option<Understood<'a>> {
    // Such strings may have a line that looks like a header. Nothing else may, as a piece that ends
    // within something is none that can be read.
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut places = headers(text);
    let first = places.next()?;
    let file: File = toml::from_str(text.get(..first)?).ok()?;
    if file.service.is_some() {
        return None;
    }
    let mut reader = Reader::new(name, text);
    let mut config = reader.file(file);
    let (mut services, mut seen) = (Vec::new(), HashMap::new());
    let mut start = first;
    while start < text.len() {
        let end = places.next().unwrap_or(text.len());
        let piece: Services = toml::from_str(text.get(start..end)?).ok()?;
        reader.base = start;
        let sections = piece.service.into_iter();
        services.extend(sections.filter_map(|section| reader.service(section, &mut seen)));
        start = end;
    }
    reader.ranges(&services);
    config.services = Some(services);
    Some((config, reader.problems))
}

/// Where the lines begin that are the header of a service.
fn headers(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        (line.trim_end() == "[[service]]").then_some(start)
    })
}

struct Reader<'a> {
    problems: Finder<'a>,
    /// Where the piece begins that is being read.
    base: usize,
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            problems: Finder::new(name, text),
            base: 0,
        }
    }

    fn start<T>(&self, spanned: &Spanned<T>) -> usize {
        self.base + spanned.span().start
    }

    fn file(&mut self, file: File) -> Config {
        let addresses = file.yard0.map(|yard| {
            let mut seen = HashMap::new();
            let mut list = Vec::with_capacity(yard.addresses.len());
            for address in yard.addresses {
                let at = self.start(&address);
                let address = address.into_inner().0;
                self.once(&mut seen, address.address, at, || {
                    format!("address {address}")
                });
                list.push(address);
            }
            list
        });
        let mut seen = HashMap::new();
        let claims = file.claim.map(|claims| {
            let claims = claims.into_iter();
            claims.map(|claim| self.claim(claim, &mut seen)).collect()
        });
        let mut seen = HashMap::new();
        let services: Option<Vec<ServiceConfig>> = file.service.map(|services| {
            let services = services.into_iter();
            services
                .filter_map(|service| self.service(service, &mut seen))
                .collect()
        });
        self.ranges(services.as_deref().unwrap_or_default());
        Config {
            master: file.yardmaster,
            switch: file.switch.map(|section| switch(&section)),
            addresses,
            claims,
            services,
        }
    }

    /// Notes that something is there; finds fault if it is not for the first time.
    fn once<K: Hash + Eq>(
        &mut self,
        seen: &mut HashMap<K, usize>,
        key: K,
        at: usize,
        what: impl FnOnce() -> String,
    ) {
        match seen.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(at);
            }
            Entry::Occupied(entry) => {
                let line = self.problems.line(*entry.get());
                let what = what();
                self.problems
                    .add(at, format!("{what} is there twice: first in line {line}"));
            }
        }
    }

    fn claim(&mut self, claim: ClaimSection, seen: &mut HashMap<String, usize>) -> ClaimConfig {
        let at = self.start(&claim.device);
        let device = claim.device.into_inner().0 .0;
        self.once(seen, device.clone(), at, || format!("device {device}"));
        let cpus = claim.cpus.map_or_else(Vec::new, |list| list.0);
        let mut config = ClaimConfig::new(device, cpus);
        if let Some(policy) = claim.policy {
            let place = self.start(&policy);
            config.policy = policy.into_inner().0;
            if config.policy == PollPolicy::Interrupt && !config.cpus.is_empty() {
                self.problems
                    .add(place, "the interrupt policy polls nothing: leave cpus out");
            } else if config.policy != PollPolicy::Interrupt && config.cpus.is_empty() {
                self.problems
                    .add(place, "polling takes a CPU at least: add cpus = \"2,3\"");
            }
        }
        if let Some(time) = claim.idle_timeout {
            config.idle_timeout = time.0;
        }
        // None given is all of them.
        config.queues = claim
            .queues
            .map(|list| list.0)
            .filter(|list| !list.is_empty());
        ClaimConfig { at, ..config }
    }

    fn service(
        &mut self,
        section: ServiceSection,
        seen: &mut HashMap<ServiceKey, usize>,
    ) -> Option<ServiceConfig> {
        let at = self.start(&section.service);
        let key: ServiceKey = match section.service.get_ref().parse() {
            Ok(key) => key,
            Err(error) => {
                self.problems.add(at, error.to_string());
                return None;
            }
        };
        if let Err(words) = of_a_host(key.address) {
            self.problems.add(at, words);
        }
        self.once(seen, key, at, || format!("service {key}"));
        let values = self.values(key, &section);
        if let Some(policy) = &section.policy {
            if let Err(error) = policy.get_ref().check() {
                self.problems
                    .add(self.start(policy), format!("policy: {error}"));
            }
        }
        let mut service = ServiceConfig {
            values,
            policy: section.policy.map(Spanned::into_inner),
            source: section.source.and_then(|source| self.source(source)),
            checks: self.checks(section.check),
            at,
            destinations: Vec::with_capacity(section.destination.len()),
            ..ServiceConfig::new(key)
        };
        if section.destination.len() > MOST_DESTINATIONS {
            self.problems.add(
                at,
                format!("a service has {MOST_DESTINATIONS} destinations at most"),
            );
            return None;
        }
        let mut seen = HashMap::with_capacity(section.destination.len());
        for section in section.destination {
            let destination = self.destination(key, section);
            if let Some(destination) = destination {
                let place = (destination.key.address, destination.key.port);
                self.once(&mut seen, place, destination.at, || {
                    format!("destination {}", destination.name())
                });
                service.destinations.push(destination);
            }
        }
        Some(service)
    }

    fn values(&mut self, key: ServiceKey, section: &ServiceSection) -> ServiceValues {
        let mut flag = |given: &Option<Spanned<bool>>, protocol, words: &str| {
            let Some(given) = given else {
                return false;
            };
            if *given.get_ref() && key.protocol != protocol {
                self.problems.add(self.start(given), words);
            }
            *given.get_ref()
        };
        let one_packet = flag(
            &section.one_packet,
            Protocol::Udp,
            "only UDP can be scheduled packet by packet: leave one-packet out",
        );
        let reset_at_expiry = flag(
            &section.reset_at_expiry,
            Protocol::Tcp,
            "only TCP connections can be reset: leave reset-at-expiry out",
        );
        let default = ServiceValues::default();
        ServiceValues {
            scheduler: section.scheduler.map_or(default.scheduler, |word| word.0),
            timeout: section.timeout.map_or(0, |time| time.0),
            one_packet,
            reset_at_expiry,
            fallback: section.fallback.map_or(default.fallback, |word| word.0),
            affinity: section.affinity.map_or(0, |time| time.0),
            affinity_prefix4: section.affinity_prefix4.map_or(32, |length| length.0),
            affinity_prefix6: section.affinity_prefix6.map_or(128, |length| length.0),
        }
    }

    fn destination(
        &mut self,
        service: ServiceKey,
        section: DestinationSection,
    ) -> Option<DestinationConfig> {
        let at = self.start(&section.address);
        let name = section.address.get_ref();
        let key = match DestinationKey::parse(service, name) {
            Ok(key) => key,
            Err(error) => {
                self.problems.add(at, error.to_string());
                return None;
            }
        };
        let is_local = name == "local";
        let forwarding = match section.forwarding {
            Some(word) if is_local && word.0 != Forwarding::Local => {
                self.problems
                    .add(at, "`local` is this machine: leave forwarding out");
                word.0
            }
            Some(word) => word.0,
            None if is_local => Forwarding::Local,
            None => Forwarding::Nat,
        };
        let mut values = DestinationValues {
            weight: section.weight.map_or(1, |weight| weight.0),
            forwarding,
            encapsulation: section.encapsulation.map(|word| word.0),
            encapsulation_port: section.encapsulation_port.map(|port| port.0),
            state: section
                .state
                .map_or(DestinationState::Active, |word| word.0),
            drain_deadline: section.drain_deadline.map_or(0, |time| time.0),
            upper_limit: section.upper_limit.map_or(0, |limit| limit.0),
            lower_limit: section.lower_limit.map_or(0, |limit| limit.0),
        };
        if let Err(words) = values.settle() {
            self.problems.add(at, words);
        }
        let destination = DestinationConfig::new(key);
        if let Err(words) = of_a_host(key.address) {
            self.problems.add(at, words);
        } else if let Some(words) = unsuited(&destination.key, &values) {
            self.problems.add(at, words);
        }
        Some(DestinationConfig {
            values,
            labels: section.labels,
            source: section
                .source
                .and_then(|source| self.source(*source).map(Box::new)),
            checks: section.check.map(|checks| self.checks(checks)),
            at,
            ..destination
        })
    }

    fn source(&mut self, source: Spanned<SourceSpec>) -> Option<SourceSpec> {
        let at = self.start(&source);
        let source = source.into_inner();
        match source.check() {
            Ok(()) => Some(source),
            Err(error) => {
                self.problems.add(at, format!("source: {error}"));
                None
            }
        }
    }

    fn checks(&mut self, checks: Vec<Spanned<CheckSpec>>) -> Vec<CheckSpec> {
        let mut good = Vec::with_capacity(checks.len());
        for check in checks {
            let at = self.start(&check);
            let check = check.into_inner();
            match check.check() {
                Ok(()) => good.push(check),
                Err(error) => self.problems.add(at, format!("check: {error}")),
            }
        }
        good
    }

    /// Ranges of ports of one address must not overlap.
    fn ranges(&mut self, services: &[ServiceConfig]) {
        let mut ranges: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for service in services {
            let key = service.key;
            if let Some(last) = key.last_port {
                ranges
                    .entry((key.protocol, key.address, key.prefix_length))
                    .or_default()
                    .push((key.port, last, service.at));
            }
        }
        for mut list in ranges.into_values() {
            list.sort_unstable();
            list.dedup_by_key(|(first, last, _)| (*first, *last));
            let mut before: Option<(u16, usize)> = None;
            for (first, last, at) in list {
                if let Some((end, other)) = before {
                    if first <= end {
                        let line = self.problems.line(other);
                        self.problems.add(
                            at,
                            format!("some of these ports are those of the service in line {line}"),
                        );
                    }
                }
                before = Some(before.map_or((last, at), |old| old.max((last, at))));
            }
        }
    }
}

fn switch(section: &SwitchSection) -> SwitchSettings {
    let times = &section.timeout;
    SwitchSettings {
        connection_limit: section.connection_limit.map(|limit| limit.0),
        half_open_limit: section.half_open_limit.map(|limit| limit.0),
        timeouts: timeouts(&[
            (
                ConnectionState::SynReceived,
                times.syn_received.map(|t| t.0),
            ),
            (ConnectionState::Established, times.established.map(|t| t.0)),
            (ConnectionState::FinWait, times.fin_wait.map(|t| t.0)),
            (ConnectionState::TimeWait, times.time_wait.map(|t| t.0)),
            (ConnectionState::Closed, times.closed.map(|t| t.0)),
            (ConnectionState::Udp, times.udp.map(|t| t.0)),
            (ConnectionState::Expired, times.expired.map(|t| t.0)),
        ]),
        fragment_memory_limit: section.fragment_memory.map(|bytes| bytes.0),
        fragment_timeout: section.fragment_timeout.map(|time| time.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: [&str; 24] = [
        "[[service]]",
        "[[service]] # another",
        "[[ service ]]",
        "[service]",
        "service = []",
        "service = \"tcp 10.0.0.1:80\"",
        "service = \"udp 10.0.0.1:1-9\"",
        "service = \"tcp 10.0.0.1:1-90\"",
        "[[service.destination]]",
        "address = \"10.0.0.2\"",
        "address = \"local\"",
        "weight = 3",
        "weight = -1",
        "destination = [",
        "{ address = \"10.0.0.3\" },",
        "]",
        "[service.policy]",
        "algorithm = \"even\"",
        "[switch]",
        "half-open-limit = 7",
        "[[claim]]",
        "device = \"eth0\"",
        "labels = [\"\"\"",
        "\"\"\"]",
    ];

    proptest! {
        /// Whatever is read by pieces is what is read as one, and all that is found is at its
        /// place.
        #[test]
        fn pieces_are_the_whole(lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..14)) {
            let text = lines.join("\n");
            if let Some((config, problems)) = by_pieces("f", &text) {
                let (same, others) = whole("f", &text).expect("it can be read as one");
                prop_assert_eq!(config, same);
                prop_assert_eq!(problems.end(), others.end());
            }
        }
    }

    #[test]
    fn what_is_usual_is_read_by_pieces() {
        let text = "[switch]\nhalf-open-limit = 7\n\n[[service]]\nservice = \"tcp 10.0.0.1:80\"\n\
                    [[service.destination]]\naddress = \"10.0.0.2\"\n[service.policy]\n\
                    algorithm = \"even\"\n[[service]]\r\nservice = \"tcp 10.0.0.2:80\"\n\
                    destination = [\n{ address = \"x\" } ]\n";
        let (config, problems) = by_pieces("f", text).expect("it can be taken apart");
        assert_eq!(config.services.as_ref().map(Vec::len), Some(2));
        assert_eq!(config, whole("f", text).expect("and read as one").0);
        let words = problems.end().unwrap_err().to_string();
        assert!(words.starts_with("f:13:13: "), "{words}");
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The `virtual_server` blocks of `keepalived.conf`, with their servers and checks.

mod blocks;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use switchyard_netlink::{Fallback, Forwarding, Protocol, Scheduler, ServiceKey};

use self::blocks::{parse, Statement};
use super::{destination, mask, persist, scheduler, weight, Imported, Warnings};
use crate::problem::Finder;
use crate::values::of_a_host;
use crate::{CheckKind, CheckSpec, DestinationConfig, DestinationValues, Problems, ServiceConfig};

/// What keepalived does unless told (keepalived.conf(5)).
const DELAY_LOOP: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds of `persistence_timeout` without a number.
const PERSISTENCE: u32 = 360;
/// A range of addresses in a group has no more of them.
const LONGEST_RANGE: u32 = 256;

/// Where and what is wrong.
type Bad = (usize, String);

/// Makes a configuration of such a file, or tells what is wrong with its lines.
pub fn import(name: &str, text: &str) -> Result<Imported, Problems> {
    let mut problems = Finder::new(name, text);
    let mut file = Keepalived {
        services: Vec::new(),
        places: HashMap::new(),
        groups: HashMap::new(),
        warnings: Warnings::new(text),
    };
    match parse(text) {
        Err((at, words)) => problems.add(at, words),
        Ok(statements) => {
            // A group may come after who uses it.
            for statement in &statements {
                if statement.name() == "virtual_server_group" {
                    if let Err((at, words)) = file.group(statement) {
                        problems.add(at, words);
                    }
                }
            }
            for statement in &statements {
                if let Err((at, words)) = file.statement(statement) {
                    problems.add(at, words);
                }
            }
        }
    }
    problems.end()?;
    Ok(Imported::new(file.services, None, file.warnings))
}

struct Keepalived<'a> {
    services: Vec<ServiceConfig>,
    places: HashMap<ServiceKey, usize>,
    /// Addresses and ports of each group.
    groups: HashMap<String, Vec<(IpAddr, u16)>>,
    warnings: Warnings<'a>,
}

impl Keepalived<'_> {
    fn left_out(&mut self, statement: &Statement<'_>, why: &str) {
        let words = format!("`{}` is left out{why}", statement.name());
        self.warnings.add(statement.at, words);
    }

    fn statement(&mut self, statement: &Statement<'_>) -> Result<(), Bad> {
        match statement.name() {
            "virtual_server" => self.virtual_server(statement),
            "virtual_server_group" => Ok(()),
            "include" => {
                self.left_out(statement, ": import that file, too");
                Ok(())
            }
            _ => {
                self.left_out(statement, ": only virtual_server is carried over");
                Ok(())
            }
        }
    }

    fn group(&mut self, statement: &Statement<'_>) -> Result<(), Bad> {
        let name = statement.word(1)?;
        let mut members = Vec::new();
        for line in statement.block()? {
            if line.name() == "fwmark" {
                self.left_out(line, ": there are no services of firewall marks");
                continue;
            }
            let port = match line.words.get(1) {
                Some(_) => port(line, 1)?,
                None => 0,
            };
            let (first, last) = match line.name().split_once('-') {
                None => (line.name(), None),
                Some((first, last)) => (first, Some(last)),
            };
            let first: IpAddr = first
                .parse()
                .map_err(|_| (line.at, format!("`{first}` is no address")))?;
            let count = last.map_or(Ok(1), |last| range(first, last));
            let count = count.map_err(|words| (line.at, words))?;
            for offset in 0..count {
                members.push((after(first, offset), port));
            }
        }
        self.groups.insert(name.to_owned(), members);
        Ok(())
    }

    fn virtual_server(&mut self, statement: &Statement<'_>) -> Result<(), Bad> {
        let places: Vec<(IpAddr, u16)> = match statement.word(1)? {
            "fwmark" => {
                self.left_out(statement, ": there are no services of firewall marks");
                return Ok(());
            }
            "group" => {
                let name = statement.word(2)?;
                let group = self.groups.get(name);
                group
                    .ok_or_else(|| (statement.at, format!("there is no group `{name}`")))?
                    .clone()
            }
            _ => {
                let address = address(statement, 1)?;
                let port = match statement.words.get(2) {
                    Some(_) => port(statement, 2)?,
                    None => 0,
                };
                vec![(address, port)]
            }
        };
        for (address, port) in places {
            self.service(statement, address, port)?;
        }
        Ok(())
    }

    fn service(
        &mut self,
        statement: &Statement<'_>,
        address: IpAddr,
        port: u16,
    ) -> Result<(), Bad> {
        let block = statement.block()?;
        let mut protocol = Protocol::Tcp;
        for line in block {
            if line.name() == "protocol" {
                let word = line.word(1)?;
                protocol = word.to_ascii_lowercase().parse().map_err(|_| {
                    (
                        line.at,
                        format!("`{word}` is no protocol: TCP, UDP and SCTP are"),
                    )
                })?;
            }
        }
        of_a_host(address).map_err(|words| (statement.at, words.to_owned()))?;
        let key = ServiceKey::new(protocol, address, port);
        if self.places.contains_key(&key) {
            return Err((
                statement.at,
                format!("there is a virtual server {key} already"),
            ));
        }
        let mut service = ServiceConfig {
            at: statement.at,
            ..ServiceConfig::new(key)
        };
        service.values.scheduler = Scheduler::Wlc;
        let mut common = Common::default();
        for line in block {
            self.service_line(&mut service, &mut common, line)?;
        }
        if let Some((seconds, granularity)) = common.persistence {
            persist(&mut service, seconds, granularity.or(common.granularity));
        }
        for line in block {
            if line.name() == "real_server" {
                if let Some(destination) = self.server(&service, &common, line)? {
                    let twice = |old: &DestinationConfig| old.key == destination.key;
                    if service.destinations.iter().any(twice) {
                        let words = format!("{} is there twice", destination.name());
                        return Err((line.at, words));
                    }
                    service.destinations.push(destination);
                }
            }
        }
        self.places.insert(key, self.services.len());
        self.services.push(service);
        Ok(())
    }

    fn service_line(
        &mut self,
        service: &mut ServiceConfig,
        common: &mut Common,
        line: &Statement<'_>,
    ) -> Result<(), Bad> {
        match line.name() {
            "protocol" | "real_server" | "inhibit_on_failure" => (),
            "lb_algo" | "lvs_sched" => {
                let (found, warning) =
                    scheduler(line.word(1)?, &common.flags).map_err(|words| (line.at, words))?;
                service.values.scheduler = found;
                if let Some(words) = warning {
                    self.warnings.add(line.at, words);
                }
            }
            "lb_kind" | "lvs_method" => common.forwarding = Some(forwarding(line)?),
            "persistence_timeout" => {
                let seconds = match line.words.get(1) {
                    Some(_) => number(line, 1)?,
                    None => PERSISTENCE,
                };
                common.persistence = Some((seconds, None));
            }
            "persistence_granularity" => {
                let word = line.word(1)?;
                common.granularity = mask(word);
                if common.granularity.is_none() {
                    self.left_out(line, ": it is no prefix");
                }
            }
            "ops" if service.key.protocol == Protocol::Udp => service.values.one_packet = true,
            "delay_loop" => common.interval = time(line, 1)?,
            "virtualhost" => common.host = Some(line.word(1)?.to_owned()),
            "connect_timeout" => common.timeout = time(line, 1)?,
            "retry" => common.retries = number(line, 1)?,
            "weight" => common.weight = Some(self.weight(line)?),
            "sorry_server" => {
                let here = address(line, 1)?.is_loopback();
                let same_port = match line.words.get(2) {
                    Some(_) => port(line, 2)? == service.key.port,
                    None => true,
                };
                if here && same_port {
                    service.values.fallback = Fallback::Local;
                } else {
                    self.left_out(
                        line,
                        ": only this machine takes what nobody can, by fallback = \"local\"",
                    );
                }
            }
            _ => self.left_out(line, ""),
        }
        Ok(())
    }

    fn weight(&mut self, line: &Statement<'_>) -> Result<u32, Bad> {
        let (weight, warning) = weight(line.word(1)?).map_err(|words| (line.at, words))?;
        if let Some(words) = warning {
            self.warnings.add(line.at, words);
        }
        Ok(weight)
    }

    fn server(
        &mut self,
        service: &ServiceConfig,
        common: &Common,
        statement: &Statement<'_>,
    ) -> Result<Option<DestinationConfig>, Bad> {
        let address = address(statement, 1)?;
        let port = match statement.words.get(2) {
            Some(_) => Some(port(statement, 2)?),
            None => None,
        };
        let mut values = DestinationValues {
            forwarding: common.forwarding.unwrap_or(Forwarding::Nat),
            weight: common.weight.unwrap_or(1),
            ..DestinationValues::default()
        };
        let mut checks = Vec::new();
        let mut common = common.clone();
        // A block may be left out, where all is as the service says.
        let block = statement.block.as_deref().unwrap_or_default();
        for line in block {
            match line.name() {
                "delay_loop" => common.interval = time(line, 1)?,
                "connect_timeout" => common.timeout = time(line, 1)?,
                "retry" => common.retries = number(line, 1)?,
                "virtualhost" => common.host = Some(line.word(1)?.to_owned()),
                _ => (),
            }
        }
        for line in block {
            match line.name() {
                // Taken above, or what we always do.
                "delay_loop" | "connect_timeout" | "retry" | "virtualhost"
                | "inhibit_on_failure" => (),
                "weight" => values.weight = self.weight(line)?,
                "lb_kind" | "lvs_method" => values.forwarding = forwarding(line)?,
                "uthreshold" => values.upper_limit = number(line, 1)?,
                "lthreshold" => values.lower_limit = number(line, 1)?,
                "TCP_CHECK" | "HTTP_GET" | "SSL_GET" | "PING_CHECK" => {
                    checks.extend(self.check(&common, line)?);
                }
                _ => self.left_out(line, ""),
            }
        }
        match destination(&service.key, address, port, values) {
            Ok(destination) => Ok(Some(DestinationConfig {
                checks: (!checks.is_empty()).then_some(checks),
                ..destination
            })),
            Err(words) => {
                self.left_out(statement, &format!(": {words}"));
                Ok(None)
            }
        }
    }

    /// A check, or several if there are several paths.
    fn check(&mut self, common: &Common, statement: &Statement<'_>) -> Result<Vec<CheckSpec>, Bad> {
        let kind = match statement.name() {
            "TCP_CHECK" => CheckKind::Tcp,
            "HTTP_GET" => CheckKind::Http,
            "SSL_GET" => CheckKind::Https,
            _ => CheckKind::Icmp,
        };
        let is_http = matches!(kind, CheckKind::Http | CheckKind::Https);
        let mut check = CheckSpec {
            kind,
            interval: common.interval,
            timeout: common.timeout,
            rise: 1,
            host: common.host.clone().filter(|_| is_http),
            ..CheckSpec::default()
        };
        let mut retries = common.retries;
        let mut urls = Vec::new();
        for line in statement.block.as_deref().unwrap_or_default() {
            match line.name() {
                "connect_timeout" => check.timeout = time(line, 1)?,
                "delay_loop" => check.interval = time(line, 1)?,
                "connect_port" if kind != CheckKind::Icmp => check.port = Some(port(line, 1)?),
                "retry" | "nb_get_retry" => retries = number(line, 1)?,
                "virtualhost" if is_http => check.host = Some(line.word(1)?.to_owned()),
                "url" if is_http => urls.push(line),
                // Certificates are looked at only where an authority is given; a name is
                // sent with the host.
                "enable_sni" => (),
                _ => self.left_out(line, ""),
            }
        }
        check.fall = retries.saturating_add(1).min(1000);
        let mut checks = Vec::new();
        for url in &urls {
            let mut check = check.clone();
            for line in url.block()? {
                match line.name() {
                    "path" => check.path = Some(line.word(1)?.to_owned()),
                    "status_code" => match line.word(1)?.parse() {
                        Ok(status) if line.words.len() == 2 => check.status = Some(status),
                        _ => self.left_out(line, ": it is one status, or a range of them"),
                    },
                    "virtualhost" => check.host = Some(line.word(1)?.to_owned()),
                    _ => self.left_out(line, ""),
                }
            }
            checks.push((url.at, check));
        }
        if urls.is_empty() {
            checks.push((statement.at, check));
        }
        let mut sound = Vec::new();
        for (at, check) in checks {
            match check.check() {
                Ok(()) => sound.push(check),
                Err(error) => self
                    .warnings
                    .add(at, format!("the check is left out: {error}")),
            }
        }
        Ok(sound)
    }
}

/// What servers take from their service.
#[derive(Clone, Debug)]
struct Common {
    forwarding: Option<Forwarding>,
    persistence: Option<(u32, Option<u8>)>,
    granularity: Option<u8>,
    flags: String,
    interval: Duration,
    timeout: Duration,
    retries: u32,
    host: Option<String>,
    weight: Option<u32>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            forwarding: None,
            persistence: None,
            granularity: None,
            flags: String::new(),
            interval: DELAY_LOOP,
            timeout: CONNECT_TIMEOUT,
            retries: 1,
            host: None,
            weight: None,
        }
    }
}

fn forwarding(line: &Statement<'_>) -> Result<Forwarding, Bad> {
    match line.word(1)? {
        "NAT" => Ok(Forwarding::Nat),
        "DR" => Ok(Forwarding::Direct),
        "TUN" => Ok(Forwarding::Tunnel),
        word => Err((line.at, format!("`{word}` is no kind: NAT, DR and TUN are"))),
    }
}

fn address(line: &Statement<'_>, index: usize) -> Result<IpAddr, Bad> {
    let word = line.word(index)?;
    word.parse()
        .map_err(|_| (line.at, format!("`{word}` is no address")))
}

fn port(line: &Statement<'_>, index: usize) -> Result<u16, Bad> {
    let word = line.word(index)?;
    word.parse()
        .map_err(|_| (line.at, format!("`{word}` is no port in numbers")))
}

fn number(line: &Statement<'_>, index: usize) -> Result<u32, Bad> {
    let word = line.word(index)?;
    word.parse()
        .map_err(|_| (line.at, format!("`{word}` is no number")))
}

/// A time in seconds, which may have a fraction.
fn time(line: &Statement<'_>, index: usize) -> Result<Duration, Bad> {
    let word = line.word(index)?;
    let digits = word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = word.parse::<f64>().ok().filter(|_| digits);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| (Duration::from_millis(20)..=Duration::from_secs(3600)).contains(time))
        .ok_or_else(|| {
            (
                line.at,
                format!("`{word}` is no time from 0.02 to 3600 seconds"),
            )
        })
}

/// How many addresses there are from `first` to the one of which `last` is the last part.
fn range(first: IpAddr, last: &str) -> Result<u32, String> {
    let (from, to) = match first {
        IpAddr::V4(first) => {
            let [.., from] = first.octets();
            (u32::from(from), last.parse::<u8>().ok().map(u32::from))
        }
        IpAddr::V6(first) => {
            let [.., from] = first.segments();
            (
                u32::from(from),
                u16::from_str_radix(last, 16).ok().map(u32::from),
            )
        }
    };
    let count = to
        .and_then(|to| to.checked_sub(from))
        .and_then(|count| count.checked_add(1));
    count
        .filter(|count| *count <= LONGEST_RANGE)
        .ok_or_else(|| format!("`{first}-{last}` is no range of {LONGEST_RANGE} addresses at most"))
}

fn after(first: IpAddr, offset: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => {
            std::net::Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset)).into()
        }
        IpAddr::V6(first) => {
            std::net::Ipv6Addr::from_bits(first.to_bits().wrapping_add(offset.into())).into()
        }
    }
}

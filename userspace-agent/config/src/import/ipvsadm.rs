// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What `ipvsadm-save -n`, that is, `ipvsadm -S -n` prints: a command to a line.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use switchyard_netlink::{
    ConnectionState, Encapsulation, Forwarding, Protocol, Scheduler, ServiceKey, SwitchSettings,
};

use super::{destination, mask, persist, scheduler, weight, Imported, Warnings};
use crate::config::timeouts;
use crate::problem::Finder;
use crate::values::of_a_host;
use crate::{DestinationValues, Problems, ServiceConfig, ServiceValues};

/// Seconds of `-p` without a number (ipvsadm(8)).
const PERSISTENCE: u32 = 300;
/// The scheduler of IPVS unless one is given.
const DEFAULT_SCHEDULER: Scheduler = Scheduler::Wlc;

/// Makes a configuration of such a list, or tells what is wrong with its lines.
pub fn import(name: &str, text: &str) -> Result<Imported, Problems> {
    let mut problems = Finder::new(name, text);
    let mut list = List {
        services: Vec::new(),
        places: HashMap::new(),
        marks: Vec::new(),
        switch: None,
        warnings: Warnings::new(text),
    };
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if let Err((at, words)) = list.line(line, offset) {
            problems.add(at, words);
        }
        offset += line.len();
    }
    problems.end()?;
    Ok(Imported::new(list.services, list.switch, list.warnings))
}

/// Words and where each is in the text.
type Word<'a> = (usize, &'a str);
/// Where and what is wrong.
type Bad = (usize, String);

struct List<'a> {
    services: Vec<ServiceConfig>,
    /// Where in that list each is.
    places: HashMap<ServiceKey, usize>,
    /// Services of firewall marks, which are left out.
    marks: Vec<String>,
    switch: Option<SwitchSettings>,
    warnings: Warnings<'a>,
}

/// What a command is about.
#[derive(Debug)]
enum Target {
    Service(ServiceKey),
    Mark(String),
}

/// All options of a line.
#[derive(Debug, Default)]
struct Options<'a> {
    target: Option<Target>,
    scheduler: Option<Word<'a>>,
    flags: Option<Word<'a>>,
    persistence: Option<u32>,
    mask: Option<Word<'a>>,
    one_packet: bool,
    engine: Option<Word<'a>>,
    server: Option<Word<'a>>,
    forwarding: Option<Forwarding>,
    weight: Option<Word<'a>>,
    upper: u32,
    lower: u32,
    tunnel: Option<Word<'a>>,
    tunnel_port: Option<u16>,
    checksum: Option<Word<'a>>,
}

/// The words of a line with their places, as far as a comment.
fn words(line: &str, offset: usize) -> impl Iterator<Item = Word<'_>> {
    let mut rest = 0;
    line.split_whitespace()
        .map(move |word| {
            let found = line
                .get(rest..)
                .and_then(|after| after.find(word))
                .unwrap_or(0);
            let at = rest + found;
            rest = at + word.len();
            (offset + at, word)
        })
        .take_while(|(_, word)| !word.starts_with('#'))
}

impl List<'_> {
    fn line<'a>(&mut self, line: &'a str, offset: usize) -> Result<(), Bad> {
        let mut words = words(line, offset).peekable();
        // As a script has it.
        words.next_if(|(_, word)| *word == "ipvsadm" || word.ends_with("/ipvsadm"));
        let Some((at, command)) = words.next() else {
            return Ok(());
        };
        let words: Vec<Word<'a>> = words.collect();
        match command {
            "-A" | "--add-service" => self.add_service(at, &options(at, &words)?),
            "-a" | "--add-server" => self.add_server(at, &options(at, &words)?),
            "-C" | "--clear" => {
                self.services.clear();
                self.places.clear();
                self.marks.clear();
                Ok(())
            }
            "--set" => self.set(at, &words),
            "--start-daemon" | "--stop-daemon" => {
                self.warnings
                    .add(at, "connections are not told to other machines: left out");
                Ok(())
            }
            _ => Err((
                at,
                format!("`{command}` is not what ipvsadm -S -n prints: -A or -a is wanted"),
            )),
        }
    }

    fn add_service(&mut self, at: usize, options: &Options<'_>) -> Result<(), Bad> {
        let key = match &options.target {
            None => return Err((at, "a service is wanted: -t ADDRESS:PORT or -u".into())),
            Some(Target::Mark(mark)) => {
                self.marks.push(mark.clone());
                self.warnings.add(
                    at,
                    format!(
                        "the service of firewall mark {mark} is left out: write one of addresses, \
                         which may have prefixes and ranges of ports"
                    ),
                );
                return Ok(());
            }
            Some(Target::Service(key)) => *key,
        };
        if self.find(&key).is_some() {
            return Err((at, format!("there is a service {key} already")));
        }
        if let Some((at, word)) = options.server {
            return Err((at, format!("-A takes no server: `{word}` is one")));
        }
        let mut service = ServiceConfig {
            values: ServiceValues {
                scheduler: DEFAULT_SCHEDULER,
                ..ServiceValues::default()
            },
            at,
            ..ServiceConfig::new(key)
        };
        let flags = options.flags.map_or("", |(_, flags)| flags);
        if let Some((at, name)) = options.scheduler {
            let (scheduler, warning) = scheduler(name, flags).map_err(|words| (at, words))?;
            service.values.scheduler = scheduler;
            if let Some(words) = warning {
                self.warnings.add(at, words);
            }
        }
        for flag in flags.split(',').filter(|flag| !flag.is_empty()) {
            // A destination that takes no connections is passed over by all of ours.
            let known = ["sh-port", "mh-port", "sh-fallback", "mh-fallback"];
            if !known.contains(&flag) {
                self.warnings.add(
                    options.flags.map_or(at, |(at, _)| at),
                    format!("scheduler flag `{flag}` is left out"),
                );
            }
        }
        if let Some(seconds) = options.persistence {
            let granularity = options.mask.and_then(|(at, word)| {
                let length = mask(word);
                if length.is_none() {
                    self.warnings
                        .add(at, format!("netmask `{word}` is left out: it is no prefix"));
                }
                length
            });
            persist(&mut service, seconds, granularity);
        }
        if options.one_packet && key.protocol != Protocol::Udp {
            self.warnings
                .add(at, "one-packet scheduling is for UDP: left out");
        } else {
            service.values.one_packet = options.one_packet;
        }
        if let Some((at, engine)) = options.engine {
            self.warnings.add(
                at,
                format!("persistence engine `{engine}` is left out: clients are told by address"),
            );
        }
        self.places.insert(key, self.services.len());
        self.services.push(service);
        Ok(())
    }

    fn find(&mut self, key: &ServiceKey) -> Option<&mut ServiceConfig> {
        self.services.get_mut(*self.places.get(key)?)
    }

    fn add_server(&mut self, at: usize, options: &Options<'_>) -> Result<(), Bad> {
        let key = match &options.target {
            None => return Err((at, "a service is wanted: -t ADDRESS:PORT or -u".into())),
            Some(Target::Mark(mark)) if self.marks.contains(mark) => {
                self.warnings.add(
                    at,
                    format!("a destination of firewall mark {mark} is left out"),
                );
                return Ok(());
            }
            Some(Target::Mark(mark)) => {
                return Err((at, format!("there is no service of mark {mark} above")));
            }
            Some(Target::Service(key)) => *key,
        };
        if self.find(&key).is_none() {
            return Err((
                at,
                format!("there is no service {key} above: -A comes first"),
            ));
        }
        let (place, server) = options
            .server
            .ok_or_else(|| (at, "a server is wanted: -r ADDRESS:PORT".to_owned()))?;
        let (address, port) = endpoint(server).map_err(|words| (place, words))?;
        let mut values = DestinationValues {
            // What ipvsadm does unless told.
            forwarding: options.forwarding.unwrap_or(Forwarding::Direct),
            upper_limit: options.upper,
            lower_limit: options.lower,
            ..DestinationValues::default()
        };
        if let Some((at, word)) = options.weight {
            let (weight, warning) = weight(word).map_err(|words| (at, words))?;
            values.weight = weight;
            if let Some(words) = warning {
                self.warnings.add(at, words);
            }
        }
        if !self.tunnel(&mut values, options)? {
            return Ok(());
        }
        let changes_port = port.is_some_and(|port| port != 0 && port != key.port);
        if changes_port && values.forwarding != Forwarding::Nat && !address.is_loopback() {
            self.warnings
                .add(place, "only -m changes the port: this one is the service's");
        }
        match destination(&key, address, port, values) {
            Err(words) => self
                .warnings
                .add(place, format!("destination {server} is left out: {words}")),
            Ok(new) => {
                let Some(service) = self.find(&key) else {
                    return Ok(());
                };
                let twice = |old: &crate::DestinationConfig| old.key == new.key;
                if service.destinations.iter().any(twice) {
                    return Err((
                        place,
                        format!("the service has a destination {server} already"),
                    ));
                }
                service.destinations.push(new);
            }
        }
        Ok(())
    }

    /// What tunnelled packets travel in; whether there is such a thing.
    fn tunnel(
        &mut self,
        values: &mut DestinationValues,
        options: &Options<'_>,
    ) -> Result<bool, Bad> {
        let Some((at, kind)) = options.tunnel else {
            return Ok(true);
        };
        if values.forwarding != Forwarding::Tunnel {
            return Err((at, "--tun-type is for tunnels: -i is wanted".into()));
        }
        match kind {
            "ipip" => (),
            "gue" => {
                values.encapsulation = Some(Encapsulation::Gue);
                values.encapsulation_port = options.tunnel_port;
                if let Some((at, word)) = options.checksum {
                    self.warnings.add(
                        at,
                        format!("`{word}` is left out: GUE goes without a checksum"),
                    );
                }
            }
            "gre" => {
                self.warnings.add(
                    at,
                    "there are no tunnels of GRE: the destination is left out",
                );
                return Ok(false);
            }
            _ => {
                return Err((
                    at,
                    format!("`{kind}` is no kind of tunnel: ipip, gue and gre are"),
                ))
            }
        }
        Ok(true)
    }

    /// `--set TCP TCPFIN UDP`, in seconds; 0 leaves one as it is.
    fn set(&mut self, at: usize, words: &[Word<'_>]) -> Result<(), Bad> {
        let mut times = Vec::new();
        for (at, word) in words {
            let seconds: u32 = word
                .parse()
                .map_err(|_| (*at, format!("`{word}` is no number of seconds")))?;
            times.push((seconds > 0).then(|| seconds.saturating_mul(1000)));
        }
        let [established, fin_wait, udp] = *times else {
            return Err((
                at,
                "--set takes three times: of TCP, of TCP after FIN, of UDP".into(),
            ));
        };
        self.switch = Some(SwitchSettings {
            timeouts: timeouts(&[
                (ConnectionState::Established, established),
                (ConnectionState::FinWait, fin_wait),
                (ConnectionState::Udp, udp),
            ]),
            ..SwitchSettings::default()
        });
        Ok(())
    }
}

/// Reads the options of a line.
fn options<'a>(line: usize, words: &[Word<'a>]) -> Result<Options<'a>, Bad> {
    let mut options = Options::default();
    let mut words = words.iter().copied().peekable();
    while let Some((at, word)) = words.next() {
        // `--weight=1` is the same as `--weight 1`.
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name, Some((at + name.len() + 1, value)))
            }
            _ => (word, None),
        };
        let mut value = || {
            joined
                .or_else(|| words.next())
                .ok_or_else(|| (at, format!("`{name}` lacks its value")))
        };
        let number = |(at, word): Word<'_>| {
            word.parse::<u32>()
                .map_err(|_| (at, format!("`{word}` is no number")))
        };
        let mut target = None;
        match name {
            "-t" | "--tcp-service" => target = Some(service(Protocol::Tcp, value()?)?),
            "-u" | "--udp-service" => target = Some(service(Protocol::Udp, value()?)?),
            "--sctp-service" => target = Some(service(Protocol::Sctp, value()?)?),
            "-f" | "--fwmark-service" => {
                let mark = value()?;
                number(mark)?;
                target = Some(Target::Mark(mark.1.to_owned()));
            }
            "-s" | "--scheduler" => options.scheduler = Some(value()?),
            "-b" | "--sched-flags" => options.flags = Some(value()?),
            "-p" | "--persistent" => {
                let is_number = |(_, word): &Word<'_>| !word.starts_with('-');
                let seconds = joined.or_else(|| words.next_if(is_number));
                options.persistence = Some(seconds.map_or(Ok(PERSISTENCE), number)?);
            }
            "-M" | "--netmask" => options.mask = Some(value()?),
            "-o" | "-O" | "--ops" => options.one_packet = true,
            "--pe" => options.engine = Some(value()?),
            "-r" | "--real-server" => options.server = Some(value()?),
            "-g" | "--gatewaying" => options.forwarding = Some(Forwarding::Direct),
            "-i" | "--ipip" => options.forwarding = Some(Forwarding::Tunnel),
            "-m" | "--masquerading" => options.forwarding = Some(Forwarding::Nat),
            "-w" | "--weight" => options.weight = Some(value()?),
            "-x" | "--u-threshold" => options.upper = number(value()?)?,
            "-y" | "--l-threshold" => options.lower = number(value()?)?,
            "--tun-type" => options.tunnel = Some(value()?),
            "--tun-port" => {
                let (at, word) = value()?;
                let port = word.parse().ok().filter(|port| *port != 0);
                options.tunnel_port =
                    Some(port.ok_or_else(|| (at, format!("`{word}` is no port")))?);
            }
            "--tun-nocsum" | "-6" | "--ipv6" | "-n" | "--numeric" => (),
            "--tun-csum" | "--tun-remcsum" => options.checksum = Some((at, word)),
            _ => {
                return Err((
                    at,
                    format!("`{word}` is unknown: it is no option of -A or -a"),
                ))
            }
        }
        if let Some(target) = target {
            if options.target.is_some() {
                return Err((line, "two services are named in one line".into()));
            }
            options.target = Some(target);
        }
    }
    Ok(options)
}

fn service(protocol: Protocol, (at, word): Word<'_>) -> Result<Target, Bad> {
    let (address, port) = endpoint(word).map_err(|words| (at, words))?;
    of_a_host(address).map_err(|words| (at, words.to_owned()))?;
    // Port 0 is every port.
    let port = port.unwrap_or(0);
    Ok(Target::Service(ServiceKey::new(protocol, address, port)))
}

/// `10.0.0.1:80`, `[2001:db8::1]:80`, or an address alone.
fn endpoint(word: &str) -> Result<(IpAddr, Option<u16>), String> {
    let advice =
        || format!("`{word}` is no address and port in numbers: make the list by ipvsadm -S -n");
    let (address, port) = match word.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(advice)?;
            let address = address.parse::<Ipv6Addr>().map_err(|_| advice())?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or_else(advice)?),
            };
            (IpAddr::V6(address), port)
        }
        None => {
            if let Ok(address) = word.parse() {
                (address, None)
            } else {
                let (address, port) = word.rsplit_once(':').ok_or_else(advice)?;
                let address: IpAddr = address.parse().map_err(|_| advice())?;
                if address.is_ipv6() {
                    return Err(format!(
                        "write `{word}` with brackets, as `[2001:db8::1]:80`"
                    ));
                }
                (address, Some(port))
            }
        }
    };
    let port = match port {
        None => None,
        Some(port) => Some(port.parse().map_err(|_| advice())?),
    };
    Ok((address, port))
}

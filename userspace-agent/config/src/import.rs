// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Configurations of others made into ours.

pub mod ipvsadm;
pub mod keepalived;

use std::net::{IpAddr, Ipv4Addr};

use switchyard_netlink::{DestinationKey, Forwarding, Scheduler, ServiceKey, SwitchSettings};

use crate::config::unsuited;
use crate::values::of_a_host;
use crate::{
    Config, DestinationConfig, DestinationValues, Place, Problem, ServiceConfig, MAX_WEIGHT,
};

/// What was made, and what could not be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The services; everything else is left alone.
    pub config: Config,
    /// What could not be carried over, or is not quite the same.
    pub warnings: Vec<Problem>,
}

impl Imported {
    /// Where there is no service at all, others are left alone: an empty list would have them
    /// removed, and more likely something went wrong.
    fn new(
        services: Vec<ServiceConfig>,
        switch: Option<SwitchSettings>,
        warnings: Warnings<'_>,
    ) -> Self {
        let mut warnings = warnings;
        if services.is_empty() {
            warnings.add(0, "there is no service in it that could be carried over");
        }
        // What is said of a group is said for each of its addresses.
        warnings.list.sort_by_key(|warning| warning.place);
        warnings.list.dedup();
        Self {
            config: Config {
                services: Some(services).filter(|services| !services.is_empty()),
                switch,
                ..Config::default()
            },
            warnings: warnings.list,
        }
    }
}

/// Warnings as they come.
struct Warnings<'a> {
    text: &'a str,
    list: Vec<Problem>,
}

impl<'a> Warnings<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            list: Vec::new(),
        }
    }

    fn add(&mut self, offset: usize, words: impl Into<String>) {
        self.list.push(Problem {
            place: Place::of(self.text, offset),
            words: words.into(),
        });
    }
}

/// The scheduler that does the like of IPVS's, and what is different.
fn scheduler(name: &str, flags: &str) -> Result<(Scheduler, Option<String>), String> {
    let by_port = flags
        .split(',')
        .any(|flag| ["sh-port", "mh-port"].contains(&flag));
    let unlike = |scheduler: Scheduler, why: &str| {
        (
            scheduler,
            Some(format!("scheduler `{name}` is made `{scheduler}`: {why}")),
        )
    };
    Ok(match name {
        "rr" => (Scheduler::Rr, None),
        "wrr" => (Scheduler::Wrr, None),
        "lc" => (Scheduler::Lc, None),
        "wlc" => (Scheduler::Wlc, None),
        "sed" => (Scheduler::Sed, None),
        "sh" | "mh" if by_port => (Scheduler::Maglev, None),
        "sh" | "mh" => (Scheduler::Sh, None),
        "twos" => (Scheduler::P2c, None),
        "nq" => unlike(
            Scheduler::Sed,
            "which lets nobody stand idle either, but for its weight",
        ),
        "lblc" | "lblcr" | "dh" => unlike(
            Scheduler::Maglev,
            "it goes by the client and the service, not by the destination address alone",
        ),
        "fo" | "ovf" => unlike(
            Scheduler::Wlc,
            "servers that only wait for others to fail get weight 0, or an upper-limit",
        ),
        _ => return Err(format!("`{name}` is no scheduler of IPVS")),
    })
}

/// A weight of IPVS, whose weights are no less than 0 and may be above ours.
fn weight(text: &str) -> Result<(u32, Option<String>), String> {
    let weight: u32 = text
        .parse()
        .ok()
        .filter(|weight| i32::try_from(*weight).is_ok())
        .ok_or_else(|| format!("`{text}` is no weight"))?;
    if weight > MAX_WEIGHT {
        let words = format!("weight {weight} is made {MAX_WEIGHT}, the most there is");
        return Ok((MAX_WEIGHT, Some(words)));
    }
    Ok((weight, None))
}

/// How many leading bits a mask has: `255.255.255.0`, or a number for IPv6.
fn mask(text: &str) -> Option<u8> {
    if let Ok(mask) = text.parse::<Ipv4Addr>() {
        let bits = mask.to_bits();
        let length = bits.leading_ones();
        return (length > 0 && bits.count_ones() == length)
            .then(|| u8::try_from(length).ok())
            .flatten();
    }
    let length: u8 = text.parse().ok()?;
    (1..=128).contains(&length).then_some(length)
}

/// Gives a service its affinity of so many seconds, for the clients of a mask.
fn persist(service: &mut ServiceConfig, seconds: u32, granularity: Option<u8>) {
    service.values.affinity = seconds;
    match (granularity, service.key.address) {
        (Some(length @ 1..=32), IpAddr::V4(_)) => service.values.affinity_prefix4 = length,
        (Some(length), IpAddr::V6(_)) => service.values.affinity_prefix6 = length,
        _ => (),
    }
}

/// A destination of a service, if it can be one; else why not.
fn destination(
    service: &ServiceKey,
    address: IpAddr,
    port: Option<u16>,
    mut values: DestinationValues,
) -> Result<DestinationConfig, String> {
    // 0 is the port of the service, or of each packet if that has many.
    let port = port.filter(|port| *port != 0);
    let is_here = address.is_loopback() || address == service.address;
    if is_here && port.is_none_or(|port| port == service.port) {
        values = DestinationValues {
            forwarding: Forwarding::Local,
            encapsulation: None,
            encapsulation_port: None,
            ..values
        };
        return Ok(DestinationConfig {
            values,
            ..DestinationConfig::new(DestinationKey::local(*service))
        });
    }
    if is_here {
        return Err("this machine serves the service's own port only, by `local`".into());
    }
    // IPVS rewrites no port but by masquerading.
    let port = port.filter(|_| values.forwarding == Forwarding::Nat);
    of_a_host(address)?;
    values.settle()?;
    let destination = DestinationConfig::new(DestinationKey {
        service: *service,
        address,
        port,
    });
    if let Some(words) = unsuited(&destination.key, &values) {
        return Err(words.into());
    }
    Ok(DestinationConfig {
        values,
        ..destination
    })
}

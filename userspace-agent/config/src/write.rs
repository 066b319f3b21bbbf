// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From configuration to text.

use std::fmt::{Display, Write};

use switchyard_netlink::{Policy as PollPolicy, StateTimeout, SwitchSettings};

use crate::config::{DestinationValues, ServiceValues};
use crate::plan::{are_all, claims_of};
use crate::{CheckKind, CheckSpec, ClaimConfig, Config, DestinationConfig, Running, ServiceConfig};

/// Text in TOML's quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A configuration as the file that it is read from. yardmaster's own table, sources and
/// policies, which have no other place than the file, are left out.
#[must_use]
pub fn write(config: &Config) -> String {
    let mut out = String::new();
    if config.claims.as_ref().is_some_and(Vec::is_empty) {
        out.push_str("claim = []\n");
    }
    if config.services.as_ref().is_some_and(Vec::is_empty) {
        out.push_str("service = []\n");
    }
    if let Some(settings) = &config.switch {
        switch(&mut out, settings);
    }
    if let Some(addresses) = &config.addresses {
        let list: Vec<String> = addresses.iter().map(|a| quoted(&a.to_string())).collect();
        let _ = write!(out, "\n[yard0]\naddresses = [{}]\n", list.join(", "));
    }
    for claim in config.claims.iter().flatten() {
        self::claim(&mut out, claim);
    }
    for service in config.services.iter().flatten() {
        self::service(&mut out, service);
    }
    out.trim_start().to_owned()
}

fn line(out: &mut String, key: &str, value: impl Display) {
    let _ = writeln!(out, "{key} = {value}");
}

/// A line, unless the value is the default.
fn unless<T: PartialEq>(out: &mut String, key: &str, value: &T, default: &T, text: String) {
    if value != default {
        line(out, key, text);
    }
}

/// A time in TOML, of so many microseconds.
fn time(microseconds: u64) -> String {
    let time = std::time::Duration::from_micros(microseconds);
    quoted(
        &humantime::format_duration(time)
            .to_string()
            .replace(' ', ""),
    )
}

fn seconds(seconds: u32) -> String {
    time(u64::from(seconds) * 1_000_000)
}

fn switch(out: &mut String, settings: &SwitchSettings) {
    out.push_str("\n[switch]\n");
    if let Some(limit) = settings.connection_limit {
        line(out, "connection-limit", limit);
    }
    if let Some(limit) = settings.half_open_limit {
        line(out, "half-open-limit", limit);
    }
    if let Some(bytes) = settings.fragment_memory_limit {
        line(out, "fragment-memory", bytes);
    }
    if let Some(milliseconds) = settings.fragment_timeout {
        line(
            out,
            "fragment-timeout",
            time(u64::from(milliseconds) * 1000),
        );
    }
    if !settings.timeouts.is_empty() {
        out.push_str("\n[switch.timeout]\n");
    }
    for StateTimeout {
        state,
        milliseconds,
    } in &settings.timeouts
    {
        line(
            out,
            &state.to_string(),
            time(u64::from(*milliseconds) * 1000),
        );
    }
}

fn claim(out: &mut String, claim: &ClaimConfig) {
    let list = |numbers: &[u32]| {
        let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
        format!("[{}]", words.join(", "))
    };
    out.push_str("\n[[claim]]\n");
    line(out, "device", quoted(&claim.device));
    if let Some(queues) = &claim.queues {
        line(out, "queues", list(queues));
    }
    if !claim.cpus.is_empty() {
        line(out, "cpus", list(&claim.cpus));
    }
    line(out, "policy", quoted(&claim.policy.to_string()));
    if claim.policy == PollPolicy::Adaptive {
        line(out, "idle-timeout", time(claim.idle_timeout.into()));
    }
}

fn service(out: &mut String, service: &ServiceConfig) {
    let default = ServiceValues::default();
    let values = &service.values;
    out.push_str("\n[[service]]\n");
    line(out, "service", quoted(&service.key.to_string()));
    let text = quoted(&values.scheduler.to_string());
    unless(
        out,
        "scheduler",
        &values.scheduler,
        &default.scheduler,
        text,
    );
    unless(out, "timeout", &values.timeout, &0, seconds(values.timeout));
    unless(out, "one-packet", &values.one_packet, &false, "true".into());
    unless(
        out,
        "reset-at-expiry",
        &values.reset_at_expiry,
        &false,
        "true".into(),
    );
    let text = quoted(&values.fallback.to_string());
    unless(out, "fallback", &values.fallback, &default.fallback, text);
    unless(
        out,
        "affinity",
        &values.affinity,
        &0,
        seconds(values.affinity),
    );
    let length = values.affinity_prefix4;
    unless(out, "affinity-prefix4", &length, &32, length.to_string());
    let length = values.affinity_prefix6;
    unless(out, "affinity-prefix6", &length, &128, length.to_string());
    if !service.destinations.is_empty() {
        out.push_str("destination = [\n");
        for destination in &service.destinations {
            let _ = writeln!(out, "    {{ {} }},", self::destination(destination));
        }
        out.push_str("]\n");
    }
    for check in &service.checks {
        out.push_str("[[service.check]]\n");
        for (key, value) in check_lines(check) {
            line(out, key, value);
        }
    }
}

fn destination(of: &DestinationConfig) -> String {
    let default = DestinationValues::default();
    let values = &of.values;
    let mut parts = vec![format!("address = {}", quoted(&of.name()))];
    let mut add = |key: &str, text: String| parts.push(format!("{key} = {text}"));
    if values.weight != default.weight {
        add("weight", values.weight.to_string());
    }
    if values.forwarding != default.forwarding && of.name() != "local" {
        add("forwarding", quoted(&values.forwarding.to_string()));
    }
    if let Some(encapsulation) = values.encapsulation {
        add("encapsulation", quoted(&encapsulation.to_string()));
    }
    if let Some(port) = values.encapsulation_port {
        add("encapsulation-port", port.to_string());
    }
    if values.state != default.state {
        add("state", quoted(&values.state.to_string()));
    }
    if values.drain_deadline != 0 {
        add("drain-deadline", seconds(values.drain_deadline));
    }
    if values.upper_limit != 0 {
        add("upper-limit", values.upper_limit.to_string());
    }
    if values.lower_limit != 0 {
        add("lower-limit", values.lower_limit.to_string());
    }
    if let Some(checks) = &of.checks {
        let checks: Vec<String> = checks.iter().map(inline_check).collect();
        add("check", format!("[{}]", checks.join(", ")));
    }
    parts.join(", ")
}

fn inline_check(check: &CheckSpec) -> String {
    let lines = check_lines(check).into_iter();
    let parts: Vec<String> = lines
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", parts.join(", "))
}

fn check_lines(check: &CheckSpec) -> Vec<(&'static str, String)> {
    let default = CheckSpec::default();
    let kind = match check.kind {
        CheckKind::Tcp => "tcp",
        CheckKind::Http => "http",
        CheckKind::Https => "https",
        CheckKind::Grpc => "grpc",
        CheckKind::Icmp => "icmp",
    };
    let micros =
        |time: std::time::Duration| self::time(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let mut lines = vec![("type", quoted(kind))];
    if let Some(port) = check.port {
        lines.push(("port", port.to_string()));
    }
    if check.interval != default.interval {
        lines.push(("interval", micros(check.interval)));
    }
    if check.timeout != default.timeout {
        lines.push(("timeout", micros(check.timeout)));
    }
    if check.rise != default.rise {
        lines.push(("rise", check.rise.to_string()));
    }
    if check.fall != default.fall {
        lines.push(("fall", check.fall.to_string()));
    }
    let texts = [
        ("send", &check.send),
        ("expect", &check.expect),
        ("path", &check.path),
        ("method", &check.method),
        ("host", &check.host),
        ("contains", &check.contains),
        ("service", &check.service),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            lines.push((key, quoted(text)));
        }
    }
    if let Some(status) = check.status {
        lines.push(("status", quoted(&status.to_string())));
    }
    if check.tls {
        lines.push(("tls", "true".into()));
    }
    if let Some(ca) = &check.ca {
        lines.push(("ca", quoted(&ca.to_string_lossy())));
    }
    lines
}

impl Config {
    /// What runs, as a file would say it.
    #[must_use]
    pub fn of(running: &Running) -> Self {
        let switch = &running.switch;
        let mut services: Vec<ServiceConfig> = Vec::with_capacity(running.services.len());
        let mut places = std::collections::HashMap::with_capacity(running.services.len());
        for service in &running.services {
            places.insert(service.key, services.len());
            services.push(ServiceConfig {
                values: service.into(),
                ..ServiceConfig::new(service.key)
            });
        }
        for destination in &running.destinations {
            let place = places.get(&destination.service);
            if let Some(service) = place.and_then(|place| services.get_mut(*place)) {
                let key = switchyard_netlink::DestinationKey {
                    service: destination.service,
                    address: destination.address,
                    port: Some(destination.port),
                };
                service.destinations.push(DestinationConfig {
                    values: destination.into(),
                    ..DestinationConfig::new(key)
                });
            }
        }
        let mut claims = claims_of(&running.claims);
        for claim in &mut claims {
            let count = running.queues.get(&claim.device).copied();
            if claim
                .queues
                .as_deref()
                .is_some_and(|queues| are_all(queues, count))
            {
                claim.queues = None;
            }
        }
        Self {
            switch: Some(SwitchSettings {
                connection_limit: Some(switch.connection_limit),
                half_open_limit: Some(switch.half_open_limit),
                timeouts: switch.timeouts.clone(),
                fragment_memory_limit: Some(switch.fragment_memory_limit),
                fragment_timeout: Some(switch.fragment_timeout),
            }),
            addresses: Some(running.addresses.clone()),
            claims: Some(claims),
            services: Some(services),
            ..Self::default()
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Notifications, a line for each.

use std::io::Write;

use serde::Serialize;
use switchyard_netlink::{Claim, Destination, Notification, Service, Switch};

use crate::failure::Failure;
use crate::print::{or_dash, timeout};

/// A notification as one line of text.
pub fn text(out: &mut impl Write, notification: &Notification) -> Result<(), Failure> {
    match notification {
        Notification::Service(service) => writeln!(
            out,
            "service {} scheduler {} timeout {} destinations {}",
            service.key,
            service.scheduler,
            timeout(service.timeout),
            service.destinations
        )?,
        Notification::ServiceRemoved(service) => writeln!(out, "service {} removed", service.key)?,
        Notification::Destination(destination) => writeln!(
            out,
            "destination {} {} weight {} forwarding {} state {}",
            destination.service,
            destination.name(),
            destination.weight,
            destination.forwarding,
            destination.state
        )?,
        Notification::DestinationRemoved(destination) => writeln!(
            out,
            "destination {} {} removed",
            destination.service,
            destination.name()
        )?,
        Notification::DestinationDrained(destination) => writeln!(
            out,
            "destination {} {} drained",
            destination.service,
            destination.name()
        )?,
        Notification::DestinationDeadline(destination) => writeln!(
            out,
            "destination {} {} deadline passed",
            destination.service,
            destination.name()
        )?,
        Notification::Switch(switch) => writeln!(
            out,
            "switch connections {} of {}",
            switch.connections, switch.connection_limit
        )?,
        Notification::Claim(claim) => {
            write!(out, "claim {}", claim.ifname)?;
            if let Some(queue) = claim.queue {
                write!(out, " queue {queue}")?;
            }
            if let Some(cpu) = claim.cpu {
                write!(out, " cpu {cpu}")?;
            }
            writeln!(out, " policy {}", or_dash(claim.policy))?;
        }
        Notification::ClaimRemoved(claim) => writeln!(out, "claim {} removed", claim.ifname)?,
    }
    Ok(())
}

/// A notification as one line of JSON.
pub fn json(out: &mut impl Write, notification: &Notification) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        event: &'static str,
        removed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<&'a Service>,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination: Option<&'a Destination>,
        #[serde(skip_serializing_if = "Option::is_none")]
        claim: Option<&'a Claim>,
        #[serde(skip_serializing_if = "Option::is_none")]
        switch: Option<&'a Switch>,
    }
    let mut line = Line {
        event: "",
        removed: false,
        service: None,
        destination: None,
        claim: None,
        switch: None,
    };
    match notification {
        Notification::Service(s) => (line.event, line.service) = ("service", Some(s)),
        Notification::ServiceRemoved(s) => {
            (line.event, line.service, line.removed) = ("service", Some(s), true);
        }
        Notification::Destination(d) => {
            (line.event, line.destination) = ("destination", Some(d));
        }
        Notification::DestinationRemoved(d) => {
            (line.event, line.destination, line.removed) = ("destination", Some(d), true);
        }
        Notification::DestinationDrained(d) => {
            (line.event, line.destination) = ("drained", Some(d));
        }
        Notification::DestinationDeadline(d) => {
            (line.event, line.destination) = ("deadline", Some(d));
        }
        Notification::Switch(s) => (line.event, line.switch) = ("switch", Some(s.as_ref())),
        Notification::Claim(c) => (line.event, line.claim) = ("claim", Some(c)),
        Notification::ClaimRemoved(c) => {
            (line.event, line.claim, line.removed) = ("claim", Some(c), true);
        }
    }
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service::new("tcp 10.0.0.1:80".parse().unwrap())
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_takes_one_line() {
        let removed = Notification::ServiceRemoved(service());
        assert_eq!(
            written(|out| text(out, &removed)),
            "service tcp 10.0.0.1:80 removed\n"
        );
        let line = written(|out| json(out, &removed));
        assert!(line.starts_with(r#"{"event":"service","removed":true,"service":{"protocol""#));
        assert_eq!(line.matches('\n').count(), 1);
        let address = "10.1.0.2".parse().unwrap();
        let destination = Destination::new(service().key, address, 8080);
        let added = Notification::Destination(destination);
        assert_eq!(
            written(|out| text(out, &added)),
            "destination tcp 10.0.0.1:80 10.1.0.2:8080 weight 1 forwarding nat state active\n"
        );
        let drained = Notification::DestinationDrained(destination);
        assert_eq!(
            written(|out| text(out, &drained)),
            "destination tcp 10.0.0.1:80 10.1.0.2:8080 drained\n"
        );
        let line = written(|out| json(out, &drained));
        assert!(line.starts_with(r#"{"event":"drained","removed":false,"destination":{"#));
    }
}

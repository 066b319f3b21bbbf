// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Listens to what changes.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use netlink_packet_core::NetlinkPayload;
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use crate::spec::Command;
use crate::transport::{Family, Message, Transport};
use crate::{Claim, Client, Decode, Destination, Error, Malformed, McastGroup, Service, Switch};

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A service was added or changed.
    Service(Service),
    /// A service was removed.
    ServiceRemoved(Service),
    /// A destination was added or changed.
    Destination(Destination),
    /// A destination was removed.
    DestinationRemoved(Destination),
    /// A destination that takes no new connections has none left.
    DestinationDrained(Destination),
    /// A destination's deadline has passed, and its connections were ended.
    DestinationDeadline(Destination),
    /// A value of the switch was set.
    Switch(Box<Switch>),
    /// A device was claimed.
    Claim(Claim),
    /// A device was released, by command or since it went away.
    ClaimRemoved(Claim),
}

impl Notification {
    /// Reads a message of the family; `None` is a command that tells nothing.
    pub(crate) fn decode(command: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        Ok(Some(match Command::from_value(command) {
            Some(Command::ServiceNtf) => Self::Service(Decode::decode(attributes)?),
            Some(Command::ServiceDelNtf) => Self::ServiceRemoved(Decode::decode(attributes)?),
            Some(Command::DestinationNtf) => Self::Destination(Decode::decode(attributes)?),
            Some(Command::DestinationDelNtf) => {
                Self::DestinationRemoved(Decode::decode(attributes)?)
            }
            Some(Command::DestinationDrainedNtf) => {
                Self::DestinationDrained(Decode::decode(attributes)?)
            }
            Some(Command::DestinationDeadlineNtf) => {
                Self::DestinationDeadline(Decode::decode(attributes)?)
            }
            Some(Command::SwitchNtf) => Self::Switch(Box::new(Decode::decode(attributes)?)),
            Some(Command::ClaimNtf) => Self::Claim(Decode::decode(attributes)?),
            Some(Command::ClaimDelNtf) => Self::ClaimRemoved(Decode::decode(attributes)?),
            _ => return Ok(None),
        }))
    }
}

/// A socket that has joined multicast groups of the family.
#[derive(Debug)]
pub struct Monitor {
    transport: Transport,
    family: Family,
    waiting: VecDeque<Notification>,
}

impl Monitor {
    /// Turns a client's socket into a monitor. What changes from now on will be
    /// told.
    pub fn subscribe(client: Client, groups: &[McastGroup]) -> Result<Self, Error> {
        let (transport, family) = client.into_parts();
        for group in groups {
            let id = family
                .groups
                .iter()
                .find(|(name, _)| name == group.name())
                .map(|&(_, id)| id)
                .ok_or(Error::GroupAbsent(group.name()))?;
            transport.socket().add_membership(id)?;
        }
        Ok(Self {
            transport,
            family,
            waiting: VecDeque::new(),
        })
    }

    /// The next notification; `None` if none came in time. Without a timeout,
    /// waits as long as it takes. [`Error::Lost`] is no reason to give up, but
    /// to list anew.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Notification>, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(notification) = self.waiting.pop_front() {
                return Ok(Some(notification));
            }
            if !self.wait(deadline)? {
                return Ok(None);
            }
            for message in self.transport.listen()? {
                if let Some(notification) = understand(self.family.id, message)? {
                    self.waiting.push_back(notification);
                }
            }
        }
    }

    /// Whether there is something to read before the deadline.
    fn wait(&self, deadline: Option<Instant>) -> Result<bool, Error> {
        loop {
            let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
                // Rounded up, lest the last millisecond be spent spinning.
                let left =
                    deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
                PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX)
            });
            let mut fds = [PollFd::new(
                self.transport.socket().as_fd(),
                PollFlags::POLLIN,
            )];
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => (),
                Err(errno) => return Err(Error::Io(errno.into())),
                Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Ok(false);
                }
                Ok(0) => (),
                Ok(_) => return Ok(true),
            }
        }
    }
}

fn understand(family: u16, message: Message) -> Result<Option<Notification>, Malformed> {
    if message.header.message_type != family {
        return Ok(None);
    }
    let NetlinkPayload::InnerMessage(message) = message.payload else {
        return Ok(None);
    };
    let (header, raw) = message.into_parts();
    Notification::decode(header.cmd, &raw.attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Writer;
    use crate::ServiceKey;

    /// Stands on the one family that every kernel has.
    fn monitor() -> Monitor {
        let mut transport = Transport::open().unwrap();
        let family = transport.family("nlctrl").unwrap();
        let (_, group) = family.groups.first().unwrap();
        transport.socket().add_membership(*group).unwrap();
        Monitor {
            transport,
            family,
            waiting: VecDeque::new(),
        }
    }

    #[test]
    fn waiting_ends_in_time() {
        let start = Instant::now();
        let timeout = Duration::from_millis(30);
        assert_eq!(monitor().next(Some(timeout)).unwrap(), None);
        assert!(start.elapsed() >= timeout);
        assert_eq!(monitor().next(Some(Duration::ZERO)).unwrap(), None);
    }

    #[test]
    fn what_waits_is_given_in_its_order() {
        let mut monitor = monitor();
        // Ports of two services: removed, then added anew.
        let attributes = |port: u16| {
            let mut to = Writer::new();
            ServiceKey { port, ..key() }.encode(&mut to);
            to.into_bytes()
        };
        for (command, port) in [(Command::ServiceDelNtf, 80), (Command::ServiceNtf, 81)] {
            let told = Notification::decode(command.value(), &attributes(port)).unwrap();
            monitor.waiting.extend(told);
        }
        let mut next = || monitor.next(Some(Duration::ZERO)).unwrap();
        assert!(matches!(next(), Some(Notification::ServiceRemoved(s)) if s.key.port == 80));
        assert!(matches!(next(), Some(Notification::Service(s)) if s.key.port == 81));
        assert_eq!(next(), None);
        // An operation is no notification.
        let reply = Notification::decode(Command::ServiceGet.value(), &attributes(80));
        assert_eq!(reply, Ok(None));
    }

    fn key() -> ServiceKey {
        "tcp 10.0.0.1:80".parse().unwrap()
    }
}

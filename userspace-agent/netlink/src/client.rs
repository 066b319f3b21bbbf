// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Asks the module and changes what it does.

use crate::attribute::Writer;
use crate::change::encode_all;
use crate::connection::Ended;
use crate::explain;
use crate::spec::{Command, FAMILY, VERSION};
use crate::transport::{Family, Raw, Request, Transport};
use crate::{
    Change, Claim, ClaimRequest, Connection, ConnectionFilter, Cpu, Decode, Destination,
    DestinationKey, DestinationSettings, Device, Error, Explanation, Service, ServiceKey,
    ServiceSettings, Switch, SwitchSettings,
};

/// How often a dump is taken anew when the configuration changed meanwhile.
const DUMP_ATTEMPTS: usize = 8;

/// A connection to the module, in the network namespace that the calling thread
/// was in when it was made.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    family: Family,
}

impl Client {
    /// Opens a socket and finds the module.
    pub fn connect() -> Result<Self, Error> {
        let mut transport = Transport::open()?;
        let family = transport.family(FAMILY)?;
        Ok(Self { transport, family })
    }

    fn exchange(
        &mut self,
        command: Command,
        dump: bool,
        attributes: Vec<u8>,
        mut reply: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let request = request(self.family.id, command, dump, attributes);
        self.transport
            .exchange(request, |raw| reply(&raw.attributes))
    }

    fn tell(&mut self, command: Command, attributes: Writer) -> Result<(), Error> {
        self.exchange(command, false, attributes.into_bytes(), |_| Ok(()))
    }

    fn ask<T: Decode>(&mut self, command: Command, attributes: Writer) -> Result<T, Error> {
        let mut answer = None;
        self.exchange(command, false, attributes.into_bytes(), |reply| {
            answer = Some(T::decode(reply)?);
            Ok(())
        })?;
        answer.ok_or(Error::NoReply)
    }

    fn list<T: Decode>(&mut self, command: Command, attributes: Writer) -> Result<Vec<T>, Error> {
        let attributes = attributes.into_bytes();
        let mut list = Vec::new();
        for _ in 0..DUMP_ATTEMPTS {
            list.clear();
            let result = self.exchange(command, true, attributes.clone(), |reply| {
                list.push(T::decode(reply)?);
                Ok(())
            });
            match result {
                Err(Error::Interrupted) => (),
                Err(error) => return Err(error),
                Ok(()) => return Ok(list),
            }
        }
        Err(Error::Interrupted)
    }

    /// The switch at a glance.
    pub fn switch(&mut self) -> Result<Switch, Error> {
        self.ask(Command::SwitchGet, Writer::new())
    }

    /// Sets what is given of the switch.
    pub fn set_switch(&mut self, settings: &SwitchSettings) -> Result<(), Error> {
        self.tell(Command::SwitchSet, settings.encode())
    }

    /// Every service.
    pub fn services(&mut self) -> Result<Vec<Service>, Error> {
        self.list(Command::ServiceGet, Writer::new())
    }

    /// One service.
    pub fn service(&mut self, key: &ServiceKey) -> Result<Service, Error> {
        let mut to = Writer::new();
        key.encode(&mut to);
        self.ask(Command::ServiceGet, to)
    }

    /// Adds a service without destinations.
    pub fn add_service(&mut self, settings: &ServiceSettings) -> Result<(), Error> {
        let mut to = Writer::new();
        settings.encode(&mut to);
        self.tell(Command::ServiceAdd, to)
    }

    /// Changes what is given of a service.
    pub fn set_service(&mut self, settings: &ServiceSettings) -> Result<(), Error> {
        let mut to = Writer::new();
        settings.encode(&mut to);
        self.tell(Command::ServiceSet, to)
    }

    /// Removes a service and its destinations; its connections live on.
    pub fn delete_service(&mut self, key: &ServiceKey) -> Result<(), Error> {
        let mut to = Writer::new();
        key.encode(&mut to);
        self.tell(Command::ServiceDel, to)
    }

    /// The destinations of a service, or of all.
    pub fn destinations(
        &mut self,
        service: Option<&ServiceKey>,
    ) -> Result<Vec<Destination>, Error> {
        let mut to = Writer::new();
        if let Some(service) = service {
            to.nest(crate::spec::destination::SERVICE, |to| service.encode(to));
        }
        self.list(Command::DestinationGet, to)
    }

    /// One destination.
    pub fn destination(&mut self, key: &DestinationKey) -> Result<Destination, Error> {
        let mut to = Writer::new();
        key.encode(&mut to);
        self.ask(Command::DestinationGet, to)
    }

    /// Adds a destination to a service.
    pub fn add_destination(&mut self, settings: &DestinationSettings) -> Result<(), Error> {
        let mut to = Writer::new();
        settings.encode(&mut to);
        self.tell(Command::DestinationAdd, to)
    }

    /// Changes what is given of a destination.
    pub fn set_destination(&mut self, settings: &DestinationSettings) -> Result<(), Error> {
        let mut to = Writer::new();
        settings.encode(&mut to);
        self.tell(Command::DestinationSet, to)
    }

    /// Removes a destination; its connections live on until they end.
    pub fn delete_destination(&mut self, key: &DestinationKey) -> Result<(), Error> {
        let mut to = Writer::new();
        key.encode(&mut to);
        self.tell(Command::DestinationDel, to)
    }

    /// Makes all changes at once, or none. A refusal tells which offends.
    pub fn apply<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change, IntoIter: Clone>,
    ) -> Result<(), Error> {
        self.tell(Command::Apply, encode_all(changes.into_iter()))
    }

    /// Every claimed queue.
    pub fn claims(&mut self) -> Result<Vec<Claim>, Error> {
        self.list(Command::ClaimGet, Writer::new())
    }

    /// Takes receive queues of a device.
    pub fn claim(&mut self, request: &ClaimRequest) -> Result<(), Error> {
        let mut to = Writer::new();
        request.encode(&mut to)?;
        self.tell(Command::ClaimAdd, to)
    }

    /// Gives a device back to the ordinary stack, with all its queues.
    pub fn release(&mut self, device: &Device) -> Result<(), Error> {
        let mut to = Writer::new();
        device.encode(&mut to)?;
        self.tell(Command::ClaimDel, to)
    }

    /// Gives every connection that is meant to `visit`. There may be millions, so
    /// they are not collected; some that come or go meanwhile may be missed.
    /// After an error of `visit` the client is of no more use.
    pub fn connections(
        &mut self,
        filter: &ConnectionFilter,
        mut visit: impl FnMut(Connection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let to = filter.encode();
        let result = self.exchange(Command::ConnectionGet, true, to.into_bytes(), |reply| {
            visit(Connection::decode(reply)?)
        });
        match result {
            Err(Error::Interrupted) => Ok(()),
            result => result,
        }
    }

    /// Ends the connections that are meant, every one if the filter is empty, and
    /// tells how many there were.
    pub fn end_connections(&mut self, filter: &ConnectionFilter) -> Result<u64, Error> {
        let ended: Ended = self.ask(Command::ConnectionDel, filter.encode_for_end())?;
        Ok(ended.0)
    }

    /// What would become of a packet, its bytes from the IP header on, if it came
    /// by the device of this index.
    pub fn explain(&mut self, packet: &[u8], ifindex: Option<u32>) -> Result<Explanation, Error> {
        self.ask(Command::Explain, explain::encode(packet, ifindex))
    }

    /// What each CPU has done.
    pub fn cpus(&mut self) -> Result<Vec<Cpu>, Error> {
        self.list(Command::CpuGet, Writer::new())
    }

    pub(crate) fn into_parts(self) -> (Transport, Family) {
        (self.transport, self.family)
    }
}

pub(crate) fn request(family: u16, command: Command, dump: bool, attributes: Vec<u8>) -> Request {
    Request {
        family,
        raw: Raw {
            command: command.value(),
            version: VERSION,
            attributes,
        },
        dump,
        set: Some(command.attribute_set()),
    }
}

#[cfg(test)]
mod tests;

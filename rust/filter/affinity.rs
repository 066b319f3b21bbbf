// SPDX-License-Identifier: GPL-2.0

//! Client affinity: new connections of a client go where its last ones went.
//!
//! What is remembered is a connection of its own kind in the same table, a template: its client
//! is the masked address, and it lives for the service's affinity time after the last connection
//! that was made by it.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Insertion, //
};
use crate::core::tuple::{
    Endpoint,
    Family, //
    Ipv4Address,
    Ipv6Address,
};

use super::context::{
    Context,
    Destination as _,
    Service,
    Services,
    Tables, //
};
use super::segment::Segment;
use super::version::Version;

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// Chooses the destination of a new connection: the client's, if the service keeps clients
    /// together and that one is still there, else as the scheduler does.
    pub(super) fn choose<A: Version>(
        &self,
        segment: &Segment<A>,
        service: &'a C::Service,
        hash: u32,
    ) -> Option<&'a C::Destination>
    where
        Self: Tables<A>,
    {
        let options = service.options();
        if options.affinity == 0 {
            return self.select(service, hash);
        }
        let length = match A::FAMILY {
            Family::V4 => options.affinity_prefix.0,
            Family::V6 => options.affinity_prefix.1,
        };
        let template = Connection {
            protocol: segment.protocol,
            template: true,
            state: ConnectionState::None,
            client: Endpoint::new(segment.source.address.prefix(length), 0),
            // All ports of a service have the same client's connections.
            service: Endpoint::new(
                segment.destination.address,
                service.endpoint().map_or(0, |endpoint| endpoint.port),
            ),
            service_id: service.id(),
            method: Default::default(),
            destination: Endpoint::default(),
            destination_id: 0,
            timeout: options.affinity,
            last_seen: self.now,
        };
        let known =
            self.connections()
                .template(template.protocol, template.client, template.service);
        if let Some(found) = known {
            let destination = self
                .services
                .destination(found.connection.destination_id)
                .filter(|destination| destination.takes());
            if destination.is_some() && found.connection.service_id == template.service_id {
                self.connections()
                    .touch(found.handle, found.connection.state, self.now, |state| {
                        state
                    });
                return destination;
            }
            self.connections().remove(found.handle);
        }
        let chosen = self.select(service, hash)?;
        let template = Connection {
            destination_id: chosen.id(),
            ..template
        };
        match self.connections().insert(&template) {
            // Another CPU was faster; without room the client goes as the scheduler says.
            Insertion::Exists(found) => self
                .services
                .destination(found.connection.destination_id)
                .or(Some(chosen)),
            _ => Some(chosen),
        }
    }
}

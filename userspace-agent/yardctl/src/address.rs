// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The addresses of a device, by rtnetlink.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL,
    NLM_F_REQUEST,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use switchyard_config::DeviceAddress;

use crate::failure::Failure;

/// A part of a dump is no longer than this.
const RECEIVE_BYTES: usize = 64 * 1024;

/// A socket of the network namespace that it was opened in.
pub struct Addresses {
    socket: Socket,
    sequence: u32,
}

fn fail(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        Failure::Permission("addresses of yard0: this needs CAP_NET_ADMIN".into())
    } else {
        Failure::Other(format!("addresses of yard0: {error}"))
    }
}

impl Addresses {
    /// Opens the socket.
    pub fn open() -> Result<Self, Failure> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(socket)
        };
        Ok(Self {
            socket: open().map_err(|error| fail(&error))?,
            sequence: 0,
        })
    }

    fn exchange(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        mut reply: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.sequence_number = self.sequence;
        header.flags = NLM_F_REQUEST | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut buffer = Vec::with_capacity(RECEIVE_BYTES);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                let message =
                    NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|error| {
                        io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                    })?;
                let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => reply(message),
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok(()),
                            Some(_) => Err(error.to_io()),
                        };
                    }
                    _ => (),
                }
            }
        }
    }

    /// Those of the device of this index, without those that the kernel makes for a link.
    pub fn of(&mut self, index: u32) -> Result<Vec<DeviceAddress>, Failure> {
        let mut addresses = Vec::new();
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let result = self.exchange(request, NLM_F_DUMP, |message| {
            if let RouteNetlinkMessage::NewAddress(message) = message {
                if message.header.index == index && message.header.scope != AddressScope::Link {
                    addresses.extend(address_of(&message));
                }
            }
        });
        result.map_err(|error| fail(&error))?;
        addresses.sort_unstable();
        Ok(addresses)
    }

    /// Gives the device of this index an address, and brings it up.
    pub fn add(&mut self, index: u32, address: DeviceAddress) -> Result<(), Failure> {
        let request = RouteNetlinkMessage::NewAddress(message(index, address));
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        match self.exchange(request, flags, |_| ()) {
            // Somebody else was faster.
            Err(error) if is(&error, Errno::EEXIST) => (),
            result => result.map_err(|error| fail(&error))?,
        }
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        self.exchange(RouteNetlinkMessage::SetLink(link), NLM_F_ACK, |_| ())
            .map_err(|error| fail(&error))
    }

    /// Takes an address away from the device of this index.
    pub fn remove(&mut self, index: u32, address: DeviceAddress) -> Result<(), Failure> {
        let request = RouteNetlinkMessage::DelAddress(message(index, address));
        match self.exchange(request, NLM_F_ACK, |_| ()) {
            Err(error) if is(&error, Errno::EADDRNOTAVAIL) => Ok(()),
            result => result.map_err(|error| fail(&error)),
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error().map(Errno::from_raw) == Some(errno)
}

fn message(index: u32, address: DeviceAddress) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    message.header.index = index;
    message.header.prefix_len = address.length;
    if address.address.is_ipv6() {
        // Nobody else has it, and nobody hears us ask on a device without a wire.
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message
        .attributes
        .push(AddressAttribute::Address(address.address));
    message
        .attributes
        .push(AddressAttribute::Local(address.address));
    message
}

fn address_of(message: &AddressMessage) -> Option<DeviceAddress> {
    let mut found: Option<IpAddr> = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => found = Some(*address),
            AddressAttribute::Address(address) => {
                found.get_or_insert(*address);
            }
            _ => (),
        }
    }
    Some(DeviceAddress {
        address: found?,
        length: message.header.prefix_len,
    })
}

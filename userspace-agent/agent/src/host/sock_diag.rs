// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Sockets of one port, by `sock_diag(7)`.

use std::io;

use netlink_packet_core_of_sock_diag::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_DUMP, NLM_F_REQUEST,
};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};

/// The kernel fills at most this much at a time.
const BUFFER: usize = 32 * 1024;

/// Asks the kernel for sockets.
#[derive(Debug)]
pub struct Sockets {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Sockets {
    /// Opens a socket to ask by; needs no privilege.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            buffer: vec![0; BUFFER],
            sequence: 0,
        })
    }

    /// How many TCP connections of either family `port` has.
    pub fn count(&mut self, port: u16) -> io::Result<u64> {
        // A socket that listens on [::] has its IPv4 connections under AF_INET6.
        Ok(self.dump(AF_INET, port)? + self.dump(AF_INET6, port)?)
    }

    fn dump(&mut self, family: u8, port: u16) -> io::Result<u64> {
        self.sequence = self.sequence.wrapping_add(1);
        self.ask(family, port)?;
        let mut count = 0;
        loop {
            let length = self.socket.recv(&mut self.buffer.as_mut_slice(), 0)?;
            let mut rest = self.buffer.get(..length).unwrap_or_default();
            while !rest.is_empty() {
                let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                let step = usize::try_from(message.header.length)
                    .unwrap_or(usize::MAX)
                    .next_multiple_of(4);
                // What is left over from a dump that broke off is nobody's.
                if message.header.sequence_number == self.sequence {
                    match message.payload {
                        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
                            let is_it = socket.header.socket_id.source_port == port;
                            count += u64::from(is_it);
                        }
                        NetlinkPayload::Done(_) => return Ok(count),
                        NetlinkPayload::Error(error) => return Err(error.to_io()),
                        _ => (),
                    }
                }
                rest = rest.get(step.max(16)..).unwrap_or_default();
            }
        }
    }

    fn ask(&self, family: u8, port: u16) -> io::Result<()> {
        let mut socket_id = if family == AF_INET {
            SocketId::new_v4()
        } else {
            SocketId::new_v6()
        };
        // The kernel passes over sockets of other ports.
        socket_id.source_port = port;
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::ESTABLISHED | StateFlags::CLOSE_WAIT,
            socket_id,
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }
}

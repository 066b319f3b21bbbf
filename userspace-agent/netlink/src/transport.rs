// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A generic netlink socket: one request, its replies, its acknowledgement.

use std::io;

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkHeader, NetlinkMessage, NetlinkPayload, ParseableParametrized,
    NLMSG_ALIGNTO, NLM_F_ACK, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
};
use netlink_packet_generic::constants::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID,
    CTRL_ATTR_MCAST_GRP_NAME, CTRL_CMD_GETFAMILY, GENL_HDRLEN, GENL_ID_CTRL,
};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

use crate::attribute::{each, Malformed, Writer};
use crate::spec::{self, AttributeSet};
use crate::{Error, Refusal};

/// The kernel's largest part of a dump is 32 KiB; single replies are smaller.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Below this a request fits any socket's send buffer.
const SMALL_REQUEST: usize = 64 * 1024;
/// The netlink header.
const NETLINK_HEADER_LEN: usize = size_of::<nix::libc::nlmsghdr>();
/// Both headers.
pub(crate) const HEADERS: usize = NETLINK_HEADER_LEN + GENL_HDRLEN;

/// The attributes of a generic netlink message, not yet understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub command: u8,
    pub version: u8,
    pub attributes: Vec<u8>,
}

impl GenlFamily for Raw {
    fn family_name() -> &'static str {
        spec::FAMILY
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        self.version
    }
}

impl Emitable for Raw {
    fn buffer_len(&self) -> usize {
        self.attributes.len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.attributes);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Raw {
    fn parse_with_param(attributes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            version: header.version,
            attributes: attributes.to_vec(),
        })
    }
}

pub(crate) type Message = NetlinkMessage<GenlMessage<Raw>>;

/// The messages of one datagram; ends at the first that cannot be read.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<Message, Malformed>> + '_ {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = Message::deserialize(rest).map_err(|e| Malformed::new(e.to_string()));
        rest = match &message {
            Ok(message) => usize::try_from(message.header.length)
                .ok()
                .and_then(|n| rest.get(n.next_multiple_of(usize::from(NLMSG_ALIGNTO))..))
                .unwrap_or_default(),
            Err(_) => &[],
        };
        Some(message)
    })
}

/// A request, without its numbers.
pub(crate) struct Request {
    pub family: u16,
    pub raw: Raw,
    pub dump: bool,
    /// Gives names to the attributes in a refusal.
    pub set: Option<&'static AttributeSet>,
}

impl Request {
    /// The bytes on the wire.
    pub fn serialize(mut self, sequence: u32) -> Vec<u8> {
        // They may be millions: they are kept where they are, and the headers put before them.
        let mut bytes = std::mem::take(&mut self.raw.attributes);
        let mut header = NetlinkHeader::default();
        header.sequence_number = sequence;
        header.flags = NLM_F_REQUEST | if self.dump { NLM_F_DUMP } else { NLM_F_ACK };
        let mut genl = GenlMessage::from_payload(self.raw);
        genl.set_resolved_family_id(self.family);
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(genl));
        message.finalize();
        let mut headers = [0; HEADERS];
        message.serialize(&mut headers);
        // A longer one than can be said is none that the kernel takes.
        let length = u32::try_from(HEADERS + bytes.len()).unwrap_or(u32::MAX);
        if let Some(place) = headers.first_chunk_mut() {
            *place = length.to_ne_bytes();
        }
        bytes.splice(..0, headers);
        bytes
    }
}

/// What the kernel's controller tells of a family.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    pub id: u16,
    /// Names and numbers of the multicast groups.
    pub groups: Vec<(String, u32)>,
}

impl Family {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut id = None;
        let mut groups = Vec::new();
        each(attributes, |kind, value| {
            match kind {
                CTRL_ATTR_FAMILY_ID => id = Some(value.u16()?),
                CTRL_ATTR_MCAST_GROUPS => each(value.bytes(), |_, group| {
                    let (mut name, mut id) = (String::new(), 0);
                    each(group.bytes(), |kind, value| {
                        match kind {
                            CTRL_ATTR_MCAST_GRP_NAME => name = value.string(),
                            CTRL_ATTR_MCAST_GRP_ID => id = value.u32()?,
                            _ => (),
                        }
                        Ok(())
                    })?;
                    groups.push((name, id));
                    Ok(())
                })?,
                _ => (),
            }
            Ok(())
        })?;
        let id = id.ok_or_else(|| Malformed::missing("family-id"))?;
        Ok(Self { id, groups })
    }
}

/// A socket of the network namespace that it was opened in.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
    /// Keeps the requests here instead of sending them.
    #[cfg(test)]
    recorded: Option<Vec<Vec<u8>>>,
}

impl Transport {
    pub fn open() -> Result<Self, Error> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // The module's words with an error, and not the whole request again.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(RECEIVE_BYTES),
            #[cfg(test)]
            recorded: None,
        })
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Finds a family by its name.
    pub fn family(&mut self, name: &str) -> Result<Family, Error> {
        let mut attributes = Writer::new();
        attributes.string(CTRL_ATTR_FAMILY_NAME, name);
        let mut family = None;
        let request = Request {
            family: GENL_ID_CTRL,
            raw: Raw {
                command: CTRL_CMD_GETFAMILY,
                version: 2,
                attributes: attributes.into_bytes(),
            },
            dump: false,
            set: None,
        };
        let result = self.exchange(request, |raw| {
            family = Some(Family::decode(&raw.attributes)?);
            Ok(())
        });
        match result {
            Ok(()) => family.ok_or(Error::NoReply),
            Err(Error::Refused(refusal)) if Errno::from_raw(refusal.errno) == Errno::ENOENT => {
                Err(Error::FamilyAbsent)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a request, gives each reply to `reply`, and returns with the
    /// acknowledgement or the end of the dump.
    pub fn exchange(
        &mut self,
        request: Request,
        mut reply: impl FnMut(Raw) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let set = request.set;
        let bytes = request.serialize(self.sequence);
        #[cfg(test)]
        if let Some(recorded) = &mut self.recorded {
            recorded.push(bytes);
            return Ok(());
        }
        self.send(&bytes)?;
        let refuse = |code: i32, extended: &[u8]| {
            Error::Refused(Refusal::new(code, extended, &bytes, HEADERS, set))
        };
        let mut interrupted = false;
        loop {
            self.receive()?;
            for message in messages(&self.buffer) {
                let (header, payload) = message?.into_parts();
                if header.sequence_number != self.sequence {
                    continue;
                }
                interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
                match payload {
                    NetlinkPayload::InnerMessage(message) => reply(message.into_parts().1)?,
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(refuse(done.code, &done.extended_ack));
                    }
                    NetlinkPayload::Done(_) if interrupted => return Err(Error::Interrupted),
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => match error.code {
                        None => return Ok(()),
                        Some(code) => {
                            let extended = extended_ack(header.flags, &error.header);
                            return Err(refuse(code.get(), extended));
                        }
                    },
                    NetlinkPayload::Overrun(_) => return Err(Error::Lost),
                    _ => (),
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > SMALL_REQUEST {
            // A message must fit the send buffer whole. Those who may change the
            // configuration may force the size; if not, `send` will tell.
            let size = bytes.len().saturating_mul(2);
            let _ = setsockopt(&self.socket, sockopt::SndBufForce, &size)
                .or_else(|_| setsockopt(&self.socket, sockopt::SndBuf, &size));
        }
        loop {
            match self.socket.send(bytes, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Waits for one datagram and puts it into the buffer.
    fn receive(&mut self) -> Result<(), Error> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, nix::libc::MSG_TRUNC) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => {
                    return Err(Error::Lost);
                }
                Err(error) => return Err(error.into()),
                Ok(length) if length > self.buffer.len() => {
                    return Err(Malformed::new("a message is too long").into());
                }
                Ok(_) => return Ok(()),
            }
        }
    }

    /// A transport that keeps each request, all with the sequence number 7.
    #[cfg(test)]
    pub fn recorder() -> Result<Self, Error> {
        let mut this = Self::open()?;
        this.recorded = Some(Vec::new());
        this.sequence = 6;
        Ok(this)
    }

    /// The request that a recorder has kept last.
    #[cfg(test)]
    pub fn last_request(&mut self) -> Option<Vec<u8>> {
        self.sequence = 6;
        self.recorded.as_mut()?.pop()
    }

    /// Waits for one datagram and gives its messages.
    pub fn listen(&mut self) -> Result<Vec<Message>, Error> {
        self.receive()?;
        Ok(messages(&self.buffer).collect::<Result<_, _>>()?)
    }
}

/// The extended acknowledgement in what follows the error number: the refused
/// message's header, its payload unless capped, then the attributes.
fn extended_ack(flags: u16, payload: &[u8]) -> &[u8] {
    let echoed = if flags & NLM_F_CAPPED == 0 {
        let length = payload.first_chunk().map_or(0, |b| u32::from_ne_bytes(*b));
        usize::try_from(length).unwrap_or(usize::MAX)
    } else {
        NETLINK_HEADER_LEN
    };
    echoed
        .max(NETLINK_HEADER_LEN)
        .checked_next_multiple_of(usize::from(NLMSG_ALIGNTO))
        .and_then(|start| payload.get(start..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;

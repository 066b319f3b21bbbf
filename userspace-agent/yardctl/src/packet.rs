// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Packets to be explained: made of words, of digits, or taken from a capture.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use clap::Args;
use etherparse::{IpHeaders, IpNumber, PacketBuilder, PacketBuilderStep};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::DataLink;
use switchyard_netlink::Protocol;

use crate::cli::ExplainArgs;

/// The flags of a TCP segment.
#[derive(Args, Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "TCP has that many")]
pub struct TcpFlags {
    /// SYN, which is also what a segment has if no flag is given.
    #[arg(long)]
    pub syn: bool,
    /// ACK.
    #[arg(long)]
    pub ack: bool,
    /// FIN.
    #[arg(long)]
    pub fin: bool,
    /// RST.
    #[arg(long)]
    pub rst: bool,
}

impl TcpFlags {
    fn is_empty(self) -> bool {
        !(self.syn || self.ack || self.fin || self.rst)
    }
}

/// The bytes of the packet that is meant, from its IP header on.
pub fn of(args: &ExplainArgs) -> Result<Vec<u8>, String> {
    if let Some(digits) = &args.hex {
        return of_digits(digits);
    }
    if let Some(file) = &args.pcap {
        return of_capture(file).map_err(|error| format!("{}: {error}", file.display()));
    }
    of_words(args)
}

/// Hexadecimal digits, with whatever blanks and colons stand between them.
fn of_digits(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b':')
        .collect();
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
            .ok_or_else(|| format!("`{}` is no hexadecimal digit", char::from(digit)))
    };
    digits
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Ok((value(high)? << 4) | value(low)?),
            _ => Err("the last byte has one digit alone".to_owned()),
        })
        .collect()
}

/// What a packet in words is of.
enum Kind {
    Transport(Protocol),
    Icmp,
}

fn of_words(args: &ExplainArgs) -> Result<Vec<u8>, String> {
    let [protocol, source, destination] = args.words.as_slice() else {
        return Err(
            "a packet is wanted, as in `tcp 198.51.100.7:1234 192.0.2.80:80`, \
             or --hex or --pcap"
                .to_owned(),
        );
    };
    let kind = match protocol.as_str() {
        "icmp" => Kind::Icmp,
        name => Kind::Transport(
            name.parse()
                .map_err(|_| format!("`{name}` is no protocol: tcp, udp, sctp and icmp are"))?,
        ),
    };
    if !args.flags.is_empty() && !matches!(kind, Kind::Transport(Protocol::Tcp)) {
        return Err(format!("{protocol} has no flags"));
    }
    let (source, destination) = match kind {
        Kind::Transport(_) => (endpoint(source)?, endpoint(destination)?),
        Kind::Icmp => (host(source)?, host(destination)?),
    };
    let builder = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            PacketBuilder::ipv4(from.octets(), to.octets(), args.ttl)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            PacketBuilder::ipv6(from.octets(), to.octets(), args.ttl)
        }
        _ => return Err(format!("{source} and {destination} are of two families")),
    };
    let payload = vec![0; usize::from(args.payload)];
    let mut packet = Vec::new();
    let ports = (source.port(), destination.port());
    match kind {
        Kind::Transport(Protocol::Tcp) => tcp(builder, ports, args.flags, &payload, &mut packet),
        Kind::Transport(Protocol::Udp) => {
            builder.udp(ports.0, ports.1).write(&mut packet, &payload)
        }
        Kind::Transport(protocol) => builder.write(
            &mut packet,
            IpNumber(protocol.number()),
            &sctp_init(ports, &payload),
        ),
        Kind::Icmp if source.is_ipv4() => builder
            .icmpv4_echo_request(1, 1)
            .write(&mut packet, &payload),
        Kind::Icmp => builder
            .icmpv6_echo_request(1, 1)
            .write(&mut packet, &payload),
    }
    .map_err(|error| error.to_string())?;
    Ok(packet)
}

fn tcp(
    builder: PacketBuilderStep<IpHeaders>,
    (from, to): (u16, u16),
    flags: TcpFlags,
    payload: &[u8],
    packet: &mut Vec<u8>,
) -> Result<(), etherparse::err::packet::BuildWriteError> {
    let mut builder = builder.tcp(from, to, 1, 64_000);
    if flags.syn || flags.is_empty() {
        builder = builder.syn();
    }
    if flags.ack {
        builder = builder.ack(1);
    }
    if flags.fin {
        builder = builder.fin();
    }
    if flags.rst {
        builder = builder.rst();
    }
    builder.write(packet, payload)
}

/// An SCTP packet with one INIT chunk (RFC 9260, 3.3.2). Nobody looks at its
/// checksum.
fn sctp_init((from, to): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    // Verification tag and checksum.
    packet.extend([0; 8]);
    // INIT, of 20 bytes: tag, window, streams each way, sequence number.
    packet.extend([1, 0, 0, 20]);
    packet.extend([0, 0, 0, 1, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1]);
    packet.extend(payload);
    packet
}

fn endpoint(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address and port; write them as `192.0.2.80:80`"))
}

fn host(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map(|address| SocketAddr::new(address, 0))
        .map_err(|_| format!("`{text}` is no IP address"))
}

/// The first packet of a capture file in either format.
fn of_capture(file: &Path) -> Result<Vec<u8>, String> {
    let mut file = File::open(file).map_err(|error| error.to_string())?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic)
        .and_then(|()| file.rewind())
        .map_err(|error| error.to_string())?;
    let file = BufReader::new(file);
    // The type of a section header block reads the same in both byte orders.
    let (link, bytes) = if magic == [0x0a, 0x0d, 0x0d, 0x0a] {
        first_of_pcapng(file)?
    } else {
        let mut reader = PcapReader::new(file).map_err(|error| error.to_string())?;
        let link = reader.header().datalink;
        let packet = reader.next_packet().ok_or(NO_PACKET)?;
        let packet = packet.map_err(|error| error.to_string())?;
        (link, packet.data.into_owned())
    };
    without_link_header(link, &bytes)
}

const NO_PACKET: &str = "there is no packet in it";

fn first_of_pcapng(file: impl Read) -> Result<(DataLink, Vec<u8>), String> {
    let mut reader = PcapNgReader::new(file).map_err(|error| error.to_string())?;
    let mut link = DataLink::ETHERNET;
    let mut is_first = true;
    while let Some(block) = reader.next_block() {
        match block.map_err(|error| error.to_string())? {
            Block::InterfaceDescription(interface) if is_first => {
                link = interface.linktype;
                is_first = false;
            }
            Block::EnhancedPacket(packet) => return Ok((link, packet.data.into_owned())),
            Block::SimplePacket(packet) => return Ok((link, packet.data.into_owned())),
            _ => (),
        }
    }
    Err(NO_PACKET.to_owned())
}

/// A captured packet from its IP header on.
fn without_link_header(link: DataLink, bytes: &[u8]) -> Result<Vec<u8>, String> {
    const VLAN: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
    const IP: [[u8; 2]; 2] = [[0x08, 0x00], [0x86, 0xdd]];
    // Where the protocol stands, and where what it is of begins.
    let (mut protocol, mut start) = match link {
        DataLink::ETHERNET => (12, 14),
        DataLink::LINUX_SLL => (14, 16),
        DataLink::LINUX_SLL2 => (0, 20),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => return Ok(bytes.to_vec()),
        other => return Err(format!("captures of the link type {other:?} are not known")),
    };
    let at = |place: usize| bytes.get(place..place + 2);
    while at(protocol).is_some_and(|found| VLAN.iter().any(|vlan| vlan == found)) {
        (protocol, start) = (start + 2, start + 4);
    }
    match (at(protocol), bytes.get(start..)) {
        (Some(found), Some(packet)) if IP.iter().any(|ip| ip == found) => Ok(packet.to_vec()),
        (Some(_), Some(_)) => Err("its first packet is not of IP".to_owned()),
        _ => Err("its first packet is cut short".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use etherparse::SlicedPacket;
    use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        args: ExplainArgs,
    }

    fn made(words: &str) -> Result<Vec<u8>, String> {
        of(&Line::try_parse_from(words.split_whitespace())
            .map_err(|error| error.to_string())?
            .args)
    }

    #[test]
    fn words_become_packets() {
        for (words, length, protocol) in [
            ("tcp 198.51.100.7:1234 192.0.2.80:80", 40, 6),
            (
                "tcp [2001:db8::7]:1234 [2001:db8::80]:80 --ack --payload 100",
                160,
                6,
            ),
            ("udp 198.51.100.7:1234 192.0.2.80:53 --payload 5", 33, 17),
            ("sctp 198.51.100.7:1234 192.0.2.80:80", 52, 132),
            ("icmp 198.51.100.7 192.0.2.80", 28, 1),
            ("icmp 2001:db8::7 2001:db8::80 --ttl 1", 48, 58),
        ] {
            let packet = made(words).unwrap();
            assert_eq!(packet.len(), length, "{words}");
            let found = if packet[0] >> 4 == 4 {
                packet[9]
            } else {
                packet[6]
            };
            assert_eq!(found, protocol, "{words}");
            assert!(SlicedPacket::from_ip(&packet).is_ok(), "{words}");
        }
        let packet = made("tcp 198.51.100.7:1234 192.0.2.80:80 --ttl 9").unwrap();
        assert_eq!((packet[8], packet[33]), (9, 2), "time to live, SYN alone");
        assert_eq!(
            &packet[12..24],
            [198, 51, 100, 7, 192, 0, 2, 80, 4, 210, 0, 80]
        );
        let packet = made("tcp 198.51.100.7:1 192.0.2.80:80 --fin --ack").unwrap();
        assert_eq!(packet[33], 0x11);
    }

    #[test]
    fn what_is_no_packet_is_refused_in_words() {
        for (words, said) in [
            ("", "a packet is wanted"),
            ("tcp 198.51.100.7:1234", "a packet is wanted"),
            ("gre 198.51.100.7:1 192.0.2.80:80", "no protocol"),
            ("tcp 198.51.100.7 192.0.2.80:80", "no address and port"),
            ("icmp 198.51.100.7:1 192.0.2.80", "no IP address"),
            ("tcp 198.51.100.7:1 [2001:db8::80]:80", "two families"),
            ("udp 198.51.100.7:1 192.0.2.80:80 --syn", "no flags"),
            ("--hex 4x", "no hexadecimal digit"),
            ("--hex 450", "one digit alone"),
            ("--hex 45 --pcap file", "cannot be used with"),
            ("--pcap /nonexistent", "/nonexistent: "),
        ] {
            let error = made(words).unwrap_err();
            assert!(error.contains(said), "{words}: {error}");
        }
    }

    #[test]
    fn digits_become_packets() {
        assert_eq!(of_digits("45 00:0A\nff"), Ok(vec![0x45, 0, 10, 255]));
        assert_eq!(of_digits(""), Ok(Vec::new()));
    }

    #[test]
    fn a_capture_gives_its_first_packet() {
        let packet = made("udp 198.51.100.7:1234 192.0.2.80:53").unwrap();
        let ethernet = |protocol: &[u8]| [&[2; 12], protocol, &packet].concat();
        for (link, bytes) in [
            (DataLink::ETHERNET, ethernet(&[8, 0])),
            (DataLink::ETHERNET, ethernet(&[0x81, 0, 0, 7, 8, 0])),
            (
                DataLink::LINUX_SLL,
                [&[0; 14], &[8, 0][..], &packet].concat(),
            ),
            (
                DataLink::LINUX_SLL2,
                [&[8, 0][..], &[0; 18], &packet].concat(),
            ),
            (DataLink::RAW, packet.clone()),
        ] {
            assert_eq!(without_link_header(link, &bytes), Ok(packet.clone()));
        }
        for bytes in [ethernet(&[8, 6]), ethernet(&[])[..13].to_vec()] {
            assert!(without_link_header(DataLink::ETHERNET, &bytes).is_err());
        }
        let file = std::env::temp_dir().join(format!("yardctl-{}.pcap", std::process::id()));
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ..PcapHeader::default()
        };
        let mut writer = PcapWriter::with_header(File::create(&file).unwrap(), header).unwrap();
        let frame = ethernet(&[8, 0]);
        let length = u32::try_from(frame.len()).unwrap();
        let captured = PcapPacket::new(std::time::Duration::ZERO, length, &frame);
        writer.write_packet(&captured).unwrap();
        drop(writer);
        let found = of_capture(&file);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(found, Ok(packet));
    }
}

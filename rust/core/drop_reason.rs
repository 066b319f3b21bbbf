// SPDX-License-Identifier: GPL-2.0

//! Why a packet that came to the switch did not leave it.

/// Declares the reasons once: order, name and meaning are those of `drop-reason` in
/// `Documentation/netlink/specs/switchyard.yaml`.
macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])* $reason:ident = $name:literal,)*) => {
        /// Why a packet that came to the switch did not leave it; the value is netlink's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum DropReason {
            $($(#[doc = $doc])* $reason,)*
        }

        impl DropReason {
            /// All reasons, in the order of their values.
            pub const ALL: &'static [Self] = &[$(Self::$reason),*];

            /// The name in the netlink specification.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// IP header truncated, of a lying length, or of a wrong checksum.
    IpHeader = "ip-header",
    /// TCP, UDP, SCTP or ICMP header truncated or of a lying length. The checksum of SCTP is not
    /// checked.
    TransportHeader = "transport-header",
    /// Fragment that does not fit those before it, or that is too short to tell whose it is.
    Fragment = "fragment",
    /// The time to live or hop limit ran out.
    Ttl = "ttl",
    /// UDP to a service's address on a port that is no service.
    NoService = "no-service",
    /// TCP reset or UDP reply that belongs to no known connection.
    NoConnection = "no-connection",
    /// The service has no active destination of a weight above zero.
    NoDestination = "no-destination",
    /// The connection table has reached its limit.
    TableFull = "table-full",
    /// A buffer could not be had.
    NoMemory = "no-memory",
    /// The kernel's routing table knows no way to the destination.
    NoRoute = "no-route",
    /// The next hop's link-layer address could not be found out.
    NoNeighbour = "no-neighbour",
    /// Longer than the outgoing device's MTU, and not to be fragmented.
    TooBig = "too-big",
    /// The outgoing device refused the packet.
    Transmit = "transmit",
    /// The ring between a switching CPU and yard0 was full.
    RingFull = "ring-full",
    /// Answered with a TCP reset.
    ResetSent = "reset-sent",
    /// IPv6 extension headers that cannot be passed over, by kind or by number, in a packet to a
    /// service's address.
    UnknownExtension = "unknown-extension",
    /// Fragment whose packet was not complete in time.
    FragmentTimeout = "fragment-timeout",
    /// Fragment that came when the memory for fragments was used up.
    FragmentLimit = "fragment-limit",
    /// ICMP error to a service's address about a packet of no known connection.
    IcmpErrorUnknown = "icmp-error-unknown",
    /// Every destination that could take the connection is at its upper limit.
    ConnectionLimit = "connection-limit",
    /// First packet of a connection beyond the limit of half-open ones, and none of them could
    /// give way.
    HalfOpen = "half-open",
    /// The connection's destination is down or has been removed, and no other can take over.
    Down = "down",
    /// For this machine's own sockets, but yard0 is not up.
    NoLocal = "no-local",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reason's place in an array of counters, below [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

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
    /// TCP or UDP header truncated or of a lying length.
    TransportHeader = "transport-header",
    /// Fragment of a packet to a service or of a connection.
    Fragment = "fragment",
    /// The time to live ran out.
    Ttl = "ttl",
    /// UDP to a service's address on a port that is no service.
    NoService = "no-service",
    /// TCP reset or UDP reply that belongs to no known connection.
    NoConnection = "no-connection",
    /// The service has no destination of a weight above zero.
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
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reason's place in an array of counters, below [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The numbers and names of `Documentation/netlink/specs/switchyard.yaml`.
//!
//! Numbered as the YNL generator does: operations from 1 in the order of the
//! list, notifications included; the attributes of each set from 1; the entries
//! of each enumeration from 0. `tests/spec.rs` compares all of them with the
//! specification.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// Name of the generic netlink family.
pub const FAMILY: &str = "switchyard";
/// Version in the generic netlink header.
pub const VERSION: u8 = 1;

/// One attribute of a set.
#[derive(Debug)]
pub struct Attribute {
    /// The name in the specification.
    pub name: &'static str,
    /// The number on the wire.
    pub id: u16,
    /// The set inside, if the attribute is a nest.
    pub nested: Option<&'static AttributeSet>,
    /// Whether the attribute may be given more than once.
    pub multiple: bool,
}

/// An attribute set: a number space of attributes.
#[derive(Debug)]
pub struct AttributeSet {
    /// The name in the specification.
    pub name: &'static str,
    /// The attributes in the order of their numbers.
    pub attributes: &'static [Attribute],
}

impl AttributeSet {
    /// The attribute of this number.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&'static Attribute> {
        self.attributes.iter().find(|a| a.id == id)
    }
}

macro_rules! attribute_set {
    ($module:ident $set:literal {
        $($constant:ident = $id:literal $name:literal
            $(=> $nested:ident)? $(, $multiple:ident)?;)+
    }) => {
        #[doc = concat!("Attribute set `", $set, "`.")]
        pub mod $module {
            use super::{Attribute, AttributeSet};
            $(
                #[doc = concat!("Attribute `", $name, "`.")]
                pub const $constant: u16 = $id;
            )+
            /// The whole set.
            pub static SET: AttributeSet = AttributeSet {
                name: $set,
                attributes: &[$(Attribute {
                    name: $name,
                    id: $id,
                    nested: attribute_set!(@nested $($nested)?),
                    multiple: attribute_set!(@multiple $($multiple)?),
                }),+],
            };
        }
    };
    (@nested) => { None };
    (@nested $nested:ident) => { Some(&super::$nested::SET) };
    (@multiple) => { false };
    (@multiple multiple) => { true };
}

attribute_set!(service "service" {
    PROTOCOL = 1 "protocol";
    ADDRESS = 2 "address";
    PORT = 3 "port";
    SCHEDULER = 4 "scheduler";
    TIMEOUT = 5 "timeout";
    DESTINATIONS = 6 "destinations";
    STATS = 7 "stats" => stats;
    PREFIX_LENGTH = 8 "prefix-length";
    LAST_PORT = 9 "last-port";
    ONE_PACKET = 10 "one-packet";
    RESET_AT_EXPIRY = 11 "reset-at-expiry";
    FALLBACK = 12 "fallback";
    AFFINITY = 13 "affinity";
    AFFINITY_PREFIX4 = 14 "affinity-prefix4";
    AFFINITY_PREFIX6 = 15 "affinity-prefix6";
    DROP = 16 "drop" => drop, multiple;
});

attribute_set!(destination "destination" {
    SERVICE = 1 "service" => service;
    ADDRESS = 2 "address";
    PORT = 3 "port";
    WEIGHT = 4 "weight";
    FORWARDING = 5 "forwarding";
    ACTIVE_CONNECTIONS = 6 "active-connections";
    STATS = 7 "stats" => stats;
    ENCAPSULATION = 8 "encapsulation";
    ENCAPSULATION_PORT = 9 "encapsulation-port";
    STATE = 10 "state";
    DRAIN_DEADLINE = 11 "drain-deadline";
    DRAIN_REMAINING = 12 "drain-remaining";
    UPPER_LIMIT = 13 "upper-limit";
    LOWER_LIMIT = 14 "lower-limit";
    INACTIVE_CONNECTIONS = 15 "inactive-connections";
    OVERLOADED = 16 "overloaded";
});

attribute_set!(stats "stats" {
    CONNECTIONS = 1 "connections";
    PACKETS_IN = 2 "packets-in";
    BYTES_IN = 3 "bytes-in";
    PACKETS_OUT = 4 "packets-out";
    BYTES_OUT = 5 "bytes-out";
    CONNECTIONS_RATE = 6 "connections-rate";
    PACKETS_IN_RATE = 7 "packets-in-rate";
    BYTES_IN_RATE = 8 "bytes-in-rate";
    PACKETS_OUT_RATE = 9 "packets-out-rate";
    BYTES_OUT_RATE = 10 "bytes-out-rate";
});

attribute_set!(change "change" {
    KIND = 1 "kind";
    SERVICE = 2 "service" => service;
    DESTINATION = 3 "destination" => destination;
});

attribute_set!(apply "apply" {
    CHANGE = 1 "change" => change, multiple;
});

attribute_set!(claim "claim" {
    IFINDEX = 1 "ifindex";
    IFNAME = 2 "ifname";
    QUEUE = 3 "queue", multiple;
    CPU = 4 "cpu", multiple;
    POLICY = 5 "policy";
    IDLE_TIMEOUT = 6 "idle-timeout";
    STATE = 7 "state";
    IRQ = 8 "irq";
    POLLS = 9 "polls";
    PACKETS = 10 "packets";
    HANDOVERS = 11 "handovers";
});

attribute_set!(connection "connection" {
    PROTOCOL = 1 "protocol";
    CLIENT_ADDRESS = 2 "client-address";
    CLIENT_PORT = 3 "client-port";
    SERVICE_ADDRESS = 4 "service-address";
    SERVICE_PORT = 5 "service-port";
    DESTINATION_ADDRESS = 6 "destination-address";
    DESTINATION_PORT = 7 "destination-port";
    STATE = 8 "state";
    IDLE = 9 "idle";
    EXPIRES = 10 "expires";
    FORWARDING = 11 "forwarding";
    SERVICE = 12 "service" => service;
    CLIENT_PREFIX_LENGTH = 13 "client-prefix-length";
    ALL = 14 "all";
    COUNT = 15 "count";
});

attribute_set!(cpu "cpu" {
    CPU = 1 "cpu";
    SWITCHING = 2 "switching";
    QUEUES = 3 "queues";
    RECEIVED = 4 "received";
    FORWARDED = 5 "forwarded";
    PASSED = 6 "passed";
    LOCAL_IN = 7 "local-in";
    LOCAL_OUT = 8 "local-out";
    RESETS = 9 "resets";
    CONNECTIONS = 10 "connections";
    DROP = 11 "drop" => drop, multiple;
    STATS = 12 "stats" => stats;
    EXPIRY_RESETS = 13 "expiry-resets";
});

attribute_set!(drop "drop" {
    REASON = 1 "reason";
    PACKETS = 2 "packets";
});

attribute_set!(switch "switch" {
    VERSION = 1 "version";
    YARD_IFINDEX = 2 "yard-ifindex";
    GENERATION = 3 "generation";
    SERVICES = 4 "services";
    DESTINATIONS = 5 "destinations";
    CONNECTIONS = 6 "connections";
    CONNECTION_LIMIT = 7 "connection-limit";
    HALF_OPEN_LIMIT = 8 "half-open-limit";
    HALF_OPEN = 9 "half-open";
    CONNECTIONS_IPV4 = 10 "connections-ipv4";
    CONNECTIONS_IPV6 = 11 "connections-ipv6";
    TABLE_BYTES = 12 "table-bytes";
    TIMEOUT = 13 "timeout" => state_timeout, multiple;
    FRAGMENT_MEMORY_LIMIT = 14 "fragment-memory-limit";
    FRAGMENT_TIMEOUT = 15 "fragment-timeout";
    FRAGMENT_MEMORY = 16 "fragment-memory";
    STATS = 17 "stats" => stats;
    DROP = 18 "drop" => drop, multiple;
});

attribute_set!(state_timeout "state-timeout" {
    STATE = 1 "state";
    MILLISECONDS = 2 "milliseconds";
});

attribute_set!(explain "explain" {
    PACKET = 1 "packet";
    IFINDEX = 2 "ifindex";
    VERDICT = 3 "verdict";
    DROP_REASON = 4 "drop-reason";
    SERVICE = 5 "service" => service;
    DESTINATION = 6 "destination" => destination;
    FORWARDING = 7 "forwarding";
    CONNECTION_STATE = 8 "connection-state";
    NEXT_HOP = 9 "next-hop";
    OUT_IFINDEX = 10 "out-ifindex";
    RESULT = 11 "result";
    STEP = 12 "step", multiple;
});

/// Every attribute set that is not a subset of another.
pub static ATTRIBUTE_SETS: [&AttributeSet; 12] = [
    &service::SET,
    &destination::SET,
    &stats::SET,
    &change::SET,
    &apply::SET,
    &claim::SET,
    &connection::SET,
    &cpu::SET,
    &drop::SET,
    &switch::SET,
    &state_timeout::SET,
    &explain::SET,
];

macro_rules! commands {
    ($($command:ident = $value:literal $name:literal $set:ident;)+) => {
        /// Operations and notifications of the family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Command {
            $(
                #[doc = concat!("Operation `", $name, "`.")]
                $command,
            )+
        }

        impl Command {
            /// All of them in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$command),+];

            /// The number on the wire.
            #[must_use]
            pub const fn value(self) -> u8 {
                match self { $(Self::$command => $value,)+ }
            }

            /// The name in the specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$command => $name,)+ }
            }

            /// The attribute set of its messages.
            #[must_use]
            pub const fn attribute_set(self) -> &'static AttributeSet {
                match self { $(Self::$command => &$set::SET,)+ }
            }

            /// The command of this number.
            #[must_use]
            pub const fn from_value(value: u8) -> Option<Self> {
                match value { $($value => Some(Self::$command),)+ _ => None }
            }
        }
    };
}

commands! {
    SwitchGet = 1 "switch-get" switch;
    ServiceGet = 2 "service-get" service;
    ServiceAdd = 3 "service-add" service;
    ServiceSet = 4 "service-set" service;
    ServiceDel = 5 "service-del" service;
    ServiceNtf = 6 "service-ntf" service;
    ServiceDelNtf = 7 "service-del-ntf" service;
    DestinationGet = 8 "destination-get" destination;
    DestinationAdd = 9 "destination-add" destination;
    DestinationSet = 10 "destination-set" destination;
    DestinationDel = 11 "destination-del" destination;
    DestinationNtf = 12 "destination-ntf" destination;
    DestinationDelNtf = 13 "destination-del-ntf" destination;
    Apply = 14 "apply" apply;
    ClaimGet = 15 "claim-get" claim;
    ClaimAdd = 16 "claim-add" claim;
    ClaimDel = 17 "claim-del" claim;
    ClaimNtf = 18 "claim-ntf" claim;
    ClaimDelNtf = 19 "claim-del-ntf" claim;
    ConnectionGet = 20 "connection-get" connection;
    CpuGet = 21 "cpu-get" cpu;
    SwitchSet = 22 "switch-set" switch;
    SwitchNtf = 23 "switch-ntf" switch;
    ConnectionDel = 24 "connection-del" connection;
    Explain = 25 "explain" explain;
    DestinationDrainedNtf = 26 "destination-drained-ntf" destination;
    DestinationDeadlineNtf = 27 "destination-deadline-ntf" destination;
}

macro_rules! enumeration {
    ($(#[$doc:meta])* $type:ident $spec:literal {
        $($(#[$entry_doc:meta])* $entry:ident = $value:literal $name:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$entry_doc])* $entry,)+
            /// A value of a newer module than this library.
            Unknown(u32),
        }

        impl $type {
            /// All that are known, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$entry),+];
            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            /// The name of the enumeration in the specification.
            pub const SPEC: &'static str = $spec;

            /// The number on the wire.
            #[must_use]
            pub const fn value(self) -> u32 {
                match self {
                    $(Self::$entry => $value,)+
                    Self::Unknown(value) => value,
                }
            }

            /// The entry of this number.
            #[must_use]
            pub const fn from_value(value: u32) -> Self {
                match value {
                    $($value => Self::$entry,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$entry => f.pad($name),)+
                    Self::Unknown(value) => f.pad(&format!("unknown-{value}")),
                }
            }
        }

        impl FromStr for $type {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($name => Ok(Self::$entry),)+
                    _ => Err(ParseError::new(format!(
                        "`{text}` is none of: {}",
                        Self::NAMES.join(", ")
                    ))),
                }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

enumeration!(
    /// How a new connection's destination is chosen.
    Scheduler "scheduler" {
        /// Maglev hashing over the 5-tuple (Eisenbud et al., NSDI 2016).
        Maglev = 0 "maglev";
        /// Round robin: destinations take turns, whatever their weights are above zero.
        Rr = 1 "rr";
        /// Weighted round robin, interleaved.
        Wrr = 2 "wrr";
        /// Least connections: the fewest active connections, of which 256 inactive ones count as
        /// one.
        Lc = 3 "lc";
        /// Least connections for their weight.
        Wlc = 4 "wlc";
        /// Shortest expected delay: the fewest active connections for their weight, the new one
        /// included.
        Sed = 5 "sed";
        /// Of two destinations that the 5-tuple's hash picks by weight, the one with fewer
        /// connections for its weight.
        P2c = 6 "p2c";
        /// Source hashing: Maglev hashing over the client's address alone, so that all
        /// connections of a client go to one destination.
        Sh = 7 "sh";
    }
);

enumeration!(
    /// How a packet is taken to its destination.
    Forwarding "forwarding" {
        /// Address, port and MAC are rewritten, replies translated back.
        Nat = 0 "nat";
        /// The MAC alone is rewritten; the destination has the service's address itself and
        /// answers the client directly.
        Direct = 1 "direct";
        /// The packet travels inside another one, which the destination opens; it answers the
        /// client directly.
        Tunnel = 2 "tunnel";
        /// This machine's own sockets, by yard0.
        Local = 3 "local";
    }
);

enumeration!(
    /// What a tunnelled packet travels in.
    Encapsulation "encapsulation" {
        /// An IP header and nothing else (RFC 2003, 2473, 4213), of the destination's family
        /// outside and the client's inside.
        Ip = 0 "ip";
        /// Generic UDP Encapsulation, variant 1 (draft-ietf-intarea-gue), from a source port that
        /// depends on the flow.
        Gue = 1 "gue";
    }
);

enumeration!(
    /// What a destination is given.
    DestinationState "destination-state" {
        /// Packets of its connections, and new connections by its weight.
        Active = 0 "active";
        /// Packets of its connections, and no new ones. Connections that are left at the
        /// deadline, if there is one, are ended.
        Draining = 1 "draining";
        /// No new connections. UDP flows choose again with their next packet; other connections
        /// go on, as far as it still answers.
        Down = 2 "down";
    }
);

enumeration!(
    /// What becomes of a connection that no destination can take.
    Fallback "fallback" {
        /// TCP is reset, the rest is dropped.
        None = 0 "none";
        /// This machine's own sockets get it, by yard0.
        Local = 1 "local";
    }
);

enumeration!(
    /// What the switch does with a packet.
    Verdict "verdict" {
        /// Leaves it to the ordinary stack.
        Pass = 0 "pass";
        /// Sends it to a destination.
        Forward = 1 "forward";
        /// Sends it from a destination to the client.
        Reply = 2 "reply";
        /// Gives it to the sockets of this machine.
        Local = 3 "local";
        /// Answers it with a TCP reset.
        Reset = 4 "reset";
        /// Answers it with an ICMP or `ICMPv6` message.
        Icmp = 5 "icmp";
        /// Drops it.
        Drop = 6 "drop";
        /// Keeps it, a fragment, until the rest of its packet has come.
        Hold = 7 "hold";
    }
);

enumeration!(
    /// How the claimed queues of a device are attended to.
    Policy "policy" {
        /// Not polled: the filter runs where the driver's interrupts deliver packets.
        Interrupt = 0 "interrupt";
        /// Polled while there is traffic; returned to interrupts after the idle time and taken
        /// back when traffic comes.
        Adaptive = 1 "adaptive";
        /// Polled without pause.
        Busy = 2 "busy";
    }
);

enumeration!(
    /// Who attends to a claimed queue at this moment.
    QueueState "queue-state" {
        /// The driver, by its interrupts.
        Interrupt = 0 "interrupt";
        /// The engine on the queue's switching CPU.
        Polled = 1 "polled";
        /// Nobody, since the device is down or the queue is gone.
        Absent = 2 "absent";
    }
);

enumeration!(
    /// How far a connection has got. Those of SCTP go by the like of TCP.
    ConnectionState "connection-state" {
        /// Nothing is known.
        None = 0 "none";
        /// The client has begun.
        SynReceived = 1 "syn-received";
        /// Both have agreed.
        Established = 2 "established";
        /// One side has said that it is done.
        FinWait = 3 "fin-wait";
        /// Both have said so.
        TimeWait = 4 "time-wait";
        /// One side has broken it off.
        Closed = 5 "closed";
        /// UDP knows no states.
        Udp = 6 "udp";
        /// Both ends were sent a reset since nothing had come for too long; kept a little longer.
        Expired = 7 "expired";
        /// No connection: which destination a client is given as long as its affinity lasts.
        Affinity = 8 "affinity";
    }
);

enumeration!(
    /// What one change of a batch does.
    ChangeKind "change-kind" {
        /// Makes something that was not there.
        Add = 0 "add";
        /// Changes the attributes that are given.
        Set = 1 "set";
        /// Removes.
        Del = 2 "del";
        /// Empties.
        Flush = 3 "flush";
    }
);

enumeration!(
    /// Why a packet that came to the switch did not leave it.
    DropReason "drop-reason" {
        /// IP header truncated, of a lying length, or of a wrong checksum.
        IpHeader = 0 "ip-header";
        /// TCP, UDP, SCTP or ICMP header truncated or of a lying length. The checksum of SCTP is
        /// not checked.
        TransportHeader = 1 "transport-header";
        /// Fragment that does not fit those before it, or that is too short to tell whose it is.
        Fragment = 2 "fragment";
        /// The time to live or hop limit ran out.
        Ttl = 3 "ttl";
        /// UDP to a service's address on a port that is no service.
        NoService = 4 "no-service";
        /// TCP reset or UDP reply that belongs to no known connection.
        NoConnection = 5 "no-connection";
        /// The service has no active destination of a weight above zero.
        NoDestination = 6 "no-destination";
        /// The connection table has reached its limit.
        TableFull = 7 "table-full";
        /// A buffer could not be had.
        NoMemory = 8 "no-memory";
        /// The kernel's routing table knows no way to the destination.
        NoRoute = 9 "no-route";
        /// The next hop's link-layer address could not be found out.
        NoNeighbour = 10 "no-neighbour";
        /// Longer than the outgoing device's MTU, and not to be fragmented.
        TooBig = 11 "too-big";
        /// The outgoing device refused the packet.
        Transmit = 12 "transmit";
        /// The ring between a switching CPU and yard0 was full.
        RingFull = 13 "ring-full";
        /// Answered with a TCP reset.
        ResetSent = 14 "reset-sent";
        /// IPv6 extension headers that cannot be passed over, by kind or by number, in a packet
        /// to a service's address.
        UnknownExtension = 15 "unknown-extension";
        /// Fragment whose packet was not complete in time.
        FragmentTimeout = 16 "fragment-timeout";
        /// Fragment that came when the memory for fragments was used up.
        FragmentLimit = 17 "fragment-limit";
        /// ICMP error to a service's address about a packet of no known connection.
        IcmpErrorUnknown = 18 "icmp-error-unknown";
        /// Every destination that could take the connection is at its upper limit.
        ConnectionLimit = 19 "connection-limit";
        /// First packet of a connection beyond the limit of half-open ones, and none of them
        /// could give way.
        HalfOpen = 20 "half-open";
        /// The connection's destination is down or has been removed, and no other can take over.
        Down = 21 "down";
        /// For this machine's own sockets, but yard0 is not up.
        NoLocal = 22 "no-local";
    }
);

/// A multicast group of notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McastGroup {
    /// Services and destinations.
    Config,
    /// Claimed devices.
    Claims,
}

impl McastGroup {
    /// Both groups.
    pub const ALL: &'static [Self] = &[Self::Config, Self::Claims];

    /// The name in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Claims => "claims",
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The numbers of the user-space interface: attributes by their sets, commands, enumerations.
//!
//! They come from the header made from the specification, so a name that is not in the
//! specification does not compile.

use crate::sys;

macro_rules! numbers {
    ($(
        $(#[$doc:meta])*
        $module:ident: $type:ty = $prefix:ident [ $($name:ident),* $(,)? ];
    )*) => { $(
        $(#[$doc])*
        pub(crate) mod $module {
            ::kernel::macros::paste! { $(
                #[doc = "See the specification."]
                pub(crate) const $name: $type = super::sys::[<$prefix $name>] as $type;
            )* }
        }
    )* };
}

numbers! {
    /// Commands.
    command: u8 = SWITCHYARD_CMD_ [
        SERVICE_NTF, SERVICE_DEL_NTF, DESTINATION_NTF, DESTINATION_DEL_NTF, CLAIM_NTF,
        CLAIM_DEL_NTF, SWITCH_NTF, DESTINATION_DRAINED_NTF, DESTINATION_DEADLINE_NTF,
    ];
    /// Attributes of a service.
    service: u16 = SWITCHYARD_A_SERVICE_ [
        PROTOCOL, ADDRESS, PORT, SCHEDULER, TIMEOUT, DESTINATIONS, STATS, PREFIX_LENGTH, LAST_PORT,
        ONE_PACKET, RESET_AT_EXPIRY, FALLBACK, AFFINITY, AFFINITY_PREFIX4, AFFINITY_PREFIX6, DROP,
    ];
    /// Attributes of a destination.
    destination: u16 = SWITCHYARD_A_DESTINATION_ [
        SERVICE, ADDRESS, PORT, WEIGHT, FORWARDING, ACTIVE_CONNECTIONS, STATS, ENCAPSULATION,
        ENCAPSULATION_PORT, STATE, DRAIN_DEADLINE, DRAIN_REMAINING, UPPER_LIMIT, LOWER_LIMIT,
        INACTIVE_CONNECTIONS, OVERLOADED,
    ];
    /// Attributes of the traffic counts.
    stats: u16 = SWITCHYARD_A_STATS_ [
        CONNECTIONS, PACKETS_IN, BYTES_IN, PACKETS_OUT, BYTES_OUT, CONNECTIONS_RATE,
        PACKETS_IN_RATE, BYTES_IN_RATE, PACKETS_OUT_RATE, BYTES_OUT_RATE,
    ];
    /// Attributes of one change of a batch.
    change: u16 = SWITCHYARD_A_CHANGE_ [
        KIND, SERVICE, DESTINATION,
    ];
    /// Attributes of a batch.
    apply: u16 = SWITCHYARD_A_APPLY_ [
        CHANGE,
    ];
    /// Attributes of a claim.
    claim: u16 = SWITCHYARD_A_CLAIM_ [
        IFINDEX, IFNAME, QUEUE, CPU, POLICY, IDLE_TIMEOUT, STATE, IRQ, POLLS, PACKETS, HANDOVERS,
    ];
    /// Attributes of a connection.
    connection: u16 = SWITCHYARD_A_CONNECTION_ [
        PROTOCOL, CLIENT_ADDRESS, CLIENT_PORT, SERVICE_ADDRESS, SERVICE_PORT, DESTINATION_ADDRESS,
        DESTINATION_PORT, STATE, IDLE, EXPIRES, FORWARDING, SERVICE, CLIENT_PREFIX_LENGTH, ALL,
        COUNT,
    ];
    /// Attributes of a CPU.
    cpu: u16 = SWITCHYARD_A_CPU_ [
        CPU, SWITCHING, QUEUES, RECEIVED, FORWARDED, PASSED, LOCAL_IN, LOCAL_OUT, RESETS,
        CONNECTIONS, DROP, STATS, EXPIRY_RESETS,
    ];
    /// Attributes of a count of drops.
    drop: u16 = SWITCHYARD_A_DROP_ [
        REASON, PACKETS,
    ];
    /// Attributes of the switch.
    switch: u16 = SWITCHYARD_A_SWITCH_ [
        VERSION, YARD_IFINDEX, GENERATION, SERVICES, DESTINATIONS, CONNECTIONS, CONNECTION_LIMIT,
        HALF_OPEN_LIMIT, HALF_OPEN, CONNECTIONS_IPV4, CONNECTIONS_IPV6, TABLE_BYTES, TIMEOUT,
        FRAGMENT_MEMORY_LIMIT, FRAGMENT_TIMEOUT, FRAGMENT_MEMORY, STATS, DROP,
    ];
    /// Attributes of the timeout of a state of connections.
    state_timeout: u16 = SWITCHYARD_A_STATE_TIMEOUT_ [
        STATE, MILLISECONDS,
    ];
    /// Attributes of a packet that is explained.
    explain: u16 = SWITCHYARD_A_EXPLAIN_ [
        PACKET, IFINDEX, VERDICT, DROP_REASON, SERVICE, DESTINATION, FORWARDING, CONNECTION_STATE,
        NEXT_HOP, OUT_IFINDEX, RESULT, STEP,
    ];
    /// Schedulers, of which only the last is needed here.
    scheduler: u32 = switchyard_scheduler_SWITCHYARD_SCHEDULER_ [SH];
    /// Forwarding methods.
    forwarding: u32 = switchyard_forwarding_SWITCHYARD_FORWARDING_ [NAT, DIRECT, TUNNEL, LOCAL];
    /// What a tunnelled packet travels in.
    encapsulation: u32 = switchyard_encapsulation_SWITCHYARD_ENCAPSULATION_ [IP, GUE];
    /// What a destination is given.
    destination_state: u32 = switchyard_destination_state_SWITCHYARD_DESTINATION_STATE_ [
        ACTIVE, DRAINING, DOWN,
    ];
    /// What becomes of a connection that no destination can take.
    fallback: u32 = switchyard_fallback_SWITCHYARD_FALLBACK_ [NONE, LOCAL];
    /// What the switch does with a packet.
    verdict: u32 = switchyard_verdict_SWITCHYARD_VERDICT_ [
        PASS, FORWARD, REPLY, LOCAL, RESET, ICMP, DROP, HOLD,
    ];
    /// Policies of claimed queues.
    policy: u32 = switchyard_policy_SWITCHYARD_POLICY_ [INTERRUPT, ADAPTIVE, BUSY];
    /// States of claimed queues.
    queue_state: u32 = switchyard_queue_state_SWITCHYARD_QUEUE_STATE_ [
        INTERRUPT, POLLED, ABSENT,
    ];
    /// States of connections, of which the first and the last are needed here.
    connection_state: u32 = switchyard_connection_state_SWITCHYARD_CONNECTION_STATE_ [
        NONE, AFFINITY,
    ];
    /// Drop reasons, of which only the last is needed here.
    drop_reason: u32 = switchyard_drop_reason_SWITCHYARD_DROP_REASON_ [NO_LOCAL];
    /// Kinds of changes.
    change_kind: u32 = switchyard_change_kind_SWITCHYARD_CHANGE_KIND_ [ADD, SET, DEL, FLUSH];
}

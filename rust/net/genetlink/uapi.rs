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
        CLAIM_DEL_NTF,
    ];
    /// Attributes of a service.
    service: u16 = SWITCHYARD_A_SERVICE_ [
        PROTOCOL, ADDRESS, PORT, SCHEDULER, TIMEOUT, DESTINATIONS, STATS,
    ];
    /// Attributes of a destination.
    destination: u16 = SWITCHYARD_A_DESTINATION_ [
        SERVICE, ADDRESS, PORT, WEIGHT, FORWARDING, ACTIVE_CONNECTIONS, STATS,
    ];
    /// Attributes of the traffic counts.
    stats: u16 = SWITCHYARD_A_STATS_ [
        CONNECTIONS, PACKETS_IN, BYTES_IN, PACKETS_OUT, BYTES_OUT,
    ];
    /// Attributes of one change of a batch.
    change: u16 = SWITCHYARD_A_CHANGE_ [KIND, SERVICE, DESTINATION];
    /// Attributes of a batch.
    apply: u16 = SWITCHYARD_A_APPLY_ [CHANGE];
    /// Attributes of a claim.
    claim: u16 = SWITCHYARD_A_CLAIM_ [
        IFINDEX, IFNAME, QUEUE, CPU, POLICY, IDLE_TIMEOUT, STATE, IRQ, POLLS, PACKETS, HANDOVERS,
    ];
    /// Attributes of a connection.
    connection: u16 = SWITCHYARD_A_CONNECTION_ [
        PROTOCOL, CLIENT_ADDRESS, CLIENT_PORT, SERVICE_ADDRESS, SERVICE_PORT, DESTINATION_ADDRESS,
        DESTINATION_PORT, STATE, IDLE, EXPIRES,
    ];
    /// Attributes of a CPU.
    cpu: u16 = SWITCHYARD_A_CPU_ [
        CPU, SWITCHING, QUEUES, RECEIVED, FORWARDED, PASSED, LOCAL_IN, LOCAL_OUT, RESETS,
        CONNECTIONS, DROP,
    ];
    /// Attributes of a count of drops.
    drop: u16 = SWITCHYARD_A_DROP_ [REASON, PACKETS];
    /// Attributes of the switch.
    switch: u16 = SWITCHYARD_A_SWITCH_ [
        VERSION, YARD_IFINDEX, GENERATION, SERVICES, DESTINATIONS, CONNECTIONS, CONNECTION_LIMIT,
    ];
    /// Schedulers.
    scheduler: u32 = switchyard_scheduler_SWITCHYARD_SCHEDULER_ [MAGLEV, RR];
    /// Forwarding methods.
    forwarding: u32 = switchyard_forwarding_SWITCHYARD_FORWARDING_ [NAT];
    /// Policies of claimed queues.
    policy: u32 = switchyard_policy_SWITCHYARD_POLICY_ [INTERRUPT, ADAPTIVE, BUSY];
    /// States of claimed queues.
    queue_state: u32 = switchyard_queue_state_SWITCHYARD_QUEUE_STATE_ [
        INTERRUPT, POLLED, ABSENT,
    ];
    /// States of connections, of which only the last is needed here.
    connection_state: u32 = switchyard_connection_state_SWITCHYARD_CONNECTION_STATE_ [UDP];
    /// Drop reasons, of which only the last is needed here.
    drop_reason: u32 = switchyard_drop_reason_SWITCHYARD_DROP_REASON_ [RESET_SENT];
    /// Kinds of changes.
    change_kind: u32 = switchyard_change_kind_SWITCHYARD_CHANGE_KIND_ [ADD, SET, DEL, FLUSH];
}

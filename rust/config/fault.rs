// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a change.

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is such a service already.
    ServiceExists,
    /// There is no such service.
    NoService,
    /// The range of ports has some in common with that of another service.
    RangeOverlaps,
    /// Only UDP can be scheduled packet by packet.
    NotUdp,
    /// Only TCP knows resets.
    NotTcp,
    /// The service has a destination of this address and port already.
    DestinationExists,
    /// The service has no destination of this address and port.
    NoDestination,
    /// The service has as many destinations as a scheduler can tell apart.
    TooManyDestinations,
    /// Packets to the destination would come back.
    OwnDestination,
    /// The forwarding method needs an address of the service's own family.
    OtherFamily,
    /// An encapsulation for another forwarding method than tunnel.
    NotTunnel,
    /// A port for an encapsulation without ports.
    NotGue,
    /// A deadline for a destination that is not draining.
    NotDraining,
    /// The lower limit is above the upper one.
    LowerLimit,
    /// Memory or numbers ran out.
    Kernel(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<AllocError> for Fault {
    fn from(error: AllocError) -> Self {
        Self::Kernel(error.into())
    }
}

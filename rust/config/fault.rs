// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a change.

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is a service of this protocol, address and port already.
    ServiceExists,
    /// There is no service of this protocol, address and port.
    NoService,
    /// The service has a destination of this address and port already.
    DestinationExists,
    /// The service has no destination of this address and port.
    NoDestination,
    /// The service has as many destinations as a scheduler can tell apart.
    TooManyDestinations,
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

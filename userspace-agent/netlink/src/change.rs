// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Changes of the configuration, as `apply` takes them.

use crate::attribute::Writer;
use crate::spec::{apply, change, ChangeKind};
use crate::transport::HEADERS;
use crate::{DestinationKey, DestinationSettings, ServiceKey, ServiceSettings};

/// One change of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a service without destinations.
    AddService(ServiceSettings),
    /// Changes what is given of a service.
    SetService(ServiceSettings),
    /// Removes a service and its destinations.
    DeleteService(ServiceKey),
    /// Adds a destination.
    AddDestination(DestinationSettings),
    /// Changes what is given of a destination.
    SetDestination(DestinationSettings),
    /// Removes a destination.
    DeleteDestination(DestinationKey),
    /// Removes the destinations of a service, which stays.
    FlushDestinations(ServiceKey),
    /// Removes every service.
    Flush,
}

impl Change {
    fn encode(&self, to: &mut Writer) {
        let (kind, target) = match self {
            Self::AddService(_) => (ChangeKind::Add, Some(change::SERVICE)),
            Self::SetService(_) => (ChangeKind::Set, Some(change::SERVICE)),
            Self::DeleteService(_) => (ChangeKind::Del, Some(change::SERVICE)),
            Self::AddDestination(_) => (ChangeKind::Add, Some(change::DESTINATION)),
            Self::SetDestination(_) => (ChangeKind::Set, Some(change::DESTINATION)),
            Self::DeleteDestination(_) => (ChangeKind::Del, Some(change::DESTINATION)),
            Self::FlushDestinations(_) => (ChangeKind::Flush, Some(change::SERVICE)),
            Self::Flush => (ChangeKind::Flush, None),
        };
        to.u32(change::KIND, kind.value());
        let Some(target) = target else { return };
        to.nest(target, |to| match self {
            Self::AddService(settings) | Self::SetService(settings) => settings.encode(to),
            Self::AddDestination(settings) | Self::SetDestination(settings) => settings.encode(to),
            Self::DeleteService(key) | Self::FlushDestinations(key) => key.encode(to),
            Self::DeleteDestination(key) => key.encode(to),
            Self::Flush => (),
        });
    }
}

/// About as many bytes as a change takes.
const BYTES_EACH: usize = 128;

/// The attributes of an `apply` request.
pub(crate) fn encode_all<'a>(changes: impl Iterator<Item = &'a Change> + Clone) -> Writer {
    // Of what is not needed no page is ever touched.
    let room = changes.clone().count().saturating_mul(BYTES_EACH);
    let mut to = Writer::with_capacity(room.saturating_add(HEADERS));
    for change in changes {
        to.nest(apply::CHANGE, |to| change.encode(to));
    }
    to
}

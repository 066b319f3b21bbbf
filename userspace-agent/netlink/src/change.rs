// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Changes of the configuration, as `apply` takes them.

use crate::attribute::Writer;
use crate::spec::{apply, change, ChangeKind};
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
    fn encode(&self) -> Writer {
        let mut to = Writer::new();
        let mut inner = Writer::new();
        let (kind, target) = match self {
            Self::AddService(settings) => {
                settings.encode(&mut inner);
                (ChangeKind::Add, Some(change::SERVICE))
            }
            Self::SetService(settings) => {
                settings.encode(&mut inner);
                (ChangeKind::Set, Some(change::SERVICE))
            }
            Self::DeleteService(key) => {
                key.encode(&mut inner);
                (ChangeKind::Del, Some(change::SERVICE))
            }
            Self::AddDestination(settings) => {
                settings.encode(&mut inner);
                (ChangeKind::Add, Some(change::DESTINATION))
            }
            Self::SetDestination(settings) => {
                settings.encode(&mut inner);
                (ChangeKind::Set, Some(change::DESTINATION))
            }
            Self::DeleteDestination(key) => {
                key.encode(&mut inner);
                (ChangeKind::Del, Some(change::DESTINATION))
            }
            Self::FlushDestinations(key) => {
                key.encode(&mut inner);
                (ChangeKind::Flush, Some(change::SERVICE))
            }
            Self::Flush => (ChangeKind::Flush, None),
        };
        to.u32(change::KIND, kind.value());
        if let Some(target) = target {
            to.nest(target, inner);
        }
        to
    }
}

/// The attributes of an `apply` request.
pub(crate) fn encode_all(changes: &[Change]) -> Writer {
    let mut to = Writer::new();
    for change in changes {
        to.nest(apply::CHANGE, change.encode());
    }
    to
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From the words of a command to changes of the configuration.

use switchyard_netlink::{Change, DestinationSettings, ServiceSettings};

use crate::cli::{DestinationCommand, DestinationSetArgs, ServiceCommand, ServiceSetArgs};
use crate::words;

fn service_settings(args: &ServiceSetArgs) -> Result<ServiceSettings, String> {
    Ok(ServiceSettings {
        key: words::service(&args.service.service)?,
        scheduler: args.scheduler,
        timeout: args.timeout,
    })
}

fn destination_settings(args: &DestinationSetArgs) -> Result<DestinationSettings, String> {
    Ok(DestinationSettings {
        key: words::destination(&args.destination.destination)?,
        weight: args.weight,
        forwarding: args.forwarding,
    })
}

/// The changes that a command on services asks for; `None` if it only lists.
pub fn of_service(command: &ServiceCommand) -> Result<Option<Vec<Change>>, String> {
    Ok(Some(match command {
        ServiceCommand::List(_) => return Ok(None),
        ServiceCommand::Add(args) => {
            let settings = service_settings(&args.settings)?;
            let mut changes = vec![Change::AddService(settings)];
            for text in &args.destination {
                let destination = words::weighted_destination(settings.key, text)?;
                changes.push(Change::AddDestination(destination));
            }
            changes
        }
        ServiceCommand::Set(args) => vec![Change::SetService(service_settings(args)?)],
        ServiceCommand::Del(args) => vec![Change::DeleteService(words::service(&args.service)?)],
        ServiceCommand::Flush => vec![Change::Flush],
    }))
}

/// The changes that a command on destinations asks for; `None` if it only lists.
pub fn of_destination(command: &DestinationCommand) -> Result<Option<Vec<Change>>, String> {
    Ok(Some(vec![match command {
        DestinationCommand::List(_) => return Ok(None),
        DestinationCommand::Add(args) => Change::AddDestination(destination_settings(args)?),
        DestinationCommand::Set(args) => Change::SetDestination(destination_settings(args)?),
        DestinationCommand::Del(args) => {
            Change::DeleteDestination(words::destination(&args.destination)?)
        }
        DestinationCommand::Flush(args) => {
            Change::FlushDestinations(words::service(&args.service)?)
        }
    }]))
}

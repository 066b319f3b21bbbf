// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From the words of a command to changes of the configuration.

use switchyard_netlink::{Change, DestinationSettings, DestinationState, ServiceSettings};

use crate::cli::{
    DestinationArgs, DestinationCommand, DestinationSetArgs, ServiceCommand, ServiceSetArgs,
};
use crate::words;

fn service_settings(args: &ServiceSetArgs) -> Result<ServiceSettings, String> {
    Ok(ServiceSettings {
        key: words::service(&args.service.service)?,
        scheduler: args.scheduler,
        timeout: args.timeout,
        one_packet: args.one_packet,
        reset_at_expiry: args.reset_at_expiry,
        fallback: args.fallback,
        affinity: args.affinity,
        affinity_prefix4: args.affinity_prefix4,
        affinity_prefix6: args.affinity_prefix6,
    })
}

fn destination_settings(args: &DestinationSetArgs) -> Result<DestinationSettings, String> {
    let named = named(&args.destination)?;
    let options = args.options;
    Ok(DestinationSettings {
        weight: args.weight,
        forwarding: options.forwarding.or(named.forwarding),
        encapsulation: options.encapsulation,
        encapsulation_port: options.encapsulation_port,
        state: options.state,
        upper_limit: options.upper_limit,
        lower_limit: options.lower_limit,
        ..named
    })
}

/// The destination that the words name, and nothing else of it.
fn named(args: &DestinationArgs) -> Result<DestinationSettings, String> {
    let words = &args.destination;
    let name = words.last().map(String::as_str).unwrap_or_default();
    Ok(words::named_destination(words::destination(words)?, name))
}

/// A change of a destination's state alone.
fn state(
    args: &DestinationArgs,
    state: DestinationState,
    drain_deadline: Option<u32>,
) -> Result<Change, String> {
    let key = words::destination(&args.destination)?;
    Ok(Change::SetDestination(DestinationSettings {
        state: Some(state),
        drain_deadline,
        ..DestinationSettings::new(key)
    }))
}

/// The changes that a command on services asks for; `None` if it only lists.
pub fn of_service(command: &ServiceCommand) -> Result<Option<Vec<Change>>, String> {
    Ok(Some(match command {
        ServiceCommand::List(_) => return Ok(None),
        ServiceCommand::Add(args) => {
            let settings = service_settings(&args.settings)?;
            let mut changes = vec![Change::AddService(settings)];
            for text in &args.destination {
                let destination = words::destination_with_options(settings.key, text)?;
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
        DestinationCommand::Drain(args) => {
            // A drain anew without a deadline takes the old one away.
            let deadline = Some(args.deadline.unwrap_or(0));
            state(&args.destination, DestinationState::Draining, deadline)?
        }
        DestinationCommand::Up(args) => state(args, DestinationState::Active, None)?,
        DestinationCommand::Down(args) => state(args, DestinationState::Down, None)?,
        DestinationCommand::Flush(args) => {
            Change::FlushDestinations(words::service(&args.service)?)
        }
    }]))
}

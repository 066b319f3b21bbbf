// SPDX-License-Identifier: GPL-2.0

//! Batches of changes, made all at once or not at all.

use kernel::prelude::*;

use super::{
    destination,
    parse,
    service, //
};
use crate::{
    config::Draft,
    net::genetlink::{
        uapi::{
            apply,
            change,
            change_kind, //
        },
        Attribute,
        Attributes,
        Refusal,
        Request, //
    },
};

/// Handles `apply`.
///
/// A refusal points at the change that failed; its message says what is wrong with it. Pointing
/// into the change would hide which of them it is: a path of names does not tell repeated
/// attributes apart.
pub(crate) fn apply<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    request.attributes().require(apply::CHANGE)?;
    service::change(request, |draft, attributes| {
        for attribute in attributes.all(apply::CHANGE) {
            make(draft, attribute).map_err(|refusal| refusal.at(attribute))?;
        }
        Ok(())
    })
}

/// Makes one change.
fn make<'a>(draft: &mut Draft, attribute: Attribute<'a>) -> Result<(), Refusal<'a>> {
    type Change<'a> = fn(&mut Draft, Attributes<'a>) -> Result<(), Refusal<'a>>;

    let attributes = attribute.nest();
    let kind = attributes.require(change::KIND)?;
    let service = attributes.get(change::SERVICE);
    let destination = attributes.get(change::DESTINATION);
    let (of_service, of_destination): (Change<'a>, Change<'a>) = match kind.u32()? {
        change_kind::ADD => (service::draft_add, destination::draft_add),
        change_kind::SET => (service::draft_set, destination::draft_set),
        change_kind::DEL => (service::draft_del, destination::draft_del),
        change_kind::FLUSH => (flush_service, no_flush),
        _ => return Err(Refusal::new(EOPNOTSUPP, c"unknown kind of change").at(kind)),
    };
    match (service, destination) {
        (Some(service), None) => of_service(draft, service.nest()),
        (None, Some(destination)) => of_destination(draft, destination.nest()),
        (Some(_), Some(destination)) => Err(Refusal::new(
            EINVAL,
            c"a change is of a service or of a destination, not both",
        )
        .at(destination)),
        (None, None) if kind.u32()? == change_kind::FLUSH => draft
            .flush()
            .map_err(|fault| parse::refuse(fault, |_| None)),
        (None, None) => Err(Refusal::missing(attributes, change::SERVICE)),
    }
}

/// Removes the destinations of a service.
fn flush_service<'a>(draft: &mut Draft, attributes: Attributes<'a>) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    draft
        .flush_service(&key)
        .map_err(|fault| parse::refuse(fault, |_| attributes.holder()))
}

/// A destination has nothing in it to be flushed.
fn no_flush<'a>(_: &mut Draft, attributes: Attributes<'a>) -> Result<(), Refusal<'a>> {
    let refusal = Refusal::new(EINVAL, c"flush takes a service or nothing");
    Err(match attributes.holder() {
        Some(attribute) => refusal.at(attribute),
        None => refusal,
    })
}

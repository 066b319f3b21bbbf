// SPDX-License-Identifier: GPL-2.0 OR MIT

//! yard-agents that are asked.

use std::sync::Arc;

use switchyard_report::wire::{BadReading, PATH};
use switchyard_report::{Reading, Reason, Timestamp};
use switchyard_transport::HttpClient;

use super::{Failure, Link};
use crate::event::Event;

pub(super) async fn once(link: &mut Link, client: &mut HttpClient) -> Result<(), Failure> {
    let answer = client.get(PATH).await?;
    if !answer.status.is_success() {
        return Err(Failure::Trouble(format!("it answers {}", answer.status)));
    }
    link.guard
        .pace(link.context.clock.now())
        .map_err(|reason| Failure::Ignored(reason, "more often than is allowed".into()))?;
    let reading = read(&answer.body)?;
    link.guard
        .admit(&reading, Timestamp::now())
        .map_err(|reason| Failure::Ignored(reason, described(&reading)))?;
    let event = Event::Reading(Arc::clone(&link.source), Box::new(reading));
    link.send(event).await;
    Ok(())
}

/// Reads a body, or says why it does not count.
fn read(body: &[u8]) -> Result<Reading, Failure> {
    Reading::from_body(body).map_err(|error| {
        let reason = reason(&error);
        Failure::Ignored(reason, error.to_string())
    })
}

/// Why a body does not count.
pub const fn reason(error: &BadReading) -> Reason {
    match error {
        BadReading::Oversized => Reason::Oversized,
        BadReading::Malformed(_) => Reason::Malformed,
        BadReading::Absurd(_) => Reason::Absurd,
    }
}

/// What tells a reading from others.
pub fn described(reading: &Reading) -> String {
    let apart = Timestamp::now().since(reading.taken_at);
    format!(
        "number {} of instance {:016x}, {apart:?} old by our clock",
        reading.sequence, reading.instance
    )
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is done again and again: reports fetched, checks made, each at its time.
//!
//! There may be twenty thousand of them, of which few are under way at any time. A task of its own
//! for each would take a kilobyte or more while it waits. Here one that waits is a place in a queue
//! and what it has to remember; it becomes a task when it is due, and waits again when that ends.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep_until, Instant};

use crate::check::Check;
use crate::source::Fetch;

/// How many may be under way at a time, but for streams. Each takes some kilobytes then; ten thousand
/// that are due at once wait for each other instead.
const MOST: usize = 256;

/// Something that is done again and again.
pub enum Errand {
    /// Reports of a source are fetched.
    Fetch(Box<Fetch>),
    /// A check is made.
    Check(Box<Check>),
}

impl Errand {
    /// Whether it takes as long as it can.
    fn lasts(&self) -> bool {
        matches!(self, Self::Fetch(fetch) if fetch.is_stream())
    }

    /// Does it once, and says when it is due again, if ever.
    async fn run(&mut self) -> Option<Instant> {
        match self {
            Self::Fetch(fetch) => Box::pin(fetch.run()).await,
            Self::Check(check) => Some(Box::pin(check.run()).await),
        }
    }
}

/// Tells one errand from all others that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

enum Place {
    /// Until it is due, or for ever.
    Waits(Errand),
    /// As a task.
    Runs(AbortHandle),
}

/// An errand that has been run, and when it is due again.
type Ended = (Number, Errand, Option<Instant>);

/// All errands. Those under way end with it.
#[derive(Default)]
pub struct Agenda {
    next: u64,
    places: HashMap<Number, Place>,
    /// The first one due is the greatest. May have some that have been cancelled.
    due: BinaryHeap<Reverse<(Instant, Number)>>,
    brief: JoinSet<Ended>,
    lasting: JoinSet<Ended>,
}

impl Agenda {
    /// Takes an errand in, that is due at this time first.
    pub fn add(&mut self, errand: Errand, due: Instant) -> Number {
        let number = Number(self.next);
        self.next = self.next.wrapping_add(1);
        self.places.insert(number, Place::Waits(errand));
        self.due.push(Reverse((due, number)));
        number
    }

    /// Never does it again, and ends it if it is under way.
    pub fn cancel(&mut self, number: Number) {
        if let Some(Place::Runs(task)) = self.places.remove(&number) {
            task.abort();
        }
        // Cancelled ones leave when they are due; many at once, that may be in an hour, do so here.
        if self.due.len() > 64 && self.due.len() / 2 > self.places.len() {
            self.due
                .retain(|Reverse((_, number))| self.places.contains_key(number));
        }
    }

    /// Starts what is due and takes back what has ended, for as long as it is awaited; nothing is
    /// lost when it is not any more.
    pub async fn go_on(&mut self) {
        let first = self.due.peek().map(|Reverse((due, _))| *due);
        let has_room = self.brief.len() < MOST;
        let ended = tokio::select! {
            Some(ended) = self.brief.join_next(), if !self.brief.is_empty() => ended,
            Some(ended) = self.lasting.join_next(), if !self.lasting.is_empty() => ended,
            () = sleep_until(first.unwrap_or_else(Instant::now)), if first.is_some() && has_room => {
                self.start();
                return;
            }
            else => std::future::pending().await,
        };
        // One that was cancelled has no place any more.
        if let Ok(ended) = ended {
            self.take_back(ended);
        }
    }

    fn start(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now || self.brief.len() >= MOST {
                return;
            }
            self.due.pop();
            match self.places.remove(&number) {
                Some(Place::Waits(mut errand)) => {
                    let running = if errand.lasts() {
                        &mut self.lasting
                    } else {
                        &mut self.brief
                    };
                    let task = running.spawn(async move {
                        let due = errand.run().await;
                        (number, errand, due)
                    });
                    self.places.insert(number, Place::Runs(task));
                }
                Some(runs) => {
                    self.places.insert(number, runs);
                }
                None => (),
            }
        }
    }

    fn take_back(&mut self, (number, errand, due): Ended) {
        let Some(place) = self.places.get_mut(&number) else {
            return;
        };
        *place = Place::Waits(errand);
        if let Some(due) = due {
            self.due.push(Reverse((due, number)));
        }
    }
}

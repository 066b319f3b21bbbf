// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is done again and again: reports fetched, checks made, each at its time.
//!
//! There may be twenty thousand of them, of which few are under way at any time. A task of its own
//! for each would take a kilobyte or more while it waits. Here one that waits is a place in a queue
//! and what it has to remember; it becomes a task when it is due, and waits again when that ends.
//!
//! A server that answers does so in a few milliseconds; one that is silent takes as long as is
//! allowed. So those that answer are not to wait for those that do not: what has been under way for
//! a while gives its place to others, and what came to nothing in that way has a queue and places
//! of its own from then on, until it is answered again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use switchyard_report::SourceKind;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep_until, Instant};

use crate::check::Check;
use crate::source::Fetch;
use crate::spec::CheckKind;

/// Room for those under way that have just begun. Each takes memory then, and more of it the more
/// its protocol wants ([`Errand::size`]); ten thousand that are due at once wait for each other.
const FRESH: usize = 256;
/// More room, for those that have not been answered for a [`WHILE`].
const SLOW: usize = 1024;
/// How much of this is for those that were not answered the last time either.
const SILENT: usize = 768;
/// How long one counts as having just begun.
const WHILE: Duration = Duration::from_millis(100);

/// Something that is done again and again.
pub enum Errand {
    /// Reports of a source are fetched.
    Fetch(Box<Fetch>),
    /// A check is made.
    Check(Box<Check>),
}

impl Errand {
    /// Whether it takes as long as it can, this time.
    fn lasts(&mut self) -> bool {
        match self {
            Self::Fetch(fetch) => fetch.lasts(),
            Self::Check(_) => false,
        }
    }

    /// How much room it takes while it is under way: a connection takes about two kilobytes,
    /// buffers of HTTP and of TLS, or those of HTTP/2, several times as much.
    fn size(&self) -> usize {
        match self {
            Self::Fetch(fetch) => match fetch.kind() {
                SourceKind::Haproxy | SourceKind::Push => 1,
                SourceKind::OrcaHttp => 4,
                SourceKind::Agent => 6,
                SourceKind::OrcaGrpc => 12,
            },
            Self::Check(check) => match check.kind() {
                CheckKind::Tcp | CheckKind::Icmp => 1,
                CheckKind::Http => 4,
                CheckKind::Https => 6,
                CheckKind::Grpc => 12,
            },
        }
    }

    /// Whether it came to nothing the last time.
    fn has_failed(&self) -> bool {
        match self {
            Self::Fetch(fetch) => fetch.has_failed(),
            Self::Check(check) => check.has_failed,
        }
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
struct Ended {
    number: Number,
    errand: Errand,
    due: Option<Instant>,
    /// Nobody answered for a [`WHILE`], and nothing came of it.
    is_silent: bool,
}

/// What is due, and when; the first one is the greatest. May have some that have been cancelled.
type Queue = BinaryHeap<Reverse<(Instant, Number)>>;

/// Those that take up room, and how much.
#[derive(Default)]
struct Room {
    sizes: HashMap<Id, usize>,
    taken: usize,
}

impl Room {
    fn insert(&mut self, id: Id, size: usize) {
        self.sizes.insert(id, size);
        self.taken += size;
    }

    /// Gives its size, if it is there.
    fn remove(&mut self, id: Id) -> Option<usize> {
        let size = self.sizes.remove(&id)?;
        self.taken -= size;
        Some(size)
    }
}

/// All errands. Those under way end with it.
#[derive(Default)]
pub struct Agenda {
    next: u64,
    places: HashMap<Number, Place>,
    due: Queue,
    /// The same for those that were silent the last time.
    silent: Queue,
    /// All under way, streams apart.
    brief: JoinSet<Ended>,
    lasting: JoinSet<Ended>,
    /// Which of them have just begun, and which have not.
    fresh: Room,
    slow: Room,
    /// When those that have just begun did so, and some that have ended.
    begun: VecDeque<(Instant, Id)>,
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
        let queued = self.due.len() + self.silent.len();
        if queued > 64 && queued / 2 > self.places.len() {
            for queue in [&mut self.due, &mut self.silent] {
                queue.retain(|Reverse((_, number))| self.places.contains_key(number));
            }
        }
    }

    /// Starts what is due and takes back what has ended, for as long as it is awaited; nothing is
    /// lost when it is not any more.
    pub async fn go_on(&mut self) {
        let next = self.next_start();
        let ended = tokio::select! {
            Some(ended) = self.brief.join_next_with_id(), if !self.brief.is_empty() => ended,
            Some(ended) = self.lasting.join_next_with_id(), if !self.lasting.is_empty() => ended,
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                self.age();
                self.start();
                return;
            }
            else => std::future::pending().await,
        };
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, Some(ended)),
            // One that was cancelled has no place any more.
            Err(error) => (error.id(), None),
        };
        if self.fresh.remove(id).is_none() {
            self.slow.remove(id);
        }
        if let Some(ended) = ended {
            self.take_back(ended);
        }
    }

    /// When something can be started, as far as is known now.
    fn next_start(&self) -> Option<Instant> {
        let first = |queue: &Queue| queue.peek().map(|Reverse((due, _))| *due);
        let prompt = first(&self.due).and_then(|due| {
            if self.fresh.taken < FRESH {
                return Some(due);
            }
            // When the first one gives its place up, if there is room for it elsewhere.
            let (begun, _) = self.begun.front()?;
            (self.slow.taken < SLOW).then(|| due.max(*begun + WHILE))
        });
        let silent = first(&self.silent).filter(|_| self.slow.taken < SILENT);
        [prompt, silent].into_iter().flatten().min()
    }

    /// Those that began a while ago give their places up.
    fn age(&mut self) {
        let now = Instant::now();
        while let Some((begun, id)) = self.begun.front().copied() {
            let is_over = !self.fresh.sizes.contains_key(&id);
            if !is_over && (begun + WHILE > now || self.slow.taken >= SLOW) {
                return;
            }
            self.begun.pop_front();
            if let Some(size) = self.fresh.remove(id) {
                self.slow.insert(id, size);
            }
        }
    }

    fn start(&mut self) {
        let now = Instant::now();
        while self.fresh.taken < FRESH {
            let Some(number) = take_due(&mut self.due, now) else {
                break;
            };
            if let Some((id, size)) = self.run(number) {
                self.fresh.insert(id, size);
                self.begun.push_back((now, id));
            }
        }
        while self.slow.taken < SILENT {
            let Some(number) = take_due(&mut self.silent, now) else {
                break;
            };
            if let Some((id, size)) = self.run(number) {
                self.slow.insert(id, size);
            }
        }
    }

    /// Starts one, and gives its task and size, if it takes up room.
    fn run(&mut self, number: Number) -> Option<(Id, usize)> {
        let mut errand = match self.places.remove(&number)? {
            Place::Waits(errand) => errand,
            runs @ Place::Runs(_) => {
                self.places.insert(number, runs);
                return None;
            }
        };
        let (lasts, size) = (errand.lasts(), errand.size());
        let running = if lasts {
            &mut self.lasting
        } else {
            &mut self.brief
        };
        let task = running.spawn(async move {
            let begun = Instant::now();
            let due = errand.run().await;
            let is_silent = errand.has_failed() && begun.elapsed() >= WHILE;
            Ended {
                number,
                errand,
                due,
                is_silent,
            }
        });
        let id = task.id();
        self.places.insert(number, Place::Runs(task));
        (!lasts).then_some((id, size))
    }

    fn take_back(&mut self, ended: Ended) {
        let Some(place) = self.places.get_mut(&ended.number) else {
            return;
        };
        *place = Place::Waits(ended.errand);
        let queue = if ended.is_silent {
            &mut self.silent
        } else {
            &mut self.due
        };
        queue.extend(ended.due.map(|due| Reverse((due, ended.number))));
    }
}

/// The first one that is due.
fn take_due(queue: &mut Queue, now: Instant) -> Option<Number> {
    let Reverse((due, number)) = *queue.peek()?;
    if due > now {
        return None;
    }
    queue.pop();
    Some(number)
}

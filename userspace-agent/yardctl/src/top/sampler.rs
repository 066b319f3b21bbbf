// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Asks the module and yardmaster, beside the screen: neither holds up a key.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use switchyard_netlink::{Client, Error};

use super::master::Master;
use super::sample::{Sample, Wanted};

/// A thread that takes samples.
#[derive(Debug)]
pub struct Sampler {
    wants: Sender<Wanted>,
    samples: Receiver<Result<Sample, Error>>,
    wanted: Wanted,
}

impl Sampler {
    /// Starts it, in the network namespace of the caller.
    pub fn start(client: Client, master: Master, every: Duration) -> io::Result<Self> {
        let (wants, wanted) = mpsc::channel();
        let (tell, samples) = mpsc::channel();
        thread::Builder::new()
            .name("sampler".into())
            .spawn(move || run(client, &master, every, &wanted, &tell))?;
        Ok(Self {
            wants,
            samples,
            wanted: Wanted::First,
        })
    }

    /// Says which destinations are to be looked at; at once, if they are others.
    pub fn want(&mut self, wanted: Wanted) {
        if wanted != self.wanted {
            self.wanted = wanted;
            // If the thread has ended there are no samples, either, which shows.
            let _ = self.wants.send(wanted);
        }
    }

    /// The next sample, if there is one yet.
    pub fn next(&self) -> Option<Result<Sample, Error>> {
        self.samples.try_recv().ok()
    }
}

fn run(
    client: Client,
    master: &Master,
    every: Duration,
    wants: &Receiver<Wanted>,
    tell: &Sender<Result<Sample, Error>>,
) {
    let mut client = Some(client);
    let mut wanted = Wanted::First;
    let mut due = Instant::now();
    loop {
        // The module may have been loaded anew, and then its family has another number.
        let used = client.take().map_or_else(Client::connect, Ok);
        let sample = used.and_then(|mut used| {
            let sample = Sample::take(&mut used, master, wanted)?;
            client = Some(used);
            Ok(sample)
        });
        if tell.send(sample).is_err() {
            return;
        }
        due = (due + every).max(Instant::now());
        match wants.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(now) => {
                // Of many only the last one counts.
                wanted = wants.try_iter().last().unwrap_or(now);
                due = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The kernel's side: reads what it has, writes what has been decided, and hears of
//! changes that others make.
//!
//! Netlink calls wait for the kernel, which may have to make many tables. They are
//! made in a thread of their own, one after the other, so that what is read is never
//! older than what was written.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use switchyard_netlink::{
    Change, Client, DestinationKey, DestinationSettings, Error, McastGroup, Monitor, Notification,
    Scheduler, ServiceKey,
};
use switchyard_report::TargetKey;
use switchyard_resource::{counters_of, Counters};
use tokio::sync::{mpsc, oneshot};
use yardmaster::{KernelWeights, WeightChange};

use super::traffic::Traffic;

/// How long the listener waits before it tries again what did not work.
const PAUSE: Duration = Duration::from_secs(1);

/// What the thread is asked for.
enum Job {
    Read(oneshot::Sender<Result<Reading, Error>>),
    Traffic(oneshot::Sender<Result<Traffic, Error>>),
    Write(Vec<WeightChange>, oneshot::Sender<Result<(), Error>>),
}

/// What the kernel has.
#[derive(Debug, Default)]
pub struct Reading {
    /// The weight of each destination.
    pub weights: KernelWeights,
    /// The counters of each.
    pub counters: Vec<(TargetKey, Counters)>,
    /// Services whose scheduler has no regard for weights.
    pub deaf: Vec<ServiceKey>,
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub struct Kernel {
    jobs: mpsc::Sender<Job>,
}

/// What others have changed in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A destination has this weight now.
    Weight(WeightChange),
    /// Services or destinations went, or it is not known what happened.
    Other,
}

impl Kernel {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(8);
        std::thread::Builder::new()
            .name("kernel".into())
            .spawn(move || work(queue))?;
        Ok(Self { jobs })
    }

    /// All destinations.
    pub async fn read(&self) -> Result<Reading, Error> {
        self.ask(Job::Read).await
    }

    /// What has been counted.
    pub async fn traffic(&self) -> Result<Traffic, Error> {
        self.ask(Job::Traffic).await
    }

    /// Makes all changes at once, or none.
    pub async fn write(&self, changes: Vec<WeightChange>) -> Result<(), Error> {
        self.ask(|answer| Job::Write(changes, answer)).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let (answer, wait) = oneshot::channel();
        // The thread ends only when nobody can ask any more.
        self.jobs
            .send(job(answer))
            .await
            .map_err(|_| Error::NoReply)?;
        wait.await.map_err(|_| Error::NoReply)?
    }
}

fn work(mut queue: mpsc::Receiver<Job>) {
    let mut client = None;
    while let Some(job) = queue.blocking_recv() {
        // Who asked may have gone; then nobody misses the answer.
        match job {
            Job::Read(answer) => {
                let _ = answer.send(with(&mut client, read));
            }
            Job::Traffic(answer) => {
                let _ = answer.send(with(&mut client, Traffic::read));
            }
            Job::Write(changes, answer) => {
                let _ = answer.send(with(&mut client, |client| write(client, &changes)));
            }
        }
    }
}

/// Does something with the client, which is made when it is needed and given up after
/// failures that are not the kernel's refusals: the module may have been loaded anew.
fn with<T>(
    client: &mut Option<Client>,
    act: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut used = match client.take() {
        Some(used) => used,
        None => Client::connect()?,
    };
    let result = act(&mut used);
    if matches!(result, Ok(_) | Err(Error::Refused(_))) {
        *client = Some(used);
    }
    if let Err(Error::Refused(refusal)) = &result {
        // The family's number belongs to no family now.
        if refusal.message.is_none() {
            *client = None;
        }
    }
    result
}

fn read(client: &mut Client) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    for service in client.services()? {
        if matches!(service.scheduler, Scheduler::Rr | Scheduler::Lc) {
            reading.deaf.push(service.key);
        }
        reading.weights.insert(service.key, BTreeMap::new());
    }
    // One service at a time: all of them take a few megabytes that are never needed again.
    for (key, weights) in &mut reading.weights {
        let name: Arc<str> = key.to_string().into();
        let destinations = match client.destinations(Some(key)) {
            // Somebody has just removed it.
            Err(Error::Refused(_)) => continue,
            found => found?,
        };
        for destination in destinations {
            let (endpoint, counters) = counters_of(&destination);
            let target = TargetKey {
                service: Arc::clone(&name),
                destination: endpoint,
            };
            reading.counters.push((target, counters));
            weights.insert(endpoint, destination.weight);
        }
    }
    Ok(reading)
}

fn write(client: &mut Client, changes: &[WeightChange]) -> Result<(), Error> {
    let changes: Vec<Change> = changes.iter().map(change).collect();
    client.apply(&changes)
}

fn change(change: &WeightChange) -> Change {
    let mut settings = DestinationSettings::new(DestinationKey {
        service: change.service,
        address: change.endpoint.ip(),
        port: Some(change.endpoint.port()),
    });
    settings.weight = Some(change.weight);
    Change::SetDestination(settings)
}

/// Starts a thread that hears what changes in the kernel.
pub fn listen() -> io::Result<mpsc::Receiver<News>> {
    let (tell, news) = mpsc::channel(1024);
    std::thread::Builder::new()
        .name("monitor".into())
        .spawn(move || {
            while !tell.is_closed() {
                // Whatever ended it, something may have been missed.
                let _ = hear(&tell);
                let _ = tell.blocking_send(News::Other);
                std::thread::sleep(PAUSE);
            }
        })?;
    Ok(news)
}

fn hear(tell: &mpsc::Sender<News>) -> Result<(), Error> {
    let mut monitor = Monitor::subscribe(Client::connect()?, &[McastGroup::Config])?;
    // What was changed before we listened.
    let mut news = News::Other;
    loop {
        if tell.blocking_send(news).is_err() {
            return Ok(());
        }
        news = match monitor.next(None) {
            Ok(Some(Notification::Destination(destination))) => News::Weight(WeightChange {
                service: destination.service,
                endpoint: destination.endpoint(),
                weight: destination.weight,
            }),
            Ok(_) | Err(Error::Lost) => News::Other,
            Err(error) => return Err(error),
        };
    }
}

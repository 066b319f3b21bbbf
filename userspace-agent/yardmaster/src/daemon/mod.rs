// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yardmaster run`: everything at once, in one thread, and two that wait for the kernel.

pub mod control;
mod kernel;
mod metrics;
mod resource;
pub mod settings;
mod shared;
mod status;
mod traffic;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sd_notify::NotifyState;
use switchyard_netlink::Error;
use switchyard_transport::{Limits, Server};
use tokio::signal::unix::{signal, SignalKind};
use tokio::task::JoinSet;
use tokio::time::{interval, MissedTickBehavior};
use tracing::{debug, error, info, warn};
use yardmaster::{Algorithm, WeightChange};

use crate::cli::RunArgs;
use crate::failure::Failure;
use control::ControlSocket;
use kernel::{Kernel, News, Reading};
use resource::Resource;
use settings::Settings;
use shared::Shared;
use switchyard_config::MasterSettings;

/// How often everything in the kernel is read: for its counters, and should a
/// notification have been lost.
const REREAD: Duration = Duration::from_secs(5);
/// How long to wait for the module, before trying again.
const RETRY: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let settings = Settings::read(&args.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Other(format!("no runtime: {e}")))?;
    let result = runtime.block_on(until_told(args, settings));
    // Threads that wait for the kernel are not waited for.
    runtime.shutdown_background();
    result
}

/// The daemon.
struct Daemon {
    path: PathBuf,
    dry_run: bool,
    settings: Settings,
    /// The file's looks when it was read.
    looks: Option<(SystemTime, u64)>,
    shared: Shared,
    kernel: Kernel,
    resource: Resource,
    /// Whether the plan has been made, which needs the kernel's weights.
    planned: bool,
    /// Whether the kernel has to be read before the next round.
    reread: bool,
    last_read: Instant,
}

async fn until_told(args: &RunArgs, mut settings: Settings) -> Result<(), Failure> {
    let signals = |kind| signal(kind).map_err(|e| Failure::Other(format!("signals: {e}")));
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let mut hang_up = signals(SignalKind::hangup())?;
    let other = |e: std::io::Error| Failure::Other(format!("no thread: {e}"));
    let resource = Resource::start(&mut settings).await?;
    let mut daemon = Daemon {
        path: args.config.clone(),
        dry_run: args.dry_run,
        looks: looks(&args.config),
        shared: Shared::default(),
        kernel: Kernel::start().map_err(other)?,
        resource,
        planned: false,
        reread: true,
        last_read: Instant::now(),
        settings,
    };
    let mut news = if args.dry_run {
        tokio::sync::mpsc::channel(1).1
    } else {
        kernel::listen().map_err(other)?
    };
    let kernel = (!args.dry_run).then(|| daemon.kernel.clone());
    let mut parts = start(&daemon.settings.master, &daemon.shared, kernel.as_ref()).await?;
    let mut ticks = ticks(daemon.settings.master.round);
    info!(
        config = %args.config.display(),
        services = daemon.settings.services.len(),
        dry_run = args.dry_run,
        "running"
    );
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    loop {
        let reload = tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(ended) = parts.join_next() => {
                // They never end by themselves.
                return Err(Failure::Other(format!("a part of the daemon ended: {ended:?}")));
            }
            Some(news) = news.recv() => {
                daemon.hear(news);
                continue;
            }
            _ = hang_up.recv() => true,
            _ = ticks.tick() => {
                daemon.round().await;
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
                looks(&daemon.path).is_some_and(|looks| Some(looks) != daemon.looks)
            }
        };
        if reload {
            let before = daemon.settings.master.clone();
            daemon.reload().await;
            let after = daemon.settings.master.clone();
            if before != after {
                // Listeners are closed before they are opened anew.
                parts.shutdown().await;
                parts = match start(&after, &daemon.shared, kernel.as_ref()).await {
                    Ok(parts) => parts,
                    Err(failure) => {
                        error!(%failure, "listening as before");
                        start(&before, &daemon.shared, kernel.as_ref()).await?
                    }
                };
                ticks = self::ticks(after.round);
            }
        }
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    info!("stopping; the kernel keeps the weights that it has");
    Ok(())
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What tells a file that has been changed.
fn looks(path: &Path) -> Option<(SystemTime, u64)> {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

/// Starts what is asked from outside.
async fn start(
    settings: &MasterSettings,
    shared: &Shared,
    kernel: Option<&Kernel>,
) -> Result<JoinSet<std::convert::Infallible>, Failure> {
    let mut parts = JoinSet::new();
    let socket = ControlSocket::bind(&settings.socket)?;
    parts.spawn(socket.serve(shared.clone()));
    if let Some(address) = settings.metrics {
        let limits = Limits {
            connections: 8,
            ..Limits::default()
        };
        let server = Server::bind(address, None, limits)
            .await
            .map_err(|e| Failure::Other(format!("cannot listen on {address}: {e}")))?;
        parts.spawn(metrics::serve(server, shared.clone(), kernel.cloned()));
    }
    Ok(parts)
}

impl Daemon {
    /// Takes note of what others have changed.
    fn hear(&mut self, news: News) {
        let News::Weight(change) = news else {
            self.reread = true;
            return;
        };
        // Most are echoes of our own changes. What is not is read in order, after what
        // we may be writing.
        let state = self.shared.lock();
        let known = state.master.is_written(&change);
        drop(state);
        self.reread |= known == Some(false);
    }

    /// Reads the file anew; one that cannot be used changes nothing.
    async fn reload(&mut self) {
        let _ = sd_notify::notify(&[NotifyState::Reloading]);
        self.looks = looks(&self.path);
        let read = Settings::read(&self.path).map_err(Failure::from);
        let taken = match read {
            Ok(mut settings) => {
                let changed = self.resource.change(&mut settings).await;
                changed.map(|()| settings)
            }
            Err(failure) => Err(failure),
        };
        match taken {
            Ok(settings) => {
                info!(services = settings.services.len(), "configuration read");
                self.settings = settings;
                // The plan is made with what the kernel has then.
                self.planned = false;
                self.shared.lock().counters.reloads += 1;
            }
            Err(error) => {
                error!(%error, "going on as before");
                self.shared.lock().counters.bad_reloads += 1;
            }
        }
        let _ = sd_notify::notify(&[NotifyState::Ready]);
    }

    /// What the kernel has; in a dry run, what it would have.
    async fn read(&self) -> Result<Reading, Error> {
        if !self.dry_run {
            return self.kernel.read().await;
        }
        let weights = if self.planned {
            let state = self.shared.lock();
            let services = state.master.services();
            services
                .map(|(&key, balance)| (key, balance.weights().collect()))
                .collect()
        } else {
            let services = self.settings.services.iter().map(|service| {
                let weights = service.destinations.iter().map(|d| (d.endpoint, d.weight));
                (service.key, weights.collect())
            });
            services.collect()
        };
        Ok(Reading {
            weights,
            ..Reading::default()
        })
    }

    /// Whether the kernel answers; says so when that changes.
    fn trouble(&mut self, trouble: Option<&Error>) {
        let words = trouble.map(ToString::to_string);
        let mut state = self.shared.lock();
        if state.trouble != words {
            if let Some(words) = &words {
                warn!(error = words, "the kernel does not do as it is told");
            } else {
                info!("the kernel does as it is told");
            }
            state.trouble = words;
        }
    }

    /// A round: from what is known to what the kernel has.
    async fn round(&mut self) {
        let begun = Instant::now();
        if (self.reread || !self.planned || self.last_read.elapsed() > REREAD)
            && !self.catch_up().await
        {
            return;
        }
        let now = self.resource.now();
        let changes = {
            let mut state = self.shared.lock();
            state.inventory = self.resource.inventory();
            state.counters.rounds += 1;
            let inventory = Arc::clone(&state.inventory);
            state.master.round(&inventory, now)
        };
        if !changes.is_empty() {
            self.write(changes).await;
        }
        self.shared.lock().counters.last_round = begun.elapsed().as_secs_f64();
    }

    /// Reads the kernel, and makes the plan if there is a new one.
    async fn catch_up(&mut self) -> bool {
        // Not more often than that if it does not work.
        if self.shared.lock().trouble.is_some() && self.last_read.elapsed() < RETRY {
            return false;
        }
        self.last_read = Instant::now();
        let Reading {
            weights,
            counters,
            deaf,
        } = match self.read().await {
            Ok(reading) => reading,
            Err(error) => {
                self.trouble(Some(&error));
                return false;
            }
        };
        self.trouble(None);
        self.resource.observe(counters);
        let mut state = self.shared.lock();
        if self.planned {
            state.master.written_all(&weights);
        } else {
            // The master keeps them, and nobody else needs them.
            let plans = std::mem::take(&mut self.settings.services);
            for plan in &plans {
                let algorithm = plan.policy.algorithm;
                if deaf.contains(&plan.key) && algorithm != Algorithm::Static {
                    warn!(
                        service = %plan.key,
                        %algorithm,
                        "the service's scheduler has no regard for weights: use maglev or wrr"
                    );
                }
            }
            state.master.plan(plans, &weights, self.resource.now());
        }
        drop(state);
        self.planned = true;
        self.reread = false;
        true
    }

    async fn write(&mut self, changes: Vec<WeightChange>) {
        let result = if self.dry_run {
            Ok(())
        } else {
            self.kernel.write(changes.clone()).await
        };
        match result {
            Ok(()) => {
                let mut state = self.shared.lock();
                for change in &changes {
                    let weight = Some(change.weight);
                    state
                        .master
                        .written(&change.service, change.endpoint, weight);
                    debug!(
                        service = %change.service,
                        destination = %change.endpoint,
                        weight = change.weight,
                        "written"
                    );
                }
                state.counters.writes += 1;
                state.counters.weights += u64::try_from(changes.len()).unwrap_or(0);
            }
            Err(error) => {
                // Somebody has taken a destination away meanwhile, say: look again.
                self.shared.lock().counters.refusals += 1;
                self.reread = true;
                match &error {
                    Error::Refused(refusal) => info!(%refusal, "refused; reading the kernel anew"),
                    error => self.trouble(Some(error)),
                }
            }
        }
    }
}

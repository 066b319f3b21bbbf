// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Where reports are fetched from.

mod agent;
mod haproxy;
mod orca;

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::ClientConfig;
use switchyard_report::{Guard, Limits, LoadReport, Reason, SourceKind};
use switchyard_transport::{Error, Tls};
use tokio::time::{interval, sleep, Interval, MissedTickBehavior};

use crate::clock::Clock;
use crate::event::{Event, Events};
use crate::spec::Source;

pub use agent::{described, reason as reason_of};

/// Longest pause between attempts at a source that cannot be had.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The first attempt is no later than that.
const LONGEST_OFFSET: Duration = Duration::from_secs(1);

/// What every source needs.
#[derive(Clone, Debug)]
pub struct Context {
    pub events: Events,
    pub clock: Clock,
    pub limits: Limits,
    /// Who we are; `None` if there are no keys.
    pub tls: Option<Identities>,
}

/// Who we are, in the two protocols that are spoken over TLS.
#[derive(Clone, Debug)]
pub struct Identities {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Identities {
    /// All sources share these.
    pub fn new(config: &ClientConfig) -> Self {
        let with = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Self {
            http1: with(b"http/1.1"),
            http2: with(b"h2"),
        }
    }
}

/// Why there is no report this time.
#[derive(Debug)]
enum Failure {
    /// There was one, and it does not count.
    Ignored(Reason, String),
    /// There was none.
    Trouble(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        if error.is_forgery() {
            Self::Ignored(Reason::Forged, text)
        } else if matches!(error, Error::Large(_)) {
            Self::Ignored(Reason::Oversized, text)
        } else {
            Self::Trouble(text)
        }
    }
}

/// When the first report is asked for: ten thousand at once would be a crowd, which takes
/// memory that is never needed again.
fn offset(source: &Source) -> Duration {
    let drawn = RandomState::new().hash_one(&source.address);
    let part = u32::try_from(drawn % 1000).unwrap_or_default();
    source.interval.min(LONGEST_OFFSET) * part / 1000
}

/// Fetches reports for as long as it runs.
pub async fn fetch(source: Arc<Source>, context: Context) -> Infallible {
    sleep(offset(&source)).await;
    let link = Link {
        source: Arc::clone(&source),
        guard: Guard::new(context.limits),
        context,
    };
    match source.kind {
        // In boxes, so that each takes no more room than it needs.
        SourceKind::Agent => Box::pin(agent::fetch(link)).await,
        SourceKind::Haproxy => Box::pin(haproxy::fetch(link)).await,
        SourceKind::OrcaGrpc => Box::pin(orca::fetch_grpc(link)).await,
        SourceKind::OrcaHttp => Box::pin(orca::fetch_http(link)).await,
        // These come by themselves.
        SourceKind::Push => std::future::pending().await,
    }
}

/// A source and its way to the manager.
struct Link {
    source: Arc<Source>,
    guard: Guard,
    context: Context,
}

impl Link {
    /// How to speak TLS to it, if that is to be done.
    fn tls(&self) -> Result<Option<Tls>, String> {
        if !self.source.tls {
            return Ok(None);
        }
        let identities = self
            .context
            .tls
            .as_ref()
            .ok_or("there are no keys: `yardmaster keys` makes them")?;
        let name = ServerName::try_from(self.source.name.clone())
            .map_err(|_| format!("`{}` is no name of a server", self.source.name))?;
        let config = if self.source.kind == SourceKind::OrcaGrpc {
            &identities.http2
        } else {
            &identities.http1
        };
        Ok(Some(Tls {
            config: Arc::clone(config),
            name,
        }))
    }

    fn ticks(&self) -> Interval {
        let mut ticks = interval(self.source.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// A report that bears neither time nor number.
    async fn bare(&mut self, load: LoadReport) -> Result<(), Failure> {
        self.guard
            .pace(self.context.clock.now())
            .map_err(|reason| Failure::Ignored(reason, "more often than is allowed".into()))?;
        load.check()
            .map_err(|absurd| Failure::Ignored(Reason::Absurd, absurd.to_string()))?;
        self.send(Event::Load(Arc::clone(&self.source), Box::new(load)))
            .await;
        Ok(())
    }

    async fn send(&self, event: Event) {
        // The manager ends its tasks before itself.
        let _ = self.context.events.send(event).await;
    }

    /// Tells what became of an attempt, and pauses if it came to nothing.
    async fn tell(&self, result: Result<(), Failure>, misses: &mut u32) {
        let source = Arc::clone(&self.source);
        match result {
            Ok(()) => {
                *misses = 0;
                self.send(Event::Trouble(source, None)).await;
            }
            Err(Failure::Ignored(reason, detail)) => {
                self.send(Event::Trouble(
                    Arc::clone(&source),
                    Some(format!("{reason}: {detail}")),
                ))
                .await;
                self.send(Event::Ignored {
                    source: Some(source),
                    reason,
                    detail,
                })
                .await;
            }
            Err(Failure::Trouble(error)) => {
                *misses = misses.saturating_add(1);
                self.send(Event::Trouble(source, Some(error))).await;
                // The first pause is the interval alone.
                let pause = self.source.interval * 2u32.saturating_pow((*misses - 1).min(10));
                if *misses > 1 {
                    sleep(pause.min(MAX_PAUSE)).await;
                }
            }
        }
    }

    /// Tells that it cannot ever be had, and waits to be ended.
    async fn give_up(&self, error: String) -> Infallible {
        self.send(Event::Trouble(Arc::clone(&self.source), Some(error)))
            .await;
        std::future::pending().await
    }
}

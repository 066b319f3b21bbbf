// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Where reports are fetched from.

mod agent;
mod haproxy;
mod orca;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::ClientConfig;
use switchyard_report::haproxy::Memory;
use switchyard_report::orca::MAX_MESSAGE;
use switchyard_report::wire::MAX_REPORT;
use switchyard_report::{Guard, Limits, LoadReport, Reason, SourceKind};
use switchyard_transport::{Error, HttpClient, Tls};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::event::{Event, Events};
use crate::kept::{Kept, Place};
use crate::spec::Source;

pub use agent::{described, reason as reason_of};

/// Longest pause between attempts at a source that cannot be had.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How many of the connections that are kept one counts for that is encrypted.
const ENCRYPTED: u32 = 4;

/// How many of these a stream counts for: HTTP/2 has larger buffers.
const STREAM: u32 = 16;

/// The first attempt is no later than that.
const LONGEST_OFFSET: Duration = Duration::from_secs(1);

/// What every source needs.
#[derive(Debug)]
pub struct Context {
    pub events: Events,
    pub clock: Clock,
    pub limits: Limits,
    /// Who we are; `None` if there are no keys.
    pub tls: Option<Identities>,
    /// Room for connections that are kept from one report to the next. A source that finds none
    /// left is connected to for each report: it can be heard as well, only for more work.
    pub kept: Arc<Kept>,
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
    /// Nor will there ever be one.
    Hopeless(String),
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

/// What is remembered of a source from one report to the next.
enum Memo {
    /// The connection, while it is open, and its room.
    Http(Option<(Box<HttpClient>, Place)>),
    /// What has been said so far.
    Haproxy(Memory),
    /// Room for a stream, if there is.
    Stream(Option<Place>),
}

/// A source, from which reports are fetched.
pub struct Fetch {
    link: Link,
    memo: Memo,
}

impl Fetch {
    /// Of a source that reports are to be fetched from; `None` if they come by themselves.
    pub fn new(source: Arc<Source>, context: Arc<Context>) -> Option<Self> {
        let memo = match source.kind {
            SourceKind::Agent | SourceKind::OrcaHttp => Memo::Http(None),
            SourceKind::Haproxy => Memo::Haproxy(Memory::default()),
            SourceKind::OrcaGrpc => Memo::Stream(None),
            SourceKind::Push => return None,
        };
        let link = Link {
            source,
            guard: Guard::new(context.limits),
            context,
            misses: 0,
        };
        Some(Self { link, memo })
    }

    /// Whether reports come by a stream this time, for as long as that lasts.
    pub fn lasts(&mut self) -> bool {
        let Memo::Stream(room) = &mut self.memo else {
            return false;
        };
        if room.is_none() {
            *room = self.link.context.kept.take(STREAM);
        }
        room.is_some()
    }

    /// What kind of source it is of.
    pub fn kind(&self) -> SourceKind {
        self.link.source.kind
    }

    /// Whether there was no report the last time.
    pub fn has_failed(&self) -> bool {
        self.link.misses > 0
    }

    /// When the first report is asked for: ten thousand at once would be a crowd, which takes
    /// memory that is never needed again.
    pub fn first(&self) -> Instant {
        let source = &self.link.source;
        let drawn = RandomState::new().hash_one(&source.address);
        let part = u32::try_from(drawn % 1000).unwrap_or_default();
        Instant::now() + source.interval.min(LONGEST_OFFSET) * part / 1000
    }

    /// Fetches a report, or all that come by a stream; says when to do so again, if ever.
    pub async fn run(&mut self) -> Option<Instant> {
        let begun = Instant::now();
        let Self { link, memo } = self;
        let interval = link.source.interval;
        let result = match (&mut *memo, link.source.kind) {
            (Memo::Http(client), kind) => {
                let (open, room) = client.take().unzip();
                let mut open = match open.map_or_else(|| link.client(), Ok) {
                    Ok(open) => open,
                    Err(error) => return link.tell(Err(error)).await.map(|_| begun),
                };
                let result = if kind == SourceKind::Agent {
                    Box::pin(agent::once(link, &mut open)).await
                } else {
                    Box::pin(orca::once(link, &mut open)).await
                };
                // One without a connection is soon made anew.
                if open.is_open() {
                    let size = if link.source.tls { ENCRYPTED } else { 1 };
                    let kept = &link.context.kept;
                    let room = match room {
                        Some(room) => kept.go_on(room),
                        None => kept.take(size),
                    };
                    *client = room.map(|room| (open, room));
                }
                result
            }
            (Memo::Haproxy(memory), _) => haproxy::once(link, memory).await,
            (Memo::Stream(None), _) => Box::pin(orca::first(link)).await,
            (Memo::Stream(room), _) => {
                let ended = Box::pin(orca::stream(link)).await;
                *room = None;
                let pause = link.tell(Err(ended)).await?;
                return Some(Instant::now() + pause + interval);
            }
        };
        let pause = link.tell(result).await?;
        Some((begun + interval).max(Instant::now() + pause))
    }
}

/// A source and its way to the manager.
struct Link {
    source: Arc<Source>,
    guard: Guard,
    context: Arc<Context>,
    /// Attempts on end that came to nothing.
    misses: u32,
}

impl Link {
    /// A client that has no connection yet.
    fn client(&self) -> Result<Box<HttpClient>, Failure> {
        let most = if self.source.kind == SourceKind::Agent {
            MAX_REPORT
        } else {
            MAX_MESSAGE
        };
        let tls = self.tls().map_err(Failure::Hopeless)?;
        HttpClient::new(&self.source.address, tls, self.source.timeout, most)
            .map(Box::new)
            .map_err(|error| Failure::Hopeless(error.to_string()))
    }

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

    /// Tells what became of an attempt, and how long to pause, `None` for ever.
    async fn tell(&mut self, result: Result<(), Failure>) -> Option<Duration> {
        let source = Arc::clone(&self.source);
        match result {
            Ok(()) => {
                self.misses = 0;
                self.send(Event::Trouble(source, None)).await;
                Some(Duration::ZERO)
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
                Some(Duration::ZERO)
            }
            Err(Failure::Trouble(error)) => {
                self.misses = self.misses.saturating_add(1);
                self.send(Event::Trouble(source, Some(error))).await;
                // The first pause is the interval alone.
                if self.misses == 1 {
                    return Some(Duration::ZERO);
                }
                let pause = self.source.interval * 2u32.saturating_pow((self.misses - 1).min(10));
                Some(pause.min(MAX_PAUSE))
            }
            Err(Failure::Hopeless(error)) => {
                self.send(Event::Trouble(source, Some(error))).await;
                None
            }
        }
    }
}

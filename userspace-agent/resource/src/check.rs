// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Active checks.

mod any_certificate;
mod grpc;
mod http;
mod icmp;
mod tcp;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::ClientConfig;
use switchyard_report::tls::roots;
use switchyard_report::TargetKey;
use switchyard_transport::Tls;
use tokio::time::{timeout, Instant};

use crate::event::{Event, Events};
use crate::spec::{CheckKind, CheckSpec};

pub use icmp::Pingers;

/// What every check needs.
#[derive(Debug)]
pub struct Context {
    pub events: Events,
    pub pingers: Pingers,
    /// How to speak TLS, by what is checked: mostly the same for all destinations of a service.
    pub tls: Mutex<HashMap<CheckSpec, Weak<ClientConfig>>>,
}

/// A check of a destination.
pub struct Check {
    /// Whose it is.
    pub target: TargetKey,
    /// Which set of the target's checks, and which of them.
    pub round: u64,
    pub index: usize,
    /// All of the target's checks.
    pub specs: Arc<[CheckSpec]>,
    pub context: Arc<Context>,
    /// How to speak TLS, once that has been found out. Files are read once; a changed file needs a
    /// changed check.
    pub tls: Option<Box<Result<Tls, String>>>,
    /// Whether it failed the last time.
    pub has_failed: bool,
}

impl Check {
    /// When it is due first. Checks of many destinations begin at different times.
    pub fn first(&self) -> Instant {
        let drawn = RandomState::new().hash_one((&self.target, self.index));
        let part = u32::try_from(drawn % 1000).unwrap_or_default();
        Instant::now() + self.interval() * part / 1000
    }

    /// Makes it, and says when it is due again.
    pub async fn run(&mut self) -> Instant {
        let begun = Instant::now();
        let result = self.result().await;
        self.has_failed = result.is_err();
        // The manager ends its tasks before itself.
        let _ = self
            .context
            .events
            .send(Event::Check {
                target: self.target.clone(),
                round: self.round,
                index: self.index,
                result,
            })
            .await;
        (begun + self.interval()).max(Instant::now())
    }

    /// What kind of check it is.
    pub fn kind(&self) -> CheckKind {
        self.specs
            .get(self.index)
            .map_or(CheckKind::Tcp, |spec| spec.kind)
    }

    fn interval(&self) -> Duration {
        self.specs
            .get(self.index)
            .map_or(Duration::MAX, |spec| spec.interval)
    }

    async fn result(&mut self) -> Result<(), String> {
        let specs = Arc::clone(&self.specs);
        let Some(spec) = specs.get(self.index) else {
            return Err("there is no such check".into());
        };
        let port = spec.port.unwrap_or(self.target.destination.port());
        let address = SocketAddr::new(self.target.destination.ip(), port);
        if wants_tls(spec) && self.tls.is_none() {
            self.tls = Some(Box::new(self.context.tls(spec, address)));
        }
        let tls = self.tls.as_deref().map(Result::as_ref).transpose()?;
        once(spec, address, tls, &self.context.pingers).await
    }
}

async fn once(
    spec: &CheckSpec,
    address: SocketAddr,
    tls: Option<&Tls>,
    pingers: &Pingers,
) -> Result<(), String> {
    let limit = spec.timeout;
    let work = async {
        match spec.kind {
            // What one kind needs, another need not carry.
            CheckKind::Tcp => Box::pin(tcp::check(spec, address)).await,
            CheckKind::Http | CheckKind::Https => Box::pin(http::check(spec, address, tls)).await,
            CheckKind::Grpc => Box::pin(grpc::check(spec, address, tls)).await,
            CheckKind::Icmp => Box::pin(pingers.check(address.ip(), limit)).await,
        }
    };
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
}

fn wants_tls(spec: &CheckSpec) -> bool {
    spec.kind == CheckKind::Https || spec.kind == CheckKind::Grpc && spec.tls
}

impl Context {
    /// How to speak TLS to a server.
    fn tls(&self, spec: &CheckSpec, address: SocketAddr) -> Result<Tls, String> {
        let name = match &spec.host {
            Some(host) => ServerName::try_from(host.clone()).map_err(|error| error.to_string())?,
            None => ServerName::IpAddress(address.ip().into()),
        };
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(spec).and_then(Weak::upgrade) {
            return Ok(Tls { config, name });
        }
        let config = Arc::new(config(spec)?);
        known.retain(|_, config| config.strong_count() > 0);
        known.insert(spec.clone(), Arc::downgrade(&config));
        Ok(Tls { config, name })
    }
}

/// How to speak TLS for a check.
fn config(spec: &CheckSpec) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = match &spec.ca {
        Some(path) => builder
            .with_root_certificates(roots(path).map_err(|error| error.to_string())?)
            .with_no_client_auth(),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(any_certificate::verifier(provider))
            .with_no_client_auth(),
    };
    if spec.kind == CheckKind::Grpc {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    // A handshake is what is checked, and sessions of ten thousand servers take memory.
    config.resumption = Resumption::disabled();
    Ok(config)
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Active checks.

mod any_certificate;
mod grpc;
mod http;
mod icmp;
mod tcp;

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::ClientConfig;
use switchyard_report::tls::roots;
use switchyard_report::TargetKey;
use switchyard_transport::Tls;
use tokio::time::{interval, sleep, timeout, MissedTickBehavior};

use crate::event::{Event, Events};
use crate::spec::{CheckKind, CheckSpec};

pub use icmp::Pingers;

/// What every check needs.
#[derive(Clone, Debug)]
pub struct Context {
    pub events: Events,
    pub pingers: Arc<Pingers>,
}

/// Checks again and again for as long as it runs.
pub async fn check(
    target: TargetKey,
    round: u64,
    index: usize,
    spec: Arc<CheckSpec>,
    context: Context,
) -> Infallible {
    sleep(offset(&target, index, spec.interval)).await;
    let address = SocketAddr::new(
        target.destination.ip(),
        spec.port.unwrap_or(target.destination.port()),
    );
    // Files are read once; a changed file needs a changed check.
    let tls = tls(&spec, address);
    let mut ticks = interval(spec.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let result = match &tls {
            // In a box, so that a check that waits for its turn takes little room.
            Ok(tls) => Box::pin(once(&spec, address, tls.as_ref(), &context.pingers)).await,
            Err(error) => Err(error.clone()),
        };
        // The manager ends its tasks before itself.
        let _ = context
            .events
            .send(Event::Check {
                target: target.clone(),
                round,
                index,
                result,
            })
            .await;
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
            CheckKind::Tcp => tcp::check(spec, address).await,
            CheckKind::Http | CheckKind::Https => http::check(spec, address, tls).await,
            CheckKind::Grpc => grpc::check(spec, address, tls).await,
            CheckKind::Icmp => pingers.check(address.ip(), limit).await,
        }
    };
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
}

/// Checks of many destinations begin at different times.
fn offset(target: &TargetKey, index: usize, every: Duration) -> Duration {
    let drawn = RandomState::new().hash_one((target, index));
    let part = u32::try_from(drawn % 1000).unwrap_or_default();
    every * part / 1000
}

/// How to speak TLS, if that is to be done.
fn tls(spec: &CheckSpec, address: SocketAddr) -> Result<Option<Tls>, String> {
    let is_wanted = spec.kind == CheckKind::Https || spec.kind == CheckKind::Grpc && spec.tls;
    if !is_wanted {
        return Ok(None);
    }
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
    let name = match &spec.host {
        Some(host) => ServerName::try_from(host.clone()).map_err(|error| error.to_string())?,
        None => ServerName::IpAddress(address.ip().into()),
    };
    Ok(Some(Tls {
        config: Arc::new(config),
        name,
    }))
}

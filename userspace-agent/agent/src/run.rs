// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yard-agent run`: everything at once, in one thread.

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::ServerConfig;
use switchyard_report::Reading;
use switchyard_transport::{HttpClient, Limits, Server, Tls};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, MissedTickBehavior};
use tracing::{error, info};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Level, LogArgs};
use crate::config::{BadConfig, Config, OrcaProtocol, PortConfig, PushConfig};
use crate::failure::Failure;
use crate::local::Local;
use crate::sampler::{ask, Asked, Sampler};
use crate::serve::{haproxy, orca, push, report, Latest, Numbers};
use crate::socket::LocalSocket;

/// Connections at a time to each listener.
const CONNECTIONS: usize = 32;
/// How long a master may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer of a master, in bytes.
const MAX_ANSWER: usize = 4096;

/// The configuration: the file's, and the ports of the command line.
pub fn config(cli: &Cli) -> Result<Config, Failure> {
    let mut config = if cli.ports.is_empty() || cli.config.exists() {
        Config::read(&cli.config)?
    } else {
        Config::default()
    };
    for &port in &cli.ports {
        if !config.port.iter().any(|known| known.port == port) {
            config.port.push(PortConfig {
                port,
                ..PortConfig::default()
            });
        }
    }
    config.check()?;
    Ok(config)
}

/// The name that reports bear.
pub fn name(config: &Config) -> String {
    config.name.clone().unwrap_or_else(|| {
        fs::read_to_string("/proc/sys/kernel/hostname")
            .map_or_else(|_| "localhost".into(), |name| name.trim().to_string())
    })
}

/// Runs until told to stop.
pub fn run(cli: &Cli, log: &LogArgs) -> Result<(), Failure> {
    start_log(log);
    let config = config(cli)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("no runtime"))?;
    runtime.block_on(until_told(cli, config))
}

fn start_log(log: &LogArgs) {
    let level = match log.log_level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    if log.log_json {
        subscriber.json().init();
    } else {
        // The journal has the time.
        subscriber.with_ansi(false).without_time().init();
    }
}

async fn until_told(cli: &Cli, mut config: Config) -> Result<(), Failure> {
    let signals = |kind| signal(kind).map_err(Failure::system("signals"));
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let mut hang_up = signals(SignalKind::hangup())?;
    // These outlive a change of configuration.
    let local = Arc::new(Local::default());
    let numbers = Arc::new(Numbers::new(random()?));
    loop {
        let mut agent = start(&config, &local, &numbers).await?;
        info!(name = name(&config), ports = config.port.len(), "running");
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                Some(ended) = agent.join_next() => {
                    // They never end by themselves.
                    let error = std::io::Error::other(format!("{ended:?}"));
                    return Err(Failure::system("a part of the agent ended")(error));
                }
                _ = hang_up.recv() => match self::config(cli) {
                    Ok(changed) => {
                        config = changed;
                        break;
                    }
                    Err(failure) => error!(%failure, "going on as before"),
                },
            }
        }
        // Listeners are closed before they are opened anew.
        agent.shutdown().await;
    }
}

/// Draws the number of this instance.
fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| Failure::system("random numbers")(std::io::Error::other("there are none")))?;
    Ok(u64::from_le_bytes(bytes))
}

async fn start(
    config: &Config,
    local: &Arc<Local>,
    numbers: &Arc<Numbers>,
) -> Result<JoinSet<Infallible>, Failure> {
    let mut parts = JoinSet::new();
    let asked = Arc::new(Asked::default());
    let mut sampler = Sampler::new(config, name(config), Arc::clone(&asked), Arc::clone(local));
    let (publish, readings) = watch::channel(Arc::new(sampler.read()));
    let latest = Latest::new(readings, Arc::clone(numbers));

    let identity = config.tls.as_ref();
    let server_tls = identity
        .map(switchyard_report::tls::Identity::server)
        .transpose()?;
    if let Some(config) = &config.report {
        let server = bind(config.listen, server_tls.clone()).await?;
        parts.spawn(report::serve(server, config.allow.clone(), latest.clone()));
    }
    if let (Some(push_config), Some(identity)) = (&config.push, identity) {
        let client = push_client(push_config, identity.client()?)?;
        let every = push_config.interval.unwrap_or(config.interval);
        parts.spawn(push::serve(client, every, latest.clone()));
    }
    for one in &config.haproxy {
        let port = config.told_port(one.port)?;
        let server = bind(one.listen, None).await?;
        parts.spawn(haproxy::serve(server, port, latest.clone()));
    }
    for one in &config.orca {
        let port = config.told_port(one.port)?;
        let tls = server_tls.clone().filter(|_| one.tls);
        match one.protocol {
            OrcaProtocol::Grpc => {
                let server = bind(one.listen, tls.as_deref().map(with_http2)).await?;
                parts.spawn(orca::serve_grpc(
                    server,
                    port,
                    config.interval,
                    latest.clone(),
                ));
            }
            OrcaProtocol::Http => {
                let server = bind(one.listen, tls).await?;
                parts.spawn(orca::serve_http(server, port, latest.clone()));
            }
        }
    }
    let served: Vec<u16> = config.port.iter().map(|port| port.port).collect();
    if let Some(config) = &config.socket {
        let socket = LocalSocket::bind(config)?;
        parts.spawn(socket.serve(Arc::clone(local), served));
    }
    for port in &config.port {
        let asking = ask(
            port.clone(),
            config.interval,
            config.window,
            Arc::clone(&asked),
        );
        parts.spawn(forever(asking));
    }
    let every = config.interval;
    parts.spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            publish.send_replace(Arc::new(sampler.read()));
        }
    });
    Ok(parts)
}

/// Does something, and then nothing more.
async fn forever(work: impl Future<Output = ()>) -> Infallible {
    work.await;
    std::future::pending().await
}

async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Server, Failure> {
    let limits = Limits {
        connections: CONNECTIONS,
        ..Limits::default()
    };
    Server::bind(address, tls, limits)
        .await
        .map_err(Failure::system(format!("cannot listen on {address}")))
}

/// gRPC's clients ask for HTTP/2 in the handshake.
fn with_http2(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn push_client(config: &PushConfig, tls: Arc<rustls::ClientConfig>) -> Result<HttpClient, Failure> {
    let name = ServerName::try_from(config.name.clone()).map_err(|_| {
        BadConfig::Sense(format!(
            "push.name `{}` is neither a host name nor an address",
            config.name
        ))
    })?;
    let tls = Tls { config: tls, name };
    HttpClient::new(&config.to, Some(tls), PATIENCE, MAX_ANSWER)
        .map_err(|_| BadConfig::Sense(format!("push.to `{}` is not HOST:PORT", config.to)).into())
}

/// One reading, after `window` has passed so that there are rates.
pub fn one_reading(config: &Config) -> Result<Reading, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("no runtime"))?;
    runtime.block_on(async {
        let asked = Arc::new(Asked::default());
        let mut parts = JoinSet::new();
        for port in &config.port {
            let every = Duration::from_millis(200);
            parts.spawn(ask(port.clone(), every, config.window, Arc::clone(&asked)));
        }
        let mut sampler = Sampler::new(config, name(config), asked, Arc::default());
        sampler.read();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(sampler.read())
    })
}

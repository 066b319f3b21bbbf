// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Takes readings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchyard_report::{Application, Port, Reading, Timestamp};
use switchyard_transport::{Error, HttpClient, Url};
use tokio::time::{interval, MissedTickBehavior};
use tracing::{info, warn};

use crate::application::{nginx, Meter, Sample};
use crate::config::{Config, PortConfig, PrometheusConfig};
use crate::host::{Clients, HostReader};
use crate::local::Local;

/// Largest page that an application is read from, in bytes.
const MAX_PAGE: usize = 4 * 1024 * 1024;
/// How long an application may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes readings of this server.
#[derive(Debug)]
pub struct Sampler {
    name: String,
    labels: Vec<String>,
    ports: Vec<PortConfig>,
    host: HostReader,
    clients: Clients,
    /// What applications told last that are asked.
    asked: Arc<Asked>,
    /// Rates of what applications tell by themselves.
    meters: BTreeMap<u16, Meter>,
    local: Arc<Local>,
}

/// What applications told last that are asked.
#[derive(Debug, Default)]
pub struct Asked(Mutex<BTreeMap<u16, Application>>);

impl Asked {
    fn put(&self, port: u16, told: Option<Application>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Some(told) => all.insert(port, told),
            None => all.remove(&port),
        };
    }

    fn get(&self, port: u16) -> Option<Application> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&port).cloned()
    }
}

impl Sampler {
    /// Will take readings as the configuration says, under `name`.
    pub fn new(config: &Config, name: String, asked: Arc<Asked>, local: Arc<Local>) -> Self {
        let ports: Vec<u16> = config.port.iter().map(|port| port.port).collect();
        Self {
            name,
            labels: config.labels.clone(),
            host: HostReader::new(config.window),
            clients: Clients::new(ports.clone()),
            asked,
            meters: ports
                .into_iter()
                .map(|port| (port, Meter::new(config.window)))
                .collect(),
            ports: config.port.clone(),
            local,
        }
    }

    /// Takes one, without number.
    pub fn read(&mut self) -> Reading {
        let now = Instant::now();
        let counts = self.clients.count();
        let mut ports = Vec::with_capacity(self.ports.len());
        for PortConfig { port, .. } in &self.ports {
            let by_itself = self.local.sample(*port).and_then(|sample| {
                let meter = self.meters.get_mut(port)?;
                Some(meter.update(now, sample))
            });
            ports.push(Port {
                port: *port,
                clients: counts.get(port).copied(),
                application: by_itself
                    .or_else(|| self.asked.get(*port))
                    .unwrap_or_default(),
                intent: self.local.port_intent(*port),
            });
        }
        Reading {
            agent: self.name.clone(),
            instance: 0,
            sequence: 0,
            taken_at: Timestamp::now(),
            host: self.host.read(),
            ports,
            labels: self.labels.clone(),
            intent: self.local.server_intent(),
        }
    }
}

/// Asks the application of a port again and again; returns at once if there is
/// nothing to ask.
pub async fn ask(port: PortConfig, every: Duration, window: Duration, asked: Arc<Asked>) {
    let number = port.port;
    let (url, prometheus) = match (port.nginx, port.prometheus) {
        (Some(url), _) => (url, None),
        (None, Some(prometheus)) => (prometheus.url.clone(), Some(prometheus)),
        (None, None) => return,
    };
    let mut meter = Meter::new(window);
    let mut trouble = false;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut client = match HttpClient::new(url.address(), None, PATIENCE, MAX_PAGE) {
        Ok(client) => client,
        Err(error) => {
            warn!(port = number, %url, %error, "the application cannot be asked");
            return;
        }
    };
    loop {
        ticks.tick().await;
        match sample(&mut client, &url, prometheus.as_ref()).await {
            Ok(sample) => {
                if trouble {
                    info!(port = number, %url, "the application answers again");
                    trouble = false;
                }
                asked.put(number, Some(meter.update(Instant::now(), sample)));
            }
            Err(error) => {
                // Once for each time that it begins.
                if !trouble {
                    warn!(port = number, %url, %error, "the application does not answer");
                    trouble = true;
                }
                meter.lost();
                asked.put(number, None);
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NoSample {
    #[error(transparent)]
    Transport(#[from] Error),
    #[error("it answers {0}")]
    Status(u16),
    #[error("this is not the page of stub_status")]
    NotNginx,
    #[error("none of the chosen series is there")]
    NoSeries,
}

async fn sample(
    client: &mut HttpClient,
    url: &Url,
    prometheus: Option<&PrometheusConfig>,
) -> Result<Sample, NoSample> {
    let answer = client.get(&url.path).await?;
    if !answer.status.is_success() {
        return Err(NoSample::Status(answer.status.as_u16()));
    }
    let page = String::from_utf8_lossy(&answer.body);
    let Some(chosen) = prometheus else {
        return nginx::parse(&page).ok_or(NoSample::NotNginx);
    };
    let sum = |selector: &Option<_>| -> Option<f64> {
        let selector: &crate::application::prometheus::Selector = selector.as_ref()?;
        selector.sum(&page)
    };
    let requests = sum(&chosen.requests);
    let sample = Sample {
        requests,
        // A counter of errors that has no series yet has counted none.
        errors: sum(&chosen.errors).or_else(|| chosen.errors.as_ref().and(requests).map(|_| 0.0)),
        seconds: sum(&chosen.seconds),
        timed: if chosen.timed.is_some() {
            sum(&chosen.timed)
        } else {
            requests
        },
        in_flight: sum(&chosen.in_flight),
        utilisation: sum(&chosen.utilisation),
    };
    if sample == Sample::default() {
        return Err(NoSample::NoSeries);
    }
    Ok(sample)
}

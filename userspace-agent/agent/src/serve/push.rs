// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Reports to a master that does not ask.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use switchyard_report::wire;
use switchyard_transport::HttpClient;
use tokio::time::{interval, sleep, MissedTickBehavior};
use tracing::{error, info, warn};

use super::Latest;

/// Longest pause after a report that did not get through.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Sends a report each `every` for as long as it runs.
pub async fn serve(mut client: HttpClient, every: Duration, latest: Latest) -> Infallible {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pause = every;
    let mut trouble = false;
    loop {
        ticks.tick().await;
        let body = match latest.report().to_body() {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                error!(%error, "the reading cannot be reported");
                sleep(MAX_PAUSE).await;
                continue;
            }
        };
        let sent = client
            .request(Method::POST, wire::PATH, HeaderMap::new(), body)
            .await;
        let why = match sent {
            Ok(answer) if answer.status.is_success() => {
                if trouble {
                    info!("the master takes reports again");
                }
                (trouble, pause) = (false, every);
                continue;
            }
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                format!(
                    "it answers {}: {}",
                    answer.status,
                    text.trim().escape_debug()
                )
            }
            Err(error) => error.to_string(),
        };
        if !trouble {
            warn!(why, "the master does not take reports");
            trouble = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE.max(every));
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Answers for HAProxy's agent-check: one line to whoever connects.

use std::convert::Infallible;
use std::time::Duration;

use switchyard_report::haproxy::Line;
use switchyard_transport::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Latest, Refusals};

/// How long the other end may take to read a line.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers with the load of `port` for as long as it runs.
pub async fn serve(server: Server, port: u16, latest: Latest) -> Infallible {
    let each = move |mut stream: switchyard_transport::Stream, _| {
        let line = format!("{}\n", Line::of_load(&latest.load(port)));
        async move {
            let say = async {
                stream.write_all(line.as_bytes()).await?;
                stream.shutdown().await?;
                // What `agent-send` sent is read, though it says nothing to us: to
                // close with it unread would reset the connection, line and all.
                let mut rest = [0; 256];
                while stream.read(&mut rest).await? > 0 {}
                Ok::<_, std::io::Error>(())
            };
            // Whether it got there is the other end's business.
            let _ = timeout(PATIENCE, say).await;
        }
    };
    let refusals = Refusals::default();
    loop {
        server.run(each.clone(), refusals.hear()).await;
    }
}

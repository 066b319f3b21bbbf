// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Agents for HAProxy's agent-check.

use std::sync::Arc;

use switchyard_report::haproxy::{BadLine, Line, Memory, MAX_LINE};
use switchyard_report::Reason;
use switchyard_transport::{connect, Error, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Failure, Link};

pub(super) async fn once(link: &mut Link, memory: &mut Memory) -> Result<(), Failure> {
    let source = Arc::clone(&link.source);
    let text = timeout(source.timeout, async {
        let mut stream = connect(&source.address, None, source.timeout).await?;
        answer(&mut stream, &source.send)
            .await
            .map_err(|error| Error::Body(error.to_string()))
    })
    .await
    .map_err(|_| Error::Timeout(source.timeout))??;
    let answered: Line = text.parse().map_err(|error: BadLine| {
        let reason = match error {
            BadLine::Long => Reason::Oversized,
            BadLine::Bounds(_) => Reason::Absurd,
            BadLine::Empty | BadLine::Word(_) => Reason::Malformed,
        };
        Failure::Ignored(reason, error.to_string())
    })?;
    let load = memory.apply(&answered, link.context.clock.now());
    link.bare(load).await
}

/// What is answered until the end of a line, or until the other end has said all.
async fn answer(stream: &mut Stream, send: &str) -> std::io::Result<String> {
    if !send.is_empty() {
        stream.write_all(send.as_bytes()).await?;
    }
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    // One byte more than is allowed tells that it is too long.
    while bytes.len() <= MAX_LINE && !bytes.contains(&b'\n') {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

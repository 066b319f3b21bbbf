// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Whether an HTTP request is answered well.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use switchyard_transport::{HttpClient, Tls};

use crate::spec::CheckSpec;

/// Most of an answer that is looked through, in bytes.
const MAX_BODY: usize = 64 * 1024;

pub(super) async fn check(
    spec: &CheckSpec,
    address: SocketAddr,
    tls: Option<&Tls>,
) -> Result<(), String> {
    let text = |error: switchyard_transport::Error| error.to_string();
    let mut client =
        HttpClient::new(address.to_string(), tls.cloned(), spec.timeout, MAX_BODY).map_err(text)?;
    if let Some(host) = &spec.host {
        client.set_host(host).map_err(text)?;
    }
    let method: Method = match &spec.method {
        Some(method) => method.parse().map_err(|_| "no method of HTTP")?,
        None => Method::GET,
    };
    let path = spec.path.as_deref().unwrap_or("/");
    let (status, body) = if spec.contains.is_some() {
        let answer = client
            .request(method, path, HeaderMap::new(), Bytes::new())
            .await
            .map_err(text)?;
        (answer.status, answer.body)
    } else {
        let (status, _) = client.head_of(method, path).await.map_err(text)?;
        (status, Bytes::new())
    };
    let good = spec.status.unwrap_or_default();
    if !(good.first..=good.last).contains(&status.as_u16()) {
        return Err(format!("it answers {status}, not {good}"));
    }
    if let Some(wanted) = &spec.contains {
        let is_there = body
            .windows(wanted.len().max(1))
            .any(|part| part == wanted.as_bytes());
        if !is_there && !wanted.is_empty() {
            return Err(format!("the answer does not contain `{wanted}`"));
        }
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Connections that we make.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::{Error, Stream};

/// How the other end is to prove who it is.
#[derive(Clone, Debug)]
pub struct Tls {
    /// What we trust, and who we are.
    pub config: Arc<ClientConfig>,
    /// Who it has to be.
    pub name: ServerName<'static>,
}

/// Connects to `address`, `HOST:PORT`, within `limit`, TLS included.
pub async fn connect(address: &str, tls: Option<&Tls>, limit: Duration) -> Result<Stream, Error> {
    let come_about = async {
        let stream = TcpStream::connect(address).await.map_err(Error::Connect)?;
        // Requests are small and wait for an answer.
        stream.set_nodelay(true).map_err(Error::Connect)?;
        let Some(tls) = tls else {
            return Ok(Stream::Plain(stream));
        };
        // While the first packet is not answered, none of this is needed.
        let agree = TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), stream);
        let stream = Box::pin(agree).await.map_err(Error::Tls)?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
    };
    timeout(limit, come_about)
        .await
        .unwrap_or(Err(Error::Timeout(limit)))
}

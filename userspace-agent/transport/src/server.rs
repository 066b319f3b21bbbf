// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Connections that others make.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::{Error, Stream};

/// Most bytes of a request's head, the least that hyper takes.
const MAX_HEAD: usize = 8192;

/// Connections that may wait to be accepted, if the system allows as many. When there are more, the
/// kernel answers no SYN, and the other end tries again after a second: a thousand agents come
/// at once when a master has begun anew.
const BACKLOG: u32 = 4096;

/// How much of a listener others may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may be without a request, or take for its head.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(60),
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where from.
    pub address: SocketAddr,
    /// The certificate, verified to be of our authority; `None` without TLS.
    pub certificate: Option<CertificateDer<'static>>,
}

/// A listener with its limits.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
}

impl Server {
    /// Listens on `address`.
    #[expect(clippy::unused_async, reason = "it has to be within a runtime")]
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        limits: Limits,
    ) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // So that connections of one that ended a moment ago are not in the way.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self {
            listener: socket.listen(BACKLOG)?,
            tls,
            limits,
        })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves connections until dropped, which ends them all. `each` serves one;
    /// `refused` hears of those that came to no agreement on TLS.
    pub async fn run<F>(
        &self,
        each: impl Fn(Stream, Peer) -> F + Clone + Send + 'static,
        refused: impl Fn(SocketAddr, &Error) + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let Ok((stream, address)) = self.listener.accept().await else {
                // Out of descriptors, say: it will pass, and is no reason to spin.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            let (tls, limit) = (self.tls.clone(), self.limits.handshake);
            let (each, refused) = (each.clone(), refused.clone());
            connections.spawn(async move {
                match agree(stream, address, tls, limit).await {
                    Ok((stream, peer)) => each(stream, peer).await,
                    Err(error) => refused(address, &error),
                }
                drop(place);
            });
        }
    }

    /// Serves HTTP/1.1 until dropped: `answer` is given each request.
    pub async fn run_http<F, B>(
        &self,
        answer: impl Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        refused: impl Fn(SocketAddr, &Error) + Clone + Send + 'static,
    ) where
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let idle = self.limits.idle;
        let each = move |stream, peer: Peer| {
            let answer = answer.clone();
            async move {
                let service = service_fn(move |request| {
                    let reply = answer(request, peer.clone());
                    async move { Ok::<_, Infallible>(reply.await) }
                });
                // Its errors are the other end's: it sees them as well.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(idle)
                    .max_buf_size(MAX_HEAD)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        };
        self.run(each, refused).await;
    }
}

async fn agree(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    limit: Duration,
) -> Result<(Stream, Peer), Error> {
    // Answers are small and wanted at once.
    stream.set_nodelay(true).map_err(Error::Connect)?;
    let Some(tls) = tls else {
        let peer = Peer {
            address,
            certificate: None,
        };
        return Ok((Stream::Plain(stream), peer));
    };
    let stream = timeout(limit, TlsAcceptor::from(tls).accept(stream))
        .await
        .map_err(|_| Error::Timeout(limit))?
        .map_err(Error::Tls)?;
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .map(|certificate| certificate.clone().into_owned());
    let stream = Stream::Tls(Box::new(TlsStream::Server(stream)));
    Ok((
        stream,
        Peer {
            address,
            certificate,
        },
    ))
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! gRPC without generated code: one method at a time, by its path.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::Streaming;
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::{connect, Error, Peer, Server, Tls};

/// How often an HTTP/2 connection is asked whether it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A connection to a gRPC server.
#[derive(Debug)]
pub struct Channel {
    inner: Grpc<Sender>,
    driver: JoinHandle<()>,
    limit: Duration,
}

#[derive(Debug)]
struct Sender(SendRequest<Body>);

impl Service<Request<Body>> for Sender {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Channel {
    /// Connects to `address`, `HOST:PORT`. Connecting and each call take at most
    /// `limit`, messages at most `max_message` bytes.
    pub async fn connect(
        address: &str,
        tls: Option<&Tls>,
        limit: Duration,
        max_message: usize,
    ) -> Result<Self, Error> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin: Uri = format!("{scheme}://{address}")
            .parse()
            .map_err(|_| Error::Url(address.to_string()))?;
        let stream = connect(address, tls, limit).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = timeout(limit, handshake)
            .await
            .map_err(|_| Error::Timeout(limit))??;
        let driver = tokio::spawn(async move {
            // Its error reaches the calls as well.
            let _ = connection.await;
        });
        let inner =
            Grpc::with_origin(Sender(sender), origin).max_decoding_message_size(max_message);
        Ok(Self {
            inner,
            driver,
            limit,
        })
    }

    /// One request, one answer.
    pub async fn unary<Q, A>(&mut self, path: &'static str, request: Q) -> Result<A, Error>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let limit = self.limit;
        let call = async {
            self.inner.ready().await?;
            let path = hyper::http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::new();
            let request = tonic::Request::new(request);
            Ok(self.inner.unary(request, path, codec).await?.into_inner())
        };
        timeout(limit, call)
            .await
            .unwrap_or(Err(Error::Timeout(limit)))
    }

    /// One request, many answers.
    pub async fn stream<Q, A>(
        &mut self,
        path: &'static str,
        request: Q,
    ) -> Result<Streaming<A>, Error>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let limit = self.limit;
        let call = async {
            self.inner.ready().await?;
            let path = hyper::http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::new();
            let request = tonic::Request::new(request);
            let answer = self.inner.server_streaming(request, path, codec).await?;
            Ok(answer.into_inner())
        };
        timeout(limit, call)
            .await
            .unwrap_or(Err(Error::Timeout(limit)))
    }
}

/// The answer to a call of a method that there is not.
#[must_use]
pub fn unimplemented() -> Response<Body> {
    tonic::Status::unimplemented("there is no such method").into_http()
}

impl Server {
    /// Serves gRPC until dropped: `answer` is given each call.
    pub async fn run_grpc<F>(
        &self,
        answer: impl Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        refused: impl Fn(SocketAddr, &Error) + Clone + Send + 'static,
    ) where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let each = move |stream, peer: Peer| {
            let answer = answer.clone();
            async move {
                let service = service_fn(move |request| {
                    let reply = answer(request, peer.clone());
                    async move { Ok::<_, Infallible>(reply.await) }
                });
                // Its errors are the other end's: it sees them as well.
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .keep_alive_interval(KEEP_ALIVE)
                    .keep_alive_timeout(KEEP_ALIVE)
                    .max_concurrent_streams(16)
                    .initial_stream_window_size(65_535)
                    .initial_connection_window_size(65_535)
                    .max_header_list_size(16 * 1024)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        };
        self.run(each, refused).await;
    }
}

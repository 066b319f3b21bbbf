// SPDX-License-Identifier: GPL-2.0 OR MIT

//! An HTTP/1.1 client that keeps its connection.

use std::fmt;
use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::str::FromStr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderValue, CONNECTION, HOST};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::timeout;

use crate::{connect, Error, Stream, Tls};

/// Most bytes of an answer's head, the least that hyper takes.
const MAX_HEAD: usize = 8192;

/// Where something can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// Whether by TLS.
    pub is_tls: bool,
    /// The host as a certificate has it: without port or brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// `HOST:PORT`, as [`connect`] wants it.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Url(text.to_string());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        // A port that is out of range is passed over by the parser.
        let authority = uri.authority().ok_or_else(bad)?.as_str();
        let after_host = authority.rsplit_once(host).map_or("", |(_, rest)| rest);
        let port = match (after_host.is_empty(), uri.port_u16()) {
            (true, _) => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            (false, Some(port)) => port,
            (false, None) => return Err(bad()),
        };
        Ok(Self {
            is_tls,
            host: host.trim_matches(['[', ']']).to_string(),
            port,
            path: uri
                .path_and_query()
                .map_or_else(|| "/".to_string(), ToString::to_string),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.address(), self.path)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An HTTP/1.1 client of one server that keeps its connection while that lasts.
#[derive(Debug)]
pub struct HttpClient {
    address: String,
    host: HeaderValue,
    tls: Option<Tls>,
    limit: Duration,
    max_body: usize,
    /// The connection while nothing is asked. Only what cannot be made anew is kept, which is
    /// the connection itself: there may be a thousand.
    idle: Option<Stream>,
}

impl HttpClient {
    /// A client of `address`, `HOST:PORT`, each of whose requests takes at most
    /// `limit`, with answers of at most `max_body` bytes.
    pub fn new(
        address: impl Into<String>,
        tls: Option<Tls>,
        limit: Duration,
        max_body: usize,
    ) -> Result<Self, Error> {
        let address = address.into();
        let host = HeaderValue::from_str(&address).map_err(|_| Error::Url(address.clone()))?;
        Ok(Self {
            address,
            host,
            tls,
            limit,
            max_body,
            idle: None,
        })
    }

    /// Whether it has a connection that can be used again, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.idle.is_some()
    }

    /// Says another name in the header `Host`.
    pub fn set_host(&mut self, host: &str) -> Result<(), Error> {
        self.host = HeaderValue::from_str(host).map_err(|_| Error::Url(host.to_string()))?;
        Ok(())
    }

    /// Fetches `path`.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Error> {
        self.request(Method::GET, path, HeaderMap::new(), Bytes::new())
            .await
    }

    /// Makes a request. The connection is made anew if there is none, or if the
    /// server had closed it.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Error> {
        let limit = self.limit;
        // What is half done cannot be gone on with: then there is no connection any more.
        timeout(limit, Box::pin(self.exchange(method, path, headers, body)))
            .await
            .unwrap_or(Err(Error::Timeout(limit)))
    }

    /// Makes a request and looks at the head of the answer alone; whatever follows is
    /// not read, and the connection is closed.
    pub async fn head_of(
        &mut self,
        method: Method,
        path: &str,
    ) -> Result<(StatusCode, HeaderMap), Error> {
        let limit = self.limit;
        let request = self.prepare(method, path, HeaderMap::new(), Bytes::new())?;
        let exchange = async {
            let (mut sender, connection) = handshake(self.stream().await?).await?;
            let connection = connection.without_shutdown();
            let (answer, _) = beside(connection, sender.send_request(request)).await;
            Ok(answer?)
        };
        let answer: Result<Response<Incoming>, Error> = timeout(limit, exchange)
            .await
            .unwrap_or(Err(Error::Timeout(limit)));
        let (head, _) = answer?.into_parts();
        Ok((head.status, head.headers))
    }

    fn prepare(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = path.parse().map_err(|_| Error::Url(path.to_string()))?;
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        Ok(request)
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Error> {
        let request = self.prepare(method, path, headers, body)?;
        let max_body = self.max_body;
        let (mut sender, connection) = handshake(self.stream().await?).await?;
        let ask = async move {
            let response = sender.send_request(request).await?;
            let is_kept = is_kept(&response);
            let answer = read(response, max_body).await?;
            // Without a sender the connection comes to an end, and can be had back.
            drop(sender);
            Ok::<_, Error>((answer, is_kept))
        };
        let (answered, left) = beside(connection.without_shutdown(), ask).await;
        let (answer, is_kept) = answered?;
        if is_kept {
            let parts = match left {
                Left::Ended(parts) => parts,
                Left::Runs(connection) => connection.await.ok(),
            };
            // What was sent unasked belongs to no request.
            let parts = parts.filter(|parts| parts.read_buf.is_empty());
            self.idle = parts.map(|parts| parts.io.into_inner());
        }
        Ok(answer)
    }

    /// The connection, if it can still be used, or another one.
    async fn stream(&mut self) -> Result<Stream, Error> {
        if let Some(mut stream) = self.idle.take() {
            if is_quiet(&mut stream) {
                return Ok(stream);
            }
        }
        connect(&self.address, self.tls.as_ref(), self.limit).await
    }
}

type Connection = http1::Connection<TokioIo<Stream>, Full<Bytes>>;
type Parts = http1::Parts<TokioIo<Stream>>;

async fn handshake(stream: Stream) -> Result<(SendRequest<Full<Bytes>>, Connection), Error> {
    Ok(http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await?)
}

/// What is left of a connection once a request has been answered.
enum Left<C> {
    /// It has ended: by an error, or in good order.
    Ended(Option<Parts>),
    /// It goes on.
    Runs(C),
}

/// Has the connection driven for as long as a request takes.
async fn beside<C, A>(connection: C, ask: A) -> (A::Output, Left<Pin<Box<C>>>)
where
    C: Future<Output = Result<Parts, hyper::Error>>,
    A: Future,
{
    let mut connection = Box::pin(connection);
    let mut ask = pin!(ask);
    let mut ended = None;
    let answer = poll_fn(|context| {
        // The request is there before anything is read: what has come by then answers it.
        if let Poll::Ready(answer) = ask.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        if ended.is_none() {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                // Its error reaches the request as well, which is woken by that.
                ended = Some(result.ok());
            }
        }
        Poll::Pending
    })
    .await;
    let left = match ended {
        Some(parts) => Left::Ended(parts),
        None => Left::Runs(connection),
    };
    (answer, left)
}

/// Whether the server goes on with the connection after this answer.
fn is_kept(response: &Response<Incoming>) -> bool {
    let closes = |value: &HeaderValue| {
        let words = value.to_str().unwrap_or("close").split(',');
        words
            .map(str::trim)
            .any(|word| word.eq_ignore_ascii_case("close"))
    };
    response.version() == Version::HTTP_11
        && !response.headers().get_all(CONNECTION).iter().any(closes)
}

/// Whether nothing has come since the last answer, the end of the connection included.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(stream)
        .poll_read(&mut context, &mut buffer)
        .is_pending()
}

async fn read(response: Response<Incoming>, max_body: usize) -> Result<Answer, Error> {
    let (head, body) = response.into_parts();
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > max_body {
        return Err(Error::Large(max_body));
    }
    let body = Limited::new(body, max_body)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::Large(max_body)
            } else {
                Error::Body(error.to_string())
            }
        })?
        .to_bytes();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url: Url = "http://127.0.0.1:8080/stub_status?x=1".parse().unwrap();
        assert_eq!(url.address(), "127.0.0.1:8080");
        assert_eq!(url.path, "/stub_status?x=1");
        assert!(!url.is_tls);
        let six: Url = "https://[2001:db8::1]/".parse().unwrap();
        assert_eq!(six.address(), "[2001:db8::1]:443");
        assert_eq!(six.to_string(), "https://[2001:db8::1]:443/");
        assert_eq!("http://web1".parse::<Url>().unwrap().path, "/");
        for bad in [
            "",
            "web1",
            "/path",
            "ftp://web1/",
            "http://",
            "http://a:99999/",
            "http://a:/",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}

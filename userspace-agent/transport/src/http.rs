// SPDX-License-Identifier: GPL-2.0 OR MIT

//! An HTTP/1.1 client that keeps its connection.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderValue, HOST};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{connect, Error, Tls};

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
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
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
            open: None,
        })
    }

    /// Whether it has a connection that can be used again, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| !open.sender.is_closed())
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
        let answer = timeout(limit, self.exchange(method, path, headers, body))
            .await
            .unwrap_or(Err(Error::Timeout(limit)));
        if answer.is_err() {
            // What is half done cannot be gone on with.
            self.open = None;
        }
        answer
    }

    /// Makes a request and looks at the head of the answer alone; whatever follows is
    /// not read, and the connection is closed.
    pub async fn head_of(
        &mut self,
        method: Method,
        path: &str,
    ) -> Result<(StatusCode, HeaderMap), Error> {
        let limit = self.limit;
        let exchange = self.send(method, path, HeaderMap::new(), Bytes::new());
        let answer = timeout(limit, exchange)
            .await
            .unwrap_or(Err(Error::Timeout(limit)));
        self.open = None;
        let (head, _) = answer?.into_parts();
        Ok((head.status, head.headers))
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = path.parse().map_err(|_| Error::Url(path.to_string()))?;
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        Ok(self.sender().await?.send_request(request).await?)
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Error> {
        let max_body = self.max_body;
        let response = self.send(method, path, headers, body).await?;
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

    /// The connection, ready for one more request.
    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Error> {
        let usable = match &mut self.open {
            Some(open) => open.sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.open = None;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        Ok(&mut self.open.insert(open).sender)
    }

    async fn connect(&self) -> Result<Open, Error> {
        let stream = connect(&self.address, self.tls.as_ref(), self.limit).await?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = tokio::spawn(async move {
            // Its error reaches the request as well.
            let _ = connection.await;
        });
        Ok(Open { sender, driver })
    }
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

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What can go wrong on the way.

use std::io;

use switchyard_report::tls::is_forgery;

/// What can go wrong on the way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// No agreement on TLS.
    #[error("TLS: {0}")]
    Tls(io::Error),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// Not HTTP, or broken off.
    #[error("HTTP: {}", with_cause(.0))]
    Http(#[from] hyper::Error),
    /// A body with more bytes than are read.
    #[error("the answer is larger than {0} bytes")]
    Large(usize),
    /// Not a URL that can be fetched.
    #[error("`{0}` is no URL of the form http://ADDRESS[:PORT]/PATH or https://...")]
    Url(String),
    /// A gRPC status that is not OK.
    #[error("gRPC: {}: {}", .0.code(), .0.message())]
    Grpc(Box<tonic::Status>),
    /// A body that broke off.
    #[error("the body broke off: {0}")]
    Body(String),
}

impl Error {
    /// Whether the other end is not who it should be.
    #[must_use]
    pub fn is_forgery(&self) -> bool {
        matches!(self, Self::Tls(error) if is_forgery(error))
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Grpc(Box::new(status))
    }
}

/// hyper says what happened, its cause says why.
fn with_cause(error: &hyper::Error) -> String {
    std::error::Error::source(error)
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Bounded HTTP and gRPC over TCP and TLS, for agents and masters.
//!
//! Everything has a limit: how long a connection may take to come about, how large a
//! head or body may be, how many connections are served at a time, how long one may
//! idle. hyper and rustls do the work.

mod connect;
mod error;
pub mod grpc;
mod http;
mod server;
mod stream;

pub use connect::{connect, Tls};
pub use error::Error;
pub use http::{Answer, HttpClient, Url};
pub use server::{Limits, Peer, Server};
pub use stream::Stream;

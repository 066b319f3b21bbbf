// SPDX-License-Identifier: GPL-2.0 OR MIT

//! gRPC's health checking protocol, `grpc.health.v1`.

use std::net::SocketAddr;

use prost::Message;
use switchyard_transport::grpc::Channel;
use switchyard_transport::Tls;

use crate::spec::CheckSpec;

const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Largest message, in bytes.
const MAX_MESSAGE: usize = 4096;

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    status: i32,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

pub(super) async fn check(
    spec: &CheckSpec,
    address: SocketAddr,
    tls: Option<&Tls>,
) -> Result<(), String> {
    let mut channel = Channel::connect(&address.to_string(), tls, spec.timeout, MAX_MESSAGE)
        .await
        .map_err(|error| error.to_string())?;
    let request = HealthCheckRequest {
        service: spec.service.clone().unwrap_or_default(),
    };
    let answer: HealthCheckResponse = channel
        .unary(CHECK, request)
        .await
        .map_err(|error| error.to_string())?;
    match answer.status() {
        ServingStatus::Serving => Ok(()),
        other => Err(format!("it says {other:?}, not Serving")),
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Whether a connection comes about, and is answered as expected.

use std::net::SocketAddr;

use switchyard_transport::connect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::spec::CheckSpec;

pub(super) async fn check(spec: &CheckSpec, address: SocketAddr) -> Result<(), String> {
    let mut stream = connect(&address.to_string(), None, spec.timeout)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(text) = &spec.send {
        stream
            .write_all(text.as_bytes())
            .await
            .map_err(|error| format!("cannot send: {error}"))?;
    }
    let Some(expected) = &spec.expect else {
        return Ok(());
    };
    let expected = expected.as_bytes();
    let mut had = vec![0; expected.len()];
    match stream.read_exact(&mut had).await {
        Ok(_) if had == expected => Ok(()),
        Ok(_) => Err(format!(
            "it answers `{}`, which is not what is expected",
            had.escape_ascii()
        )),
        Err(error) => Err(format!("it does not answer all that is expected: {error}")),
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How a command ends when it does not succeed.

use std::io;

use switchyard_config::ReadError;

/// Why a command failed; displays as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The words make no sense.
    #[error("{0}")]
    Usage(String),
    /// The configuration cannot be used.
    #[error("{0}")]
    Settings(#[from] ReadError),
    /// Output could not be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// Nobody reads our output any more, which is no reason for words.
    #[error("nobody reads the output")]
    BrokenPipe,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The exit status, as the manual page lists them.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Settings(_) => 2,
            Self::BrokenPipe => 0,
            Self::Output(_) | Self::Other(_) => 1,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Output(error)
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

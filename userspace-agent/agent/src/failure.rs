// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How the command ends when it does not succeed.

use std::io;

use switchyard_report::keys::KeysError;
use switchyard_report::tls::TlsError;

use crate::config::BadConfig;

/// Why the command failed; displays as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(#[from] BadConfig),
    /// The certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// Keys cannot be made.
    #[error("{0}")]
    Keys(#[from] KeysError),
    /// An address cannot be listened on, a file not be made.
    #[error("{what}: {error}")]
    System {
        /// What it was about.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// Output could not be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// Nobody reads our output any more, which is no reason for words.
    #[error("nobody reads the output")]
    BrokenPipe,
}

impl Failure {
    /// A failure of the system in something.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }

    /// The exit status, as the manual page lists them.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::BrokenPipe => 0,
            _ => 1,
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

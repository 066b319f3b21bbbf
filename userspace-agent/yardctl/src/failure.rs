// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How a command ends when it does not succeed.

use std::io;

use switchyard_netlink::Error;

/// Why a command failed; displays as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The words make no sense.
    #[error("{0}")]
    Usage(String),
    /// The module refused, is absent, or did not answer as it should.
    #[error("{}", with_advice(.0))]
    Netlink(#[from] Error),
    /// More privileges are needed.
    #[error("{0}")]
    Permission(String),
    /// Output could not be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// Nobody reads our output any more, which is no reason for words.
    #[error("nobody reads the output")]
    BrokenPipe,
    /// Something would be changed, which has been told.
    #[error("the file and the switch differ")]
    Differs,
    /// A file makes no sense, which has been told.
    #[error("the file is not right")]
    Wrong,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

fn with_advice(error: &Error) -> String {
    if error.is_permission() {
        format!("{error}; this needs CAP_NET_ADMIN")
    } else {
        error.to_string()
    }
}

impl Failure {
    /// Whether there is nothing more to be said.
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::BrokenPipe | Self::Differs | Self::Wrong)
    }

    /// The exit status, as the manual page lists them.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Wrong => 2,
            Self::Netlink(Error::FamilyAbsent) => 3,
            Self::Netlink(error) if error.is_permission() => 4,
            Self::Permission(_) => 4,
            Self::Differs => 5,
            Self::BrokenPipe => 0,
            Self::Netlink(_) | Self::Output(_) | Self::Other(_) => 1,
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

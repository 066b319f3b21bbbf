// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The local socket itself: a datagram socket in the file system.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixDatagram;
use tracing::{info, warn};

use crate::cli::{Cli, Word};
use crate::config::{SocketConfig, DEFAULT_SOCKET};
use crate::failure::Failure;
use crate::local::{Line, Local, MAX_DATAGRAM};

/// The socket, whose file goes when it does.
#[derive(Debug)]
pub struct LocalSocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl LocalSocket {
    /// Makes the socket, in the place of one that an agent left behind.
    pub fn bind(config: &SocketConfig) -> Result<Self, Failure> {
        let path = &config.path;
        let failure = |error| Failure::system(path.display().to_string())(error);
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => {
                fs::remove_file(path).map_err(failure)?;
            }
            Ok(_) => {
                return Err(failure(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is a file that is no socket",
                )));
            }
            Err(_) => (),
        }
        let socket = UnixDatagram::bind(path).map_err(failure)?;
        let mode = Permissions::from_mode(config.mode & 0o777);
        fs::set_permissions(path, mode).map_err(failure)?;
        Ok(Self {
            socket,
            path: path.clone(),
        })
    }

    /// Takes lines in for as long as it runs.
    pub async fn serve(self, local: Arc<Local>, served: Vec<u16>) -> Infallible {
        const QUIET: Duration = Duration::from_secs(10);
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut told: Option<Instant> = None;
        let mut silent = 0u64;
        loop {
            let length = match self.socket.recv(&mut buffer).await {
                Ok(length) => length,
                Err(error) => {
                    warn!(%error, "the local socket cannot be read");
                    tokio::time::sleep(QUIET).await;
                    continue;
                }
            };
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let taken = line.parse::<Line>().and_then(|line| {
                    local.apply(line, &served)?;
                    Ok(line)
                });
                match taken {
                    Ok(Line::Intent { port, intent }) => info!(?port, ?intent, "intent"),
                    Ok(Line::Measures { .. }) => (),
                    Err(_) if told.is_some_and(|last| last.elapsed() < QUIET) => silent += 1,
                    Err(error) => {
                        warn!(%error, also = silent, "a line on the local socket is ignored");
                        (told, silent) = (Some(Instant::now()), 0);
                    }
                }
            }
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // One that is gone is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// `yard-agent intent`: tells the agent that runs.
pub fn send(cli: &Cli, intent: Word, port: Option<u16>) -> Result<(), Failure> {
    let path = match crate::run::config(cli) {
        Ok(config) => config.socket.map(|socket| socket.path),
        // Only the socket is needed, and its usual place is known.
        Err(_) if !cli.config.exists() => None,
        Err(failure) => return Err(failure),
    };
    let path = path.unwrap_or_else(|| Path::new(DEFAULT_SOCKET).into());
    let word = match intent {
        Word::Ready => "ready",
        Word::Drain => "drain",
        Word::Maintenance => "maintenance",
        Word::Down => "down",
    };
    let line = port.map_or_else(|| word.to_string(), |port| format!("{word} {port}"));
    let failure = |error| Failure::system(path.display().to_string())(error);
    let socket = std::os::unix::net::UnixDatagram::unbound().map_err(failure)?;
    socket.send_to(line.as_bytes(), &path).map_err(failure)?;
    Ok(())
}

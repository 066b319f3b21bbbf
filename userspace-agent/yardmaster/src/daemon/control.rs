// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The control socket: one line of JSON asks, one answers.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::shared::Shared;
use crate::failure::Failure;

/// Longest question, in bytes.
const MAX_QUESTION: u64 = 4096;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients at a time.
const CLIENTS: usize = 16;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// How the weights of a service came about, in words.
    Explain(String),
    /// The same in numbers.
    Decision(String),
    /// All services at a glance, in words.
    Status,
    /// The same in numbers.
    StatusNumbers,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Words.
    Text(String),
    /// Numbers.
    Numbers(Value),
    /// Why there is no answer.
    Error(String),
}

/// The listening socket, whose file goes when it does.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl ControlSocket {
    /// Makes the socket, in the place of one that nobody listens to.
    pub fn bind(path: &Path) -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure::Other(format!("{}: {error}", path.display()));
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => {
                if StdUnixStream::connect(path).is_ok() {
                    return Err(Failure::Other(format!(
                        "another yardmaster listens on {}",
                        path.display()
                    )));
                }
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
        let listener = UnixListener::bind(path).map_err(failure)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failure)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Answers for as long as it runs.
    pub async fn serve(self, shared: Shared) -> Infallible {
        let places = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        // Who does not answer in time need not be told so.
                        let _ = timeout(PATIENCE, converse(stream, &shared)).await;
                        drop(place);
                    });
                }
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn converse(stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut question = String::new();
    tokio::io::BufReader::new(from.take(MAX_QUESTION))
        .read_line(&mut question)
        .await?;
    let answer = match serde_json::from_str(&question) {
        Ok(question) => answer(&question, shared),
        Err(error) => Answer::Error(format!("the question is not understood: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    to.write_all(&line).await
}

fn answer(question: &Question, shared: &Shared) -> Answer {
    let state = shared.lock();
    let decide = |service: &str| {
        let key = service.parse().map_err(|e| format!("{e}"))?;
        let decision = state.master.decision(&key);
        decision.ok_or_else(|| format!("{key} is no service of the configuration file"))
    };
    let numbers = |value: Result<Value, serde_json::Error>| match value {
        Ok(value) => Answer::Numbers(value),
        Err(error) => Answer::Error(error.to_string()),
    };
    match question {
        Question::Explain(service) => match decide(service) {
            Ok(decision) => Answer::Text(yardmaster::explain(&decision)),
            Err(words) => Answer::Error(words),
        },
        Question::Decision(service) => match decide(service) {
            Ok(decision) => numbers(serde_json::to_value(decision)),
            Err(words) => Answer::Error(words),
        },
        Question::Status => Answer::Text(super::status::words(&state)),
        Question::StatusNumbers => numbers(serde_json::to_value(super::status::status(&state))),
    }
}

/// Asks a daemon that runs.
pub fn ask(path: &Path, question: &Question) -> Result<Answer, Failure> {
    let failure = |error: io::Error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "; is yardmaster running?"
            }
            _ => "",
        };
        Failure::Other(format!("{}: {error}{advice}", path.display()))
    };
    let mut stream = StdUnixStream::connect(path).map_err(failure)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failure)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failure)?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failure)?;
    let mut text = String::new();
    BufReader::new(stream.take(1 << 30))
        .read_line(&mut text)
        .map_err(failure)?;
    match serde_json::from_str(&text) {
        Ok(Answer::Error(words)) => Err(Failure::Other(words)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(Failure::Other(format!(
            "the answer is not understood: {error}"
        ))),
    }
}

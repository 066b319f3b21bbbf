// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line of `top`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::master::DEFAULT_SOCKET;
use crate::words;

/// How to show it.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// The time between two looks, in seconds or as in `500ms`.
    #[arg(long, short, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,

    /// Only services with this text in their name, scheduler or algorithm.
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    pub filter: String,

    /// Print the screen once as text, rates being taken over one interval. So it is
    /// without a terminal, and with --json.
    #[arg(long, short)]
    pub once: bool,

    /// How wide the text is, in columns.
    #[arg(long, value_name = "COLUMNS", default_value_t = 120,
        value_parser = clap::value_parser!(u16).range(40..=500))]
    pub width: u16,

    /// The control socket of yardmaster, which tells loads and what it made of them.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = words::duration(text)?;
    if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&time) {
        return Err("it is from 100ms to 60s".to_owned());
    }
    Ok(time)
}

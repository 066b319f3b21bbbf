// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use switchyard_report::{keys, Intent};

use crate::config::DEFAULT_PATH;

/// Tells a load balancer how busy this server is.
#[derive(Debug, Parser)]
#[command(name = "yard-agent", version, max_term_width = 90)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_PATH,
        hide_default_value = true
    )]
    pub config: PathBuf,

    /// Serve this port as well as those of the file; may be given again. The file
    /// may then be absent.
    #[arg(long = "port", global = true, value_name = "PORT", id = "also")]
    pub ports: Vec<u16>,

    /// Print JSON instead of words.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take readings and report them, until told to stop.
    Run(LogArgs),
    /// Print one reading.
    Show,
    /// Look whether the configuration file is right.
    Check,
    /// Say what this server wants of the balancer, until the agent ends.
    Intent {
        /// What it wants.
        #[arg(value_enum)]
        intent: Word,
        /// For this port alone.
        #[arg(value_name = "SERVED")]
        port: Option<u16>,
    },
    /// Make keys: an authority, and a certificate for each name.
    Keys(KeysArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff.
    Man,
}

/// How the agent tells of itself.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How much to tell.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    pub log_level: Level,
    /// Tell it in JSON.
    #[arg(long)]
    pub log_json: bool,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    /// What cannot be gone on with.
    Error,
    /// What is wrong.
    Warn,
    /// What has changed.
    Info,
    /// More.
    Debug,
}

/// A word for an intent.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Word {
    /// New connections.
    Ready,
    /// No new connections.
    Drain,
    /// No connections.
    Maintenance,
    /// It is broken.
    Down,
}

impl From<Word> for Intent {
    fn from(word: Word) -> Self {
        match word {
            Word::Ready => Self::Ready,
            Word::Drain => Self::Drain,
            Word::Maintenance => Self::Maintenance,
            Word::Down => Self::Down,
        }
    }
}

/// Which keys to make.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Where to.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Host names or addresses: of each agent, and the master's.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// How many days the certificates last.
    #[arg(
        long,
        default_value_t = keys::DAYS,
        value_parser = clap::value_parser!(u32).range(1..=36500)
    )]
    pub days: u32,
    /// Make anew what is there, but the authority.
    #[arg(long)]
    pub renew: bool,
}

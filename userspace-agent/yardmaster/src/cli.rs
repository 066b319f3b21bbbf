// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use switchyard_netlink::Scheduler;
use yardmaster::simulate::Kind;

use switchyard_config::{DEFAULT_PATH, DEFAULT_SOCKET};

/// Turns the load of servers into the distribution of a Switchyard load balancer.
#[derive(Debug, Parser)]
#[command(name = "yardmaster", version, max_term_width = 90)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make weights of load and write them to the kernel, until told to stop.
    ///
    /// The kernel keeps the weights that it has when yardmaster ends, and yardmaster
    /// begins with those. A changed file is read anew by itself, or at SIGHUP.
    Run(RunArgs),
    /// Look whether the configuration file is right.
    Check(CheckArgs),
    /// Tell how the weights of a service came about.
    Explain(ExplainArgs),
    /// Show all services at a glance.
    Status(StatusArgs),
    /// Try algorithms on simulated servers.
    ///
    /// The master, its algorithms and the kernel's schedulers are the real ones; the
    /// servers, their reports and the clients are simulated. The same seed gives the
    /// same result.
    Simulate(SimulateArgs),
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

/// How to run.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub config: PathBuf,

    /// Act on the switch of this network namespace, as `ip netns` names it.
    #[arg(long, value_name = "NAME")]
    pub netns: Option<String>,

    /// Decide, but leave the kernel alone.
    #[arg(long)]
    pub dry_run: bool,

    /// What is worth a line in the log.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    pub log_level: Level,

    /// Log in JSON.
    #[arg(long)]
    pub log_json: bool,
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    /// What does not work.
    Error,
    /// And what is strange.
    Warn,
    /// And what happens.
    Info,
    /// And each weight written.
    Debug,
}

/// Which keys to make.
#[derive(Args, Debug)]
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
        default_value_t = switchyard_report::keys::DAYS,
        value_parser = clap::value_parser!(u32).range(1..=36500)
    )]
    pub days: u32,

    /// Make anew what is there, but the authority.
    #[arg(long)]
    pub renew: bool,
}

/// Which file.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub config: PathBuf,
}

/// What to explain.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The service, as in `tcp 10.0.0.1:80` or `tcp://10.0.0.1:80`.
    #[arg(required = true, num_args = 1..=2, value_names = ["PROTOCOL", "ADDRESS:PORT"])]
    pub service: Vec<String>,

    /// The control socket of the daemon.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,

    /// Print JSON instead of words.
    #[arg(long)]
    pub json: bool,
}

/// What to show.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The control socket of the daemon.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,

    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What to simulate.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// ramp (servers of two speeds, one antagonist, a rising load), mixed (servers of
    /// two speeds, one load, watched for long) or antagonist (equal servers, one of
    /// them beset).
    #[arg(default_value = "ramp")]
    pub scenario: Kind,

    /// Which runs: round-robin, static, even, capacity, latency, capability.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub runs: Vec<String>,

    /// The kernel's scheduler (round-robin always has rr).
    #[arg(long, value_name = "SCHEDULER", default_value = "maglev")]
    pub scheduler: Scheduler,

    /// How many servers; 100 unless given, 20 for the antagonist.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000))]
    pub servers: Option<u16>,

    /// How many seconds of each phase count.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: Option<u32>,

    /// Of all that is random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Time between two rounds of the master.
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = period)]
    pub round: Duration,

    /// Time between two reports of a server.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = period)]
    pub report_every: Duration,

    /// Least and mean additional delay of a report.
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = humantime::parse_duration)]
    pub report_delay: Duration,

    /// Relative standard deviation of what is measured.
    #[arg(long, value_name = "PART", default_value_t = 0.03)]
    pub noise: f64,

    /// Mean number of requests of a connection.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub requests_per_connection: f64,

    /// Time constant of the filter that reports go through; the policy's unless given.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub smoothing: Option<Duration>,

    /// Write a plot to this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Explain the last decision of each run, too.
    #[arg(long)]
    pub explain: bool,

    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A time that something is repeated after.
fn period(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if time < Duration::from_millis(10) {
        return Err("10ms is the least".into());
    }
    Ok(time)
}

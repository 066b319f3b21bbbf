// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use switchyard_netlink::{Forwarding, Policy, Scheduler};

use crate::words;

/// Shows and changes what a Switchyard load balancer does.
///
/// A SERVICE is written `tcp 10.0.0.1:80` or `tcp://10.0.0.1:80`, a DESTINATION
/// `10.1.0.2:8080`, or `10.1.0.2` if its port is the service's.
#[derive(Debug, Parser)]
#[command(name = "yardctl", version, max_term_width = 90)]
pub struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,

    /// Act on the switch of this network namespace, as `ip netns` names it.
    #[arg(long, global = true, value_name = "NAME")]
    pub netns: Option<String>,

    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the switch at a glance.
    Show,
    /// List and change services.
    #[command(subcommand)]
    Service(ServiceCommand),
    /// List and change the destinations of services.
    #[command(subcommand, visible_alias = "dest")]
    Destination(DestinationCommand),
    /// Remove every service.
    Flush,
    /// Make a file of changes at once, or none of them.
    Apply(ApplyArgs),
    /// Take receive queues of a device.
    Claim(ClaimArgs),
    /// Give a device back to the ordinary stack.
    Release {
        /// The device's name.
        #[arg(value_name = "DEV")]
        device: String,
    },
    /// List the claimed queues.
    Claims,
    /// List the connections.
    Connections {
        /// Those of one service alone.
        #[arg(
            long,
            num_args = 1..=2,
            value_names = ["PROTOCOL", "ADDRESS:PORT"]
        )]
        service: Vec<String>,
    },
    /// Show what the services have carried, and what was dropped and why.
    Stats {
        /// Show each CPU's counters, too.
        #[arg(long)]
        cpu: bool,
    },
    /// Print each change of services, destinations and claims as it happens.
    Monitor(MonitorArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff.
    Man,
}

/// What to do with services.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// List the services, or show one.
    #[command(override_usage = "yardctl service list [PROTOCOL ADDRESS:PORT]")]
    List(ServiceChoice),
    /// Add a service, with its destinations if any are given.
    #[command(override_usage = "yardctl service add PROTOCOL ADDRESS:PORT [OPTIONS]")]
    Add(ServiceAddArgs),
    /// Change what is given of a service; the rest stays as it is.
    #[command(override_usage = "yardctl service set PROTOCOL ADDRESS:PORT [OPTIONS]")]
    Set(ServiceSetArgs),
    /// Remove a service and its destinations; its connections live on.
    #[command(override_usage = "yardctl service del PROTOCOL ADDRESS:PORT")]
    Del(ServiceArgs),
    /// Remove every service.
    Flush,
}

/// What to do with destinations.
#[derive(Debug, Subcommand)]
pub enum DestinationCommand {
    /// List the destinations of a service, or of all.
    #[command(override_usage = "yardctl destination list [PROTOCOL ADDRESS:PORT]")]
    List(ServiceChoice),
    /// Add a destination to a service.
    #[command(
        override_usage = "yardctl destination add PROTOCOL ADDRESS:PORT DESTINATION [OPTIONS]"
    )]
    Add(DestinationSetArgs),
    /// Change what is given of a destination; the rest stays as it is.
    #[command(
        override_usage = "yardctl destination set PROTOCOL ADDRESS:PORT DESTINATION [OPTIONS]"
    )]
    Set(DestinationSetArgs),
    /// Remove a destination; its connections live on until they end.
    #[command(override_usage = "yardctl destination del PROTOCOL ADDRESS:PORT DESTINATION")]
    Del(DestinationArgs),
    /// Remove the destinations of a service, which stays.
    #[command(override_usage = "yardctl destination flush PROTOCOL ADDRESS:PORT")]
    Flush(ServiceArgs),
}

/// A change as a line of a batch says it: the same words.
#[derive(Debug, Parser)]
#[command(
    name = "change",
    no_binary_name = true,
    disable_help_flag = true,
    disable_help_subcommand = true
)]
pub struct Line {
    #[command(subcommand)]
    pub command: LineCommand,
}

/// The commands that a batch may hold.
#[derive(Debug, Subcommand)]
pub enum LineCommand {
    /// A change of services.
    #[command(subcommand)]
    Service(ServiceCommand),
    /// A change of destinations.
    #[command(subcommand, alias = "dest")]
    Destination(DestinationCommand),
    /// Remove every service.
    Flush,
}

/// A service that may be left out.
#[derive(Args, Debug)]
pub struct ServiceChoice {
    /// The service; all if left out.
    #[arg(num_args = 0..=2, value_names = ["PROTOCOL", "ADDRESS:PORT"])]
    pub service: Vec<String>,
}

/// A service.
#[derive(Args, Debug)]
pub struct ServiceArgs {
    /// The service, as in `tcp 10.0.0.1:80` or `tcp://10.0.0.1:80`.
    #[arg(required = true, num_args = 1..=2, value_names = ["PROTOCOL", "ADDRESS:PORT"])]
    pub service: Vec<String>,
}

/// A service and its settings.
#[derive(Args, Debug)]
pub struct ServiceSetArgs {
    #[command(flatten)]
    pub service: ServiceArgs,

    /// How new connections are spread: maglev or rr; maglev unless given.
    #[arg(long, short, value_name = "SCHEDULER")]
    pub scheduler: Option<Scheduler>,

    /// After what time an idle connection is forgotten, as in `15m`; a bare
    /// number is seconds, and 0 the protocol's default.
    #[arg(long, value_name = "TIME", value_parser = words::seconds)]
    pub timeout: Option<u32>,
}

/// A service, its settings and its destinations.
#[derive(Args, Debug)]
pub struct ServiceAddArgs {
    #[command(flatten)]
    pub settings: ServiceSetArgs,

    /// A destination to add along with the service; may be given many times.
    #[arg(long, short, value_name = "ADDRESS:PORT[,weight=N]")]
    pub destination: Vec<String>,
}

/// A service and a destination.
#[derive(Args, Debug)]
pub struct DestinationArgs {
    /// The service and its destination, as in `tcp 10.0.0.1:80 10.1.0.2:8080`.
    #[arg(
        required = true,
        num_args = 2..=3,
        value_names = ["PROTOCOL", "ADDRESS:PORT", "DESTINATION"]
    )]
    pub destination: Vec<String>,
}

/// A destination and its settings.
#[derive(Args, Debug)]
pub struct DestinationSetArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Share of new connections, 1 unless given; 0 takes none.
    #[arg(long, short, value_name = "N")]
    pub weight: Option<u32>,

    /// How packets are taken there: nat.
    #[arg(long, value_name = "METHOD")]
    pub forwarding: Option<Forwarding>,
}

/// What to apply.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// A file of changes, one to a line in the words of this command line;
    /// `-` is standard input.
    pub file: PathBuf,
}

/// What to claim.
#[derive(Args, Debug)]
pub struct ClaimArgs {
    /// The device's name.
    #[arg(value_name = "DEV")]
    pub device: String,

    /// Receive queues, as in `0-3,5`; all unless given.
    #[arg(long, value_name = "LIST", value_parser = words::list)]
    pub queues: Option<words::List>,

    /// Switching CPUs; the queues go round them in this order.
    #[arg(long, value_name = "LIST", value_parser = words::list)]
    pub cpus: Option<words::List>,

    /// busy, adaptive or interrupt; adaptive unless given, or interrupt if no
    /// CPU is given.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<Policy>,

    /// After what time without packets the adaptive policy returns a queue to
    /// interrupts, as in `10ms`.
    #[arg(long, value_name = "TIME", value_parser = words::microseconds)]
    pub idle_timeout: Option<u32>,
}

/// How long to listen.
#[derive(Args, Debug)]
pub struct MonitorArgs {
    /// End after so many notifications.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    /// End after this time, in seconds or as in `500ms`. If fewer than --count
    /// notifications have come by then, the exit status is 1.
    #[arg(long, value_name = "TIME", value_parser = words::duration)]
    pub timeout: Option<Duration>,
}

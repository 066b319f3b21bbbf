// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use switchyard_config::DEFAULT_PATH;
use switchyard_netlink::{
    ConnectionState, DestinationState, Encapsulation, Fallback, Forwarding, Policy, Protocol,
    Scheduler, StateTimeout,
};

use crate::top::TopArgs;
use crate::{packet, words};

/// Shows and changes what a Switchyard load balancer does.
///
/// A SERVICE is written `tcp 10.0.0.1:80` or `tcp://10.0.0.1:80`, with
/// `[2001:db8::1]` for an IPv6 address, `10.0.0.0/24` for every address of a
/// prefix, `8000-8999` for a range of ports and `*` for every port; a
/// DESTINATION `10.1.0.2:8080`, `10.1.0.2` if its port is the service's,
/// `10.1.0.2:*` if it is that of each packet, or `local` for this machine.
#[derive(Debug, Parser)]
#[command(name = "yardctl", version, max_term_width = 90)]
pub struct Cli {
    /// Print JSON instead of tables and lists.
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
    /// Make all as the file says, or change nothing; what is so already is not touched.
    Apply(ApplyArgs),
    /// Print what `apply` would do; the exit status is 5 if there is anything.
    Diff(DiffArgs),
    /// Look whether the file is right, without the module.
    Check(FileArgs),
    /// Print or write what runs, as a file that `restore` makes run again.
    Save(SaveArgs),
    /// Make all as `save` has found it, weights included.
    Restore(RestoreArgs),
    /// Print a file like what another balancer has, and warnings of what is unlike.
    Import(ImportArgs),
    /// Make a file of changes at once, or none of them.
    Batch(BatchArgs),
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
    /// List the connections, or those that have all of what is given.
    Connections(FilterArgs),
    /// End connections: those that have all of what is given.
    Disconnect(DisconnectArgs),
    /// Say what would become of a packet, and why, without sending it.
    #[command(
        override_usage = "yardctl explain PROTOCOL SOURCE DESTINATION [OPTIONS]\n       \
        yardctl explain --hex DIGITS\n       yardctl explain --pcap FILE"
    )]
    Explain(ExplainArgs),
    /// Set limits and timeouts of the switch; the rest stays as it is.
    Set(SetArgs),
    /// Show what the services have carried, and what was dropped and why.
    Stats {
        /// Show each CPU's counters, too.
        #[arg(long)]
        cpu: bool,
        /// Show how much it is a second, smoothed over some eight seconds.
        #[arg(long)]
        rates: bool,
    },
    /// Show services, destinations, CPUs and drops on one screen, as they are now.
    Top(TopArgs),
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
    /// Give a destination no new connections; those that it has go on.
    #[command(
        override_usage = "yardctl destination drain PROTOCOL ADDRESS:PORT DESTINATION [OPTIONS]"
    )]
    Drain(DrainArgs),
    /// Give a destination new connections again.
    #[command(
        override_usage = "yardctl destination up PROTOCOL ADDRESS:PORT DESTINATION",
        visible_alias = "undrain"
    )]
    Up(DestinationArgs),
    /// Take a destination that does not answer out of use.
    #[command(override_usage = "yardctl destination down PROTOCOL ADDRESS:PORT DESTINATION")]
    Down(DestinationArgs),
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

    /// How new connections are spread: maglev (unless given), rr, wrr, lc, wlc,
    /// sed, p2c or sh.
    #[arg(long, short, value_name = "SCHEDULER")]
    pub scheduler: Option<Scheduler>,

    /// After what time an idle connection is forgotten, as in `15m`; a bare
    /// number is seconds, and 0 the switch's timeouts.
    #[arg(long, value_name = "TIME", value_parser = words::seconds)]
    pub timeout: Option<u32>,

    /// Whether every UDP packet is scheduled by itself: on or off.
    #[arg(long, value_name = "ON", value_parser = words::switch, num_args = 0..=1,
        require_equals = true, default_missing_value = "on")]
    pub one_packet: Option<bool>,

    /// Whether both ends of a TCP connection get a reset when it expires: on or
    /// off.
    #[arg(long, value_name = "ON", value_parser = words::switch, num_args = 0..=1,
        require_equals = true, default_missing_value = "on")]
    pub reset_at_expiry: Option<bool>,

    /// Who gets a connection that no destination can take: none (unless given)
    /// or local, this machine's own sockets.
    #[arg(long, value_name = "WHO")]
    pub fallback: Option<Fallback>,

    /// For what time after its last connection a client keeps its destination;
    /// 0 stands for none.
    #[arg(long, value_name = "TIME", value_parser = words::seconds)]
    pub affinity: Option<u32>,

    /// How many leading bits of an IPv4 address make one client; 32 unless
    /// given.
    #[arg(long, value_name = "LENGTH")]
    pub affinity_prefix4: Option<u8>,

    /// How many leading bits of an IPv6 address make one client; 128 unless
    /// given.
    #[arg(long, value_name = "LENGTH")]
    pub affinity_prefix6: Option<u8>,
}

/// A service, its settings and its destinations.
#[derive(Args, Debug)]
pub struct ServiceAddArgs {
    #[command(flatten)]
    pub settings: ServiceSetArgs,

    /// A destination to add along with the service; may be given many times.
    /// Options follow it as in `10.1.0.2:8080,weight=2,forwarding=direct`.
    #[arg(long, short, value_name = "ADDRESS:PORT[,OPTION=VALUE]")]
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

    #[command(flatten)]
    pub options: DestinationOptions,
}

/// What can be said of a destination.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct DestinationOptions {
    /// How packets are taken there: nat (unless given), direct, tunnel or local.
    #[arg(long, value_name = "METHOD")]
    pub forwarding: Option<Forwarding>,

    /// What tunnelled packets travel in: ip (unless given) or gue.
    #[arg(long, value_name = "KIND")]
    pub encapsulation: Option<Encapsulation>,

    /// The UDP port of GUE; 6080 unless given.
    #[arg(long, value_name = "PORT", value_parser = words::port)]
    pub encapsulation_port: Option<u16>,

    /// active (unless given), draining or down.
    #[arg(long, value_name = "STATE")]
    pub state: Option<DestinationState>,

    /// At so many connections no new ones come; 0 stands for no limit.
    #[arg(long, value_name = "N")]
    pub upper_limit: Option<u32>,

    /// Until there are fewer than this; 0 stands for three quarters of the upper
    /// limit.
    #[arg(long, value_name = "N")]
    pub lower_limit: Option<u32>,
}

/// A destination that is to drain.
#[derive(Args, Debug)]
pub struct DrainArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// After what time the connections that are left are ended; never unless
    /// given.
    #[arg(long, value_name = "TIME", value_parser = words::seconds)]
    pub deadline: Option<u32>,
}

/// Which connections are meant.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// Those of one service.
    #[arg(long, num_args = 1..=2, value_names = ["PROTOCOL", "ADDRESS:PORT"])]
    pub service: Vec<String>,

    /// Those of one client, or of the clients of a prefix, as in
    /// `198.51.100.0/24`.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = words::client)]
    pub client: Option<words::Client>,

    /// Those that go to one destination.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = words::place)]
    pub destination: Option<words::Place>,

    /// Those of one protocol: tcp, udp or sctp.
    #[arg(long, value_name = "PROTOCOL")]
    pub protocol: Option<Protocol>,

    /// Those in one state, as in `established`.
    #[arg(long, value_name = "STATE")]
    pub state: Option<ConnectionState>,

    /// Those that are forwarded in one way.
    #[arg(long, value_name = "METHOD")]
    pub forwarding: Option<Forwarding>,
}

/// Which connections are to end.
#[derive(Args, Debug)]
pub struct DisconnectArgs {
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Every one; needed where nothing else is given.
    #[arg(long)]
    pub all: bool,
}

/// Which packet is to be explained.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The packet in words, as in `tcp 198.51.100.7:1234 192.0.2.80:80` or
    /// `icmp 198.51.100.7 192.0.2.80`.
    #[arg(num_args = 0..=3, value_names = ["PROTOCOL", "SOURCE", "DESTINATION"])]
    pub words: Vec<String>,

    /// The packet as hexadecimal digits, from its IP header on.
    #[arg(long, value_name = "DIGITS", conflicts_with_all = ["words", "pcap"])]
    pub hex: Option<String>,

    /// The first packet of a capture, pcap or pcapng.
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    pub pcap: Option<PathBuf>,

    /// The device that the packet comes by.
    #[arg(long, value_name = "DEV")]
    pub dev: Option<String>,

    #[command(flatten)]
    pub flags: packet::TcpFlags,

    /// Bytes of payload, zeros all of them.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub payload: u16,

    /// Time to live, or hop limit.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub ttl: u8,
}

/// What is to be set of the switch.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// How many connections there can be.
    #[arg(long, value_name = "N")]
    pub connection_limit: Option<u64>,

    /// How many of them may be half open before SYNs are answered for without
    /// being remembered; 0 stands for no limit.
    #[arg(long, value_name = "N")]
    pub half_open_limit: Option<u32>,

    /// After what time connections in a state are forgotten, as in
    /// `established=15m`; may be given many times.
    #[arg(long, value_name = "STATE=TIME", value_parser = words::state_timeout)]
    pub timeout: Vec<StateTimeout>,

    /// How much memory fragments may take, as in `4M`.
    #[arg(long, value_name = "BYTES", value_parser = words::bytes)]
    pub fragment_memory: Option<u32>,

    /// For what time a packet's fragments may wait for the rest, as in `10s`.
    #[arg(long, value_name = "TIME", value_parser = words::milliseconds)]
    pub fragment_timeout: Option<u32>,
}

/// Which file.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// The configuration, `/etc/switchyard/switchyard.toml` unless given; `-` is standard
    /// input.
    #[arg(default_value = DEFAULT_PATH, hide_default_value = true)]
    pub file: PathBuf,
}

/// What to apply.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub file: FileArgs,

    /// Set weights that yardmaster makes, too.
    #[arg(long)]
    pub weights: bool,

    /// Print what is done, and how long the kernel took for it.
    #[arg(long, short)]
    pub verbose: bool,
}

/// What to compare.
#[derive(Args, Debug)]
pub struct DiffArgs {
    #[command(flatten)]
    pub file: FileArgs,

    /// Compare weights that yardmaster makes, too.
    #[arg(long)]
    pub weights: bool,
}

/// Where to save.
#[derive(Args, Debug)]
pub struct SaveArgs {
    /// A file, which is replaced as a whole; standard output unless given.
    pub file: Option<PathBuf>,
}

/// What to restore.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// What `save` has written; `-` is standard input.
    pub file: PathBuf,
}

/// What to import.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Whose: of ipvsadm, what `ipvsadm -S -n` prints; of keepalived, its file.
    pub format: Format,

    /// The file; standard input unless given.
    #[arg(default_value = "-", hide_default_value = true)]
    pub file: PathBuf,
}

/// Whose configuration.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// What `ipvsadm -S -n` prints.
    Ipvsadm,
    /// The `virtual_server` blocks of `keepalived.conf`.
    Keepalived,
}

/// Which changes to make.
#[derive(Args, Debug)]
pub struct BatchArgs {
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

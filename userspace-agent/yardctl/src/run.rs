// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Does what a command says.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::CommandFactory;
use serde::Serialize;
use switchyard_config::{ipvsadm, keepalived, write, Config, Source};
use switchyard_netlink::{
    Change, ClaimRequest, Client, ConnectionFilter, Cpu, Device, Drop, DropReason, Error,
    McastGroup, Monitor, Refusal, Service, SwitchSettings,
};

use crate::batch::Batch;
use crate::cli::{
    ClaimArgs, Cli, Command, DestinationCommand, DisconnectArgs, ExplainArgs, FilterArgs, Format,
    ImportArgs, MonitorArgs, ServiceCommand, SetArgs,
};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::{change, event, man, netns, packet, print, setup, top, words};

/// What needs no module comes first; everything else opens its socket once its
/// words have been understood.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match &cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "yardctl", &mut script);
            out.write_all(&script)?;
        }
        Command::Man => out.write_all(&man::page()?)?,
        Command::Show => {
            let switch = connect(cli)?.switch()?;
            if cli.json {
                print::write_json(&mut out, &switch)?;
            } else {
                print::switch(&mut out, &switch)?;
            }
        }
        Command::Service(command) => service(cli, &mut out, command)?,
        Command::Destination(command) => destination(cli, &mut out, command)?,
        Command::Flush => connect(cli)?.apply(&[Change::Flush])?,
        Command::Batch(args) => batch(cli, &args.file)?,
        Command::Apply(args) => {
            let source = Source::read(&args.file.file)?;
            let config = understood(&source)?;
            let mut setup = Setup::new(connect(cli)?)?;
            let applied = setup.apply(&source, &config, args.weights)?;
            if cli.json {
                print::write_json(&mut out, &applied.steps())?;
                out.flush()?;
            }
            applied.result?;
            if args.verbose && !cli.json {
                for step in &applied.plan.steps {
                    writeln!(out, "{step}")?;
                }
            }
            if args.verbose {
                if let Some((changes, time)) = setup.took() {
                    eprintln!("yardctl: {changes} changes in {} ms", time.as_millis());
                }
            }
        }
        Command::Diff(args) => {
            let source = Source::read(&args.file.file)?;
            let config = understood(&source)?;
            let plan = Setup::new(connect(cli)?)?.diff(&config, args.weights)?;
            if cli.json {
                print::write_json(&mut out, &plan)?;
            } else {
                for step in &plan.steps {
                    writeln!(out, "{step}")?;
                }
            }
            out.flush()?;
            if !plan.steps.is_empty() {
                return Err(Failure::Differs);
            }
        }
        Command::Check(args) => setup::check(&args.file, cli.json, &mut out)?,
        Command::Save(args) => {
            let text = Setup::new(connect(cli)?)?.save()?;
            match &args.file {
                Some(path) => setup::write_file(path, &text)?,
                None => out.write_all(text.as_bytes())?,
            }
        }
        Command::Restore(args) => {
            let source = Source::read(&args.file)?;
            let config = understood(&source)?;
            let applied = Setup::new(connect(cli)?)?.apply(&source, &config, true)?;
            applied.result?;
        }
        Command::Import(args) => import(args, &mut out)?,
        Command::Claim(args) => connect(cli)?.claim(&claim_request(args))?,
        Command::Release { device } => connect(cli)?.release(&Device::Name(device.clone()))?,
        Command::Claims => {
            let claims = connect(cli)?.claims()?;
            if cli.json {
                print::write_json(&mut out, &claims)?;
            } else {
                print::claims(&mut out, &claims)?;
            }
        }
        Command::Connections(args) => {
            let filter = filter(args).map_err(Failure::Usage)?;
            connections(cli, &mut out, &filter)?;
        }
        Command::Disconnect(args) => disconnect(cli, &mut out, args)?,
        Command::Explain(args) => explain(cli, &mut out, args)?,
        Command::Set(args) => set(cli, args)?,
        Command::Stats { cpu, rates } => stats(cli, &mut out, *cpu, *rates)?,
        Command::Top(args) => top::run(&mut out, connect(cli)?, args, cli.json)?,
        Command::Monitor(args) => monitor(cli, &mut out, args)?,
    }
    out.flush()?;
    Ok(())
}

fn connect(cli: &Cli) -> Result<Client, Failure> {
    if let Some(name) = &cli.netns {
        netns::enter(name)?;
    }
    Ok(Client::connect()?)
}

fn service(cli: &Cli, out: &mut impl Write, command: &ServiceCommand) -> Result<(), Failure> {
    if let Some(changes) = change::of_service(command).map_err(Failure::Usage)? {
        return make(cli, &changes);
    }
    let ServiceCommand::List(choice) = command else {
        return Ok(());
    };
    let choice = words::service_choice(&choice.service).map_err(Failure::Usage)?;
    let mut client = connect(cli)?;
    let services = match choice {
        Some(key) => vec![client.service(&key)?],
        None => client.services()?,
    };
    if cli.json {
        print::write_json(out, &services)
    } else {
        print::services(out, &services)
    }
}

fn destination(
    cli: &Cli,
    out: &mut impl Write,
    command: &DestinationCommand,
) -> Result<(), Failure> {
    if let Some(changes) = change::of_destination(command).map_err(Failure::Usage)? {
        return make(cli, &changes);
    }
    let DestinationCommand::List(choice) = command else {
        return Ok(());
    };
    let choice = words::service_choice(&choice.service).map_err(Failure::Usage)?;
    let list = connect(cli)?.destinations(choice.as_ref())?;
    if cli.json {
        print::write_json(out, &list)
    } else {
        print::destinations(out, &list)
    }
}

/// One change by its own operation, several as one transaction.
fn make(cli: &Cli, changes: &[Change]) -> Result<(), Failure> {
    let mut client = connect(cli)?;
    match changes {
        [Change::AddService(settings)] => client.add_service(settings)?,
        [Change::SetService(settings)] => client.set_service(settings)?,
        [Change::DeleteService(key)] => client.delete_service(key)?,
        [Change::AddDestination(settings)] => client.add_destination(settings)?,
        [Change::SetDestination(settings)] => client.set_destination(settings)?,
        [Change::DeleteDestination(key)] => client.delete_destination(key)?,
        changes => client.apply(changes)?,
    }
    Ok(())
}

/// What a file says. Whoever has taken a file of changes for one is told.
fn understood(source: &Source) -> Result<Config, Failure> {
    source.parse().map_err(|problems| {
        let mut words = problems.to_string();
        if Batch::parse(&source.text).is_ok() {
            words.push_str("\nThis is a file of changes: `yardctl batch` makes them.");
        }
        Failure::Usage(words)
    })
}

fn import(args: &ImportArgs, out: &mut impl Write) -> Result<(), Failure> {
    let source = Source::read(&args.file)?;
    let import = match args.format {
        Format::Ipvsadm => ipvsadm::import,
        Format::Keepalived => keepalived::import,
    };
    let imported =
        import(&source.name, &source.text).map_err(|error| Failure::Usage(error.to_string()))?;
    for warning in &imported.warnings {
        eprintln!(
            "{}:{}: warning: {}",
            source.name, warning.place, warning.words
        );
    }
    out.write_all(write(&imported.config).as_bytes())?;
    Ok(())
}

fn batch(cli: &Cli, file: &Path) -> Result<(), Failure> {
    let Source { name, text } = Source::read(file)?;
    let batch = Batch::parse(&text).map_err(|e| Failure::Usage(format!("{name}: {e}")))?;
    let mut client = connect(cli)?;
    if batch.changes.is_empty() {
        return Ok(());
    }
    client.apply(&batch.changes).map_err(|error| match error {
        Error::Refused(refusal) => Error::Refused(with_line(refusal, &batch, &name)).into(),
        error => error.into(),
    })
}

/// Names the line whose change was refused, if the module told which it was.
fn with_line(mut refusal: Refusal, batch: &Batch, name: &str) -> Refusal {
    let line = refusal.change.and_then(|change| batch.lines.get(change));
    if let Some(line) = line {
        let words = refusal.words();
        refusal.message = Some(format!("{name}: line {line}: {words}"));
    }
    refusal
}

fn claim_request(args: &ClaimArgs) -> ClaimRequest {
    let numbers = |list: &Option<words::List>| list.clone().map_or_else(Vec::new, |l| l.0);
    ClaimRequest {
        device: Device::Name(args.device.clone()),
        queues: numbers(&args.queues),
        cpus: numbers(&args.cpus),
        policy: args.policy,
        idle_timeout: args.idle_timeout,
    }
}

/// The connections that the words mean.
fn filter(args: &FilterArgs) -> Result<ConnectionFilter, String> {
    Ok(ConnectionFilter {
        protocol: args.protocol,
        service: words::service_choice(&args.service)?,
        client: args
            .client
            .map(|client| (client.address, client.prefix_length)),
        client_port: args.client.and_then(|client| client.port),
        destination_address: args.destination.map(|place| place.address),
        destination_port: args.destination.and_then(|place| place.port),
        state: args.state,
        forwarding: args.forwarding,
    })
}

fn disconnect(cli: &Cli, out: &mut impl Write, args: &DisconnectArgs) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Ended {
        ended: u64,
    }
    let filter = filter(&args.filter).map_err(Failure::Usage)?;
    let wrong = match (args.all, filter.is_empty()) {
        (false, true) => "which connections are to end? --all ends every one",
        (true, false) => "--all goes with no other option",
        _ => "",
    };
    if !wrong.is_empty() {
        return Err(Failure::Usage(wrong.to_owned()));
    }
    let ended = connect(cli)?.end_connections(&filter)?;
    if cli.json {
        return print::write_json(out, &Ended { ended });
    }
    writeln!(out, "{ended} connections ended")?;
    Ok(())
}

fn explain(cli: &Cli, out: &mut impl Write, args: &ExplainArgs) -> Result<(), Failure> {
    let packet = packet::of(args).map_err(Failure::Usage)?;
    let mut client = connect(cli)?;
    let ifindex = match &args.dev {
        Some(name) => Some(netns::ifindex(name)?),
        None => None,
    };
    let found = client.explain(&packet, ifindex)?;
    if cli.json {
        return print::write_json(out, &found);
    }
    let device = found.out_ifindex.map(netns::ifname);
    print::explanation(out, &found, device.as_deref())
}

fn set(cli: &Cli, args: &SetArgs) -> Result<(), Failure> {
    let settings = SwitchSettings {
        connection_limit: args.connection_limit,
        half_open_limit: args.half_open_limit,
        timeouts: args.timeout.clone(),
        fragment_memory_limit: args.fragment_memory,
        fragment_timeout: args.fragment_timeout,
    };
    if settings == SwitchSettings::default() {
        return Err(Failure::Usage(
            "nothing is given that is to be set, as in `set --connection-limit 1000000`".to_owned(),
        ));
    }
    Ok(connect(cli)?.set_switch(&settings)?)
}

/// Printed as they come: there may be millions, and no table is laid out.
fn connections(cli: &Cli, out: &mut impl Write, filter: &ConnectionFilter) -> Result<(), Failure> {
    let mut client = connect(cli)?;
    let mut broken = None;
    let mut first = true;
    let result = client.connections(filter, |connection| {
        let written = if cli.json {
            let comma = if std::mem::take(&mut first) { "[" } else { "," };
            writeln!(out, "{comma}")
                .and_then(|()| Ok(serde_json::to_writer(&mut *out, &connection)?))
        } else {
            let head = if std::mem::take(&mut first) {
                print::connection_head(out)
            } else {
                Ok(())
            };
            head.and_then(|()| print::connection(out, &connection))
        };
        written.map_err(|error| {
            let kind = error.kind();
            broken = Some(error);
            Error::Io(kind.into())
        })
    });
    if let Some(error) = broken {
        return Err(error.into());
    }
    result?;
    match (cli.json, first) {
        (true, true) => writeln!(out, "[]")?,
        (true, false) => writeln!(out, "\n]")?,
        (false, true) => print::connection_head(out)?,
        (false, false) => (),
    }
    Ok(())
}

/// Each reason's packets over all CPUs, reasons without packets included.
fn sum_drops(cpus: &[Cpu]) -> Vec<Drop> {
    let mut sums: Vec<Drop> = DropReason::ALL
        .iter()
        .map(|&reason| Drop { reason, packets: 0 })
        .collect();
    for drop in cpus.iter().flat_map(|cpu| &cpu.drops) {
        match sums.iter_mut().find(|sum| sum.reason == drop.reason) {
            Some(sum) => sum.packets = sum.packets.wrapping_add(drop.packets),
            None => sums.push(*drop),
        }
    }
    sums
}

fn stats(cli: &Cli, out: &mut impl Write, by_cpu: bool, rates: bool) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct All {
        services: Vec<Service>,
        cpus: Vec<Cpu>,
        drops: Vec<Drop>,
    }
    let mut client = connect(cli)?;
    let (services, cpus) = (client.services()?, client.cpus()?);
    let drops = sum_drops(&cpus);
    if cli.json {
        return print::write_json(
            out,
            &All {
                services,
                cpus,
                drops,
            },
        );
    }
    if rates {
        let of_services = services.iter().map(|s| (s.key.to_string(), &s.stats));
        print::rates(out, "SERVICE", of_services)?;
        if by_cpu {
            writeln!(out)?;
            let of_cpus = cpus.iter().map(|cpu| (cpu.cpu.to_string(), &cpu.stats));
            print::rates(out, "CPU", of_cpus)?;
        }
        return Ok(());
    }
    print::service_stats(out, &services)?;
    writeln!(out)?;
    if by_cpu {
        print::cpus(out, &cpus)?;
        writeln!(out)?;
        print::drops_by_cpu(out, &cpus)
    } else {
        print::drops(out, &drops)?;
        print::drops_by_service(out, &services)
    }
}

fn monitor(cli: &Cli, out: &mut impl Write, args: &MonitorArgs) -> Result<(), Failure> {
    let mut monitor = Monitor::subscribe(connect(cli)?, McastGroup::ALL)?;
    // Whoever starts a monitor from a script waits for this before changing
    // what is to be seen.
    eprintln!("yardctl: listening");
    let deadline = args.timeout.and_then(|t| Instant::now().checked_add(t));
    let mut seen = 0;
    while args.count.is_none_or(|count| seen < count) {
        let left: Option<Duration> =
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let notification = match monitor.next(left) {
            Ok(Some(notification)) => notification,
            Ok(None) => {
                return match args.count {
                    None => Ok(()),
                    Some(count) => Err(Failure::Other(format!(
                        "{seen} of {count} notifications came in time"
                    ))),
                };
            }
            Err(Error::Lost) => {
                eprintln!("yardctl: {}", Error::Lost);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        seen += 1;
        if cli.json {
            event::json(out, &notification)?;
        } else {
            event::text(out, &notification)?;
        }
        out.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_has_its_line() {
        let batch = Batch::parse("flush\n\n# web\nservice add tcp 10.0.0.1:80").unwrap();
        let refusal = Refusal {
            errno: nix::libc::EEXIST,
            message: Some("the service exists".to_owned()),
            attribute: Some("change[1].service".to_owned()),
            missing: None,
            change: Some(1),
        };
        assert_eq!(
            with_line(refusal, &batch, "web.yard").to_string(),
            "web.yard: line 4: the service exists (attribute `change[1].service`)"
        );
        let refusal = Refusal {
            errno: nix::libc::EEXIST,
            ..Refusal::default()
        };
        assert_eq!(with_line(refusal, &batch, "x").to_string(), "File exists");
    }

    #[test]
    fn drops_are_summed_over_cpus() {
        let cpu = |drops: &[(DropReason, u64)]| Cpu {
            drops: drops
                .iter()
                .map(|&(reason, packets)| Drop { reason, packets })
                .collect(),
            ..Cpu::default()
        };
        let new = DropReason::Unknown(99);
        let sums = sum_drops(&[
            cpu(&[(DropReason::Ttl, 2), (new, 1)]),
            cpu(&[(DropReason::Ttl, 3), (new, 1)]),
        ]);
        assert_eq!(sums.len(), DropReason::ALL.len() + 1);
        let of = |reason| sums.iter().find(|d| d.reason == reason).map(|d| d.packets);
        assert_eq!(of(DropReason::Ttl), Some(5));
        assert_eq!(of(DropReason::NoRoute), Some(0));
        assert_eq!(of(new), Some(2));
    }
}

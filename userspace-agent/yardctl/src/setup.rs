// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The whole configuration: a file applied, compared, checked, saved and restored.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use switchyard_config::{
    request_of, undo_of, write, Action, Config, Plan, Problems, ReadError, Report, Running, Source,
    Step,
};
use switchyard_netlink::{Change, Client, Device, Error, Refusal};

use crate::address::Addresses;
use crate::applied::Applied;
use crate::failure::Failure;
use crate::order::{carry_out, is_change, Maker};
use crate::print;

/// The switch and the addresses of its `yard0`.
pub struct Setup {
    client: Client,
    addresses: Addresses,
    transaction: Option<(usize, Duration)>,
}

/// A file, and what is to be done so that all is as it says.
struct Wanted<'a> {
    source: &'a Source,
    plan: Plan,
    running: Running,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io { .. } => Self::Other(error.to_string()),
            ReadError::Problems(_) => Self::Usage(error.to_string()),
        }
    }
}

/// Reads a file and says whether it is right; as JSON with a list of what is not.
pub fn check(file: &Path, as_json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let source = Source::read(file)?;
    let result = source.parse();
    if as_json {
        let problems = result.err();
        let reports: Vec<Report> = problems.iter().flat_map(Problems::reports).collect();
        print::write_json(out, &reports)?;
        out.flush()?;
        return match problems {
            Some(_) => Err(Failure::Wrong),
            None => Ok(()),
        };
    }
    let config = result.map_err(ReadError::from)?;
    writeln!(
        out,
        "{}: fine: {} services, {} destinations, {} claims",
        source.name,
        config.services.as_ref().map_or(0, Vec::len),
        config.destination_count(),
        config.claims.as_ref().map_or(0, Vec::len),
    )?;
    Ok(())
}

impl Setup {
    /// Asks the module whether it is there, and opens what else is needed.
    pub fn new(client: Client) -> Result<Self, Failure> {
        Ok(Self {
            client,
            addresses: Addresses::open()?,
            transaction: None,
        })
    }

    /// What runs, as far as it is asked for by `config`; all of it without one.
    fn running(&mut self, config: Option<&Config>) -> Result<Running, Failure> {
        let wants = |part: fn(&Config) -> bool| config.is_none_or(part);
        let mut running = Running::default();
        if wants(|config| config.switch.is_some() || config.addresses.is_some()) {
            running.switch = self.client.switch()?;
        }
        if wants(|config| config.addresses.is_some()) {
            running.addresses = match running.switch.yard_ifindex {
                Some(index) => self.addresses.of(index)?,
                None => Vec::new(),
            };
        }
        if wants(|config| config.claims.is_some()) {
            running.claims = self.client.claims()?;
            for claim in &running.claims {
                if let Some(count) = receive_queues(&claim.ifname, claim.ifindex) {
                    running.queues.insert(claim.ifname.clone(), count);
                }
            }
        }
        if wants(|config| config.services.is_some()) {
            running.services = self.client.services()?;
            // An empty list need not be asked for; a new one is asked for first.
            if !running.services.is_empty() {
                running.destinations = self.client.destinations(None)?;
            }
        }
        Ok(running)
    }

    /// Makes all as a file says, or changes nothing, and tells how far that came.
    pub fn apply(
        &mut self,
        source: &Source,
        config: &Config,
        with_weights: bool,
    ) -> Result<Applied, Failure> {
        let running = self.running(Some(config))?;
        let wanted = Wanted {
            plan: Plan::new(config, &running, with_weights),
            source,
            running,
        };
        let mut done = vec![false; wanted.plan.steps.len()];
        let mut maker = Making {
            setup: self,
            wanted: &wanted,
        };
        let result = carry_out(&mut maker, &wanted.plan.steps, &mut done);
        Ok(Applied {
            plan: wanted.plan,
            done,
            result,
        })
    }

    /// What `apply` would do.
    pub fn diff(&mut self, config: &Config, with_weights: bool) -> Result<Plan, Failure> {
        let running = self.running(Some(config))?;
        Ok(Plan::new(config, &running, with_weights))
    }

    /// What runs, as the text of a file.
    pub fn save(&mut self) -> Result<String, Failure> {
        let running = self.running(None)?;
        Ok(write(&Config::of(&running)))
    }

    fn transaction(&mut self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        let changes = wanted.plan.changes();
        let begin = Instant::now();
        self.client
            .apply(changes.clone())
            .map_err(|error| match error {
                Error::Refused(refusal) => refused(refusal, wanted),
                error => error.into(),
            })?;
        self.transaction = Some((changes.count(), begin.elapsed()));
        Ok(())
    }

    /// How many changes the last transaction had, and how long it took.
    pub fn took(&self) -> Option<(usize, Duration)> {
        self.transaction
    }

    fn step(&mut self, step: &Step, wanted: &Wanted<'_>) -> Result<(), Failure> {
        self.act(&step.action, &wanted.running).map_err(|failure| {
            let Failure::Netlink(Error::Refused(mut refusal)) = failure else {
                return failure;
            };
            let place = match step.at {
                Some(at) => wanted.source.at(at),
                None => wanted.source.name.clone(),
            };
            refusal.message = Some(format!("{place}: {step}: {}", refusal.words()));
            Error::Refused(refusal).into()
        })
    }

    fn act(&mut self, action: &Action, running: &Running) -> Result<(), Failure> {
        match action {
            Action::Set(settings) => self.client.set_switch(settings)?,
            Action::AddAddress(address) => {
                let index = self.yard(running)?;
                self.addresses.add(index, *address)?;
            }
            Action::RemoveAddress(address) => {
                let index = self.yard(running)?;
                self.addresses.remove(index, *address)?;
            }
            Action::Claim(request) => {
                if let Device::Name(name) = &request.device {
                    if running.claims.iter().any(|claim| claim.ifname == *name) {
                        self.client.release(&request.device)?;
                    }
                }
                let result = self.client.claim(request);
                if result.is_err() {
                    // As it was.
                    self.claim_as_before(&request.device, running);
                }
                result?;
            }
            Action::Release(name) => self.client.release(&Device::Name(name.clone()))?,
            Action::Change(_) => (),
        }
        Ok(())
    }

    /// The index of `yard0`. A namespace gets its own with the first change made in it.
    fn yard(&mut self, running: &Running) -> Result<u32, Failure> {
        if let Some(index) = running.switch.yard_ifindex {
            return Ok(index);
        }
        let mut switch = self.client.switch()?;
        if switch.yard_ifindex.is_none() {
            // Where there is no switch there is nothing that this could remove.
            self.client.apply(&[Change::Flush])?;
            switch = self.client.switch()?;
        }
        let lacking = || Failure::Other("the switch of this namespace has no yard0".into());
        switch.yard_ifindex.ok_or_else(lacking)
    }

    fn claim_as_before(&mut self, device: &Device, running: &Running) {
        if let Device::Name(name) = device {
            if let Some(before) = request_of(&running.claims, name) {
                if let Err(error) = self.client.claim(&before) {
                    eprintln!("yardctl: {name} could not be claimed again as it was: {error}");
                }
            }
        }
    }
}

/// The steps of a file that is being applied.
struct Making<'a> {
    setup: &'a mut Setup,
    wanted: &'a Wanted<'a>,
}

impl Maker for Making<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        self.setup.step(step, self.wanted)
    }

    fn transaction(&mut self) -> Result<(), Failure> {
        self.setup.transaction(self.wanted)
    }

    fn undo(&mut self, step: &Step) -> bool {
        let running = &self.wanted.running;
        let result = match &step.action {
            Action::Set(set) => {
                let set = undo_of(set, &running.switch);
                self.setup.act(&Action::Set(set), running)
            }
            Action::AddAddress(address) => {
                self.setup.act(&Action::RemoveAddress(*address), running)
            }
            Action::Claim(request) => {
                let result = self.setup.client.release(&request.device);
                self.setup.claim_as_before(&request.device, running);
                result.map_err(Failure::from)
            }
            _ => Ok(()),
        };
        if let Err(failure) = &result {
            eprintln!("yardctl: could not be undone: {step}: {failure}");
        }
        result.is_ok()
    }
}

/// Names the place in the file that the refused change comes from.
fn refused(mut refusal: Refusal, wanted: &Wanted<'_>) -> Failure {
    let mut steps = wanted.plan.steps.iter().filter(|step| is_change(step));
    if let Some(step) = refusal.change.and_then(|change| steps.nth(change)) {
        let place = match step.at {
            Some(at) => wanted.source.at(at),
            None => wanted.source.name.clone(),
        };
        refusal.message = Some(format!("{place}: {step}: {}", refusal.words()));
        refusal.attribute = None;
    }
    Error::Refused(refusal).into()
}

/// How many receive queues a device has: sysfs knows, if it is that of our namespace.
fn receive_queues(device: &str, index: u32) -> Option<usize> {
    let path = Path::new("/sys/class/net").join(device);
    let known = std::fs::read_to_string(path.join("ifindex")).ok()?;
    if known.trim().parse() != Ok(index) {
        return None;
    }
    let queues = std::fs::read_dir(path.join("queues")).ok()?;
    let count = queues
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"))
        .count();
    Some(count)
}

/// Writes a file as a whole or not at all: first beside it, then in its place.
pub fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let fail =
        |error: io::Error| Failure::Other(format!("cannot write {}: {error}", path.display()));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let result = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result.map_err(fail)
}

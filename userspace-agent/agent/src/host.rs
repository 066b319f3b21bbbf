// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The machine's own load, from /proc.

mod clients;
mod memory;
mod pressure;
mod proc_net;
mod processor;
mod sock_diag;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use switchyard_report::{Host, Pressure};

use crate::window::Window;
use processor::Ticks;

pub use clients::Clients;

/// Reads the machine's load.
#[derive(Debug)]
pub struct HostReader {
    proc: PathBuf,
    ticks: Window<Ticks>,
}

impl HostReader {
    /// Utilisation will be over the last `window`.
    pub fn new(window: Duration) -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            ticks: Window::new(window),
        }
    }

    /// Reads it. What the kernel does not tell is `None`; so is the utilisation of
    /// the CPUs the first time.
    pub fn read(&mut self) -> Host {
        let text = |name: &str| fs::read_to_string(self.proc.join(name)).unwrap_or_default();
        let stall = |name: &str| pressure::parse(&text(&format!("pressure/{name}")));
        let memory = memory::parse(&text("meminfo"));
        let pressure = Pressure {
            cpu: stall("cpu"),
            memory: stall("memory"),
            io: stall("io"),
        };
        let ticks = processor::parse(&text("stat"));
        let cpu = ticks.and_then(|now| {
            let (before, _) = self.ticks.push(Instant::now(), now)?;
            now.utilisation_since(before)
        });
        Host {
            cpu,
            memory,
            pressure,
        }
    }
}

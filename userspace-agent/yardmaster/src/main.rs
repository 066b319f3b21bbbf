// SPDX-License-Identifier: GPL-2.0 OR MIT

//! yardmaster: turns the load of servers into the distribution of a Switchyard load
//! balancer.

mod cli;
mod failure;
mod run_simulation;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use failure::Failure;

fn main() -> ExitCode {
    match run(&cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::BrokenPipe) {
                eprintln!("yardmaster: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: &cli::Cli) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match &cli.command {
        cli::Command::Simulate(args) => run_simulation::run(args, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

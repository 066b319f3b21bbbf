// SPDX-License-Identifier: GPL-2.0 OR MIT

//! yardctl: shows and changes what a Switchyard load balancer does.

mod address;
mod applied;
mod batch;
mod change;
mod cli;
mod event;
mod failure;
mod man;
mod netns;
mod order;
mod packet;
mod print;
mod run;
mod setup;
mod top;
mod words;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match run::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                eprintln!("yardctl: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! yard-agent: tells a load balancer how busy this server is.

mod application;
mod cli;
mod config;
mod failure;
mod host;
mod keys;
mod local;
mod man;
mod run;
mod sampler;
mod serve;
mod show;
mod socket;
mod window;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match command(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::BrokenPipe) {
                eprintln!("yard-agent: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn command(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Run(log) => run::run(cli, log),
        Command::Show => show::show(cli),
        Command::Check => {
            run::config(cli)?;
            println!("{}: fine", cli.config.display());
            Ok(())
        }
        Command::Intent { intent, port } => socket::send(cli, *intent, *port),
        Command::Keys(arguments) => keys::keys(arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "yard-agent", &mut script);
            Ok(io::stdout().write_all(&script)?)
        }
        Command::Man => Ok(io::stdout().write_all(&man::page()?)?),
    }
}

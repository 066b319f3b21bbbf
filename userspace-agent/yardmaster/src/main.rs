// SPDX-License-Identifier: GPL-2.0 OR MIT

//! yardmaster: turns the load of servers into the distribution of a Switchyard load
//! balancer.

mod cli;
mod daemon;
mod failure;
mod keys;
mod log;
mod man;
mod netns;
mod run_simulation;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use daemon::control::{ask, Answer, Question};
use failure::Failure;

fn main() -> ExitCode {
    match command(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::BrokenPipe) {
                eprintln!("yardmaster: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn command(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match command {
        Command::Run(args) => {
            log::start(args);
            // Before any thread is started: they are where their maker is.
            if let Some(name) = &args.netns {
                netns::enter(name)?;
            }
            daemon::run(args)?;
        }
        Command::Check(args) => {
            daemon::settings::Settings::read(&args.config)?;
            writeln!(out, "{}: fine", args.config.display())?;
        }
        Command::Explain(args) => {
            let service = args.service.join(" ");
            let question = if args.json {
                Question::Decision(service)
            } else {
                Question::Explain(service)
            };
            print(&mut out, &ask(&args.socket, &question)?)?;
        }
        Command::Status(args) => {
            let question = if args.json {
                Question::StatusNumbers
            } else {
                Question::Status
            };
            print(&mut out, &ask(&args.socket, &question)?)?;
        }
        Command::Keys(args) => keys::keys(args, &mut out)?,
        Command::Simulate(args) => run_simulation::run(args, &mut out)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "yardmaster", &mut script);
            out.write_all(&script)?;
        }
        Command::Man => out.write_all(&man::page()?)?,
    }
    out.flush()?;
    Ok(())
}

fn print(out: &mut impl Write, answer: &Answer) -> Result<(), Failure> {
    match answer {
        Answer::Text(text) => out.write_all(text.as_bytes())?,
        Answer::Numbers(value) => {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)?;
        }
        Answer::Error(words) => return Err(Failure::Other(words.clone())),
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yardctl top`: services, destinations, CPUs and drops on one screen, as they are now.

mod args;
mod capture;
mod column;
mod cpu;
mod cpu_time;
mod destination;
mod draw;
mod history;
mod keys;
mod master;
mod number;
mod rates;
mod reason;
mod sample;
mod sampler;
mod screen;
mod service;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use switchyard_netlink::Client;

pub use args::TopArgs;
use capture::Capture;
use draw::draw;
use history::History;
use keys::{press, Outcome};
use master::Master;
use sampler::Sampler;
use screen::Screen;
use terminal::{Terminal, Told};
use view::View;

use crate::failure::Failure;

/// How long a signal or a sample may wait for us to look.
const TICK: Duration = Duration::from_millis(100);

/// Shows what there is until told to stop; once, where there is no terminal.
pub fn run(
    out: &mut impl Write,
    mut client: Client,
    args: &TopArgs,
    json: bool,
) -> Result<(), Failure> {
    let master = Master::new(&args.socket);
    let mut view = View::default();
    view.services.filter.clone_from(&args.filter);
    if args.once || json || !io::stdout().is_terminal() {
        let capture = Capture {
            over: args.interval,
            width: args.width,
            json,
        };
        return capture.write(out, &mut client, &master, &mut view);
    }
    let told = Told::listen()?;
    let sampler = Sampler::start(client, master, args.interval)?;
    let result = watch(Terminal::open()?, sampler, &told, view, args.interval);
    // The terminal has been given back.
    told.end();
    Ok(result?)
}

fn watch(
    mut terminal: Terminal,
    mut sampler: Sampler,
    told: &Told,
    mut view: View,
    every: Duration,
) -> io::Result<()> {
    let mut history = History::new(every / 2);
    let mut screen = None;
    let mut trouble = None;
    while told.which().is_none() {
        let mut changed = false;
        while let Some(sample) = sampler.next() {
            match sample {
                Ok(_) if view.paused => (),
                Ok(sample) => {
                    history.push(sample);
                    screen = Screen::of(&history);
                    trouble = None;
                }
                // What was seen last stays, with the reason why nothing newer comes.
                Err(error) => trouble = Some(error.to_string()),
            }
            changed = true;
        }
        if event::poll(if changed { Duration::ZERO } else { TICK })? {
            let outcome = match event::read()? {
                Event::Key(key) => press(&mut view, key),
                _ => Outcome::Draw,
            };
            match outcome {
                Outcome::Draw => (),
                Outcome::Wipe => terminal.wipe()?,
                Outcome::Stop => terminal = terminal.stop()?,
                Outcome::Quit => return Ok(()),
            }
            changed = true;
        }
        if changed {
            terminal.draw(|frame| match &screen {
                Some(screen) => draw(frame, screen, trouble.as_deref(), &mut view),
                None => frame.render_widget(trouble.as_deref().unwrap_or("..."), frame.area()),
            })?;
            sampler.want(view.wanted());
        }
    }
    Ok(())
}

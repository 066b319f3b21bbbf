// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The screen as text or JSON, for files and pipes.

use std::io::Write;
use std::time::Duration;

use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::Terminal;
use switchyard_netlink::Client;

use super::draw::{draw, height};
use super::history::History;
use super::master::Master;
use super::sample::{Sample, Wanted};
use super::screen::Screen;
use super::view::View;
use crate::failure::Failure;
use crate::print;

/// What is to be captured.
#[derive(Clone, Copy, Debug)]
pub struct Capture {
    /// The time over which rates are taken.
    pub over: Duration,
    /// How wide, in columns.
    pub width: u16,
    /// JSON instead of text.
    pub json: bool,
}

impl Capture {
    /// Takes two samples and writes what they tell.
    pub fn write(
        self,
        out: &mut impl Write,
        client: &mut Client,
        master: &Master,
        view: &mut View,
    ) -> Result<(), Failure> {
        let mut wanted = if self.json {
            Wanted::All
        } else {
            Wanted::First
        };
        let mut history = History::new(self.over / 2);
        history.push(Sample::take(client, master, wanted)?);
        if !self.json {
            // The selection may be another than the first.
            if let Some(screen) = Screen::of(&history) {
                view.arrange(&screen);
                wanted = view.wanted();
            }
        }
        std::thread::sleep(self.over);
        history.push(Sample::take(client, master, wanted)?);
        if self.json {
            return print::write_json(out, &Screen::whole(&history));
        }
        if let Some(screen) = Screen::of(&history) {
            let text = text(&screen, view, self.width)?;
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

/// The screen as text, as high as it needs to be and without the line of keys.
fn text(screen: &Screen, view: &mut View, width: u16) -> Result<String, Failure> {
    let mut terminal = Terminal::new(TestBackend::new(width, height(screen, width)))?;
    terminal.draw(|frame| draw(frame, screen, None, view))?;
    let mut lines = lines(terminal.backend().buffer());
    lines.pop();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    // One empty line is as good as many.
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    Ok(lines.join("\n") + "\n")
}

/// The letters, without the blanks at the ends of lines.
pub fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width.max(1));
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    };
    buffer.content.chunks(width).map(line).collect()
}

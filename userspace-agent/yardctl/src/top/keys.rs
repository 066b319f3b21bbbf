// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::view::{Pane, View};

/// What follows from a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The screen is drawn anew.
    Draw,
    /// It is wiped first: somebody else has written on it.
    Wipe,
    /// The program is stopped, as by a shell's job control.
    Stop,
    /// The end.
    Quit,
}

/// The keys, for the help: which, and what they do.
pub const HELP: &[(&str, &str)] = &[
    ("Up Down PgUp PgDn Home End", "select (also k j g G)"),
    ("Tab", "services or destinations"),
    (
        "Enter",
        "destinations of the selected service alone, and back",
    ),
    ("s S", "sort by the next column, by the one before"),
    ("r", "reverse the order"),
    ("/", "show only rows with some text; Esc shows all"),
    ("Space", "stand still, and go on"),
    ("Ctrl-L", "draw everything anew"),
    ("q Ctrl-C", "quit"),
];

/// Does what a key says.
pub fn press(view: &mut View, key: KeyEvent) -> Outcome {
    if key.kind == KeyEventKind::Release {
        return Outcome::Draw;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Outcome::Quit,
            KeyCode::Char('l') => Outcome::Wipe,
            KeyCode::Char('z') => Outcome::Stop,
            _ => Outcome::Draw,
        };
    }
    if view.typing.is_some() {
        write(view, key.code);
        return Outcome::Draw;
    }
    if view.help {
        view.help = false;
        return Outcome::Draw;
    }
    let page = view.table().page();
    let columns = view.columns();
    match key.code {
        KeyCode::Char('q') => return Outcome::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => view.help = true,
        KeyCode::Down | KeyCode::Char('j') => view.table().go(1),
        KeyCode::Up | KeyCode::Char('k') => view.table().go(-1),
        KeyCode::PageDown => view.table().go(page),
        KeyCode::PageUp => view.table().go(-page),
        KeyCode::Home | KeyCode::Char('g') => view.table().go(isize::MIN),
        KeyCode::End | KeyCode::Char('G') => view.table().go(isize::MAX),
        KeyCode::Tab | KeyCode::BackTab if !view.whole => {
            view.focus = match view.focus {
                Pane::Services => Pane::Destinations,
                Pane::Destinations => Pane::Services,
            };
        }
        KeyCode::Enter => {
            view.whole = !view.whole;
            view.focus = if view.whole {
                Pane::Destinations
            } else {
                Pane::Services
            };
        }
        KeyCode::Char('s') => view.table().order.turn(columns, true),
        KeyCode::Char('S') => view.table().order.turn(columns, false),
        KeyCode::Char('r') => {
            let order = &mut view.table().order;
            order.reverse = !order.reverse;
        }
        KeyCode::Char('/') => view.typing = Some(view.table().filter.clone()),
        KeyCode::Esc => view.table().filter.clear(),
        KeyCode::Char(' ') => view.paused = !view.paused,
        _ => (),
    }
    Outcome::Draw
}

/// A key while a filter is being written, which shows at once.
fn write(view: &mut View, key: KeyCode) {
    match key {
        KeyCode::Enter => view.typing = None,
        KeyCode::Esc => {
            let before = view.typing.take().unwrap_or_default();
            view.table().filter = before;
        }
        KeyCode::Backspace => {
            view.table().filter.pop();
        }
        KeyCode::Char(letter) if view.table().filter.len() < 64 => {
            view.table().filter.push(letter);
        }
        _ => (),
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Draws the screen. Letters alone and no lines: it is to look the same on a serial console.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Table, TableState};
use ratatui::Frame;

use super::column::{fitting, Column, Order, Row, Tone};
use super::keys::HELP;
use super::number::{maybe, real, short};
use super::screen::Screen;
use super::view::{Pane, View};
use super::{cpu, destination, reason, service};

/// What the last line says.
const KEYS: &str =
    "q quit  Tab pane  Enter destinations  s sort  r reverse  / filter  Space stand still  ? help";
/// Below this many lines there are no CPUs.
const LOW: u16 = 16;
/// From this many lines on there is air between the parts.
const AIRY: u16 = 28;
/// Below this many columns reasons stand below CPUs.
const NARROW: u16 = 84;
/// Lines about the switch as a whole.
const HEAD: u16 = 3;

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen, trouble: Option<&str>, view: &mut View) {
    let arranged = view.arrange(screen);
    let area = frame.area();
    let below = below(screen, area);
    let gap = u16::from(area.height >= AIRY);
    let [head, middle, bottom, last] = Layout::vertical([
        Constraint::Length(HEAD),
        Constraint::Min(0),
        Constraint::Length(below),
        Constraint::Length(1),
    ])
    .spacing(gap)
    .areas(area);
    frame.render_widget(Paragraph::new(about(screen, trouble, view.paused)), head);

    let services = if view.whole {
        0
    } else {
        lines(arranged.services.len()).min((middle.height / 2).max(3))
    };
    let [upper, lower] = Layout::vertical([Constraint::Length(services), Constraint::Min(0)])
        .spacing(if view.whole { 0 } else { gap })
        .areas(middle);
    let focus = view.focus;
    table(
        frame,
        upper,
        &format!(
            "SERVICES{}",
            shown(arranged.services.len(), screen.services.len())
        ),
        service::COLUMNS,
        &arranged.services,
        Some((
            &mut view.services.state,
            view.services.order,
            focus == Pane::Services,
        )),
    );
    view.services.height = upper.height.saturating_sub(2);
    let of = screen
        .of
        .map_or_else(String::new, |key| format!(" OF {key}"));
    table(
        frame,
        lower,
        &format!(
            "DESTINATIONS{of}{}",
            shown(arranged.destinations.len(), screen.destinations.len())
        ),
        destination::COLUMNS,
        &arranged.destinations,
        Some((
            &mut view.destinations.state,
            view.destinations.order,
            focus == Pane::Destinations,
        )),
    );
    view.destinations.height = lower.height.saturating_sub(2);

    if below > 0 {
        processors(frame, bottom, screen);
    }
    frame.render_widget(Paragraph::new(footer(view)), last);
    if view.help {
        help(frame, area);
    }
}

/// So many lines for the rows of a table, its title and its heads.
fn lines(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2)
}

/// How many lines CPUs and reasons take: beside each other, or where it is too narrow for
/// that one above the other.
fn processor_lines(screen: &Screen, width: u16) -> u16 {
    let (cpus, drops) = (lines(screen.cpus.len()), lines(screen.drops.len()));
    if width < NARROW {
        cpus.saturating_add(drops)
    } else {
        cpus.max(drops)
    }
}

/// How many lines they get.
fn below(screen: &Screen, area: Rect) -> u16 {
    if area.height < LOW {
        return 0;
    }
    processor_lines(screen, area.width).min(area.height / 3)
}

/// How many lines it takes to show everything.
pub fn height(screen: &Screen, width: u16) -> u16 {
    let services = lines(screen.services.len());
    let destinations = lines(screen.destinations.len());
    // The services get no more than half of the middle.
    let middle = services
        .saturating_mul(2)
        .max(services.saturating_add(destinations));
    let bottom = processor_lines(screen, width);
    let all = middle.saturating_add(bottom).saturating_add(HEAD + 1 + 4);
    // And CPUs no more than a third of all.
    all.max(bottom.saturating_mul(3)).clamp(AIRY, 2000)
}

/// How many rows are left out.
fn shown(shown: usize, all: usize) -> String {
    if shown == all {
        format!(" ({all})")
    } else {
        format!(" ({shown} of {all})")
    }
}

/// The switch as a whole, and the master.
fn about<'a>(screen: &'a Screen, trouble: Option<&'a str>, paused: bool) -> Vec<Line<'a>> {
    let switch = &screen.switch;
    let mut first = format!(
        "switchyard {}: {} services, {} destinations, {} of {} connections, {} half open",
        switch.version,
        switch.services,
        switch.destinations,
        switch.connections,
        short(real(switch.connection_limit)),
        switch.half_open
    );
    if paused {
        first.push_str("  STANDING STILL");
    }
    let rates = &screen.rates;
    let second = format!(
        "in {} packets/s {} bytes/s, out {} packets/s {} bytes/s, {} connections/s, {} dropped/s",
        short(rates.packets_in),
        short(rates.bytes_in),
        short(rates.packets_out),
        short(rates.bytes_out),
        short(rates.connections),
        maybe(screen.drop_rate),
    );
    let master = &screen.yardmaster;
    let third = match (trouble, &master.trouble, master.running) {
        (Some(trouble), _, _) => Line::styled(trouble, style(Tone::Bad)),
        (None, Some(trouble), _) => {
            Line::styled(format!("yardmaster: {trouble}"), style(Tone::Bad))
        }
        (None, None, false) => Line::styled(
            "yardmaster: not running; the weights stay as they are",
            style(Tone::Dim),
        ),
        (None, None, true) => Line::raw(format!(
            "yardmaster: {} rounds, {} weights in {} transactions, {} refused",
            master.counters.rounds,
            master.counters.weights,
            master.counters.writes,
            master.counters.refusals
        )),
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    vec![Line::styled(first, bold), Line::raw(second), third]
}

const fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Dim => Style::new().add_modifier(Modifier::DIM),
        Tone::Warning => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

/// A title and a table. One that can be gone about in has a state, an order and perhaps
/// the keys.
fn table<R: Row>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    columns: &[Column<R>],
    rows: &[R],
    choice: Option<(&mut TableState, Order, bool)>,
) {
    if area.height < 2 {
        return;
    }
    let [top, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let keys = choice.as_ref().is_some_and(|(_, _, keys)| *keys);
    let mut title_style = Style::new().add_modifier(Modifier::BOLD);
    if keys {
        title_style = title_style.add_modifier(Modifier::UNDERLINED);
    }
    frame.render_widget(Line::styled(title.to_owned(), title_style), top);

    let count = fitting(columns, area.width);
    let columns = columns.get(..count).unwrap_or(columns);
    let order = choice.as_ref().map(|(_, order, _)| *order);
    let aligned = |column: &Column<R>, text: String| {
        let line = Line::raw(text);
        if column.words {
            line.left_aligned()
        } else {
            line.right_aligned()
        }
    };
    let heads = columns.iter().enumerate().map(|(i, column)| {
        let line = aligned(column, column.head.to_owned());
        match order {
            Some(order) if order.column == i => {
                let mark = if order.reverse {
                    Modifier::BOLD | Modifier::UNDERLINED
                } else {
                    Modifier::BOLD
                };
                line.patch_style(
                    Style::new()
                        .remove_modifier(Modifier::DIM)
                        .add_modifier(mark),
                )
            }
            _ => line,
        }
    });
    let header = ratatui::widgets::Row::new(heads).style(style(Tone::Dim));
    let lines = rows.iter().map(|row| {
        let cells = columns
            .iter()
            .map(|column| aligned(column, (column.cell)(row)));
        ratatui::widgets::Row::new(cells).style(style(row.tone()))
    });
    let used: u16 = columns.iter().map(|column| column.width + 1).sum();
    let widths = columns.iter().enumerate().map(|(i, column)| {
        // What is left over is the names'.
        let more = if i == 0 && column.width > 20 {
            area.width.saturating_sub(used).min(24)
        } else {
            0
        };
        Constraint::Length(column.width + more)
    });
    let table = Table::new(lines, widths).header(header).column_spacing(1);
    match choice {
        Some((state, _, keys)) => {
            let chosen = if keys {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                Style::new().add_modifier(Modifier::BOLD)
            };
            frame.render_stateful_widget(table.row_highlight_style(chosen), rest, state);
        }
        None => frame.render_widget(table, rest),
    }
}

/// CPUs, and beside them what was dropped and why.
fn processors(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let reasons: u16 = reason::COLUMNS.iter().map(|column| column.width + 1).sum();
    let [left, right] = if area.width < NARROW {
        let drops = lines(screen.drops.len()).min(area.height / 2);
        Layout::vertical([Constraint::Min(0), Constraint::Length(drops)]).areas(area)
    } else {
        Layout::horizontal([Constraint::Min(0), Constraint::Length(reasons)])
            .spacing(3)
            .areas(area)
    };
    let mut cpus = screen.cpus.clone();
    // Those that switch first, if not all have room.
    cpus.sort_by_key(|cpu| (!cpu.switching, cpu.cpu));
    table(frame, left, "CPUS", cpu::COLUMNS, &cpus, None);
    let mut drops = screen.drops.clone();
    drops.sort_by(|a, b| {
        let by_rate = super::column::larger(a.rate, b.rate);
        by_rate.then(b.packets.cmp(&a.packets))
    });
    table(frame, right, "DROPS", reason::COLUMNS, &drops, None);
}

/// The keys, or what is being written, or what is left out.
fn footer(view: &View) -> Line<'static> {
    let (name, table) = match view.focus {
        Pane::Services => ("services", &view.services),
        Pane::Destinations => ("destinations", &view.destinations),
    };
    if view.typing.is_some() {
        return Line::from(vec![
            Span::raw(format!("show {name} with: {}", table.filter)),
            Span::styled(" ", Style::new().add_modifier(Modifier::REVERSED)),
            Span::styled("  Enter, or Esc for what it was", style(Tone::Dim)),
        ]);
    }
    if table.filter.is_empty() {
        return Line::styled(KEYS, style(Tone::Dim));
    }
    Line::styled(
        format!("only {name} with `{}`: Esc shows all  {KEYS}", table.filter),
        style(Tone::Warning),
    )
}

/// The keys, over everything else.
fn help(frame: &mut Frame<'_>, area: Rect) {
    let width = 84.min(area.width);
    let lines = u16::try_from(HELP.len())
        .unwrap_or(0)
        .saturating_add(4)
        .min(area.height);
    let place = Rect {
        x: (area.width - width) / 2,
        y: (area.height - lines) / 2,
        width,
        height: lines,
    };
    let mut text = vec![Line::raw("")];
    for (keys, what) in HELP {
        text.push(Line::raw(format!("  {keys:<28}{what}")));
    }
    text.push(Line::raw(""));
    text.push(Line::styled("  any key goes back", style(Tone::Dim)));
    let paper = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).style(paper), place);
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How the operator looks at it: what is selected, sorted, left out.

use ratatui::widgets::TableState;

use super::column::{self, Column, Order, Row};
use super::destination::{self, DestinationRow};
use super::sample::Wanted;
use super::screen::Screen;
use super::service::{self, ServiceRow};

/// Which table the keys are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// That of services.
    #[default]
    Services,
    /// That of destinations.
    Destinations,
}

/// A table as it is looked at.
#[derive(Clone, Debug)]
pub struct TableView {
    /// Its order.
    pub order: Order,
    /// Only rows with this text are shown.
    pub filter: String,
    /// The name of the selected row, which stays selected wherever it goes.
    pub selected: Option<String>,
    /// Where that is, and which row is the first on the screen.
    pub state: TableState,
    /// How many rows there are on the screen.
    pub height: u16,
}

impl TableView {
    fn new() -> Self {
        Self {
            order: Order {
                column: 0,
                reverse: false,
            },
            filter: String::new(),
            selected: None,
            state: TableState::new(),
            height: 1,
        }
    }

    /// The rows in order and without those that are left out. The selection is made to
    /// be one of them.
    fn arrange<R: Row + Clone>(&mut self, rows: &[R], columns: &[Column<R>]) -> Vec<R> {
        let mut rows = rows.to_vec();
        column::filter(&mut rows, &self.filter);
        self.order.sort(columns, &mut rows);
        let found = self.selected.as_ref();
        let found = found.and_then(|name| rows.iter().position(|row| row.name() == *name));
        // If it is gone, what has come into its place.
        let at = found.or(self.state.selected()).unwrap_or(0);
        let at = at.min(rows.len().saturating_sub(1));
        self.selected = rows.get(at).map(Row::name);
        self.state.select(self.selected.as_ref().map(|_| at));
        rows
    }

    /// Goes so many rows down, or up.
    pub fn go(&mut self, rows: isize) {
        let at = self.state.selected().unwrap_or(0);
        self.state.select(Some(at.saturating_add_signed(rows)));
        // Whatever is there then.
        self.selected = None;
    }

    /// A page, in rows.
    pub fn page(&self) -> isize {
        isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1)
    }
}

/// How the operator looks at it.
#[derive(Clone, Debug)]
pub struct View {
    /// Which table the keys are for.
    pub focus: Pane,
    /// The services.
    pub services: TableView,
    /// The destinations.
    pub destinations: TableView,
    /// The filter that is being written, and what it was before.
    pub typing: Option<String>,
    /// Whether the numbers stand still.
    pub paused: bool,
    /// Whether the keys are explained.
    pub help: bool,
    /// Whether the destinations have the services' place, too.
    pub whole: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            focus: Pane::Services,
            services: TableView::new(),
            destinations: TableView::new(),
            typing: None,
            paused: false,
            help: false,
            whole: false,
        }
    }
}

/// The tables as they are shown.
#[derive(Clone, Debug)]
pub struct Arranged {
    /// The services.
    pub services: Vec<ServiceRow>,
    /// The destinations.
    pub destinations: Vec<DestinationRow>,
}

impl View {
    /// The tables in order; what is selected is among them afterwards.
    pub fn arrange(&mut self, screen: &Screen) -> Arranged {
        Arranged {
            services: self.services.arrange(&screen.services, service::COLUMNS),
            destinations: self
                .destinations
                .arrange(&screen.destinations, destination::COLUMNS),
        }
    }

    /// The table that the keys are for.
    pub fn table(&mut self) -> &mut TableView {
        match self.focus {
            Pane::Services => &mut self.services,
            Pane::Destinations => &mut self.destinations,
        }
    }

    /// How many columns it has.
    pub const fn columns(&self) -> usize {
        match self.focus {
            Pane::Services => service::COLUMNS.len(),
            Pane::Destinations => destination::COLUMNS.len(),
        }
    }

    /// Which destinations are to be looked at.
    pub fn wanted(&self) -> Wanted {
        let selected = self.services.selected.as_ref();
        selected
            .and_then(|name| name.parse().ok())
            .map_or(Wanted::First, Wanted::One)
    }
}

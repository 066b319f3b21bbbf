// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Columns of a table: what stands in them, and how rows are ordered by them.

use std::cmp::Ordering;

/// How a row is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As others.
    #[default]
    Plain,
    /// Of little interest.
    Dim,
    /// Worth a look.
    Warning,
    /// Out of order.
    Bad,
}

/// What is shown in a table.
pub trait Row {
    /// What tells it from the others, for as long as it is there.
    fn name(&self) -> String;
    /// How it is drawn.
    fn tone(&self) -> Tone;
    /// Other words that a filter finds it by.
    fn words(&self) -> String {
        String::new()
    }
}

/// A column of rows of one kind.
pub struct Column<R> {
    /// Its head.
    pub head: &'static str,
    /// How wide it is, the head included.
    pub width: u16,
    /// Words stand to the left, numbers to the right.
    pub words: bool,
    /// What stands in it.
    pub cell: fn(&R) -> String,
    /// Whether a row comes before another, the larger number first.
    pub order: fn(&R, &R) -> Ordering,
}

/// The larger number first, and what is not known last.
pub fn larger(a: Option<f64>, b: Option<f64>) -> Ordering {
    let known = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
    known(b).total_cmp(&known(a))
}

/// The order of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By which column.
    pub column: usize,
    /// Whether it runs backwards.
    pub reverse: bool,
}

impl Order {
    /// Goes to another column, round the end.
    pub fn turn(&mut self, columns: usize, forward: bool) {
        let columns = columns.max(1);
        self.column = if forward {
            (self.column + 1) % columns
        } else {
            (self.column + columns - 1) % columns
        };
        self.reverse = false;
    }

    /// Puts rows in this order; those that are equal by name.
    pub fn sort<R: Row>(self, columns: &[Column<R>], rows: &mut [R]) {
        let Some(column) = columns.get(self.column) else {
            return;
        };
        rows.sort_by(|a, b| {
            let order = (column.order)(a, b);
            let order = if self.reverse { order.reverse() } else { order };
            order.then_with(|| a.name().cmp(&b.name()))
        });
    }
}

/// Leaves the rows that have this text in their name or words, whatever the case.
pub fn filter<R: Row>(rows: &mut Vec<R>, text: &str) {
    if text.is_empty() {
        return;
    }
    let text = text.to_lowercase();
    rows.retain(|row| {
        row.name().to_lowercase().contains(&text) || row.words().to_lowercase().contains(&text)
    });
}

/// How many of the columns, from the first on, fit in a width; one at least.
pub fn fitting<R>(columns: &[Column<R>], width: u16) -> usize {
    let mut used = 0_u16;
    let fit = columns
        .iter()
        .take_while(|column| {
            used = used.saturating_add(column.width).saturating_add(1);
            used <= width.saturating_add(1)
        })
        .count();
    fit.max(1)
}

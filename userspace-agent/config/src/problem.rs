// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is wrong with a text, and where.

use std::fmt;

use serde::Serialize;

/// A place in a text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Place {
    /// That of the byte at `offset`; of the end if there is no such byte.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What it is, and what to do.
    pub words: String,
}

/// All that is wrong with a text; displays as a line for each, as compilers have them:
/// `FILE:LINE:COLUMN: words`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The name of the file.
    pub name: String,
    /// In the order of their places; never empty.
    pub list: Vec<Problem>,
}

/// A problem as programs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Report<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// From 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: &'a str,
}

impl Problems {
    /// Each by itself.
    pub fn reports(&self) -> impl Iterator<Item = Report<'_>> {
        self.list.iter().map(|Problem { place, words }| Report {
            file: &self.name,
            line: place.line,
            column: place.column,
            message: words,
        })
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { place, words }) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{place}: {words}", self.name)?;
        }
        Ok(())
    }
}

/// Problems as they are found.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    name: &'a str,
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Finder<'a> {
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            found: Vec::new(),
        }
    }

    /// One at a byte of the text.
    pub fn add(&mut self, offset: usize, words: impl Into<String>) {
        self.found.push((offset, words.into()));
    }

    pub fn line(&self, offset: usize) -> usize {
        Place::of(self.text, offset).line
    }

    /// Nothing, if nothing was found.
    pub fn end(mut self) -> Result<(), Problems> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort();
        let problem = |(offset, words)| Problem {
            place: Place::of(self.text, offset),
            words,
        };
        Err(Problems {
            name: self.name.to_owned(),
            list: self.found.into_iter().map(problem).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let text = "a\nbéc\n";
        for (offset, line, column) in [(0, 1, 1), (2, 2, 1), (5, 2, 3), (4, 2, 2), (99, 3, 1)] {
            assert_eq!(Place::of(text, offset), Place { line, column }, "{offset}");
        }
    }
}

// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Words, lines and blocks in braces.

use super::Bad;

/// Blocks within blocks, of which keepalived itself has five.
const DEEPEST: usize = 16;

/// A line, and the block that it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Where it is, in bytes.
    pub at: usize,
    /// Its words; there is one at least.
    pub words: Vec<&'a str>,
    /// What is in its braces.
    pub block: Option<Vec<Statement<'a>>>,
}

impl<'a> Statement<'a> {
    /// The first word.
    pub fn name(&self) -> &'a str {
        self.words.first().copied().unwrap_or_default()
    }

    /// A word that has to be there.
    pub fn word(&self, index: usize) -> Result<&'a str, Bad> {
        let word = self.words.get(index).copied();
        word.ok_or_else(|| (self.at, format!("`{}` lacks its value", self.name())))
    }

    /// The block that has to be there.
    pub fn block(&self) -> Result<&[Statement<'a>], Bad> {
        self.block.as_deref().ok_or_else(|| {
            (
                self.at,
                format!("`{}` lacks its block in braces", self.name()),
            )
        })
    }
}

enum Token<'a> {
    Word(&'a str),
    Open,
    Close,
    NewLine,
}

/// The statements of a file.
pub fn parse(text: &str) -> Result<Vec<Statement<'_>>, Bad> {
    let mut open: Vec<Vec<Statement<'_>>> = vec![Vec::new()];
    let mut line: Option<Statement<'_>> = None;
    let mut end = text.len();
    for (at, token) in tokens(text) {
        match token? {
            Token::Word(word) => match &mut line {
                Some(line) => line.words.push(word),
                None => {
                    line = Some(Statement {
                        at,
                        words: vec![word],
                        block: None,
                    });
                }
            },
            Token::NewLine => {
                if let (Some(line), Some(block)) = (line.take(), open.last_mut()) {
                    block.push(line);
                }
            }
            Token::Open => {
                // Of this line, or of the one before if the brace stands alone.
                let alone = line.is_none();
                let before = open.last_mut().filter(|block| {
                    alone && block.last().is_some_and(|before| before.block.is_none())
                });
                let owner = line.take().or_else(|| before.and_then(Vec::pop));
                let Some(owner) = owner else {
                    return Err((at, "`{` opens a block of nothing".into()));
                };
                if open.len() > DEEPEST {
                    return Err((at, "the blocks are too deep".into()));
                }
                if let Some(block) = open.last_mut() {
                    block.push(owner);
                }
                open.push(Vec::new());
                end = at;
            }
            Token::Close => {
                let mut block = open.pop().unwrap_or_default();
                block.extend(line.take());
                let owner = open.last_mut().and_then(|outer| outer.last_mut());
                let Some(owner) = owner else {
                    return Err((at, "`}` closes no block".into()));
                };
                owner.block = Some(block);
            }
        }
    }
    let mut whole = open.pop().unwrap_or_default();
    if !open.is_empty() {
        return Err((end, "`{` is never closed".into()));
    }
    whole.extend(line);
    Ok(whole)
}

/// The tokens of a text, without its comments.
fn tokens(text: &str) -> impl Iterator<Item = (usize, Result<Token<'_>, Bad>)> {
    let mut at = 0;
    std::iter::from_fn(move || loop {
        let rest = text.get(at..)?;
        let first = rest.chars().next()?;
        let begin = at;
        match first {
            '\n' => {
                at += 1;
                return Some((begin, Ok(Token::NewLine)));
            }
            '#' | '!' => at += rest.find('\n').unwrap_or(rest.len()),
            '{' | '}' => {
                at += 1;
                let token = if first == '{' {
                    Token::Open
                } else {
                    Token::Close
                };
                return Some((begin, Ok(token)));
            }
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let end = inside.find(['"', '\n']);
                let Some(end) = end.filter(|end| inside.as_bytes().get(*end) == Some(&b'"')) else {
                    at = text.len();
                    return Some((begin, Err((begin, "the quotes are never closed".into()))));
                };
                at += end + 2;
                return Some((
                    begin,
                    Ok(Token::Word(inside.get(..end).unwrap_or_default())),
                ));
            }
            space if space.is_whitespace() => at += space.len_utf8(),
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "{}\"".contains(c));
                let end = end.unwrap_or(rest.len());
                at += end;
                return Some((begin, Ok(Token::Word(rest.get(..end).unwrap_or_default()))));
            }
        }
    })
}

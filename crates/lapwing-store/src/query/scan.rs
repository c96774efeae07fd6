//! The characters of a query: where words, quotes and brackets begin and end.

use super::QueryError;
use super::pattern::{Pattern, Piece};

/// A word as it stands in the query, its wildcards kept apart from characters that were escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub pieces: Vec<Piece>,
    /// Whether it stood in quotes; then nothing in it is special.
    pub quoted: bool,
}

impl Word {
    pub fn literal(text: &str) -> Self {
        Self { pieces: text.chars().map(Piece::Char).collect(), quoted: true }
    }

    pub fn has_wildcard(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Char(_)))
    }

    pub fn is_star(&self) -> bool {
        self.pieces == [Piece::Any]
    }

    pub fn pattern(&self) -> Pattern {
        Pattern::new(self.pieces.clone())
    }

    /// The word as text, wildcards as they were written.
    pub fn text(&self) -> String {
        let char = |piece: &Piece| match piece {
            Piece::Char(c) => *c,
            Piece::One => '?',
            Piece::Any => '*',
        };
        self.pieces.iter().map(char).collect()
    }
}

/// A place in the query. Positions are in characters.
pub(super) struct Scanner {
    chars: Vec<char>,
    pub at: usize,
}

impl Scanner {
    pub fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0 }
    }

    pub fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes this character if it is next.
    pub fn take(&mut self, expect: char) -> bool {
        let found = self.peek() == Some(expect);
        self.at += usize::from(found);
        found
    }

    /// Takes this operator if it is next and ends there: `AND`, not `ANDROID`.
    pub fn take_operator(&mut self, operator: &str) -> bool {
        let end = self.at + operator.chars().count();
        let is_next = self.chars.get(self.at..end).is_some_and(|chars| chars.iter().copied().eq(operator.chars()));
        let ends = self.chars.get(end).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        if is_next && ends {
            self.at = end;
        }
        is_next && ends
    }

    /// Takes the name of a field with the colon behind it, if that is what comes next.
    pub fn take_field(&mut self) -> Option<String> {
        let rest = &self.chars[self.at..];
        let length = rest.iter().position(|c| *c == ':' || !is_name(*c))?;
        if length == 0 || rest[length] != ':' {
            return None;
        }
        self.at += length + 1;
        Some(rest[..length].iter().collect())
    }

    /// Takes a quoted text; the opening quote is next.
    pub fn take_quoted(&mut self) -> Result<Word, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(fault(start, "a quote is opened and not closed")),
                Some('"') => {
                    self.at += 1;
                    return Ok(Word::literal(&text));
                }
                Some('\\') if self.chars.get(self.at + 1).is_some() => {
                    text.push(self.chars[self.at + 1]);
                    self.at += 2;
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    /// Takes a word up to white space or a parenthesis.
    pub fn take_word(&mut self) -> Result<Word, QueryError> {
        let mut pieces = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() || matches!(c, '(' | ')' | '"') => break,
                '\\' => {
                    self.at += 1;
                    let escaped = self.peek().ok_or_else(|| fault(self.at - 1, "nothing follows the backslash"))?;
                    pieces.push(Piece::Char(escaped));
                }
                '*' => pieces.push(Piece::Any),
                '?' => pieces.push(Piece::One),
                c => pieces.push(Piece::Char(c)),
            }
            self.at += 1;
        }
        pieces.dedup_by(|a, b| *a == Piece::Any && *b == Piece::Any);
        Ok(Word { pieces, quoted: false })
    }

    /// The text between the bracket that is next and the one that closes it, with both; nothing if no bracket
    /// closes it before a line's end. Quotes inside are respected.
    pub fn bracketed(&self) -> Option<(char, String, char, usize)> {
        let open = self.peek()?;
        let mut quoted = false;
        for (offset, &c) in self.chars[self.at + 1..].iter().enumerate() {
            match c {
                '"' => quoted = !quoted,
                ']' | '}' if !quoted => {
                    let text = self.chars[self.at + 1..self.at + 1 + offset].iter().collect();
                    return Some((open, text, c, self.at + offset + 2));
                }
                _ => {}
            }
        }
        None
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')
}

pub(super) fn fault(position: usize, message: impl Into<String>) -> QueryError {
    QueryError { position, message: message.into(), suggestion: None }
}

//! Patterns of keywords and words: wildcards, `*` for any run of characters and `?` for one, or a regular
//! expression.

use super::regexp::Regexp;

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This character.
    Char(char),
    /// One character.
    One,
    /// Any run of characters.
    Any,
}

/// A pattern over a whole keyword or word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Wildcard(Vec<Piece>),
    Regexp(Regexp),
}

impl Pattern {
    pub(crate) fn new(pieces: Vec<Piece>) -> Self {
        Self(Form::Wildcard(pieces))
    }

    pub(crate) fn regexp(regexp: Regexp) -> Self {
        Self(Form::Regexp(regexp))
    }

    /// Reads `*` and `?`; everything else stands for itself.
    pub fn wildcard(text: &str) -> Self {
        Self::new(pieces(text))
    }

    /// What starts with this text.
    pub fn prefix(text: &str) -> Self {
        Self::new(text.chars().map(Piece::Char).chain([Piece::Any]).collect())
    }

    /// The text before the first wildcard: every match starts with it.
    pub fn literal_prefix(&self) -> String {
        match &self.0 {
            Form::Wildcard(pieces) => {
                pieces.iter().map_while(|piece| if let Piece::Char(c) = piece { Some(*c) } else { None }).collect()
            }
            Form::Regexp(_) => String::new(),
        }
    }

    /// The pattern as it matches words, which are lower case.
    pub(crate) fn lowercase(&self) -> Self {
        let lower = |piece: &Piece| -> Vec<Piece> {
            match piece {
                Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
                other => vec![*other],
            }
        };
        match &self.0 {
            Form::Wildcard(pieces) => Self::new(pieces.iter().flat_map(lower).collect()),
            Form::Regexp(_) => self.clone(),
        }
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Form::Wildcard(pieces) => fits(pieces, text),
            Form::Regexp(regexp) => regexp.matches(text),
        }
    }
}

/// The pieces of a text with `*` and `?`.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let piece = |c| match c {
        '*' => Piece::Any,
        '?' => Piece::One,
        c => Piece::Char(c),
    };
    text.chars().map(piece).collect()
}

/// Linear in both for each `*`: only the last `*` is ever taken back.
fn fits(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut piece, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pieces.get(piece) {
            Some(Piece::Any) => {
                retry = Some((piece + 1, at));
                piece += 1;
                continue;
            }
            Some(Piece::One) if at < text.len() => (piece, at) = (piece + 1, at + 1),
            Some(Piece::Char(c)) if text.get(at) == Some(c) => (piece, at) = (piece + 1, at + 1),
            None if at == text.len() => return true,
            _ => match &mut retry {
                Some((after, from)) if *from < text.len() => {
                    *from += 1;
                    (piece, at) = (*after, *from);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::wildcard(text)
    }

    #[test]
    fn matches_the_whole_text() {
        let check = |text: &str, word: &str, expect| assert_eq!(pattern(text).matches(word), expect, "{text} {word}");
        check("ref*", "refund", true);
        check("ref*", "ref", true);
        check("ref*", "prefund", false);
        check("*und", "refund", true);
        check("r?fund", "refund", true);
        check("r?fund", "rfund", false);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check("*ab", "aab", true);
        check("*", "", true);
        check("?", "", false);
        check("ü?", "üß", true);
        check(&"*a".repeat(20), &"b".repeat(2_000), false);
    }

    #[test]
    fn knows_its_literal_prefix() {
        assert_eq!(pattern("ab?c*").literal_prefix(), "ab");
        assert_eq!(pattern("*x").literal_prefix(), "");
        assert_eq!(Pattern::prefix("Ab").lowercase(), pattern("ab*"));
    }
}

//! Conditions made from field names and values instead of query text, for callers with a grammar of their own.

use std::ops::Bound;

use lapwing_event::{Field, IndexAs, Timestamp};

use super::names::{nearest, resolve};
use super::pattern::{Pattern, Piece, pieces};
use super::regexp::Regexp;
use super::scan::Word;
use super::{Condition, Query, Target, Test, value};
use crate::tokenizer;

/// Builds conditions; a fault is said in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Builder {
    /// What `now` means.
    pub now: Timestamp,
}

impl Builder {
    /// The field is this value; in a text, the words in this order.
    pub fn equals(&self, field: &str, value: &str) -> Result<Query, String> {
        self.each(field, |target| value::equals(target, &Word::literal(value), self.now))
    }

    /// The field matches a wildcard pattern.
    pub fn wildcard(&self, field: &str, pattern: &str) -> Result<Query, String> {
        let word = Word { pieces: pieces(pattern), quoted: false };
        self.each(field, |target| value::equals(target, &word, self.now))
    }

    /// The field, or a word of it, starts with this.
    pub fn prefix(&self, field: &str, prefix: &str) -> Result<Query, String> {
        let word = Word { pieces: prefix.chars().map(Piece::Char).chain([Piece::Any]).collect(), quoted: false };
        self.each(field, |target| value::equals(target, &word, self.now))
    }

    /// The field, or a word of it, matches a regular expression; with `fold`, the case of letters does not count.
    pub fn regexp(&self, field: &str, source: &str, fold: bool) -> Result<Query, String> {
        let pattern = Pattern::regexp(Regexp::new(source, fold)?);
        self.each(field, |target| match target {
            Target::Field(Field { index: IndexAs::Keyword | IndexAs::Text, .. }) => Ok(Test::Pattern(pattern.clone())),
            _ => Err("a regular expression needs a keyword or a text".to_owned()),
        })
    }

    /// The text has all, or any, of these words, wherever they stand.
    pub fn words(&self, field: Option<&str>, text: &str, all: bool) -> Result<Query, String> {
        let words = tokenizer::tokens(text);
        if words.is_empty() {
            return Err(format!("{text:?} has no letter or digit to search for"));
        }
        let word = |word: &String| match field {
            Some(field) => self.equals(field, word),
            None => Ok(condition(Target::Content, Test::Words(vec![word.clone()]))),
        };
        let words = words.iter().map(word).collect::<Result<_, _>>()?;
        Ok(if all { Query::And(words) } else { Query::Or(words) })
    }

    /// Whether the field is full text.
    pub fn is_text(&self, field: &str) -> Result<bool, String> {
        let is_text = |target: &Target| matches!(target, Target::Field(field) if field.index == IndexAs::Text);
        Ok(targets(field)?.iter().all(is_text))
    }

    /// The words in this order in any content.
    pub fn phrase(&self, text: &str) -> Result<Query, String> {
        Ok(condition(Target::Content, value::equals(&Target::Content, &Word::literal(text), self.now)?))
    }

    /// The field lies between these.
    pub fn range(&self, field: &str, lower: Bound<String>, upper: Bound<String>) -> Result<Query, String> {
        self.each(field, |target| value::range(target, lower.clone(), upper.clone(), self.now))
    }

    /// The field is there.
    pub fn exists(&self, field: &str) -> Result<Query, String> {
        self.each(field, |_| Ok(Test::Exists))
    }

    fn each(&self, field: &str, test: impl Fn(&Target) -> Result<Test, String>) -> Result<Query, String> {
        let queries = targets(field)?.into_iter().map(|target| Ok(condition(target.clone(), test(&target)?)));
        Ok(Query::Or(queries.collect::<Result<_, String>>()?))
    }
}

fn targets(field: &str) -> Result<Vec<Target>, String> {
    // Elasticsearch's clients append it to ask for the exact value of a text; our keywords are exact.
    let name = field.strip_suffix(".keyword").unwrap_or(field);
    resolve(name).ok_or_else(|| {
        let hint = nearest(name).map(|known| format!("; did you mean {known:?}?")).unwrap_or_default();
        format!("there is no field {name:?}{hint}")
    })
}

fn condition(target: Target, test: Test) -> Query {
    Query::Is(Condition { target, test, position: 0 })
}

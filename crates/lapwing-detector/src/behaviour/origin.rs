//! Where a value was first seen in a session: the prompt, a tool's output, an earlier argument, or nowhere.
//!
//! Owns the session's index of terms. It keeps hashes only, a bounded number of them, and never forgets the
//! first origin of a term: what the user said first stays the user's, whatever a tool repeats later.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::bloom::Bloom;
use super::text::{Lexeme, Shape, Term, group, lexemes, term_of};

/// The first place a value was seen in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// What the user wrote.
    Prompt,
    /// An argument of an earlier call, found nowhere before.
    Argument,
    /// The output of the call with this index in the session.
    Output(u8),
    /// Nowhere: made up, computed or remembered by the model.
    Unseen,
}

/// Where a term was first seen: its origin, and how long the sentence was that held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    /// Words of the sentence, at most 63: a field of a record has few, prose has many.
    pub(crate) words: u8,
}

impl Place {
    pub(crate) const UNSEEN: Place = Place { origin: Origin::Unseen, words: 0 };

    /// 0 for a field, 1 for a sentence of eight words or more.
    pub(crate) fn prose(self) -> f32 {
        f32::from(self.words.saturating_sub(2).min(6)) / 6.0
    }
}

/// First places of terms and word pairs, at most `limit` of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    /// By term: the code of its origin, and the words of its sentence with the marks below.
    first: FxHashMap<Term, (u8, u8)>,
    limit: usize,
    /// What is left of the prompt's words and of the names in outputs once the session has been asleep.
    faded: [Bloom; 2],
}

const PROMPT: u8 = 0;
const ARGUMENT: u8 = 1;
const FIRST_OUTPUT: u8 = 2;
/// The output of a faded name: there was one, which is not known any more.
const FADED_OUTPUT: u8 = u8::MAX;

/// Marks of a name, and of a pair of words.
const NAME: u8 = 1 << 7;
const PAIR: u8 = 1 << 6;
const WORDS: u8 = PAIR - 1;

/// Bytes left of the prompt's words and of the names in outputs.
const FADED_BYTES: [usize; 2] = [160, 200];

/// Words of one text that are indexed; what stands behind them is not looked at.
pub(crate) const MAX_LEXEMES: usize = 6_000;

impl Index {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Learns every term and word pair of `text` as coming from `origin`.
    pub(crate) fn learn(&mut self, text: &str, origin: Origin) {
        self.learn_lexemes(lexemes(text).take(MAX_LEXEMES), Place { origin, words: 0 }, None);
    }

    /// Learns lexemes as coming from `place`, the first of them as following `last`; returns the last.
    pub(crate) fn learn_lexemes<'a>(
        &mut self,
        lexemes: impl Iterator<Item = Lexeme<'a>>,
        place: Place,
        mut last: Option<Term>,
    ) -> Option<Term> {
        let code = match place.origin {
            Origin::Prompt => PROMPT,
            Origin::Argument => ARGUMENT,
            Origin::Output(call) => call.saturating_add(FIRST_OUTPUT),
            Origin::Unseen => return last,
        };
        let words = place.words.min(WORDS);
        for lexeme in lexemes {
            let name = if lexeme.shape == Shape::Identifier { NAME } else { 0 };
            self.put(lexeme.term, (code, words | name));
            if let Some(last) = last {
                self.put(group(&[last, lexeme.term]), (code, words | PAIR));
            }
            last = Some(lexeme.term);
            for part in parts(&lexeme) {
                self.put(term_of(part), (code, words));
            }
        }
        last
    }

    fn put(&mut self, term: Term, place: (u8, u8)) {
        if self.first.len() < self.limit {
            self.first.entry(term).or_insert(place);
        }
    }

    /// First place of one term.
    pub(crate) fn place(&self, term: Term) -> Place {
        let Some(&(code, marks)) = self.first.get(&term) else { return self.faded_place(term) };
        let origin = match code {
            PROMPT => Origin::Prompt,
            ARGUMENT => Origin::Argument,
            code => Origin::Output(code - FIRST_OUTPUT),
        };
        Place { origin, words: marks & WORDS }
    }

    fn faded_place(&self, term: Term) -> Place {
        let [prompt, names] = &self.faded;
        let origin = match () {
            () if prompt.holds(term) => Origin::Prompt,
            () if names.holds(term) => Origin::Output(FADED_OUTPUT - FIRST_OUTPUT),
            () => return Place::UNSEEN,
        };
        Place { origin, words: 0 }
    }

    /// Forgets all but the prompt's words and the names in outputs, and of these where they stood.
    pub(crate) fn fade(&mut self) {
        let mut first: Vec<_> = std::mem::take(&mut self.first).into_iter().collect();
        // A map has no order, and a replay has to forget the same.
        first.sort_unstable();
        let words = first.iter().filter(|(_, (code, marks))| *code == PROMPT && marks & PAIR == 0);
        self.faded[0].fill(words.map(|(term, _)| *term), FADED_BYTES[0]);
        let names = first.iter().filter(|(_, (code, marks))| *code >= FIRST_OUTPUT && marks & NAME != 0);
        self.faded[1].fill(names.map(|(term, _)| *term), FADED_BYTES[1]);
    }

    /// First origin of one term.
    pub(crate) fn of(&self, term: Term) -> Origin {
        self.place(term).origin
    }

    /// First place of a phrase: the one by which all its words and word pairs were known, none if one is unknown.
    pub(crate) fn place_of_phrase(&self, terms: &[Term]) -> Place {
        // Pairs of words do not outlast a sleep: what is not known of them then says nothing.
        let asleep = self.faded != <[Bloom; 2]>::default();
        let pairs = terms.windows(2).map(|w| self.place(group(w))).filter(|p| !asleep || *p != Place::UNSEEN);
        terms.iter().map(|t| self.place(*t)).chain(pairs).max().unwrap_or(Place::UNSEEN)
    }

    /// Share of the words of a longer text that the prompt holds.
    pub(crate) fn prompt_share(&self, terms: &[Term]) -> f32 {
        if terms.is_empty() {
            return 0.0;
        }
        terms.iter().filter(|t| self.of(**t) == Origin::Prompt).count() as f32 / terms.len() as f32
    }
}

/// The alphanumeric parts of a joined lexeme (`user_id` → `user`, `id`), empty for a plain word or quantity.
pub(crate) fn parts<'a>(lexeme: &Lexeme<'a>) -> impl Iterator<Item = &'a str> {
    let joined = lexeme.shape != Shape::Quantity
        && !lexeme.text.starts_with('[')
        && lexeme.text.bytes().any(|b| b.is_ascii_punctuation());
    let text = if joined { lexeme.text } else { "" };
    text.split(|c: char| !c.is_alphanumeric()).filter(|p| p.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<Term> {
        lexemes(text).map(|l| l.term).collect()
    }

    #[test]
    fn the_first_origin_wins_and_a_phrase_needs_its_words_in_order() {
        let mut index = Index::new(1_000);
        index.learn("Book the Riverside View for anna@x.com", Origin::Prompt);
        index.learn("Riverside View is full, ask bob@y.com at Good Night", Origin::Output(3));
        for (phrase, expect) in [
            ("Riverside View", Origin::Prompt),
            ("ANNA@x.com", Origin::Prompt),
            ("bob@y.com", Origin::Output(3)),
            ("Good Night", Origin::Output(3)),
            ("Night Good", Origin::Unseen),
            ("Luxury Palace", Origin::Unseen),
        ] {
            assert_eq!(index.place_of_phrase(&terms(phrase)).origin, expect, "{phrase}");
        }
    }

    #[test]
    fn the_index_stays_within_its_limit() {
        let mut index = Index::new(10);
        index.learn(&"word".repeat(3), Origin::Prompt);
        let many: String = (0..1_000).map(|i| format!("w{i} ")).collect();
        index.learn(&many, Origin::Output(0));
        assert_eq!(index.first.len(), 10);
    }
}

//! The one automaton over all structured types: every format's pattern in a single DFA, run at the beginning of each
//! token, so that one walk over a few bytes finds all formats that begin there. A format's judge then decides.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

use crate::context::{Class, Mentions};
use crate::entity::EntityType;
use crate::field::Field;
use crate::recognizers::FORMATS;

/// A written form of personal data: a pattern in ASCII, without look-around, and who decides on a match.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) entity: EntityType,
    /// Matched from the beginning of a token; the end must be the end of a token too.
    pub(crate) pattern: &'static str,
    pub(crate) judge: fn(&Candidate<'_>) -> Option<u8>,
}

/// A stretch that has the form; what a judge sees.
pub(crate) struct Candidate<'t> {
    pub(crate) text: &'t str,
    pub(crate) range: Range<usize>,
    /// How many of its characters are digits.
    pub(crate) digits: usize,
    pub(crate) mentions: &'t Mentions,
    /// The field whose value the candidate stands in.
    pub(crate) field: Option<Field>,
    /// Whether the candidate is all there is of the value or of the text.
    pub(crate) alone: bool,
}

/// Confidence of a value whose checksum holds and whose form is unmistakable.
pub(crate) const CHECKED: u8 = 90;
/// Confidence of a form with a word for it nearby.
pub(crate) const NAMED: u8 = 75;
/// Confidence of a form that stands alone, as an answer does.
pub(crate) const ALONE: u8 = 60;
/// Confidence of a form that few other things have.
pub(crate) const SHAPED: u8 = 65;

impl<'t> Candidate<'t> {
    pub(crate) fn value(&self) -> &'t str {
        &self.text[self.range.clone()]
    }

    /// The values of the digits, everything else left out.
    pub(crate) fn digits(&self) -> Digits {
        Digits::of(self.value())
    }

    /// Letters in upper case and digits, everything else left out.
    pub(crate) fn compact(&self) -> String {
        let kept = self.value().bytes().filter(u8::is_ascii_alphanumeric);
        kept.map(|b| char::from(b.to_ascii_uppercase())).collect()
    }

    pub(crate) fn near(&self, class: Class) -> bool {
        self.mentions.near(class, &self.range)
    }

    /// Whether only a field or a word that names other numbers stands before it.
    pub(crate) fn is_reference(&self) -> bool {
        self.field == Some(Field::Reference) || self.mentions.before(Class::REFERENCE, self.range.start, 12).is_some()
    }

    /// Confidence of a value without a checksum: only where a word of `class` or its field names it.
    pub(crate) fn if_named(&self, class: Class) -> Option<u8> {
        let named = self.field.is_some_and(|field| field.class().meets(class)) || self.near(class);
        (named && self.field != Some(Field::Reference)).then_some(NAMED)
    }

    /// As [`Candidate::if_named`], or where it is the whole answer.
    pub(crate) fn if_named_or_alone(&self, class: Class) -> Option<u8> {
        self.if_named(class).or(self.alone.then_some(ALONE))
    }

    /// Confidence of a value whose checksum holds.
    pub(crate) fn if_checked(&self, holds: bool) -> Option<u8> {
        (holds && !self.is_reference()).then_some(CHECKED)
    }
}

/// Up to forty digit values.
pub(crate) struct Digits {
    values: [u8; 40],
    len: usize,
}

impl Digits {
    /// Those of `value`, everything else left out.
    pub(crate) fn of(value: &str) -> Self {
        let mut digits = Self { values: [0; 40], len: 0 };
        let values = value.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0');
        for (slot, value) in digits.values.iter_mut().zip(values) {
            *slot = value;
            digits.len += 1;
        }
        digits
    }
}

impl std::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.values[..self.len]
    }
}

/// Longest value that has a format, in bytes.
const MAX_LENGTH: usize = 64;

/// Most separators in a value that has a format.
const MAX_SEPARATORS: usize = 9;

struct Formats {
    dfa: dense::DFA<Vec<u32>>,
    /// The state of every beginning: no format looks at what stands before it.
    start: StateID,
    all: Vec<&'static Format>,
}

static AUTOMATON: LazyLock<Formats> = LazyLock::new(|| {
    let all: Vec<&Format> = FORMATS.iter().copied().flatten().collect();
    let patterns: Vec<&str> = all.iter().map(|format| format.pattern).collect();
    let dfa = dense::Builder::new()
        .configure(dense::Config::new().match_kind(MatchKind::All).start_kind(regex_automata::dfa::StartKind::Anchored))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build_many(&patterns)
        .expect("the format table holds valid patterns");
    let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).expect("the automaton is anchored");
    Formats { dfa, start, all }
});

/// Calls `found` with each place where formats that match from `at` end, how many digits they have, and the formats.
pub(crate) fn matches_at(
    bytes: &[u8],
    at: usize,
    mut found: impl FnMut(usize, usize, &mut dyn Iterator<Item = &'static Format>),
) {
    let Formats { dfa, start, all } = &*AUTOMATON;
    let mut state = *start;
    let mut end = at;
    let (mut digits, mut separators) = (0, 0);
    while end - at <= MAX_LENGTH {
        state = match bytes.get(end) {
            Some(&byte) => dfa.next_state(state, byte),
            None => dfa.next_eoi_state(state),
        };
        if dfa.is_special_state(state) {
            if dfa.is_dead_state(state) {
                return;
            }
            if dfa.is_match_state(state) && ends_token(bytes, end) {
                let patterns = (0..dfa.match_len(state)).map(|i| dfa.match_pattern(state, i).as_usize());
                found(end, digits, &mut patterns.map(|pattern| all[pattern]));
            }
        }
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_digit() => digits += 1,
            Some(byte) if byte.is_ascii_alphabetic() => {}
            Some(_) if separators < MAX_SEPARATORS => separators += 1,
            _ => return,
        }
        end += 1;
    }
}

/// Whether a token may end before `end`: no letter, digit or underscore goes on.
fn ends_token(bytes: &[u8], end: usize) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match bytes.get(end) {
        Some(&next) => !(inside(next) && inside(bytes[end - 1])),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compiles_and_names_are_unique() {
        let mut names: Vec<&str> = AUTOMATON.all.iter().map(|format| format.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        assert!(before > 50);
        // The walk must stay in the processor's cache.
        assert!(AUTOMATON.dfa.memory_usage() < 8 << 20, "{}", AUTOMATON.dfa.memory_usage());
    }
}

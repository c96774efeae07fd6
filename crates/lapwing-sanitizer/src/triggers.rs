//! The first pass: one automaton over short signs (`@`, `://`, a digit, a capital) that say where a recognizer must look.
//! Finds places only; a place is cheap, and most lead to nothing.

use std::sync::LazyLock;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

/// A sign, named after what it may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The byte before the offset is an `@`.
    At,
    /// The byte before the offset is the first digit of a run of digits.
    Digit,
    /// The byte before the offset is the second colon of a sixth-version address, or the first of its `::`.
    Colon,
    /// The byte before the offset is a `:` or `=` after a key.
    Assign,
    /// The byte before the offset closes the tag of an element.
    Tag,
    /// The three bytes before the offset are `://`.
    Scheme,
    /// The byte before the offset is a capital at the beginning of a word, or the lead byte of one beyond ASCII.
    Capital,
    /// The twenty bytes before the offset begin a run of letters, digits and the signs of Base64.
    LongToken,
}

const PATTERNS: [(Trigger, &str); 8] = [
    (Trigger::At, "@"),
    (Trigger::Digit, r"(?:\A|[^0-9])[0-9]"),
    (Trigger::Colon, r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:|::"),
    (Trigger::Assign, r#"[A-Za-z0-9_"'`\])}\x80-\xff][ \t]{0,2}[:=]"#),
    (Trigger::Tag, r#"[A-Za-z0-9_"']>"#),
    (Trigger::Scheme, "://"),
    (Trigger::Capital, r"(?:\A|[^A-Za-z0-9\x80-\xff])(?:[A-Z]|[\xc3-\xc9\xcc-\xd3])"),
    (Trigger::LongToken, r"(?:\A|[^A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{20}"),
];

static AUTOMATON: LazyLock<dense::DFA<Vec<u32>>> = LazyLock::new(|| {
    let patterns: Vec<&str> = PATTERNS.iter().map(|(_, pattern)| *pattern).collect();
    dense::Builder::new()
        .configure(dense::Config::new().match_kind(MatchKind::All).start_kind(StartKind::Unanchored))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build_many(&patterns)
        .expect("the trigger patterns are valid")
});

/// Calls `found` with every trigger of `bytes` and the offset where it ends, in order of the offsets.
pub(crate) fn each(bytes: &[u8], mut found: impl FnMut(Trigger, usize)) {
    let dfa = &*AUTOMATON;
    let config = start::Config::new().anchored(Anchored::No);
    let mut state = dfa.start_state(&config).expect("the automaton was built for unanchored search");
    // A match is reported one byte late.
    for (end, &byte) in bytes.iter().enumerate() {
        state = dfa.next_state(state, byte);
        if dfa.is_special_state(state) && dfa.is_match_state(state) {
            for i in 0..dfa.match_len(state) {
                found(PATTERNS[dfa.match_pattern(state, i).as_usize()].0, end);
            }
        }
    }
    state = dfa.next_eoi_state(state);
    if dfa.is_match_state(state) {
        for i in 0..dfa.match_len(state) {
            found(PATTERNS[dfa.match_pattern(state, i).as_usize()].0, bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(Trigger, usize)]) {
        let mut all = Vec::new();
        each(text.as_bytes(), |trigger, end| all.push((trigger, end)));
        assert_eq!(all, expect, "{text:?}");
    }

    #[test]
    fn signs_are_found_where_they_end() {
        check("a@b", &[(Trigger::At, 2)]);
        check("12 3", &[(Trigger::Digit, 1), (Trigger::Digit, 4)]);
        check("k=v", &[(Trigger::Assign, 2)]);
        check("say Hi", &[(Trigger::Capital, 5)]);
    }
}

//! Words that order, and what they order: verb classes, effects, and the parts that words play around an order.
//!
//! Owns the lookup from a word to its meaning. The words stand in [`tables`].

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::text::{Lexeme, Term, term_of};

mod tables;

/// A set of verb classes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Acts(pub(crate) u16);

impl Acts {
    pub(crate) const READ: Acts = Acts(1);
    pub(crate) const SEND: Acts = Acts(1 << 1);
    pub(crate) const PAY: Acts = Acts(1 << 2);
    pub(crate) const CREATE: Acts = Acts(1 << 3);
    pub(crate) const UPDATE: Acts = Acts(1 << 4);
    pub(crate) const DELETE: Acts = Acts(1 << 5);
    pub(crate) const RUN: Acts = Acts(1 << 6);
    pub(crate) const GRANT: Acts = Acts(1 << 7);
    pub(crate) const VISIT: Acts = Acts(1 << 8);

    pub(crate) const fn union(self, other: Acts) -> Acts {
        Acts(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Acts) -> Acts {
        Acts(self.0 & other.0)
    }

    pub(crate) const fn without(self, other: Acts) -> Acts {
        Acts(self.0 & !other.0)
    }

    pub(crate) const fn overlaps(self, other: Acts) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any class but reading is present: the call changes something.
    pub(crate) const fn writes(self) -> bool {
        self.0 & !(Acts::READ.0 | Acts::VISIT.0) != 0
    }

    /// Whether data leaves: sending, paying, visiting an address.
    pub(crate) const fn leaves(self) -> bool {
        self.overlaps(Acts(Acts::SEND.0 | Acts::PAY.0 | Acts::VISIT.0))
    }
}

/// The parts a word can play around an order, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Role(u16);

impl Role {
    pub(crate) const LEADS: Role = Role(1);
    pub(crate) const DEMANDS: Role = Role(1 << 1);
    pub(crate) const OPENS: Role = Role(1 << 2);
    pub(crate) const MODAL: Role = Role(1 << 3);
    pub(crate) const READER: Role = Role(1 << 4);
    pub(crate) const LINKS: Role = Role(1 << 5);
    pub(crate) const CONTINUES: Role = Role(1 << 6);
    pub(crate) const MACHINE: Role = Role(1 << 7);
    pub(crate) const PERSON: Role = Role(1 << 8);
    pub(crate) const OVERRIDES: Role = Role(1 << 9);
    pub(crate) const DELEGATES: Role = Role(1 << 10);
}

/// What is known of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Word {
    /// The classes of a verb in a form that can order.
    pub(crate) acts: Acts,
    /// The classes of a word of the verb's family in any form.
    pub(crate) about: Acts,
    roles: u16,
}

impl Word {
    pub(crate) const fn plays(self, role: Role) -> bool {
        self.roles & role.0 != 0
    }
}

static WORDS: LazyLock<FxHashMap<Term, Word>> = LazyLock::new(|| {
    let mut words: FxHashMap<Term, Word> = FxHashMap::default();
    for (acts, list) in tables::VERBS.iter().chain(tables::FOREIGN_VERBS) {
        for verb in list.split_whitespace() {
            let word = words.entry(term_of(verb)).or_default();
            word.acts = word.acts.union(*acts);
            word.about = word.about.union(*acts);
        }
    }
    for (acts, verb) in tables::VERBS.iter().flat_map(|(acts, list)| list.split_whitespace().map(move |v| (acts, v))) {
        for inflected in inflections(verb) {
            let word = words.entry(term_of(&inflected)).or_default();
            word.about = word.about.union(*acts);
        }
    }
    for (acts, list) in tables::RELATED {
        for related in list.split_whitespace() {
            let word = words.entry(term_of(related)).or_default();
            word.about = word.about.union(*acts);
        }
    }
    for (role, list) in tables::ROLES {
        for player in list.split_whitespace() {
            words.entry(term_of(player)).or_default().roles |= role.0;
        }
    }
    words
});

/// The regular forms of an English verb.
fn inflections(verb: &str) -> Vec<String> {
    let mut forms: Vec<String> = ["s", "es", "ed", "ing", "ment", "er"].iter().map(|e| format!("{verb}{e}")).collect();
    if let Some(root) = verb.strip_suffix('e') {
        forms.extend(["ed", "ing", "er"].iter().map(|e| format!("{root}{e}")));
    }
    if let Some(root) = verb.strip_suffix('y') {
        forms.extend(["ies", "ied"].iter().map(|e| format!("{root}{e}")));
    }
    if let Some(last) = verb.chars().last() {
        forms.extend(["ed", "ing"].iter().map(|e| format!("{verb}{last}{e}")));
    }
    forms
}

/// What is known of the word with this hash.
pub(crate) fn word(term: Term) -> Word {
    WORDS.get(&term).copied().unwrap_or_default()
}

/// What is known of a lexeme: its word, or the verbs inside a run of a script that writes no spaces.
pub(crate) fn word_of(lexeme: &Lexeme<'_>) -> Word {
    if !lexeme.text.is_ascii() && lexeme.text.chars().any(|c| c >= '\u{3040}') {
        let holds = |(_, verbs): &&(Acts, &[&str])| verbs.iter().any(|v| lexeme.text.contains(v));
        let acts = tables::UNSPACED_VERBS.iter().filter(holds).fold(Acts::default(), |all, (acts, _)| all.union(*acts));
        return Word { acts, about: acts, roles: 0 };
    }
    word(lexeme.term)
}

/// A light stem: the word without its plural, past or progressive ending.
pub(crate) fn stem(word: &str) -> &str {
    for suffix in ["ations", "ation", "ings", "ing", "ies", "ed", "es", "s"] {
        if let Some(root) = word.strip_suffix(suffix)
            && root.len() >= 3
            && !(suffix == "s" && root.ends_with('s'))
        {
            return root.strip_suffix('e').filter(|r| r.len() >= 3).unwrap_or(root);
        }
    }
    word.strip_suffix('e')
        .filter(|r| r.len() >= 3)
        .or_else(|| word.strip_suffix('y').filter(|r| r.len() >= 3))
        .unwrap_or(word)
}

/// The hash of a word's stem, whatever its case.
pub(crate) fn stem_term(text: &str) -> Term {
    // Most words are short and ASCII: no allocation for these.
    let mut buffer = [0u8; 32];
    if text.is_ascii()
        && let Some(bytes) = buffer.get_mut(..text.len())
    {
        bytes.copy_from_slice(text.as_bytes());
        bytes.make_ascii_lowercase();
        if let Ok(lower) = std::str::from_utf8(bytes) {
            return term_of(stem(lower));
        }
    }
    term_of(stem(&text.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_map_to_what_they_do() {
        for (text, act, yes) in [
            ("sending", Acts::SEND, true),
            ("Updates", Acts::UPDATE, true),
            ("deleted", Acts::DELETE, true),
            ("cancelling", Acts::DELETE, true),
            ("payment", Acts::PAY, true),
            ("calendar", Acts::CREATE, false),
            ("überweise", Acts::PAY, true),
            ("ÜBERWEISE", Acts::PAY, true),
        ] {
            assert_eq!(word(term_of(text)).about.overlaps(act), yes, "{text}");
        }
        assert!(!word(term_of("get")).acts.writes());
        assert!(word(term_of("visit")).acts.leaves() && !word(term_of("visit")).acts.writes());
        assert!(word(term_of("sending")).acts.is_empty(), "a participle orders nothing");
    }

    #[test]
    fn stems_join_inflections() {
        for (a, b) in [
            ("hotels", "hotel"),
            ("messages", "message"),
            ("reservation", "reserve"),
            ("sending", "send"),
            ("files", "file"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} {b}");
            assert_eq!(stem_term(&a.to_uppercase()), stem_term(b));
        }
    }
}

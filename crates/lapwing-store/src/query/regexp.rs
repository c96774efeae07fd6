//! Regular expressions as Lucene writes them, over a whole keyword or word.
//!
//! They are matched by finite automata, so that no expression takes more than linear time; what Lucene has beyond
//! them (`~ & < > @ # "`) is refused unless it is escaped.

use regex::{Regex, RegexBuilder};

/// An expression is at most this long, in bytes.
const MAX_BYTES: usize = 1_000;
/// Its automaton takes at most this much memory.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A regular expression that is matched against a whole text.
#[derive(Debug, Clone)]
pub(crate) struct Regexp {
    compiled: Regex,
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        self.compiled.as_str() == other.compiled.as_str()
    }
}

impl Eq for Regexp {}

impl Regexp {
    /// Reads an expression; with `fold`, the case of letters does not count. A fault is said in words.
    pub fn new(source: &str, fold: bool) -> Result<Self, String> {
        if source.len() > MAX_BYTES {
            return Err(format!("regular expression is {} bytes long; at most {MAX_BYTES} are read", source.len()));
        }
        let compiled = RegexBuilder::new(&format!("^(?:{})$", translate(source)?))
            .case_insensitive(fold)
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED_BYTES)
            .build();
        let compiled = compiled.map_err(|_| format!("{source:?} is no regular expression that can be read"))?;
        Ok(Self { compiled })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

/// Lucene anchors by itself, so `^` and `$` are characters there.
fn translate(source: &str) -> Result<String, String> {
    let mut translated = String::with_capacity(source.len());
    let (mut escaped, mut in_class) = (false, false);
    for c in source.chars() {
        match c {
            _ if escaped => {
                // A backslash makes any character itself; the classes that letters name elsewhere are not Lucene's.
                if !c.is_alphanumeric() {
                    translated.push('\\');
                }
                translated.push(c);
            }
            '\\' => {}
            '[' | ']' => {
                in_class = c == '[';
                translated.push(c);
            }
            '^' | '$' if !in_class => translated.extend(['\\', c]),
            '~' | '&' | '<' | '>' | '@' | '#' | '"' if !in_class => {
                return Err(format!("{c:?} in a regular expression is not supported; write \\{c} for the character"));
            }
            c => translated.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    Ok(translated)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn matches_whole_texts_as_lucene_does() {
        let check = |source: &str, fold: bool, text: &str, expect: bool| {
            assert_eq!(Regexp::new(source, fold).unwrap().matches(text), expect, "{source} {text}");
        };
        check(".*event", false, "pushevent", true);
        check("event", false, "pushevent", false);
        check("PUSH.*", false, "pushevent", false);
        check("PUSH.*", true, "pushevent", true);
        check("a|bc", false, "bc", true);
        check("a|bc", false, "abc", false);
        check("red$", false, "red", false);
        check("red$", false, "red$", true);
        check("[^a]b", false, "cb", true);
        check("a\\.b", false, "a.b", true);
        check("a\\.b", false, "axb", false);
        check("a{2,3}", false, "aaa", true);
        check("\\@x", false, "@x", true);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for source in ["(", "a~b", "a&b", &"a".repeat(MAX_BYTES + 1), "(((a{500}){500}){500})"] {
            assert!(Regexp::new(source, false).is_err(), "{source}");
        }
    }
}

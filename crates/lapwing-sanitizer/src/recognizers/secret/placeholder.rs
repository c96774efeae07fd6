//! What stands where a secret would and is none: masks, examples, references to where the secret is kept.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::words::WordTable;

/// Parts that no generated secret holds.
const TELLING: [&str; 41] = [
    "xxxx",
    "****",
    "....",
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourtoken",
    "yourkey",
    "yoursecret",
    "mytoken",
    "insert",
    "redacted",
    "dummy",
    "_here",
    "os.environ",
    "process.env",
    "getenv",
    "env.",
    "env[",
    "secrets.",
    "config.",
    "config[",
    "${",
    "{{",
    "$(",
    "%(",
    "<your",
    "vault:",
    "ssm:",
    "todo",
    "undefined",
    "foobar",
    "fakefake",
    "not-a-",
    "no-secret",
    "self.",
    "this.",
];

static TELLING_PARTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let builder = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).clone();
    builder.build(TELLING).expect("the parts fit in an automaton")
});

/// Whole values that say there is none.
const WORDS: &str = " null none nil true false undefined string str int required empty password passwd secret token key api_key apikey hidden masked redacted \
                     test testing user username admin example value text varchar secretstr bytes optional number boolean bool default unknown n/a yes no enabled disabled basic bearer \
                     changeit xxx yyy zzz required. reset incorrect wrong invalid expired correct missing weak strong stored encrypted hashed protected forgotten ";

static NO_VALUES: LazyLock<WordTable> = LazyLock::new(|| WordTable::of(WORDS));

/// Whether `value` is no secret.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let first = value.as_bytes().first().copied().unwrap_or(b' ');
    let reference = matches!(first, b'$' | b'<' | b'{' | b'%' | b'*' | b'[' | b'&')
        || value.ends_with(['>', '}']) && value.contains(['<', '{']);
    reference
        || value.bytes().all(|b| b == first)
        || (value.len() <= 16 && NO_VALUES.lists(value))
        || TELLING_PARTS.is_match(value)
        || value.bytes().filter(|b| matches!(b, b'*' | b'x' | b'X')).count() * 2 > value.len() && value.len() > 3
        || is_constant(value)
}

/// Whether a token with a known prefix is made up: a body of one character, of `x`, or of counting digits and letters.
pub(super) fn is_dummy_token(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let run = value.as_bytes().windows(6).any(|w| w.iter().all(|b| *b == w[0]));
    run || is_worded(value)
        || ["xxxx", "****", "example", "...", "your", "placeholder", "abcdefghijklmnop", "1234567890abcdef"]
            .iter()
            .any(|part| lower.contains(part))
}

/// Whether a long token without digits is made of words: `SlackAppConfigurationTokenHere`.
fn is_worded(value: &str) -> bool {
    let count = |kind: fn(&u8) -> bool| value.bytes().filter(kind).count();
    count(u8::is_ascii_digit) < 2
        && value.len() >= 20
        && count(u8::is_ascii_uppercase) * 4 < value.len()
        && count(u8::is_ascii_lowercase) > 0
}

/// `MY_API_KEY`, `FLY_API_TOKEN`: the name of a variable.
fn is_constant(value: &str) -> bool {
    let upper = value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let mut parts = value.split('_');
    let first = parts.next().unwrap_or_default();
    let plain = value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && value.contains('_') && value.len() >= 5;
    // `RSA_PKCS1_2048_SHA256`
    plain || upper && parts.count() >= 3 && first.len() >= 2 && first.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_values_are_told_apart() {
        for value in
            ["${TOKEN}", "xxxxxxxx", "<your-key>", "changeme", "process.env.KEY", "********", "MY_API_KEY", "null"]
        {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2!", "osJuNZ6spjU5", "fall-future-word4", "8f14e45fceea167a"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}

//! Text as the behaviour models see it: lexemes with stable hashes, and sentences.
//!
//! Owns how a value is normalized so that an address, a link, an identifier or a pseudonym compares equal
//! wherever it stands. Never keeps the text itself.

/// A stable 32-bit name for a normalized piece of text.
pub(crate) type Term = u32;

/// What a lexeme looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Letters only.
    Word,
    /// A number, a date or a time: says little about where it came from.
    Quantity,
    /// An address, link, account, identifier or pseudonym: names one thing.
    Identifier,
}

/// One unit of text: its place, its shape and the hash of its normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexeme<'a> {
    pub(crate) text: &'a str,
    pub(crate) shape: Shape,
    pub(crate) term: Term,
    /// A comma, colon, dash or bracket stands before it, or a line break and it is capitalized.
    pub(crate) paused: bool,
    /// A colon stands behind it: it names a field.
    pub(crate) keyed: bool,
}

/// Splits `text` into lexemes: runs of alphanumerics, held together by joiners such as `@ . _ - / :`
/// between them, and masked values such as `[EMAIL:k1:9f3a]` whole.
pub(crate) fn lexemes(text: &str) -> impl Iterator<Item = Lexeme<'_>> {
    Lexemes { text, at: 0 }
}

struct Lexemes<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Lexemes<'a> {
    type Item = Lexeme<'a>;

    fn next(&mut self) -> Option<Lexeme<'a>> {
        let mut paused = false;
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            if first == '\\' {
                // An escape inside a doubly encoded string: skip the letter too, or `\nSend` reads `nSend`.
                let escaped = rest[1..].chars().next().filter(|c| matches!(c, 'n' | 't' | 'r'));
                self.at += 1 + escaped.map_or(0, char::len_utf8);
                paused |= escaped == Some('n');
                continue;
            }
            if first == '['
                && let Some(len) = pseudonym_len(rest)
            {
                self.at += len;
                let text = &rest[..len];
                return Some(Lexeme { text, shape: Shape::Identifier, term: term_of(text), paused, keyed: false });
            }
            if !first.is_alphanumeric() {
                let breaks = first == '\n' && rest.trim_start().starts_with(char::is_uppercase);
                paused |= breaks || matches!(first, ',' | ':' | '(' | '-' | '–' | '—' | '"');
                self.at += first.len_utf8();
                continue;
            }
            let len = run_len(rest);
            self.at += len;
            let run = &rest[..len];
            let keyed = rest[len..].starts_with(':');
            if run.bytes().all(|b| b.is_ascii_alphabetic()) {
                return Some(Lexeme { text: run, shape: Shape::Word, term: term_of(run), paused, keyed });
            }
            let text = strip_link(run);
            return Some(Lexeme { text, shape: shape_of(text), term: term_of(text), paused, keyed });
        }
    }
}

/// Length of a masked value `[TYPE:key:hex]` or `[TYPE]` at the start of `rest`.
fn pseudonym_len(rest: &str) -> Option<usize> {
    let end = rest.as_bytes().iter().take(96).position(|b| *b == b']')?;
    let inner = &rest[1..end];
    let kind = inner.split(':').next()?;
    let typed = kind.len() >= 3 && kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let plain = inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-'));
    (typed && plain && inner.contains(':')).then_some(end + 1)
}

fn run_len(rest: &str) -> usize {
    let mut end = 0;
    let mut after_digit = false;
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_alphanumeric() {
            end = at + c.len_utf8();
            after_digit = c.is_ascii_digit();
            continue;
        }
        let joins = matches!(c, '@' | '.' | '_' | '-' | '/' | ':' | '+' | '=' | '?' | '&' | '%' | '#' | '~');
        // `://` and `/?` are the only joiners that stand next to each other.
        let next_joins = chars
            .peek()
            .is_some_and(|(_, n)| n.is_alphanumeric() || (matches!(c, ':' | '/') && matches!(n, '/' | '?' | '#')));
        // `12:30` and `http://` are one thing, `from:anna@x.org` is two.
        let parts = c == ':' && !chars.peek().is_some_and(|(_, n)| *n == '/' || (after_digit && n.is_ascii_digit()));
        if !joins || !next_joins || parts {
            break;
        }
    }
    end
}

fn strip_link(text: &str) -> &str {
    let text = text.split_once("://").map_or(
        text,
        |(scheme, rest)| {
            if scheme.len() <= 6 && !rest.is_empty() { rest } else { text }
        },
    );
    match text.get(..4) {
        Some(www) if www.eq_ignore_ascii_case("www.") && text.len() > 4 => &text[4..],
        _ => text,
    }
}

fn shape_of(text: &str) -> Shape {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if text.contains('@') || is_domain(text) {
        return Shape::Identifier;
    }
    if digits == 0 {
        return Shape::Word;
    }
    let plain_quantity = letters == 0 || is_ordinal_or_time(text, letters);
    if plain_quantity {
        let one_run = digits == text.len();
        return if one_run && digits >= 6 { Shape::Identifier } else { Shape::Quantity };
    }
    if text.len() >= 4 { Shape::Identifier } else { Shape::Quantity }
}

/// `15th`, `3pm`, `2024-05-15T10:00Z`, `500usd`: digits with a letter or two that make no name.
fn is_ordinal_or_time(text: &str, letters: usize) -> bool {
    let digits_first = text.as_bytes()[0].is_ascii_digit();
    let iso = letters <= 2 && text.bytes().all(|b| b.is_ascii_digit() || b"-:.+TZtz".contains(&b));
    let lower = text.to_ascii_lowercase();
    let suffixed = ["st", "nd", "rd", "th", "am", "pm", "h", "k", "min", "usd", "eur"].iter().any(|s| {
        lower.strip_suffix(s).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.'))
    });
    digits_first && (iso || suffixed)
}

/// A dot between two names of at least two letters, the last one letters only: a host, a file, a dotted id.
pub(crate) fn is_domain(text: &str) -> bool {
    if text.contains('@') {
        return false;
    }
    let host = text.split(['/', '?', '#', ':']).next().unwrap_or(text);
    let Some((name, last)) = host.rsplit_once('.') else { return false };
    let name = name.rsplit('.').next().unwrap_or(name);
    name.len() >= 2 && last.len() >= 2 && last.chars().all(char::is_alphabetic) && name.chars().any(char::is_alphabetic)
}

/// A name that ends like a file's and has no path before it.
pub(crate) fn is_file(text: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "txt", "md", "csv", "tsv", "json", "yaml", "yml", "xml", "log", "pdf", "doc", "docx", "xls", "xlsx", "ppt",
        "pptx", "odt", "ods", "png", "jpg", "jpeg", "gif", "svg", "mp3", "mp4", "zip", "gz", "tar", "py", "js", "ts",
        "rs", "java", "html", "htm", "css", "sql", "bak", "cfg", "conf", "ini", "toml", "eml", "ics",
    ];
    let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
    !text.contains('/') && ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e))
}

/// The hash of the lowercase form of `text` (FNV-1a, folded to 32 bits): stable between runs and versions.
pub(crate) fn term_of(text: &str) -> Term {
    if text.is_ascii() {
        return fold(text.bytes().fold(FNV_OFFSET, |hash, byte| fnv(hash, byte.to_ascii_lowercase())));
    }
    let mut hash = FNV_OFFSET;
    for c in text.chars() {
        if c.is_ascii() {
            hash = fnv(hash, c.to_ascii_lowercase() as u8);
        } else {
            for lower in c.to_lowercase() {
                let mut bytes = [0; 4];
                for byte in lower.encode_utf8(&mut bytes).bytes() {
                    hash = fnv(hash, byte);
                }
            }
        }
    }
    fold(hash)
}

/// The hash of an ordered group of terms: a word pair, a shingle, an edge.
pub(crate) fn group(terms: &[Term]) -> Term {
    let mut hash = FNV_OFFSET ^ terms.len() as u64;
    for byte in terms.iter().flat_map(|t| t.to_le_bytes()) {
        hash = fnv(hash, byte);
    }
    fold(hash)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

fn fold(hash: u64) -> Term {
    (hash >> 32) as u32 ^ hash as u32
}

/// Splits `text` into sentences. A line break inside a paragraph is a space (tools wrap text); an empty
/// line, a list mark or a `key:` at the start of a line ends the sentence.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'.' | b'!' | b'?' => {
                bytes.get(at + 1).is_none_or(|n| n.is_ascii_whitespace() || matches!(n, b'"' | b'\'' | b'<' | b'\\'))
            }
            b';' => true,
            b'\n' => breaks_line(&text[at + 1..]),
            b'\\' => bytes[at + 1..].starts_with(b"n") && breaks_escaped(&bytes[at + 2..]),
            b'<' | b'>' | b'|' | b'{' | b'}' => true,
            _ => false,
        };
        if ends {
            push_sentence(&mut found, &text[start..at]);
            start = at + if *byte == b'\\' { 2 } else { 1 };
        }
    }
    push_sentence(&mut found, &text[start..]);
    found
}

fn push_sentence<'a>(found: &mut Vec<&'a str>, sentence: &'a str) {
    let trimmed = sentence.trim();
    if trimmed.len() > 1 {
        found.push(trimmed);
    }
}

fn breaks_line(rest: &str) -> bool {
    let line = rest.trim_start_matches([' ', '\t']);
    if line.starts_with(['\n', '-', '*', '#', '>', '\r']) || line.is_empty() {
        return true;
    }
    let word = line.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ' ')).unwrap_or(line.len());
    word < 24 && line[word..].starts_with(':')
}

/// After an escaped line break: a second one, or the start of a new capitalized line.
fn breaks_escaped(rest: &[u8]) -> bool {
    rest.starts_with(b"\\n") || rest.first().is_some_and(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: &[(&str, Shape)]) {
        let got: Vec<_> = lexemes(input).map(|l| (l.text, l.shape)).collect();
        assert_eq!(got, expect, "{input}");
    }

    #[test]
    fn values_keep_their_shape_and_lose_their_decoration() {
        use Shape::*;
        check("Mail jay@x.com.", &[("Mail", Word), ("jay@x.com", Identifier)]);
        check("see https://www.A-b.com/q?x=1, ok", &[("see", Word), ("A-b.com/q?x=1", Identifier), ("ok", Word)]);
        check("[EMAIL:k1:9f3a] [0]", &[("[EMAIL:k1:9f3a]", Identifier), ("0", Quantity)]);
        check(
            "on 2024-05-15 at 10:30, 15th",
            &[("on", Word), ("2024-05-15", Quantity), ("at", Word), ("10:30", Quantity), ("15th", Quantity)],
        );
        check(
            "US133000000121212121212 1234567 12.50",
            &[("US133000000121212121212", Identifier), ("1234567", Identifier), ("12.50", Quantity)],
        );
        check("from:anna@x.org", &[("from", Word), ("anna@x.org", Identifier)]);
        check(r"a\nSend é", &[("a", Word), ("Send", Word), ("é", Word)]);
    }

    #[test]
    fn a_pause_is_remembered() {
        let paused: Vec<_> = lexemes("first: send it, now\\nor never").filter(|l| l.paused).map(|l| l.text).collect();
        assert_eq!(paused, ["send", "now", "or"]);
    }

    #[test]
    fn equal_values_get_equal_terms() {
        assert_eq!(lexemes("HTTP://www.X.org/a").next().map(|l| l.term), lexemes("x.org/A").next().map(|l| l.term));
        assert_ne!(term_of("alice"), term_of("bob"));
        assert_ne!(group(&[1, 2]), group(&[2, 1]));
    }

    #[test]
    fn a_wrapped_line_stays_one_sentence_and_a_key_starts_a_new_one() {
        assert_eq!(sentences("please do the\n   following first. Now"), ["please do the\n   following first", "Now"]);
        assert_eq!(sentences("body: hello\nsender: x"), ["body: hello", "sender: x"]);
        assert_eq!(sentences("a first\n\nb second"), ["a first", "b second"]);
        assert_eq!(sentences("one more\\nSend this"), ["one more", "Send this"]);
    }
}

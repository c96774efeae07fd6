//! The one tokenizer: runs of letters and digits in lower case; each character of a script that is written
//! without spaces is a token of its own. No stemmer, no stop words.
//!
//! A pseudonym such as `[EMAIL:k1:9f3a]` becomes the three tokens `email k1 9f3a`, so that it is found as a phrase.

pub(crate) use tantivy::tokenizer::Token;
use tantivy::tokenizer::{TextAnalyzer, TokenStream, Tokenizer, TokenizerManager};

/// Its name in the index.
pub(crate) const NAME: &str = "lapwing";

/// Tokens that are longer, in bytes, are not indexed: no one searches for them, and they bloat the dictionary.
const MAX_TOKEN_BYTES: usize = 255;

/// Adds the tokenizer to an index.
pub(crate) fn register(tokenizers: &TokenizerManager) {
    tokenizers.register(NAME, analyzer());
}

/// The tokens of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    positioned_tokens(text).into_iter().map(|token| token.text).collect()
}

/// The tokens of a text with their places, in order.
pub(crate) fn positioned_tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    analyzer().token_stream(text).process(&mut |token| tokens.push(token.clone()));
    tokens
}

fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(Words::default()).build()
}

#[derive(Clone, Default)]
struct Words {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, at: 0, token: &mut self.token }
    }
}

impl WordStream<'_> {
    /// The next token's range in the text.
    fn next_range(&mut self) -> Option<(usize, usize)> {
        let start = self.skip(self.at, |kind| kind == Kind::Gap);
        let (kind, length) = self.kind_at(start)?;
        let end = match kind {
            Kind::Alone => start + length,
            _ => self.skip(start, |kind| kind == Kind::Word),
        };
        self.at = end;
        Some((start, end))
    }

    /// Where the first character at or behind `at` begins that is not of the kind.
    fn skip(&self, mut at: usize, accepts: impl Fn(Kind) -> bool) -> usize {
        while let Some((kind, length)) = self.kind_at(at)
            && accepts(kind)
        {
            at += length;
        }
        at
    }

    /// The kind of the character at this place, and its length. Nearly all are ASCII, which needs no decoding.
    fn kind_at(&self, at: usize) -> Option<(Kind, usize)> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte.is_ascii() {
            return Some((if byte.is_ascii_alphanumeric() { Kind::Word } else { Kind::Gap }, 1));
        }
        let c = self.text[at..].chars().next()?;
        let kind = match c {
            c if is_unspaced(c) && c.is_alphanumeric() => Kind::Alone,
            c if c.is_alphanumeric() => Kind::Word,
            _ => Kind::Gap,
        };
        Some((kind, c.len_utf8()))
    }
}

/// What a character is to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gap,
    Word,
    /// A word by itself.
    Alone,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        while let Some((start, end)) = self.next_range() {
            self.token.position = self.token.position.wrapping_add(1);
            if end - start > MAX_TOKEN_BYTES {
                continue;
            }
            self.token.offset_from = start;
            self.token.offset_to = end;
            let word = &self.text[start..end];
            self.token.text.clear();
            match word.is_ascii() {
                true => {
                    self.token.text.push_str(word);
                    self.token.text.make_ascii_lowercase();
                }
                false => self.token.text.extend(word.chars().flat_map(char::to_lowercase)),
            }
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar are written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x323af)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_lowers() {
        let check = |text: &str, expect: &[&str]| assert_eq!(tokens(text), expect, "{text}");
        check("Hello, World-wide 42!", &["hello", "world", "wide", "42"]);
        check("mail [EMAIL:k1:9f3a] now", &["mail", "email", "k1", "9f3a", "now"]);
        check("GRÖSSE Ünal", &["grösse", "ünal"]);
        check("東京tower、x東", &["東", "京", "tower", "x", "東"]);
        check("snake_case", &["snake", "case"]);
        check("!!! \u{1f600}", &[]);
    }

    #[test]
    fn keeps_hashes_and_drops_only_what_is_longer_than_the_limit() {
        let hash = "a".repeat(MAX_TOKEN_BYTES);
        assert_eq!(tokens(&format!("x {hash} {hash}b y")), ["x", &hash, "y"]);
    }
}

//! The words that tell of secrets, and where they are looked for: the telling ones with the words of the context, those
//! of services and of rules only in and before values that may be secret.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::follow;
use super::named::{MAX_IDENTIFIER, MAX_SIGNS};
use super::rules::{CARRIERS, GENERIC, PREFIXED, VENDORS};
use super::told::CALLS;
use crate::lexicon::Dictionary;
use crate::recognizers::command::PROGRAMS;
use crate::recognizers::log_line;
use crate::scan::Scan;

/// What a word of the lists says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keyword {
    /// The token itself begins here; the rule's number.
    Prefix(u16),
    /// A service's name: a random value assigned to something named after it is a secret.
    Vendor,
    /// `token`, `secret`, `api_key`: the same, for any service.
    Generic,
    /// `_key`, `Key`: the same, if the value is long and random.
    Key,
    /// `Bearer`, `curl -u`: the next word is the secret.
    Carrier,
    Pem,
    Home,
    /// `login(`: the second argument is a password.
    Call,
    /// `TODO(`: an account.
    Note,
    /// A command and its options; the program's number.
    Command(u8),
    /// An option that an account follows, whatever the program.
    Account,
    /// What reads a password that `echo` prints.
    Piped,
    /// The permissions of a file, behind which its owner stands.
    Permissions,
    /// What stands behind an account in brackets.
    BehindAccount,
    /// `:x:`, behind the account in a password file.
    Passwd,
    /// `insert into`, with the names of its columns and their values behind it.
    Insert,
    /// A terminal, before which the account of a session stands.
    Terminal,
}

/// The words that tell of a secret or of an account without a long value.
pub(crate) fn telling_words() -> impl Iterator<Item = (&'static str, Keyword)> {
    let homes = list("/home/|/users/|\\users\\|:user/", Keyword::Home);
    // The halves of this one are too short for a value.
    let halves = (0..).zip(PREFIXED).filter(|(_, rule)| rule.name == "sidekiq");
    let halves = halves.map(|(number, _)| ("contribsys", Keyword::Prefix(number)));
    let accounts = homes
        .chain(halves)
        .chain(
            list("todo(|fixme(", Keyword::Note)
                .chain(list(log_line::PERMISSIONS, Keyword::Permissions))
                .chain(list(log_line::BEHIND_ACCOUNT, Keyword::BehindAccount))
                .chain(list("--username |--login |--username=", Keyword::Account))
                .chain(std::iter::once((" | sudo -s", Keyword::Piped)))
                .chain(list("insert into ", Keyword::Insert))
                .chain(list("pts/|tty", Keyword::Terminal))
                .chain(list(":x:", Keyword::Passwd)),
        )
        .chain((0..).zip(PROGRAMS).flat_map(|(number, program)| list(program.names, Keyword::Command(number))))
        .chain(list(CALLS, Keyword::Call));
    list(CARRIERS, Keyword::Carrier).chain(list("-----begin", Keyword::Pem)).chain(accounts)
}

impl Keyword {
    /// Whether it tells something in the middle of a word.
    fn stands_inside(self) -> bool {
        match self {
            Keyword::Prefix(number) => {
                let rule = &PREFIXED[usize::from(number)];
                rule.inside || rule.back > 0
            }
            Keyword::Vendor | Keyword::Key => false,
            _ => true,
        }
    }
}

fn list(words: &'static str, keyword: Keyword) -> impl Iterator<Item = (&'static str, Keyword)> {
    words.split('|').map(move |word| (word, keyword))
}

/// The words that name a secret or begin one.
struct Words {
    words: Dictionary<Vec<Keyword>>,
    beginnings: Beginnings,
}

/// A filter by the first three bytes of words: two bits for every three codes.
struct Beginnings(Box<[u32; BEGINNINGS / 16]>);

const BEGINNINGS: usize = 1 << 15;
/// The bit of all words, and that of those which may stand inside of another.
const APART: u32 = 1;
const INSIDE: u32 = 2;

impl Beginnings {
    /// Takes note of a word. Anything may follow a short one.
    fn add(&mut self, word: &[u8], bits: u32) {
        let third = word.get(2).map_or(0..=u8::MAX, |b| *b..=*b);
        for third in third {
            let three = [word[0], word[1], third].into_iter().fold(0, roll);
            self.0[three >> 4] |= bits << ((three & 15) * 2);
        }
    }

    fn has(&self, three: usize, bit: u32) -> bool {
        self.0[three >> 4] >> ((three & 15) * 2) & bit != 0
    }
}

/// The codes of the last three bytes, with one more: five bits each, the same for both cases of a letter.
fn roll(three: usize, byte: u8) -> usize {
    (three << 5 | usize::from(byte & 31)) & (BEGINNINGS - 1)
}

/// The kinds of two bytes by which the second begins a word or a hump of one, a bit each.
const PARTS: u16 = {
    let (none, digit, lower, upper) = (0, 1, 2, 3);
    let mut parts = 1 << (lower << 2 | upper);
    let mut second = none;
    while second <= upper {
        parts |= 1 << (none << 2 | second);
        second += digit;
    }
    parts
};

/// What is neither letter nor digit, a digit, a small letter, a capital: the numbers that [`PARTS`] is made of.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => 1,
            b'a'..=b'z' => 2,
            b'A'..=b'Z' => 3,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let rules = (0..).zip(PREFIXED);
    let prefixes = rules.flat_map(|(number, rule)| list(rule.keywords, Keyword::Prefix(number)));
    let mut words: BTreeMap<Vec<u8>, Vec<Keyword>> = BTreeMap::new();
    for (word, keyword) in list(VENDORS, Keyword::Vendor)
        .chain(list(GENERIC, Keyword::Generic))
        .chain(list("key", Keyword::Key))
        .chain(prefixes)
    {
        words.entry(word.as_bytes().to_ascii_lowercase()).or_default().push(keyword);
    }
    let mut beginnings = Beginnings(Box::new([0; BEGINNINGS / 16]));
    for (word, keywords) in &words {
        let inside = keywords.iter().any(|keyword| keyword.stands_inside());
        beginnings.add(word, if inside { APART | INSIDE } else { APART });
    }
    Words { words: Dictionary::new(words), beginnings }
});

/// How far before its value a word that names it may begin, in bytes: its own length, the rest of the identifier, what
/// stands between.
const REACH: usize = 24 + MAX_IDENTIFIER + MAX_SIGNS + 16;

/// Follows `keywords`, and those that stand in or before one of `values`.
pub(crate) fn keywords(scan: &mut Scan<'_>, keywords: &[(Keyword, usize, usize)], values: &[Range<usize>]) {
    for &(keyword, start, end) in keywords {
        follow(scan, keyword, start, end);
    }
    let mut read = 0;
    for value in values {
        within(scan, value.start.saturating_sub(REACH).max(read)..value.end);
        read = value.end;
    }
}

/// Follows the words of secrets that begin in `range`.
fn within(scan: &mut Scan<'_>, range: Range<usize>) {
    let Words { words, beginnings } = &*WORDS;
    let text = scan.text.as_bytes();
    let kind = |byte: u8| KINDS[usize::from(byte)];
    let mut before = range.start.checked_sub(1).map_or(0, |i| kind(text[i]));
    for (i, three) in text[range.start..text.len().min(range.end + 2)].windows(3).enumerate() {
        let &[first, second, third] = three else { continue };
        let own = kind(first);
        // The words of most services and rules begin a word, or a hump of one.
        let bit = if PARTS >> (before << 2 | own) & 1 == 1 { APART } else { INSIDE };
        before = own;
        if beginnings.has([first, second, third].into_iter().fold(0, roll), bit) {
            let start = range.start + i;
            words.words_at(&text[start..], |keywords, length| {
                for keyword in keywords {
                    follow(scan, *keyword, start, start + length);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_lets_every_word_through() {
        let rules = PREFIXED.iter().filter(|rule| rule.inside).flat_map(|rule| rule.keywords.split('|'));
        let bits = GENERIC.split('|').chain(rules).map(|word| (word, INSIDE));
        for (word, bit) in bits.chain(VENDORS.split('|').map(|word| (word, APART))) {
            let end = word.bytes().chain([b'7']).take(3).fold(0, roll);
            assert!(WORDS.beginnings.has(end, bit), "{word}");
        }
    }

    #[test]
    fn a_part_of_a_word_begins_behind_a_sign_and_with_a_hump() {
        let kind = |byte: u8| KINDS[usize::from(byte)];
        let check = |pair: [u8; 2], expect| assert_eq!(PARTS >> (kind(pair[0]) << 2 | kind(pair[1])) & 1 == 1, expect);
        check(*b"_k", true);
        check(*b" K", true);
        check(*b"aK", true);
        check(*b"ak", false);
        check(*b"AK", false);
        check(*b"7K", false);
        check(*b"a7", false);
    }
}

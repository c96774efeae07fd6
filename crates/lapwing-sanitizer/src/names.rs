//! The gazetteer: given names and family names of many cultures in Latin script, and the ordinary words that look like
//! them. Without accents and case.

use std::sync::LazyLock;

use crate::recognizers::person::NOT_A_NAME;
use crate::words::{Endings, WordTable};

static WORDS: LazyLock<WordTable> = LazyLock::new(|| WordTable::new(listed(), |old, new| old | new));

const FIRST: u8 = 1;
const LAST: u8 = 1 << 1;
const ORDINARY: u8 = 1 << 2;
const THING: u8 = 1 << 3;

/// Every word of the lists, with the list it is of.
fn listed() -> impl Iterator<Item = (&'static str, u8)> + Clone {
    let of = |list: &'static str, flag| list.split_whitespace().map(move |word| (word, flag));
    of(include_str!("data/first_names.txt"), FIRST)
        .chain(of(include_str!("data/last_names.txt"), LAST))
        .chain(of(include_str!("data/ordinary_words.txt"), ORDINARY))
        .chain(NOT_A_NAME.iter().map(|word| (*word, THING)))
}

/// What the lists know of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) ordinary: bool,
    /// Whether organizations, places and things have the word in their names and people do not.
    pub(crate) thing: bool,
}

/// Longest word that is looked up, in bytes.
pub(crate) const MAX_NAME: usize = 40;

/// Looks a word up, and the parts of one with a hyphen.
pub(crate) fn known(word: &str) -> Known {
    if word.len() > MAX_NAME {
        return Known::default();
    }
    let mut buffer = [0u8; MAX_NAME * 2];
    let folded = fold(word, &mut buffer);
    let flags = match folded.iter().position(|b| *b == b'-') {
        Some(hyphen) => {
            let (head, tail) = (WORDS.get(&folded[..hyphen]), WORDS.get(&folded[hyphen + 1..]));
            head & tail & (FIRST | LAST) | (head | tail) & ORDINARY
        }
        None => match WORDS.get(folded) {
            0 if is_family_name(folded) => LAST,
            known => known,
        },
    };
    let has = |flag| flags & flag != 0;
    Known { first: has(FIRST), last: has(LAST), ordinary: has(ORDINARY), thing: has(THING) }
}

/// Endings that family names of some language have and hardly any other word has.
static FAMILY_ENDINGS: Endings<44> = Endings::new([
    "nen", "sson", "dottir", "ovic", "evic", "ikova", "akova", "ankova", "eckova", "ovova", "nski", "wski", "lski",
    "inska", "owska", "ewska", "ovsky", "insky", "wicz", "czyk", "czak", "escu", "eanu", "opoulos", "opoulou", "akis",
    "idis", "iadis", "enko", "shvili", "adze", "oglu", "auskas", "auskiene", "evicius", "strom", "qvist", "quist",
    "gaard", "ssens", "etti", "ucci", "elli", "swamy",
]);

fn is_family_name(folded: &[u8]) -> bool {
    folded.len() >= 6 && FAMILY_ENDINGS.ends(folded, 2)
}

/// `word` in lower case, without accents, apostrophes and points.
pub(crate) fn fold<'b>(word: &str, buffer: &'b mut [u8; MAX_NAME * 2]) -> &'b [u8] {
    let mut length = 0;
    if word.is_ascii() {
        for (slot, byte) in buffer.iter_mut().zip(word.bytes()) {
            *slot = byte.to_ascii_lowercase();
        }
        length = word.len();
        if memchr::memchr2(b'\'', b'.', word.as_bytes()).is_some() {
            length = 0;
            for byte in word.bytes().filter(|b| !matches!(b, b'\'' | b'.')) {
                buffer[length] = byte.to_ascii_lowercase();
                length += 1;
            }
        }
        return &buffer[..length];
    }
    let mut push = |bytes: &[u8]| {
        if length + bytes.len() <= buffer.len() {
            buffer[length..length + bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        }
    };
    for c in word.chars() {
        match c {
            '\'' | '.' => {}
            '\0'..='\x7f' => push(&[c.to_ascii_lowercase() as u8]),
            _ => match plain(c) {
                "" => c.to_lowercase().for_each(|c| push(c.encode_utf8(&mut [0; 4]).as_bytes())),
                text => push(text.as_bytes()),
            },
        }
    }
    &buffer[..length]
}

/// The ASCII letters for a Latin letter with a mark.
fn plain(c: char) -> &'static str {
    match c {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' | 'Ǎ' | 'ǎ' | 'Ạ'..='ặ' => "a",
        'Æ' | 'æ' => "ae",
        'Ç' | 'ç' | 'Ć'..='č' => "c",
        'Ď'..='đ' | 'Ð' | 'ð' => "d",
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' | 'Ẹ'..='ệ' => "e",
        'Ĝ'..='ģ' => "g",
        'Ĥ'..='ħ' => "h",
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='ı' | 'Ỉ'..='ị' => "i",
        'Ĵ' | 'ĵ' => "j",
        'Ķ'..='ĸ' => "k",
        'Ĺ'..='ł' => "l",
        'Ñ' | 'ñ' | 'Ń'..='ŋ' => "n",
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' | 'Ō'..='ő' | 'Ơ' | 'ơ' | 'Ọ'..='ợ' => "o",
        'Œ' | 'œ' => "oe",
        'Ŕ'..='ř' => "r",
        'Ś'..='š' | 'Ș' | 'ș' => "s",
        'ß' => "ss",
        'Ţ'..='ŧ' | 'Ț' | 'ț' => "t",
        'Þ' | 'þ' => "th",
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' | 'Ư' | 'ư' | 'Ụ'..='ự' => "u",
        'Ŵ' | 'ŵ' => "w",
        'Ý' | 'ý' | 'ÿ' | 'Ŷ'..='Ÿ' | 'Ỳ'..='ỹ' => "y",
        'Ź'..='ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::testing::check_distinct;

    #[test]
    fn names_are_known_without_accents_and_case() {
        assert!(known("Haydée").first && known("BARCELÓ").last && known("O'Brien").last);
        assert!(known("Anne-Marie").first);
        assert!(known("Mark").ordinary && known("Mark").first);
        assert!(!known("Lapwing").first && !known("Lapwing").last);
        assert!(known("Group").thing && !known("Anne-Group").thing);
    }

    #[test]
    fn the_lists_are_long_and_their_words_are_told_apart() {
        for flag in [FIRST, LAST, ORDINARY] {
            assert!(listed().filter(|(_, list)| *list == flag).count() > 2000);
        }
        check_distinct(listed().map(|(word, _)| word));
    }
}

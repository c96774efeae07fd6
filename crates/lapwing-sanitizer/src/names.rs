//! The gazetteer: given names and family names of many cultures in Latin script, and the ordinary words that look like
//! them. Without accents and case.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// FNV-1a: the sets are fixed, so nobody can choose their keys.
#[derive(Default)]
pub(crate) struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let start = if self.0 == 0 { 0xcbf2_9ce4_8422_2325 } else { self.0 };
        self.0 = bytes.iter().fold(start, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    }
}

type Words = HashSet<&'static str, BuildHasherDefault<Fnv>>;

static FIRST: LazyLock<Words> = LazyLock::new(|| include_str!("data/first_names.txt").split_whitespace().collect());
static LAST: LazyLock<Words> = LazyLock::new(|| include_str!("data/last_names.txt").split_whitespace().collect());
static ORDINARY: LazyLock<Words> =
    LazyLock::new(|| include_str!("data/ordinary_words.txt").split_whitespace().collect());

/// What the lists know of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) ordinary: bool,
}

/// Longest word that is looked up, in bytes.
const MAX_NAME: usize = 40;

/// Looks a word up, and the parts of one with a hyphen.
pub(crate) fn known(word: &str) -> Known {
    if word.len() > MAX_NAME {
        return Known::default();
    }
    let mut buffer = [0u8; MAX_NAME * 2];
    let folded = fold(word, &mut buffer);
    let of = |word: &str| Known {
        first: FIRST.contains(word),
        last: LAST.contains(word),
        ordinary: ORDINARY.contains(word),
    };
    match folded.split_once('-') {
        Some((head, tail)) => {
            let (head, tail) = (of(head), of(tail));
            Known {
                first: head.first && tail.first,
                last: head.last && tail.last,
                ordinary: head.ordinary || tail.ordinary,
            }
        }
        None => of(folded),
    }
}

/// `word` in lower case, without accents and apostrophes.
fn fold<'b>(word: &str, buffer: &'b mut [u8; MAX_NAME * 2]) -> &'b str {
    let mut length = 0;
    for c in word.chars() {
        let mut push = |text: &str| {
            if length + text.len() <= buffer.len() {
                buffer[length..length + text.len()].copy_from_slice(text.as_bytes());
                length += text.len();
            }
        };
        match c {
            'A'..='Z' => push(c.to_ascii_lowercase().encode_utf8(&mut [0; 4])),
            '\0'..='\x7f' if c != '\'' && c != '.' => push(c.encode_utf8(&mut [0; 4])),
            '\0'..='\x7f' => {}
            _ => match plain(c) {
                "" => c.to_lowercase().for_each(|c| push(c.encode_utf8(&mut [0; 4]))),
                text => push(text),
            },
        }
    }
    std::str::from_utf8(&buffer[..length]).expect("only whole characters were copied")
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

    #[test]
    fn names_are_known_without_accents_and_case() {
        assert!(known("Haydée").first && known("BARCELÓ").last && known("O'Brien").last);
        assert!(known("Anne-Marie").first);
        assert!(known("Mark").ordinary && known("Mark").first);
        assert!(!known("Lapwing").first && !known("Lapwing").last);
        assert!(FIRST.len() > 2000 && LAST.len() > 2000);
    }
}

//! Names of people: values of name fields, capitalized words that the gazetteer knows or that an introduction ("my name
//! is", "Dear") announces, and every further mention of a name once found. Latin, Greek and Cyrillic capitals only.

use std::ops::Range;

use crate::context::Class;
use crate::entity::EntityType::{Email, Person};
use crate::formats::{ALONE, SHAPED};
use crate::lexicon::Run as Letters;
use crate::names::{self, Known};
use crate::recognizers::{address, foreign_street, place};
use crate::scan::Scan;

/// Most words of one name.
pub(crate) const MAX_WORDS: usize = 6;
/// Longest value that is taken for a name, in bytes.
pub(crate) const MAX_NAME: usize = 80;
/// Whether a word in lower case stands between the parts of a name.
#[rustfmt::skip]
pub(crate) fn is_particle(word: &[u8]) -> bool {
    matches!(
        word,
        b"van" | b"von" | b"de" | b"der" | b"den" | b"del" | b"della" | b"di" | b"da" | b"dos" | b"du" | b"la" | b"le"
            | b"el" | b"al" | b"bin" | b"ibn" | b"ben" | b"ter" | b"zu" | b"af" | b"av" | b"y" | b"e" | b"das" | b"do"
            | b"van't"
    )
}

/// Words that organizations, places and things have in their names and people do not.
#[rustfmt::skip]
pub(crate) const NOT_A_NAME: [&str; 94] = [
    "inc", "ltd", "llc", "corp", "gmbh", "company", "group", "team", "service", "services", "server", "api",
    "plan", "bank", "university", "school", "hospital", "hotel", "airlines", "systems", "software",
    "technologies", "solutions", "department", "office", "agent", "assistant", "bot", "model", "street", "road",
    "avenue", "club", "orchestra", "foundation", "institute", "algorithm", "theorem", "method", "store", "labs",
    "lab", "studio", "studios", "capital", "ventures", "partners", "holdings", "hall", "college", "pictures",
    "records", "press", "media", "networks", "network", "motors", "insurance", "pacific", "atlantic",
    "corporation", "limited", "plc", "associates", "consulting", "industries", "international", "logistics",
    "airways", "pharmaceuticals", "conference", "festival", "museum", "library", "theatre", "award", "awards",
    "prize", "cup", "league", "academy", "church", "temple", "cathedral", "edition", "protocol", "framework",
    "database", "console", "dashboard", "portal", "platform", "code", "editor",
];

/// A capitalized word or an initial.
#[derive(Default)]
pub(crate) struct Word {
    pub(crate) range: Range<usize>,
    pub(crate) known: Known,
    initial: bool,
}

impl Word {
    fn is_first(&self) -> bool {
        self.known.first && !self.known.ordinary
    }

    fn may_be_name(&self) -> bool {
        self.initial || !self.known.ordinary || self.known.last || self.known.first
    }
}

/// Reads the run of capitalized words that begins at `start`.
pub(crate) fn at(scan: &mut Scan<'_>, start: usize) {
    if start < scan.names_read {
        return;
    }
    let run = run_of_capitals(scan.text, start);
    let words = run.words();
    let Some(last) = words.last() else { return };
    scan.names_read = last.range.end;
    let mut after = scan.text.as_bytes()[last.range.end..].iter().skip_while(|b| matches!(b, b'.' | b','));
    if after.next() == Some(&b' ') && after.next().is_some_and(u8::is_ascii_digit) {
        read_streets(scan, words);
    }
    if scan.text[..start].ends_with(' ') && !words[0].known.ordinary {
        address::before_town(scan, start, last.range.end);
    }
    match judge(scan, words) {
        Some((range, score)) => scan.push(range, Person, "name", score),
        None => place::at(scan, words),
    }
}

fn read_streets(scan: &mut Scan<'_>, words: &[Word]) {
    let first = words[0].range.start;
    let head = scan.text[..first].trim_end_matches([' ', '.']);
    let before = head.bytes().rev().take(8).take_while(u8::is_ascii_lowercase).count();
    if before > 0 {
        let start = head.len() - before;
        foreign_street::at(scan, start, head.len());
    }
    for word in words {
        foreign_street::at(scan, word.range.start, word.range.end);
    }
}

/// The words of one run, in place: there is a run at every capital.
#[derive(Default)]
struct Run {
    words: [Word; MAX_WORDS],
    length: usize,
}

impl Run {
    fn words(&self) -> &[Word] {
        &self.words[..self.length]
    }
}

/// Capitalized words one blank apart, initials and particles between them included.
fn run_of_capitals(text: &str, start: usize) -> Run {
    let mut run = Run::default();
    let mut at = start;
    while run.length < MAX_WORDS {
        let end = word_end(text, at);
        let value = &text[at..end];
        if end == at || !value.starts_with(char::is_uppercase) {
            break;
        }
        if is_contraction(value) {
            break;
        }
        let initial = value.chars().nth(1).is_none();
        let known = if initial { Known::default() } else { names::known(value) };
        run.words[run.length] = Word { range: at..end, known, initial };
        run.length += 1;
        let mut rest = &text[end..];
        if initial {
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        let Some(next) = rest.strip_prefix(' ') else { break };
        at = text.len() - next.len();
        // `van der Dussen`: up to three particles before the next capital.
        for _ in 0..3 {
            let Some(particle) = particle_at(text, at) else { break };
            at += particle + 1;
        }
    }
    run
}

/// Length of the particle at `at`, if one stands there and a blank behind it.
fn particle_at(text: &str, at: usize) -> Option<usize> {
    const LONGEST: usize = 5;
    let rest = &text.as_bytes()[at..];
    if !rest.first()?.is_ascii_lowercase() {
        return None;
    }
    let length = rest.iter().take(LONGEST + 1).position(|b| *b == b' ')?;
    is_particle(&rest[..length]).then_some(length)
}

/// `I'm`, `Let's`, `We'll`.
fn is_contraction(word: &str) -> bool {
    matches!(
        word.as_bytes(),
        [.., b'\'', b'm' | b'd' | b't' | b's'] | [.., b'\'', b'l', b'l'] | [.., b'\'', b'v' | b'r', b'e']
    )
}

pub(crate) fn word_end(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    let letters = |from: usize| Letters::of(&rest[from..rest.len().min(from + MAX_NAME)]).length;
    let mut length = letters(0);
    while length > 0 && length < MAX_NAME && matches!(rest.get(length), Some(b'\'' | b'-')) {
        length += 1 + letters(length + 1);
    }
    if rest.get(length).is_some_and(|b| *b >= 0x80) {
        let part = |(i, c): &(usize, char)| c.is_alphabetic() || (matches!(c, '\'' | '-') && *i > 0);
        length = text[at..].char_indices().take_while(part).last().map_or(0, |(i, c)| i + c.len_utf8());
    }
    let value = text[at..at + length].trim_end_matches(['\'', '-']);
    // A possessive is not part of the name.
    at + value.strip_suffix("'s").unwrap_or(value).len()
}

/// Which of the words are a name, and how surely.
fn judge(scan: &Scan<'_>, words: &[Word]) -> Option<(Range<usize>, u8)> {
    let text = scan.text;
    // `Service.java`, `main.rs`, `fooBar`, `ALL_CAPS`, `Foo(`: code.
    let last = words.last()?;
    let after = text.as_bytes().get(last.range.end).copied().unwrap_or(b' ');
    if matches!(after, b'_' | b'(' | b'/' | b'=' | b'@' | b'[' | b'{' | b'\\') || after.is_ascii_digit() {
        return None;
    }
    if matches!(after, b'.' | b':')
        && text.as_bytes().get(last.range.end + 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':')
    {
        return None;
    }
    // `MB RAM`, `US VAT`: abbreviations.
    if words
        .iter()
        .all(|word| word.range.len() <= 4 && text[word.range.clone()].bytes().all(|b| b.is_ascii_uppercase()))
    {
        return None;
    }
    let given = words.iter().position(|word| {
        word.known.first
            && (word.is_first() || word.range.start == words[0].range.start || introduced_at(scan, word.range.start))
    });
    // `The Scott Vodir version`
    let given = given.or_else(|| (words.len() > 2 && words[0].known.ordinary && words[1].known.first).then_some(1));
    if let Some(given) = given {
        // An unknown word before a known given name is a given name too.
        let unknown = words[..given].iter().rev().take_while(|word| !word.known.ordinary && !word.initial).count();
        if let Some(found) = from_given_name(scan, &words[given - unknown..], unknown) {
            return Some(found);
        }
    }
    let skipped = words.iter().take_while(|word| word.known.ordinary && !word.known.last && !word.known.first).count();
    let rest = &words[skipped..];
    let lead = rest.first()?;
    let introduced = introduced_at(scan, lead.range.start);
    let people = rest.iter().take(4).take_while(|word| word.may_be_name() && !word.known.thing).count();
    let range = |n: usize| lead.range.start..rest[n - 1].range.end;
    if people == 0 {
        return None;
    }
    let upper = text[lead.range.clone()].chars().filter(|c| c.is_uppercase()).nth(2).is_some();
    if upper && people < 2 || people < rest.len() && rest[people].known.thing {
        return None;
    }
    let family = rest[..people].iter().skip(1).any(|word| word.known.last && !word.known.ordinary);
    match (introduced, people) {
        (true, 1) if lead.known.ordinary => None,
        (true, _) => Some((range(people), SHAPED - 5)),
        (false, 2..=3) if family && !lead.known.ordinary && !upper => Some((range(people), ALONE - 5)),
        // `Ravil G Yefimov`: an initial between two words stands in names only.
        (false, 3) if !upper && rest[1].initial && !lead.initial && is_unknown(&rest[..people]) => {
            Some((range(people), SHAPED - 8))
        }
        (false, 2..=3)
            if !upper
                && is_unknown(&rest[..people])
                && has_role(scan, lead.range.start, rest[people - 1].range.end) =>
        {
            Some((range(people), ALONE - 8))
        }
        _ => None,
    }
}

/// Judges words that begin with a given name, or with some unknown ones before it.
fn from_given_name(scan: &Scan<'_>, words: &[Word], unknown: usize) -> Option<(Range<usize>, u8)> {
    let text = scan.text;
    let lead = &words[0];
    let mut end = 1;
    while end < words.len().min(5) && words[end].may_be_name() && !words[end].known.thing {
        end += 1;
    }
    while end > 1 && words[end - 1].known.ordinary && !words[end - 1].known.last && !words[end - 1].known.first {
        end -= 1;
    }
    if end < words.len() && words[end].known.thing {
        return None;
    }
    let range = lead.range.start..words[end - 1].range.end;
    let introduced = introduced_at(scan, lead.range.start);
    let family = words[1..end].iter().any(|word| word.known.last || (word.known.first && !word.known.ordinary));
    // Three or four capitals alone are a code: an airport, a currency, an abbreviation.
    let code = lead.range.len() <= 4 && text[lead.range.clone()].bytes().all(|b| b.is_ascii_uppercase());
    if code && end == 1 {
        return None;
    }
    match (lead.is_first() || unknown > 0, end) {
        (true, 2..) => Some((range, ALONE + 3)),
        (true, _) => Some((range, if introduced { ALONE } else { ALONE - 8 })),
        (false, 2..) if family || introduced || has_accent(text, &words[1..end]) => Some((range, ALONE - 3)),
        (false, 2..=3)
            if !is_verb(&text[lead.range.clone()])
                && is_unknown(&words[1..end])
                && words[1..end].iter().all(|w| w.range.len() >= 4 || w.initial) =>
        {
            Some((range, ALONE - 9))
        }
        (false, 2..) if is_unknown(&words[1..end]) && has_role(scan, lead.range.start, words[end - 1].range.end) => {
            Some((range, ALONE - 6))
        }
        (false, _) if introduced && lead.range.len() > 2 => Some((range, ALONE - 8)),
        _ => None,
    }
}

/// Given names that begin sentences as verbs, months and titles.
fn is_verb(name: &str) -> bool {
    const VERBS: [&str; 34] = [
        "will", "may", "mark", "grant", "chase", "rob", "pat", "max", "jan", "art", "sue", "bill", "drew", "hunter",
        "faith", "hope", "grace", "joy", "june", "april", "august", "summer", "dawn", "drake", "rich", "frank", "rose",
        "guy", "dean", "major", "king", "prince", "star", "sky",
    ];
    VERBS.iter().any(|verb| name.eq_ignore_ascii_case(verb))
}

/// Whether no word is an ordinary one.
fn is_unknown(words: &[Word]) -> bool {
    words.iter().all(|word| word.initial || !word.known.ordinary && word.range.len() >= 3)
}

/// Whether a word holds a letter that English has not.
fn has_accent(text: &str, words: &[Word]) -> bool {
    words.iter().any(|word| !word.known.ordinary && !text[word.range.clone()].is_ascii())
}

/// Whether "customer" or "signed by" stands before the words at `start`, or "said" or a bracket with an address behind.
fn has_role(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    const SPEAKS: [&str; 26] = [
        "said",
        "says",
        "asked",
        "asks",
        "wrote",
        "writes",
        "called",
        "calls",
        "replied",
        "confirmed",
        "agreed",
        "lives",
        "works",
        "joined",
        "left",
        "told",
        "reports",
        "reported",
        "requested",
        "wants",
        "needs",
        "listed",
        "signed",
        "owes",
        "complained",
        "starts",
    ];
    let rest = scan.text[end..].strip_prefix(' ').unwrap_or_default();
    let verb = &rest[..rest.bytes().take(12).take_while(u8::is_ascii_alphabetic).count()];
    let before = scan.mentions.before(Class::ROLE, start, 4).is_some_and(|mention| {
        scan.text[mention.end..start]
            .bytes()
            .all(|b| matches!(b, b' ' | b'.' | b':' | b',' | b'(' | b'"' | b'\'' | b'*' | b'\t'))
            && mention.end < start + 1
    });
    before || SPEAKS.contains(&verb)
}

/// Whether "my name is", "Dear", "Mrs" or the like stands right before `at`.
fn introduced_at(scan: &Scan<'_>, at: usize) -> bool {
    const LONGEST_SHORT_TITLE: usize = 5;
    scan.mentions.before(Class::NAMING, at, 3).is_some_and(|mention| {
        let between = &scan.text[mention.end..at];
        // `Dr. Who` is a title; after `the passenger. Oh` a sentence begins.
        let sentence = between.starts_with('.') && mention.end - mention.start > LONGEST_SHORT_TITLE;
        between.bytes().all(|b| matches!(b, b' ' | b'.' | b':' | b',' | b'\'' | b'"' | b'*' | b'\t' | b'\n' | b'\r'))
            && mention.end < at
            && !sentence
    })
}

/// Finds the names that addresses of email repeat: `Adesua Kolade <adesua.k@…>`.
pub(crate) fn beside_emails(scan: &mut Scan<'_>) {
    const REACH: usize = 96;
    const MAX_EMAILS: usize = 64;
    let emails: Vec<Range<usize>> = scan
        .found
        .iter()
        .filter(|found| found.entity == Email && found.value.is_none())
        .take(MAX_EMAILS)
        .map(|found| found.range.clone())
        .collect();
    for email in emails {
        let local = scan.text[email.clone()].split('@').next().unwrap_or_default().to_lowercase();
        let head = floor(scan.text, email.start.saturating_sub(REACH))..email.start;
        let tail = email.end..floor(scan.text, (email.end + REACH).min(scan.text.len()));
        for range in [head, tail] {
            named_by(scan, range, &local);
        }
    }
}

/// Adds the runs of capitalized words in `range` of which one is a part of `local`.
fn named_by(scan: &mut Scan<'_>, range: Range<usize>, local: &str) {
    let text = scan.text;
    let mut at = range.start;
    while let Some(start) = next_capital(text, at..range.end) {
        let apart = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let run = if apart { run_of_capitals(text, start) } else { Run::default() };
        let words = run.words();
        let Some(last) = words.last() else {
            at = start + text[start..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        at = last.range.end.min(range.end);
        let inside = words.iter().map(|word| is_part(local, &text[word.range.clone()])).collect::<Vec<_>>();
        let (Some(from), Some(to)) = (inside.iter().position(|x| *x), inside.iter().rposition(|x| *x)) else {
            continue;
        };
        // A known or unknown word beside the one that the address repeats is the rest of the name.
        let from = words[..from].iter().rposition(|word| word.known.ordinary).map_or(0, |i| i + 1).min(from);
        let rest = words[to + 1..].iter().take_while(|word| !word.known.ordinary && !word.known.thing).count();
        let to = to + rest;
        if words[from..=to].iter().any(|word| !word.known.ordinary) && !words[from..=to].iter().any(|w| w.known.thing) {
            scan.push(words[from].range.start..words[to].range.end, Person, "name-of-email", ALONE);
        }
    }
}

/// Where the next capital stands in `range`.
fn next_capital(text: &str, range: Range<usize>) -> Option<usize> {
    let mut at = range.start;
    loop {
        at += text.as_bytes()[at..range.end].iter().position(|b| b.is_ascii_uppercase() || *b >= 0x80)?;
        let c = text[at..].chars().next()?;
        if c.is_uppercase() {
            return Some(at);
        }
        at += c.len_utf8();
    }
}

/// Whether the word, without accents, is a word of the local part of an address or begins or ends one.
fn is_part(local: &str, word: &str) -> bool {
    const ROLES: [&str; 14] = [
        "info", "sales", "support", "admin", "contact", "hello", "team", "mail", "email", "news", "help", "service",
        "office", "billing",
    ];
    let mut buffer = [0; names::MAX_NAME * 2];
    if word.len() > names::MAX_NAME {
        return false;
    }
    let folded = std::str::from_utf8(names::fold(word, &mut buffer)).unwrap_or_default();
    folded.len() >= 3
        && !ROLES.contains(&folded)
        && local
            .split(|c: char| !c.is_alphabetic())
            .any(|part| part == folded || folded.len() >= 4 && (part.starts_with(folded) || part.ends_with(folded)))
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn names() {
        check(
            Person,
            &[
                ("Hi, I'm Kevin Duffy. My order", &["Kevin Duffy"]),
                ("Thanks Kevin, I found it", &["Kevin"]),
                ("Best,\nMohammad van der Dussen", &["Mohammad van der Dussen"]),
                ("My name is Qwilfrid Zborok.", &["Qwilfrid Zborok"]),
                (r#"{"first_name": "yara", "last_name": "Qo"}"#, &["yara", "Qo"]),
                (r#"{"name": "create_ticket"}"#, &[]),
                (r#"{"name": "Premium Plan"}"#, &[]),
                ("According to Dijkstra's algorithm; see Bellman-Ford and Jenkins.", &[]),
                ("Mrs. Zborok called. Then Zborok left.", &["Zborok", "Zborok"]),
                ("The Gold Member, May 24", &[]),
                ("new Person(\"Adesuwa Zkolade\", \"adesuwa+news@x.co.uk\")", &["Adesuwa Zkolade"]),
                ("Sales Support <sales.support@x.com>", &[]),
                ("signed by Qwilfrid Zborok and", &["Qwilfrid Zborok"]),
                ("Ask Zyxa Järvinen about it", &["Zyxa Järvinen"]),
                ("for Visual Studio and with Ubuntu", &[]),
                ("seen Ravil G Yefimov live", &["Ravil G Yefimov"]),
                ("They had 3: Miguel, Mark, Amber.", &["Miguel", "Mark", "Amber"]),
                ("3 passengers. Oh, and", &[]),
                ("Will Kubernetes restart it?", &[]),
            ],
        );
    }
}

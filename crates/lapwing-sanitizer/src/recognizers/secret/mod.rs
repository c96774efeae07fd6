//! Secrets: keys and tokens by their published formats, passwords and keys by the field or the words before them,
//! credentials in URLs and headers, cookies, private keys. A rule runs only where its keyword stands.

mod keywords;
mod named;
mod placeholder;
mod rules;
mod told;

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind as Matches, PatternID};

use crate::checksum::entropy;
use crate::entity::EntityType::{Secret, Username};
use crate::field::Field;
use crate::formats::{CHECKED, Format, NAMED, SHAPED};
use crate::recognizers::command::{self, PROGRAMS};
use crate::recognizers::log_line;
use crate::scan::{FieldValue, Scan};
use crate::table;
pub(crate) use keywords::{Keyword, keywords, telling_words};
use named::Kind;
pub(crate) use placeholder::is_placeholder;
use rules::PREFIXED;
use told::arguments;
pub(crate) use told::told;

/// Tokens that begin with digits.
pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "telegram-bot",
        entity: Secret,
        pattern: r"[0-9]{5,16}:A[A-Za-z0-9_-]{34,35}",
        judge: |c| {
            (c.value().len() >= 43 || c.text[..c.range.start].to_ascii_lowercase().contains("telegr"))
                .then_some(CHECKED)
        },
    },
    Format {
        name: "facebook-app",
        entity: Secret,
        pattern: r"[0-9]{15,16}[|%][A-Za-z0-9_-]{27,40}",
        judge: |c| (entropy(c.value().as_bytes()) > 3.5).then_some(CHECKED),
    },
    Format {
        name: "asana-pat",
        entity: Secret,
        pattern: r"[12]/[0-9]{12,16}(?:/[0-9]{12,16})?:[0-9a-f]{32}",
        judge: |_| Some(CHECKED + 5),
    },
];

/// Longest stretch that a rule with a known prefix reads.
const MAX_TOKEN: usize = 4096;

/// Every rule's pattern, each with a start of its own.
static RULES: LazyLock<dense::DFA<Vec<u32>>> = LazyLock::new(|| {
    let patterns: Vec<&str> = PREFIXED.iter().map(|rule| rule.pattern).collect();
    let config =
        dense::Config::new().match_kind(Matches::All).start_kind(StartKind::Anchored).starts_for_each_pattern(true);
    dense::Builder::new()
        .configure(config)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build_many(&patterns)
        .expect("the rules hold valid patterns")
});

fn follow(scan: &mut Scan<'_>, keyword: Keyword, start: usize, end: usize) {
    match keyword {
        Keyword::Prefix(number) => prefixed(scan, usize::from(number), start),
        Keyword::Vendor => named::read(scan, start, end, Kind::Vendor),
        Keyword::Generic => named::read(scan, start, end, Kind::Generic),
        Keyword::Key => named::read(scan, start, end, Kind::Key),
        Keyword::Carrier => carried(scan, start, end),
        Keyword::Pem => pem(scan, start),
        Keyword::Home => super::username::home(scan, end, None),
        Keyword::Call => arguments(scan, end),
        Keyword::Command(number) => command::read(scan, &PROGRAMS[usize::from(number)], end),
        Keyword::Account => command::account(scan, end),
        Keyword::Piped => command::piped(scan, start),
        Keyword::Permissions => log_line::owner(scan, end - 1),
        Keyword::BehindAccount => log_line::in_brackets(scan, start),
        Keyword::Passwd => log_line::passwd(scan, start),
        Keyword::Insert => table::insert(scan, end),
        Keyword::Terminal => log_line::session(scan, start),
        Keyword::Note => super::username::home(scan, end, Some(b')')),
    }
}

/// A token whose beginning stands at `start`.
fn prefixed(scan: &mut Scan<'_>, number: usize, start: usize) {
    let bytes = scan.text.as_bytes();
    let rule = &PREFIXED[number];
    let Some(start) = start.checked_sub(rule.back) else { return };
    if start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'+') && !rule.inside {
        return;
    }
    let end = bytes.len().min(start + MAX_TOKEN);
    let Some(length) = longest(&RULES, number, &bytes[start..end]) else { return };
    let range = start..start + length;
    let Some(value) = scan.text.get(range.clone()) else { return };
    if value.bytes().filter(u8::is_ascii_digit).count() < rule.digits
        || entropy(value.as_bytes()) < rule.entropy
        || placeholder::is_dummy_token(value)
        || matches!(bytes.get(start + length), Some(b'#' | b'*'))
    {
        return;
    }
    scan.push(range, Secret, rule.name, CHECKED + 8);
}

/// Length of the longest match of one rule at the beginning of `bytes`.
fn longest(rules: &dense::DFA<Vec<u32>>, number: usize, bytes: &[u8]) -> Option<usize> {
    let config = start::Config::new().anchored(Anchored::Pattern(PatternID::must(number)));
    let mut state = rules.start_state(&config).ok()?;
    let mut found = None;
    for (i, &byte) in bytes.iter().enumerate() {
        state = rules.next_state(state, byte);
        if rules.is_special_state(state) {
            if rules.is_dead_state(state) {
                return found;
            }
            if rules.is_match_state(state) {
                found = Some(i);
            }
        }
    }
    if rules.is_match_state(rules.next_eoi_state(state)) { Some(bytes.len()) } else { found }
}

/// Names of schemes between a header and its secret.
const SCHEMES: [&str; 8] = ["bearer ", "basic ", "token ", "apikey ", "api-token ", "flyv1 ", "token=", "digest "];

/// The word that the header or option `start..end` carries.
fn carried(scan: &mut Scan<'_>, start: usize, end: usize) {
    let bytes = scan.text.as_bytes();
    let keyword = scan.text[start..end].trim_end();
    let option = keyword.ends_with("-u") || keyword.ends_with("--user");
    // `-u ":password"`: the colon of an option is part of its value.
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'=') || !option && matches!(b, b':' | b',');
    let glued = bytes[start].is_ascii_alphanumeric() && start > 0 && bytes[start - 1].is_ascii_alphanumeric();
    let mut at = end + bytes[end..].iter().take(8).take_while(|b| blank(b)).count();
    if glued || !blank(&bytes[at - 1]) && !bytes[at - 1].is_ascii_punctuation() {
        return;
    }
    while let Some(scheme) = SCHEMES.iter().find(|scheme| starts_with(bytes, at, scheme)) {
        at += scheme.len();
        at += bytes[at..].iter().take(8).take_while(|b| blank(b)).count();
    }
    let word = bytes[at..].iter().take(MAX_TOKEN);
    let length = word
        .take_while(|b| {
            b.is_ascii_graphic()
                && !matches!(
                    b,
                    b'"' | b'\''
                        | b'`'
                        | b','
                        | b';'
                        | b'<'
                        | b'>'
                        | b'('
                        | b')'
                        | b'{'
                        | b'}'
                        | b'['
                        | b']'
                        | b'\\'
                        | b'|'
                )
        })
        .count();
    let value = &scan.text[at..at + length];
    let value = if option { value } else { value.trim_end_matches(['.', ':', '$']) };
    let secret = match option {
        true => is_login(value),
        false => is_token(value),
    };
    if secret && !is_placeholder(value) {
        scan.push(at..at + value.len(), Secret, "carried", CHECKED - 5);
    }
}

fn starts_with(bytes: &[u8], at: usize, word: &str) -> bool {
    bytes.get(at..at + word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

/// `user:password`, or a key alone.
fn is_login(value: &str) -> bool {
    match value.split_once(':') {
        Some((user, password)) => {
            let telling = |value: &str| value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit());
            (user.is_empty() && telling(password)
                || password.is_empty() && telling(user)
                || !user.is_empty() && password.len() >= 3)
                && (password.is_empty() || !is_placeholder(password))
                && (user.is_empty() || !is_placeholder(user))
                && !password.starts_with("//")
        }
        None => value.len() >= 16 && value.bytes().any(|b| b.is_ascii_digit()),
    }
}

fn is_token(value: &str) -> bool {
    let word = value.len() < 16 && value.bytes().all(|b| b.is_ascii_alphabetic());
    let varied = value.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    value.len() >= 8 && varied && !word && !value.contains("://") && entropy(value.as_bytes()) > 2.5
}

/// A private key, from its first line to its last.
fn pem(scan: &mut Scan<'_>, start: usize) {
    const MAX_LABEL: usize = 64;
    const MAX_KEY: usize = 16 * 1024;
    if start < scan.keys_read {
        return;
    }
    let rest = &scan.text[start..];
    let label = rest.get(..floor(rest, MAX_LABEL)).unwrap_or(rest);
    if !label.to_ascii_uppercase().contains("PRIVATE KEY") {
        return;
    }
    let limit = start + floor(rest, MAX_KEY);
    let end = match end_line(scan, start, limit) {
        Some(at) => {
            let tail = &scan.text[at + 8..limit.max(at + 8)];
            at + 8 + tail.find("-----").map_or(tail.len().min(MAX_LABEL), |i| i + 5) - start
        }
        // A cut key ends with its last character of Base64.
        None => {
            let open = label.find("-----\n").or_else(|| label[5..].find("-----").map(|i| i + 5)).map_or(11, |i| i + 5);
            open + scan.text[start + open..limit]
                .bytes()
                .take_while(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r' | b' ' | b'\\')
                })
                .count()
        }
    };
    scan.keys_read = start + MAX_KEY.min(end);
    scan.push(start..start + floor(rest, end), Secret, "private-key", CHECKED + 9);
}

/// Where the next last line of a key begins. What one search has read, the next does not read again.
fn end_line(scan: &mut Scan<'_>, start: usize, limit: usize) -> Option<usize> {
    if scan.key_end.is_none_or(|end| end < start) {
        let from = scan.key_ends_read.max(start);
        let region = scan.text.as_bytes().get(from..limit).unwrap_or_default();
        let ends = memchr::memmem::find_iter(region, b"-----").map(|at| from + at);
        let is_end = |at: &usize| starts_with(scan.text.as_bytes(), at + 5, "end");
        scan.key_end = ends.into_iter().find(is_end);
        // The last signs may begin a line that goes on behind the limit.
        scan.key_ends_read = scan.key_end.unwrap_or(limit.saturating_sub(8)).max(from);
    }
    scan.key_end.filter(|end| end + 8 <= limit)
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The user and the password of a URL whose `://` ends at `start`.
pub(crate) fn in_url(scan: &mut Scan<'_>, start: usize) {
    const MAX_CREDENTIALS: usize = 512;
    let rest = &scan.text.as_bytes()[start..];
    let length = rest
        .iter()
        .take(MAX_CREDENTIALS)
        .take_while(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`') || **b >= 0x80)
        .count();
    let Some(at) = rest[..length].iter().rposition(|b| *b == b'@') else { return };
    let colon = rest[..at].iter().position(|b| *b == b':');
    let user = start..start + colon.unwrap_or(at);
    let account = &scan.text[user.clone()];
    if super::username::is_personal(account) || colon.is_some() && super::username::is_named(account) {
        scan.push(user.clone(), Username, "url-user", SHAPED);
    }
    let secret = match colon {
        Some(colon) => start + colon + 1..start + at,
        // `https://<token>@host`
        None if user.len() >= 20 => user,
        None => return,
    };
    if secret.len() >= 2 && !is_placeholder(&scan.text[secret.clone()]) {
        scan.push(secret, Secret, "url-password", CHECKED + 4);
    }
}

/// The account and the password of a data source without a scheme, whose `@` stands at `at`: `app:…@tcp(10.1.2.3:3306)`.
pub(crate) fn in_dsn(scan: &mut Scan<'_>, at: usize) -> bool {
    const MAX_CREDENTIALS: usize = 160;
    if !["tcp(", "unix(", "tcp[", "udp("].iter().any(|network| scan.text[at + 1..].starts_with(network)) {
        return false;
    }
    let head = &scan.text.as_bytes()[at.saturating_sub(MAX_CREDENTIALS)..at];
    let length = head
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b','))
        .count();
    let credentials = &scan.text[at - length..at];
    let Some((account, password)) = credentials.split_once(':') else { return false };
    if super::username::is_named(account) {
        scan.push(at - length..at - length + account.len(), Username, "url-user", SHAPED);
    }
    if password.len() >= 2 && !is_placeholder(password) {
        scan.push(at - password.len()..at, Secret, "url-password", CHECKED + 4);
    }
    true
}

/// The value of a field that is named after a secret.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    match value.field {
        Field::Password => {
            let end = if value.quoted { text.len() } else { text.find(' ').unwrap_or(text.len()) };
            let text = text[..end].trim_end_matches([')', '.', ',', ':']);
            let path = text.starts_with(['/', '~']) || text.contains(":\\") || text.contains("://");
            let prose = path || text.contains(' ') && text.split(' ').count() > 4;
            let word = !value.quoted && text.bytes().all(|b| b.is_ascii_lowercase());
            if text.len() >= 4 && !prose && !word && !is_placeholder(text) {
                scan.push(value.range.start..value.range.start + text.len(), Secret, "password-field", NAMED + 10);
            }
        }
        Field::Secret => {
            let end = text.find([' ', ')']).unwrap_or(text.len());
            let text = &text[..end];
            let telling = text.bytes().any(|b| b.is_ascii_digit()) && entropy(text.as_bytes()) > 2.5;
            let code = text.contains(['(', '[', '{', '$', '<']) || text.contains("::");
            if text.len() >= 8 && telling && !code && !is_placeholder(text) {
                scan.push(value.range.start..value.range.start + end, Secret, "secret-field", NAMED + 3);
            }
        }
        Field::Cookie => cookies(scan, value.range.clone()),
        _ => {}
    }
}

/// The values of the cookies in a header, attributes and short settings left out.
fn cookies(scan: &mut Scan<'_>, range: Range<usize>) {
    if range.start < scan.cookies_read {
        return;
    }
    // The header's value goes on past the separators that end other values.
    let line = scan.text[range.start..].find(['\n', '"', '\'']).map_or(scan.text.len(), |i| range.start + i);
    let end = line.min(floor(scan.text, range.start + 8192));
    // Another header is read by itself, so that it is found whatever becomes of this one.
    let end = scan.text[range.start..end].find("ookie:").map_or(end, |i| range.start + i);
    scan.cookies_read = end;
    let mut start = range.start;
    for cookie in scan.text[range.start..end].split(';') {
        // The first value may stand alone, and other fields of a log may follow it: `sid=… ip=…`.
        let word = cookie.trim_start();
        let word = &cookie[..cookie.len() - word.len() + word.find(' ').unwrap_or(word.len())];
        let name_end = word.find('=').filter(|i| *i + 1 < word.len()).map_or(0, |i| i + 1);
        let value = word[name_end..].trim_end();
        let attribute = ["expires", "path", "domain", "max-age", "samesite", "priority", "version"]
            .iter()
            .any(|known| cookie.trim_start().to_ascii_lowercase().starts_with(known));
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        if !attribute && value.len() >= 10 && digits >= 1 && entropy(value.as_bytes()) > 2.8 && !is_placeholder(value) {
            let from = start + name_end;
            scan.push(from..from + value.len(), Secret, "cookie", NAMED + 8);
        }
        start += cookie.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::{check, found};

    #[test]
    fn passwords_and_credentials() {
        check(
            Secret,
            &[
                ("postgres://app:ZePXe8L9fbkk@db.internal:5432/orders", &["ZePXe8L9fbkk"]),
                ("the wifi password is fall-future-word4 and", &["fall-future-word4"]),
                ("admin password: osJuNZ6spjU5", &["osJuNZ6spjU5"]),
                ("Authorization: Bearer 8f14e45fceea167a5a36", &["8f14e45fceea167a5a36"]),
                ("curl -u alice:s3cr3tPass https://x.y", &["alice:s3cr3tPass"]),
                (r#"{"password": "hunter2!"}"#, &["hunter2!"]),
                (r#"api_key = os.environ["OPENAI_API_KEY"]"#, &[]),
                (r#"headers = {"Authorization": f"Bearer {api_key}"}"#, &[]),
                ("password: ********", &[]),
                ("DB_PASSWORD=${DB_PASSWORD}", &[]),
                ("the password is required", &[]),
                ("max_tokens: 4096, prompt_tokens=616", &[]),
                ("sql.Open(\"mysql\", \"app:Gnui4F8n@tcp(10.1.2.3:3306)/shop\")", &["Gnui4F8n"]),
                ("\"recovery_codes\": [\"eeBj0YcovZ1d\", \"GNa0EZKLo4qW\"]", &["eeBj0YcovZ1d", "GNa0EZKLo4qW"]),
                ("Cookie: theme=dark; session=9f8a7b6c5d4e3f2a1b0c", &["9f8a7b6c5d4e3f2a1b0c"]),
            ],
        );
    }

    #[test]
    fn tokens_by_their_prefix_also_inside_of_code() {
        let body = "x8Kq2Zp9Lw4Nt7Rb1Vc6Hd3Jf5Gs0AeYuIoP";
        for prefix in ["ghp_", "glpat-", "hf_", "sk-ant-api03-", "xoxb-", "npm_"] {
            let text = format!("const t = '{prefix}{body}';");
            assert!(!found(Secret, &text).is_empty(), "{prefix}");
        }
        let key = concat!("AK", "IAWVMP4IH6LOWRTG6O");
        check(Secret, &[(&format!("id={key}"), &[key])]);
    }

    #[test]
    fn private_keys_are_taken_whole() {
        let key = format!("-----BEGIN {0}-----\nMIIabc\ndef==\n-----END {0}-----", concat!("PRIVATE", " KEY"));
        assert_eq!(found(Secret, &format!("key:\n{key}\nthanks")), [key.as_str()]);
        let escaped = key.replace('\n', "\\n");
        assert_eq!(found(Secret, &format!(r#"{{"k": "{escaped}"}}"#)), [escaped]);
        assert!(found(Secret, "-----BEGIN CERTIFICATE-----\nMIIabc").is_empty());
    }
}

//! Passwords that are told: in a sentence behind the word for them, and as arguments of calls that log in.

use super::placeholder::is_placeholder;
use crate::context::Mention;
use crate::entity::EntityType::{Secret, Username};
use crate::formats::{NAMED, SHAPED};
use crate::recognizers::username;
use crate::scan::Scan;

/// Calls whose arguments are an account and a password, perhaps behind an address; in lower case.
pub(super) const CALLS: &str = ".login(|.auth(|authenticate(|basicauth(|setcredentials(|usernamepasswordcredentials(|pscredential(|networkcredential(|\
                                getconnection(|pdo(|mysqli(|mysqli_connect(|mysql_connect(|auth=(|auth = (|basic_auth(|setbasicauth(|withcredentials(|securestring |simple_bind_s(|.simple_bind(";

/// What follows "the password is".
pub(crate) fn told(scan: &mut Scan<'_>, mention: Mention) {
    const VERBS: [&str; 15] = [
        " is: ", " is now ", " is ", " was ", " to ", ": ", " = ", " - ", " ist ", " est ", " es ", " è ", " é ",
        " lautet ", " jest ",
    ];
    let word = scan.text[mention.start..mention.end].to_ascii_lowercase();
    let rest = &scan.text[mention.end..];
    if word.starts_with("cred") {
        pair(scan, mention.end);
        return;
    }
    let stated =
        VERBS.iter().find(|verb| rest.starts_with(**verb)).map(|verb| verb.len()).or_else(|| detour(&word, rest));
    // `= PASSWORD('…')`
    let called = rest.starts_with("('") || rest.starts_with("(\"");
    let called =
        called && !scan.text[..mention.start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let bare = (rest.starts_with(' ') || called).then_some(1);
    let Some(length) = stated.or(bare) else { return };
    // `IDENTIFIED BY '…'`, `PASSWORD "…"`: quotes state it, too.
    let quoted = rest[length..].starts_with(['\'', '"', '`']);
    let body = rest[length..].trim_start_matches(['"', '\'', '`', ' ', '*', '“']);
    let start = scan.text.len() - body.len();
    let length =
        body.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '”')).unwrap_or(body.len());
    if length > 200 {
        return;
    }
    let value = body[..length].trim_end_matches(['.', ',', ';', ')', '*', '?']);
    let telling = value.bytes().any(|b| b.is_ascii_digit() || (b.is_ascii_punctuation() && b != b'-'))
        || value.matches('-').count() >= 2
        || value.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    let least = match () {
        _ if word.starts_with("pin") || word.ends_with("code") || word == "otp" => 4,
        _ if word.contains("token") => 8,
        _ => 5,
    };
    // `create_float`, `cpuid::InitToken`: names in code.
    let name = value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') || value.contains("::");
    let code = name || value.contains(['(', '{', '[', '=', '$']) && value.len() > 24;
    if value.len() >= least
        && telling
        && (stated.is_some() || quoted || is_strong(value) || least == 4 && is_pin(value))
        && !code
        && !is_placeholder(value)
    {
        scan.push(start..start + value.len(), Secret, "told", NAMED);
    }
}

fn is_pin(value: &str) -> bool {
    (4..=8).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
}

/// The account and the password behind `creds:`, a stroke or a colon between them.
fn pair(scan: &mut Scan<'_>, at: usize) {
    let rest = &scan.text[at..];
    let body = rest.trim_start_matches([':', ' ', '=', '`', '"']);
    let body =
        body.strip_prefix("are ").or(body.strip_prefix("is ")).unwrap_or(body).trim_start_matches([':', ' ', '`']);
    let account = &body[..username::account_length(body)];
    let behind = &body[account.len()..];
    let Some(password) = [" / ", "/", ":", " : ", " | "].iter().find_map(|sign| behind.strip_prefix(sign)) else {
        return;
    };
    let length =
        password.find(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | ',')).unwrap_or(password.len());
    let password = &password[..length];
    let telling = password.bytes().any(|b| b.is_ascii_digit() || b"!#$%&*".contains(&b));
    if rest.len() - body.len() > 12 || !(5..=64).contains(&length) || !telling || is_placeholder(password) {
        return;
    }
    let offset = |part: &str| part.as_ptr() as usize - scan.text.as_ptr() as usize;
    let (from, to) = (offset(account), offset(password));
    if username::is_named(account) {
        scan.push(from..from + account.len(), Username, "told", SHAPED);
    }
    scan.push(to..to + length, Secret, "told", NAMED);
}

/// Length of up to four words and a verb: "for the card is".
fn detour(word: &str, rest: &str) -> Option<usize> {
    const MAX_WORDS: usize = 4;
    if !word.ends_with(" for") && ![" for ", " of ", " to "].iter().any(|word| rest.starts_with(word)) {
        return None;
    }
    let mut at = 0;
    for _ in 0..=MAX_WORDS {
        let word = rest[at..].strip_prefix(' ')?;
        if let Some(verb) = ["is ", "is: ", "was "].iter().find(|verb| word.starts_with(**verb)) {
            return Some(at + 1 + verb.len());
        }
        let length = word.bytes().take(16).take_while(u8::is_ascii_lowercase).count();
        if length == 0 {
            return None;
        }
        at += 1 + length;
        // `the password for the staging box: …`
        if rest[at..].starts_with(": ") {
            return Some(at + 2);
        }
    }
    None
}

/// Whether a word is hardly anything but a password: `Tr0ub4dor`, `bluebird?42`, `slow-red-fox-42`, a UUID.
fn is_strong(value: &str) -> bool {
    let has = |kind: fn(u8) -> bool| value.bytes().any(kind);
    let long = value.len() >= 20 && !value.starts_with('/') && !value.contains("://");
    let sign = has(|b| b"!#$%&*?@^".contains(&b)) || value.matches('-').count() >= 2;
    (8..=64).contains(&value.len())
        && has(|b| b.is_ascii_digit())
        && has(|b| b.is_ascii_lowercase())
        && (sign || has(|b| b.is_ascii_uppercase()))
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&*?@^_-+".contains(&b) || long && b"/=".contains(&b))
}

/// The account and the password among the words in quotes behind `login(` or `connect(`.
pub(super) fn arguments(scan: &mut Scan<'_>, at: usize) {
    const MAX_ARGUMENTS: usize = 240;
    let end = scan.text.floor_char_boundary((at + MAX_ARGUMENTS).min(scan.text.len())).max(at);
    let call = &scan.text[at..end];
    let Some(quote) = call.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return };
    let mut words: Vec<&str> = Vec::new();
    for (i, part) in call.split(quote).enumerate() {
        match i % 2 {
            1 => words.push(part),
            // Between two words in quotes stands nothing but a comma, or a call that takes the next.
            _ if i > 0 && !is_between(part) => break,
            _ => {}
        }
    }
    let offset = |word: &str| at + (word.as_ptr() as usize - call.as_ptr() as usize);
    // `getConnection("jdbc:…", "user", "password")`, `connect("host", "user", "password")`: an address comes first.
    let pair = match words.as_slice() {
        [password] if scan.text[..at].ends_with(' ') => [None, Some(*password)],
        [account, password] => [Some(*account), Some(*password)],
        [_, account, password, ..] => [Some(*account), Some(*password)],
        _ => return,
    };
    let [account, password] = pair;
    let Some(password) = password.filter(|value| value.len() >= 5 && !value.contains(' ') && !is_placeholder(value))
    else {
        return;
    };
    if password.contains("://") || password.starts_with("--") {
        return;
    }
    if let Some(account) = account.filter(|value| username::is_named(value) && !value.contains('@')) {
        scan.push(offset(account)..offset(account) + account.len(), Username, "argument", SHAPED);
    }
    scan.push(offset(password)..offset(password) + password.len(), Secret, "argument", NAMED);
}

/// Whether only signs, or the beginning of a call, stand between two arguments.
fn is_between(part: &str) -> bool {
    let part = part.trim();
    part == ","
        || part.starts_with(',') && part.ends_with(['(', ' '])
        || part.to_ascii_lowercase().ends_with("securestring")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn told_passwords() {
        check(
            Secret,
            &[
                ("the pin for the card is 2197.", &["2197"]),
                ("your one-time code is 809972. Sign in", &["809972"]),
                ("root password for the staging box: Tundra#9445 (user x)", &["Tundra#9445"]),
                ("CREATE USER x IDENTIFIED BY 'WalnutSaffron64!';", &["WalnutSaffron64!"]),
                ("login jdoe password cinder-tundra-17", &["cinder-tundra-17"]),
                ("the password of the user is required", &[]),
                ("change the password to something else", &[]),
                ("error code is 4042", &[]),
                ("let token: cpuid::InitToken = new", &[]),
                ("use std::pin::Pin;", &[]),
                ("prod creds: svc-crm / LanternAmber24!", &["LanternAmber24!"]),
                ("and its passcode 0588.", &["0588"]),
                ("credentials: see vault/team for them", &[]),
            ],
        );
    }

    #[test]
    fn arguments_of_calls_that_log_in() {
        check(
            Secret,
            &[
                (r#"smtp.login("jtran", "hunter2!")"#, &["hunter2!"]),
                (r#"new PDO("mysql:host=x;dbname=y", "jtran", "hunter2!");"#, &["hunter2!"]),
                (r#"requests.get(u, auth=("jtran", "hunter2!"))"#, &["hunter2!"]),
                (r#"PSCredential("jtran", (ConvertTo-SecureString "hunter2!" -AsPlainText))"#, &["hunter2!"]),
            ],
        );
        check(Username, &[(r#"new PDO("mysql:host=x;dbname=y", "jtran", "hunter2!");"#, &["jtran"])]);
    }
}

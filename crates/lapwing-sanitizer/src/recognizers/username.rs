//! Names of accounts: values of user fields, what follows "user" in logs, home folders, the user of a shell or a URL.

use crate::context::Mention;
use crate::entity::EntityType::{IpAddress, Secret, Username};
use crate::field::Field;
use crate::formats::{NAMED, SHAPED};
use crate::scan::{FieldValue, Scan};

/// Accounts of software and roles, and words that stand where an account could: not personal.
const NOT_PERSONAL: &str = " root admin administrator user users guest system daemon nobody app application service postgres mysql redis mongodb ubuntu debian ec2-user \
                            centos git github www-data nginx apache jenkins deploy deployer runner docker vagrant oracle test tester demo example anonymous default none \
                            null true false yes no name id ids input agent assistant tool human bot content message messages role data info type group from for and or the a an is was \
                            has in on at to of by with not invalid unknown failed error session login logout password email account accounts profile settings profiles \
                            api client server host local localhost string int integer number object array function class support staff me you your my his her their this that \
                            undefined shared public private sudo su ftp mail http https sshd cron backup sync operator request requests query queries experience interface \
                            story stories who will can should must may wants want needs asked asks said says does did story manual guide node python java go rust \
                            developer model models oauth2 x-access-token token key svc ci cd ops dev prod staging hi hey hello thanks ok okay please yes ";

/// The value of a field that names an account.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    // `user=jdoe ip=10.1.2.3`: what stands behind a blank is another field.
    let joined = !value.quoted && scan.text[..value.range.start].ends_with('=');
    let text = if joined { text.split(' ').next().unwrap_or(text) } else { text };
    let score = match value.field {
        Field::Username => NAMED,
        Field::UserId if text.bytes().any(|b| b.is_ascii_alphabetic()) && !is_generated(text) => SHAPED,
        _ => return,
    };
    // `User: Hi, …` is a turn of a conversation; `user: jdoe` on a line of its own is an account.
    let spoken = !value.quoted
        && scan.text[..value.range.start].ends_with(' ')
        && !is_telling(text)
        && !fills_line(scan.text, value);
    if is_account(text) && !spoken {
        scan.push(value.range.start..value.range.start + text.len(), Username, "user-field", score);
    }
}

fn fills_line(text: &str, value: &FieldValue) -> bool {
    let ends = text[value.range.end..].trim_start_matches([' ', '\r']).chars().next().is_none_or(|c| c == '\n');
    ends && text[value.range.clone()].chars().all(|c| !c.is_uppercase())
}

/// Whether the word looks made up for an account.
fn is_telling(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit() || b"._-".contains(&b))
}

/// What follows a word such as `user` or `logged in as`.
pub(crate) fn after(scan: &mut Scan<'_>, mention: Mention) {
    let word = scan.text[mention.start..mention.end].to_ascii_lowercase();
    let rest = &scan.text[mention.end..];
    if word == "whoami" {
        let line = rest.trim_start_matches([' ', '\r']);
        if let Some(output) = line.strip_prefix('\n') {
            account_at(scan, scan.text.len() - output.len(), SHAPED, false);
        }
        return;
    }
    let strict = matches!(
        word.as_str(),
        "user" | "login" | "handle" | "benutzer" | "usuario" | "utilisateur" | "utente" | "usuário"
    );
    let mut body = rest.trim_start_matches([' ', '"', '\'', '`', ':', '=', '(', '@', '*']);
    body = rest.strip_prefix("=<").unwrap_or(body);
    if let Some(told) = ["is ", "was ", "to ", "for ", "as ", "name ", "ist ", "es ", "est ", "è "]
        .iter()
        .find_map(|verb| body.strip_prefix(verb))
    {
        body = told.trim_start_matches([' ', '"', '\'', '`', ':', '@', '*']);
    }
    // `username is …` names an account whatever it looks like.
    let explicit = word.contains("name") && rest.len() - body.len() >= 3;
    let skipped = rest.len() - body.len();
    if skipped == 0 || skipped > 24 {
        return;
    }
    account_at(
        scan,
        scan.text.len() - body.len(),
        SHAPED - 3,
        strict || !(explicit || rest[..skipped].contains([':', '=', '"', '`'])),
    );
}

/// The account behind the address in a line of an access log: `10.1.2.3 - jdoe [10/Oct/2025:…`.
pub(crate) fn in_access_logs(scan: &mut Scan<'_>) {
    before_addresses(scan);
    let ends: Vec<usize> =
        scan.found.iter().filter(|found| found.entity == IpAddress).map(|found| found.range.end).collect();
    for end in ends {
        let Some(rest) = scan.text[end..].strip_prefix(" - ") else { continue };
        let length = rest.bytes().take(64).take_while(|b| b.is_ascii_alphanumeric() || b"._@-".contains(b)).count();
        if rest[length..].starts_with(" [") && is_personal(&rest[..length]) {
            scan.push(end + 3..end + 3 + length, Username, "access-log", SHAPED);
        }
    }
}

/// The account before the address in `jdoe/10.1.2.3:1194`.
fn before_addresses(scan: &mut Scan<'_>) {
    let starts: Vec<usize> =
        scan.found.iter().filter(|found| found.entity == IpAddress).map(|found| found.range.start).collect();
    for end in starts {
        let Some(head) = scan.text[..end].strip_suffix('/') else { continue };
        let length =
            head.bytes().rev().take(64).take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b)).count();
        let apart = head[..head.len() - length].ends_with([' ', '"', '\n']) || head.len() == length;
        if apart && length > 0 && is_personal(&head[head.len() - length..]) {
            scan.push(head.len() - length..head.len(), Username, "user-at-address", SHAPED);
        }
    }
}

/// The account at `at` behind `docker login -u`, and the password behind its `-p`.
pub(crate) fn option(scan: &mut Scan<'_>, at: usize) {
    let rest = &scan.text[at..];
    let length = rest.bytes().take(64).take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b)).count();
    if is_personal(&rest[..length]) {
        scan.push(at..at + length, Username, "user-option", SHAPED);
    }
    let Some(password) = rest[length..].strip_prefix(" -p") else { return };
    let password = password.trim_start_matches([' ', '\'', '"']);
    let end = password.find([' ', '\'', '"', '\n', '\\']).unwrap_or(password.len());
    if (5..=64).contains(&end) && !password.starts_with(['$', '<', '{', '-']) {
        let start = scan.text.len() - password.len();
        scan.push(start..start + end, Secret, "password-option", NAMED);
    }
}

/// Whether `value` is an account of a person and not of a service.
pub(crate) fn is_personal(value: &str) -> bool {
    is_account(value) && !is_generated(value)
}

/// The folder after `/home/`, `/Users/` or `C:\Users\`, which ends at `at`; where `close` is given, it must follow.
pub(crate) fn home(scan: &mut Scan<'_>, at: usize, close: Option<u8>) {
    let length = scan.text.as_bytes()[at..]
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
        .count();
    let value = &scan.text[at..at + length];
    let closed = close.is_none_or(|close| scan.text.as_bytes().get(at + length) == Some(&close));
    if closed && is_personal(value) {
        scan.push(at..at + length, Username, "home-folder", SHAPED);
    }
}

/// An account that begins at `start`. With `strict` an ordinary word is not enough.
fn account_at(scan: &mut Scan<'_>, start: usize, score: u8, strict: bool) {
    let length = scan.text.as_bytes()[start..]
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
        .count();
    let value = scan.text[start..start + length].trim_end_matches(['.', '-']);
    let next = scan.text[start + value.len()..].chars().next();
    let telling = is_telling(value) || next == Some('\'') && !strict;
    // `USER jdoe` is a line of a protocol.
    let first_word =
        ["USER ", "of user ", "from user ", "su - ", "chown "].iter().any(|head| scan.text[..start].ends_with(head));
    let rest = &scan.text[start + value.len()..];
    let in_log = strict && goes_on_like_a_log(rest, first_word);
    let generated = is_generated(value) || value.bytes().all(|b| b.is_ascii_digit() || b"._-".contains(&b));
    if is_account(value)
        && !generated
        && !(matches!(next, Some('@' | '/' | '[')) || next == Some('(') && !in_log)
        && (!strict || telling || in_log)
    {
        scan.push(start..start + value.len(), Username, "user-named", score);
    }
}

/// Whether what follows an account is what follows one in a log.
fn goes_on_like_a_log(rest: &str, first_word: bool) -> bool {
    const SIGNS: [&str; 14] = [
        " from ",
        " by ",
        " : ",
        " on ",
        " ip=",
        "(uid=",
        ">,",
        ":",
        " denied",
        " logged",
        " disconnected",
        " connected",
        " authenticated",
        " locked",
    ];
    let number = rest.strip_prefix(" (").or_else(|| rest.strip_prefix(' '));
    SIGNS.iter().any(|sign| rest.starts_with(sign) && (*sign != ":" || first_word))
        || number.is_some_and(|rest| {
            let digits = rest.bytes().take(4).take_while(u8::is_ascii_digit).count();
            (1..=3).contains(&digits) && rest[digits..].starts_with('.')
        })
        || first_word
            && rest.trim_start_matches('.').chars().next().is_none_or(|c| matches!(c, '\r' | '\n' | '"' | '\\' | ' '))
}

fn is_account(value: &str) -> bool {
    let length = value.chars().count();
    let plain = value.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '\\' | '+'));
    let lettered = value.chars().any(char::is_alphabetic);
    let constant = value.contains('_') && value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    (2..=64).contains(&length)
        && plain
        && lettered
        && !constant
        && !NOT_PERSONAL.contains(&format!(" {} ", value.to_lowercase()))
}

/// Identifiers that software makes: UUIDs, `call_x8Kq…`, long hexadecimal.
fn is_generated(value: &str) -> bool {
    let hexadecimal = value.bytes().filter(|b| *b != b'-').all(|b| b.is_ascii_hexdigit());
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    (hexadecimal && value.len() >= 16) || value.len() > 40 || (value.len() >= 20 && digits >= 5 && !value.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn accounts() {
        check(
            Username,
            &[
                (r#"{"username": "paffraths20"}"#, &["paffraths20"]),
                ("failed login for user petitf86 from 10.0.0.1", &["petitf86"]),
                ("$ whoami\nsheath\n$ ssh sheath@47.143.12.193", &["sheath", "sheath"]),
                ("open /home/jdoe/notes.txt", &["jdoe"]),
                ("the user asked for help", &[]),
                ("user: What is new?", &[]),
                ("Last login: Aug 13 09:02:06 from 10.1.2.3", &[]),
                ("user root logged in", &[]),
                (r#"{"role": "user", "content": "hi"}"#, &[]),
                ("my username is lmorales", &["lmorales"]),
                ("10.1.2.3 - jdoe [10/Oct/2025:13:55:36 +0200]", &["jdoe"]),
                (concat!("// TO", "DO(jdoe): remove"), &["jdoe"]),
                ("login failed user=stewart ip=10.1.2.3", &["stewart"]),
                ("Accepted publickey for jdoe from 10.1.2.3", &["jdoe"]),
                ("sudo:   jdoe : TTY=pts/0", &["jdoe"]),
                ("session opened for user jtran(uid=1001) by (uid=0)", &["jtran"]),
                ("bad password for jtran (10.1.2.3)", &["jtran"]),
                ("data class User(val login: String = \"jtran\", x", &["jtran"]),
                ("ftpd: USER jtran\n", &["jtran"]),
                ("New session 42 of user jtran.", &["jtran"]),
                ("Login: user=<jtran>, method=PLAIN", &["jtran"]),
                ("Disconnected from user jtran 10.1.2.3 port", &["jtran"]),
                ("chown jtran:staff /srv && su - jtran", &["jtran", "jtran"]),
                ("openvpn: jtran/69.66.139.22:1194 peer", &["jtran"]),
                ("docker login -u jtran -p x", &["jtran"]),
                ("user: What is new?", &[]),
                ("src=10.1.2.3 suser=jtran", &["jtran"]),
            ],
        );
    }
}

//! Names of accounts: values of user fields, what follows "user" in logs, home folders, the user of a shell or a URL.

use std::ops::Range;
use std::sync::LazyLock;

use crate::context::Mention;
use crate::entity::EntityType::{Person, Username};
use crate::field::Field;
use crate::formats::{NAMED, SHAPED};
use crate::scan::{FieldValue, Scan};
use crate::words::WordTable;

/// Words that stand where an account could and are none.
const NO_ACCOUNT: &str = " user users handle regex daemon nobody default none null true false yes no name id ids input agent assistant tool human bot content message messages role data info type \
                          group from for and or the a an is was has in on at to of by with not invalid unknown failed error session login logout password email account accounts \
                          profile settings profiles api client server host local localhost string int integer number object array function class support staff me you your my \
                          his her their this that undefined shared public private mail http https request requests query queries experience interface story stories who will can \
                          should must may wants want needs asked asks said says does did manual guide node python java go rust developer model models key token hi hey hello \
                          thanks ok okay please username anonymous different another someone anyone everyone nobody else normal regular new existing current same other \
                          shown displayed taken required incorrect correct used stored unique already empty missing unavailable available always never hidden visible optional \
                          mandatory set automatically generated created updated derived based limited also still now being longer authenticated authorized logged connected \
                          text varchar char bigint uuid boolean bool value values field fields column str any option optional self args kwargs struct table page details list using forgot via dashboard index home news products docs assets static images \
                          lost+found nothing something production development ";

/// Accounts of software and of roles: not personal where only a sentence or a log names them.
const SHARED: &str = " root admin administrator guest system app application service postgres mysql redis mongodb ubuntu debian ec2-user centos git github www-data nginx apache jenkins \
                      deploy deployer runner docker vagrant oracle test tester demo example sudo su ftp sshd cron backup sync operator oauth2 x-access-token svc ci cd ops dev prod staging ";

/// Of these, the ones that every installation has: they are left even where a field or an option names an account.
const COMMON: &str = " root admin administrator guest system postgres mysql redis mongodb ubuntu debian ec2-user centos git github www-data nginx apache jenkins runner docker vagrant \
                      oracle test tester demo example sudo sshd cron oauth2 x-access-token ";

/// How the names of hosts and of files end.
const ENDINGS: &str = "com org net io dev local internal cloud lan corp eu app ai co go py js ts rs java rb php cs kt cpp jsx tsx vue sql log txt json yaml yml xml html css \
                        csv";

/// The value of a field that names an account.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    // `user=jdoe ip=10.1.2.3`: what stands behind a blank is another field.
    let joined = !value.quoted && scan.text[..value.range.start].ends_with('=');
    let ends: &[char] = match (joined, value.quoted) {
        (true, _) => &[' ', ')', '(', '/'],
        // `(github: jdoe)`
        (false, false) => &[')'],
        (false, true) => &[],
    };
    let text = text.split(ends).next().unwrap_or(text);
    if joined && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        numbered(scan, value.range.start + text.len());
        return;
    }
    let score = match value.field {
        // `account=jdoe7`: the numbers of accounts hold no small letters.
        Field::Bank if is_telling(text) && text.bytes().any(|b| b.is_ascii_lowercase()) && is_personal(text) => {
            SHAPED - 5
        }
        Field::Username => NAMED,
        Field::UserId if text.bytes().any(|b| b.is_ascii_alphabetic()) && !is_generated(text) => SHAPED,
        _ => return,
    };
    // `User: Hi, …` is a turn of a conversation; `user: jdoe` on a line of its own is an account.
    let spoken = !value.quoted
        && scan.text[..value.range.start].ends_with(' ')
        && !is_telling(text)
        && !fills_line(scan.text, value.range.start..value.range.start + text.len());
    if is_named(text) && !spoken {
        scan.push(value.range.start..value.range.start + text.len(), Username, "user-field", score);
    }
}

/// The account in brackets behind its number: `uid=1001(jdoe)`.
fn numbered(scan: &mut Scan<'_>, at: usize) {
    let Some(rest) = scan.text[at..].strip_prefix('(') else { return };
    let length = account_length(rest);
    if rest[length..].starts_with(')') && is_personal(&rest[..length]) {
        scan.push(at + 1..at + 1 + length, Username, "user-of-number", SHAPED);
    }
}

/// How many bytes at the beginning of `text` may be an account.
pub(crate) fn account_length(text: &str) -> usize {
    const MAX_ACCOUNT: usize = 64;
    text.bytes().take(MAX_ACCOUNT).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')).count()
}

/// Whether nothing but a bracket follows a value without capitals in its line.
fn fills_line(text: &str, value: Range<usize>) -> bool {
    let next = text[value.end..].trim_start_matches([' ', '\r']).chars().next();
    next.is_none_or(|c| matches!(c, '\n' | ')')) && text[value].chars().all(|c| !c.is_uppercase())
}

/// Whether the word looks made up for an account.
pub(crate) fn is_telling(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

/// What follows a word such as `user` or `logged in as`.
pub(crate) fn after(scan: &mut Scan<'_>, mention: Mention) {
    let word = scan.text[mention.start..mention.end].to_ascii_lowercase();
    let rest = &scan.text[mention.end..];
    if word == "whoami" {
        let line = rest.trim_start_matches([' ', '\r']);
        if let Some(output) = line.strip_prefix('\n') {
            account_at(scan, scan.text.len() - output.len(), SHAPED, Naming::Explicit);
        }
        return;
    }
    // `get_user(user_id)`, `etl-user' said`: the end of a longer name.
    let compound = scan.text[..mention.start].ends_with(['_', '-', '.']);
    if compound && !rest.starts_with([':', '=', '"']) && !rest.starts_with(" is ") {
        return;
    }
    if word == "login incorrect" || word == "login ok" {
        // `Login incorrect (mschap: …): [jdoe] (from client …`
        let near = &rest[..rest.floor_char_boundary(160)];
        if let Some(open) = near.find(": [") {
            account_at(scan, mention.end + open + 3, SHAPED, Naming::Explicit);
        }
        return;
    }
    let mut body = rest.trim_start_matches([' ', '"', '\'', '`', ':', '=', '(', '@', '*', '[']);
    body = rest.strip_prefix("=<").unwrap_or(body);
    let mut told = false;
    if let Some(named) = ["is ", "was ", "to ", "for ", "as ", "name ", "name=", "ist ", "es ", "est ", "è "]
        .iter()
        .find_map(|verb| body.strip_prefix(verb))
    {
        told = true;
        body = named.trim_start_matches([' ', '"', '\'', '`', ':', '@', '*']);
    }
    let skipped = rest.len() - body.len();
    let label = word.ends_with(':');
    // "to handle" is a verb.
    if word == "handle" && !told && !rest.starts_with([':', '=', '"']) {
        return;
    }
    if skipped == 0 || skipped > 24 {
        return;
    }
    // `username is …` names an account whatever it looks like.
    let explicit = word.contains("name") && skipped >= 3;
    let signed = label || explicit || rest[..skipped].contains([':', '=', '"', '`']);
    let naming = match word.as_str() {
        "user" | "login" | "handle" | "benutzer" | "usuario" | "utilisateur" | "utente" | "usuário" | "caller" => {
            let rest = &body[account_length(body)..];
            let named = rest.starts_with(" password ") && word == "login"
                || rest.starts_with(')') && scan.text[..mention.start].ends_with('(');
            match told && (names_password_next(rest) || scan.text[..scan.text.len() - body.len()].ends_with("name="))
                || named
            {
                true => Naming::Explicit,
                false if told && possessed(&scan.text[..mention.start]) => Naming::Closing,
                false if acts(&scan.text[..mention.start], rest) => Naming::Explicit,
                false => Naming::Word,
            }
        }
        _ if told && possessed(&scan.text[..mention.start]) => Naming::Closing,
        "create user" | "alter user" | "drop user" | "create role" | "alter role" | "drop role" => Naming::Statement,
        _ if word.ends_with("failed:") || word.ends_with("failure:") => Naming::Word,
        _ if word.ends_with(" as") || CLOSING.contains(&word.as_str()) => Naming::Closing,
        _ if signed => Naming::Explicit,
        _ => Naming::Word,
    };
    account_at(scan, scan.text.len() - body.len(), SHAPED - 3, naming);
}

/// Whether the record of an action begins with the account's word, and `rest` goes on with what was done: no sentence
/// does that without an article.
fn acts(head: &str, rest: &str) -> bool {
    const VERBS: [&str; 12] = [
        " changed ",
        " updated ",
        " deleted ",
        " created ",
        " added ",
        " removed ",
        " requested ",
        " uploaded ",
        " downloaded ",
        " revoked ",
        " approved ",
        " has ",
    ];
    let head = head.trim_end_matches(' ');
    (head.is_empty() || head.ends_with([':', ']', '"', '|', '\n'])) && VERBS.iter().any(|verb| rest.starts_with(verb))
}

/// Words that an account follows which the sentence ends with.
const CLOSING: [&str; 9] = [
    "denied to",
    "changed for",
    "changing password for",
    "reset password for",
    "reset the password for",
    "reset the password of",
    "unlock account",
    "blocked for",
    "authentication failed for",
];

/// Whether "my" or the like stands at the end of `head`.
fn possessed(head: &str) -> bool {
    const POSSESSIVES: [&str; 12] =
        ["my ", "My ", "mi ", "Mi ", "mon ", "Mon ", "mein ", "Mein ", "meu ", "Meu ", "mio ", "mijn "];
    POSSESSIVES.iter().any(|word| head.ends_with(word))
}

/// Whether what follows an account goes on with its password.
fn names_password_next(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '\'', '`', ',', ' ']);
    ["and the password", "and password", "and its pass", "and pass", "password", "with password", "/ ", "pw "]
        .iter()
        .any(|words| rest.starts_with(words))
}

/// How surely an account is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// By a label or a sign: any word is one.
    Explicit,
    /// By "logged in as": a word that ends what is said.
    Closing,
    /// By a statement of SQL that goes on with a password or ends.
    Statement,
    /// By "user": an ordinary word is not enough.
    Word,
}

/// The account in brackets behind a name: `Jane Doe (jdoe7)`.
pub(crate) fn beside_people(scan: &mut Scan<'_>) {
    const MAX_PEOPLE: usize = 64;
    let people = scan.found.iter().filter(|found| found.entity == Person).take(MAX_PEOPLE);
    let ends: Vec<usize> = people.map(|found| found.range.end).collect();
    for end in ends {
        let Some(rest) = scan.text[end..].strip_prefix(" (") else { continue };
        let length = account_length(rest);
        let value = &rest[..length];
        if rest[length..].starts_with(')') && is_telling(value) && is_personal(value) {
            scan.push(end + 2..end + 2 + length, Username, "user-of-name", SHAPED);
        }
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
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        .count();
    let value = &scan.text[at..at + length];
    let closed = close.is_none_or(|close| scan.text.as_bytes().get(at + length) == Some(&close));
    if closed && is_personal(value) {
        scan.push(at..at + length, Username, "home-folder", SHAPED);
    }
}

/// An account that begins at `start`.
fn account_at(scan: &mut Scan<'_>, start: usize, score: u8, naming: Naming) {
    let value = &scan.text[start..start + account_length(&scan.text[start..])];
    let value = value.trim_end_matches(['.', '-']);
    let rest = &scan.text[start + value.len()..];
    let next = rest.chars().next();
    let strict = naming == Naming::Word;
    // `user 'jdoe' from`, `user [jdoe]`: signs stand around it.
    let before = scan.text[..start].chars().next_back();
    let failed = scan.text[..start].ends_with("failed: \"") || scan.text[..start].ends_with("failure: \"");
    let enclosed = match (before, next) {
        (Some('\''), Some('\'')) | (Some('['), Some(']')) | (Some('<'), Some('>')) => true,
        (Some('"'), Some('"')) => failed,
        _ => false,
    };
    let telling = is_telling(value) || enclosed || next == Some('\'') && !strict;
    // `USER jdoe` is a line of a protocol.
    let first_word =
        ["USER ", "of user ", "from user ", "su - ", "chown "].iter().any(|head| scan.text[..start].ends_with(head));
    let last_word =
        ["to user ", "for user ", "as user ", "by user "].iter().any(|head| scan.text[..start].ends_with(head));
    let in_log = strict && (goes_on_like_a_log(rest, first_word) || last_word && ends_sentence(rest));
    let closing = match naming {
        Naming::Closing => {
            ends_sentence(rest) || goes_on_like_a_log(rest, first_word) || rest.starts_with([',', ')', ';'])
        }
        Naming::Statement => {
            let next = rest[..rest.floor_char_boundary(12)].to_ascii_lowercase();
            [" with ", " login", " identified", " password", ";"].iter().any(|sign| next.starts_with(sign))
        }
        _ => false,
    };
    let generated = is_generated(value) || value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    let joined = match next {
        Some('@' | '/') => true,
        Some('[') => !enclosed,
        Some('(') => !in_log,
        _ => false,
    };
    if is_account(value) && !generated && !joined && (naming == Naming::Explicit || telling || in_log || closing) {
        scan.push(start..start + value.len(), Username, "user-named", score);
    }
}

/// Whether nothing but a full stop or a closing sign stands before the end of the line.
fn ends_sentence(rest: &str) -> bool {
    if rest.strip_prefix(". ").is_some_and(|next| next.starts_with(char::is_uppercase)) {
        return true;
    }
    let rest = rest.trim_start_matches(['.', '"', '\'', ')', '}', ' ']);
    rest.is_empty() || rest.starts_with(['\n', '\r', '\\', '`']) || rest.len() < 2
}

/// Whether a value is the name of a host or of a file: `registry.example.com`, `main.go`.
fn is_host_or_file(value: &str) -> bool {
    value.rsplit_once('.').is_some_and(|(_, ending)| lists(ending) & ENDING_BIT != 0)
}

/// Whether what follows an account is what follows one in a log.
fn goes_on_like_a_log(rest: &str, first_word: bool) -> bool {
    const SIGNS: [&str; 15] = [
        " from ",
        " (uid=",
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
            (1..=3).contains(&digits) && rest[digits..].starts_with('.') || begins_address(rest)
        })
        || first_word
            && rest.trim_start_matches('.').chars().next().is_none_or(|c| matches!(c, '\r' | '\n' | '"' | '\\' | ' '))
}

/// Whether an address of the sixth version begins `text`: two groups and a colon behind each.
fn begins_address(text: &str) -> bool {
    const MAX_GROUP: usize = 4;
    let bytes = text.as_bytes();
    let group = |from: usize| {
        let digits = bytes[from..].iter().take(MAX_GROUP + 1).take_while(|b| b.is_ascii_hexdigit()).count();
        (digits <= MAX_GROUP && bytes.get(from + digits) == Some(&b':')).then_some(from + digits + 1)
    };
    !text.starts_with(':') && group(0).and_then(group).is_some()
}

fn is_account(value: &str) -> bool {
    is_named(value) && lists(value) & SHARED_BIT == 0
}

/// Whether `value` is an account where a field or an option says that one stands.
pub(crate) fn is_named(value: &str) -> bool {
    let length = value.chars().count();
    let plain = value.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '\\' | '+'));
    // An address of email is not only a host.
    let host = !value.contains('@') && is_host_or_file(value);
    let lettered = value.chars().any(char::is_alphabetic);
    let constant = value.contains('_') && value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    (2..=64).contains(&length)
        && plain
        && lettered
        && !value.starts_with(['-', '.'])
        && !constant
        && !host
        && lists(value) & (NO_ACCOUNT_BIT | COMMON_BIT) == 0
        // `payload.username`: code that takes it from elsewhere.
        && value.rsplit_once('.').is_none_or(|(_, last)| lists(last) & NO_ACCOUNT_BIT == 0)
}

/// In which of the lists a word stands, a bit each.
static LISTS: LazyLock<WordTable> = LazyLock::new(|| WordTable::new(listed(), |old, new| old | new));

const NO_ACCOUNT_BIT: u8 = 1;
const SHARED_BIT: u8 = 2;
const COMMON_BIT: u8 = 4;
const ENDING_BIT: u8 = 8;

fn listed() -> impl Iterator<Item = (&'static str, u8)> + Clone {
    let lists = [(NO_ACCOUNT, NO_ACCOUNT_BIT), (SHARED, SHARED_BIT), (COMMON, COMMON_BIT), (ENDINGS, ENDING_BIT)];
    lists.into_iter().flat_map(|(words, bit)| words.split_ascii_whitespace().map(move |word| (word, bit)))
}

/// The bits of the lists that `value` stands in, whatever its case.
fn lists(value: &str) -> u8 {
    const LONGEST: usize = 24;
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..value.len()) else { return 0 };
    lower.copy_from_slice(value.as_bytes());
    lower.make_ascii_lowercase();
    LISTS.get(lower)
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
    use crate::words::testing::check_distinct;

    #[test]
    fn the_lists_tell_their_words_apart() {
        check_distinct(listed().map(|(word, _)| word));
    }

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
                ("src=10.1.2.3 suser=jtran", &["jtran"]),
                ("uid=1001(jtran) gid=1001(staff)", &["jtran"]),
                ("(&(objectClass=person)(uid=jtran))", &["jtran"]),
                ("Logged in as jtran\n", &["jtran"]),
                ("log in as soon as you can", &[]),
                ("Your username is shown at the top", &[]),
                ("def get_user(user_id: str)", &[]),
                ("realm native1 failed for user [jtran]", &["jtran"]),
                ("the login is jtran and the password is x", &["jtran"]),
                ("mongodb://deploy:x9Kw@h", &["deploy"]),
                ("link sent to user manually today", &[]),
                ("Requester: Jane Doe (jdoe7)", &["jdoe7"]),
                ("Mi usuario es iwota.", &["iwota"]),
                (r#"{"message": "user padeyemi changed role of x"}"#, &["padeyemi"]),
                ("what the user then changed is lost", &[]),
                ("the user is ready.", &[]),
                ("username: payload.username, to handle bad_request", &[]),
            ],
        );
    }
}

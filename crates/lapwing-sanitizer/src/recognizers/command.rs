//! Command lines of well-known programs: which of their options an account follows, and which a password.

use std::ops::Range;

use crate::entity::EntityType::{Secret, Username};
use crate::formats::{NAMED, SHAPED};
use crate::recognizers::secret::is_placeholder;
use crate::recognizers::username::{is_named, is_personal, is_telling};
use crate::scan::Scan;

/// Programs that take the same options.
pub(crate) struct Program {
    /// How the command begins, in lower case, parted by `|`.
    pub(crate) names: &'static str,
    /// The options that an account follows, parted by blanks.
    accounts: &'static str,
    /// The options that a password follows.
    passwords: &'static str,
    /// The options that an account and a password follow, and the sign between them.
    logins: &'static str,
    separator: char,
    /// The option that its password is glued to: `mysql -pSecret`.
    glued: &'static str,
    /// Which of its words that are no options is an account.
    operand: Operand,
}

/// Where an account stands among the words of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    None,
    First,
    Last,
}

const fn program(names: &'static str, accounts: &'static str, passwords: &'static str) -> Program {
    Program { names, accounts, passwords, logins: "", separator: ':', glued: "", operand: Operand::None }
}

const fn about(names: &'static str, operand: Operand) -> Program {
    Program { operand, ..program(names, "", "") }
}

const fn with_login(program: Program, logins: &'static str, separator: char) -> Program {
    Program { logins, separator, ..program }
}

/// As their manuals say.
pub(crate) static PROGRAMS: &[Program] = &[
    Program {
        glued: "-p",
        ..program("mysql |mysqldump |mysqladmin |mysqlimport |mariadb |mariadb-dump ", "-u --user", "--password")
    },
    program("psql |pg_dump |pg_restore |pg_basebackup |pgbench |createdb |dropdb |vacuumdb ", "-U --username", ""),
    program(
        "mongosh |mongo |mongodump |mongorestore |mongoexport |mongoimport |cqlsh ",
        "-u --username",
        "-p --password",
    ),
    program("redis-cli ", "--user", "-a --pass"),
    program(
        "docker login |podman login |buildah login |skopeo login |helm registry login |oras login |az login |cf login |oc login |ibmcloud login |argocd login |nomad login ",
        "-u --username",
        "-p --password",
    ),
    program("vault login |svn |snowsql |influx |clickhouse-client |wget |ftp ", "-u --user --username", "--password"),
    program("sqlcmd |bcp ", "-U", "-P"),
    program("beeline |impala-shell ", "-n -u", "-p"),
    program("mosquitto_pub |mosquitto_sub ", "-u --username", "-P --pw"),
    program("ldapsearch |ldapadd |ldapmodify |ldapdelete |ldapwhoami |ldappasswd ", "", "-w -s"),
    program("sshpass ", "", "-p"),
    program("gpg |gpg2 ", "", "--passphrase"),
    program("zip |unzip ", "", "-P"),
    program("keytool |jarsigner ", "", "-storepass -keypass"),
    program("ssh |sftp ", "-l", ""),
    program("sudo |runuser |chpst ", "-u --user", ""),
    program("evil-winrm |crackmapexec |netexec ", "-u --user", "-p --password"),
    about("useradd |usermod |userdel |adduser |deluser |chage ", Operand::Last),
    about("passwd |finger |chown |kinit |smbpasswd ", Operand::First),
    with_login(program("smbclient |rpcclient |smbmap ", "", ""), "-U", '%'),
    with_login(program("http |https |xh ", "", ""), "-a --auth", ':'),
    with_login(program("lftp ", "", ""), "-u", ','),
    with_login(program("etcdctl ", "", "--password"), "--user", ':'),
];

/// Longest command that is read, in bytes, and most of its words.
const MAX_COMMAND: usize = 400;
const MAX_ARGUMENTS: usize = 32;

/// Reads the command of `program` whose name ends before `start`.
pub(crate) fn read(scan: &mut Scan<'_>, program: &'static Program, start: usize) {
    if start < scan.commands_read {
        return;
    }
    if program.operand != Operand::None {
        operand(scan, program, start);
        return;
    }
    let mut option: Option<&str> = None;
    for word in arguments(scan.text, start) {
        scan.commands_read = word.end;
        let value = &scan.text[word.clone()];
        if let Some(name) = option.take() {
            follow(scan, program, name, word);
        } else if let Some((name, rest)) = value.split_once('=').filter(|_| value.starts_with("--")) {
            let from = word.end - rest.len();
            let unquoted = scan.text[from..word.end].trim_matches(['"', '\'']);
            let from = from + usize::from(unquoted.len() < rest.len());
            follow(scan, program, name, from..from + unquoted.len());
        } else if !program.glued.is_empty() && value.starts_with(program.glued) && value.len() > 4 {
            let from = word.start + program.glued.len();
            password(scan, from..word.end);
        } else if value.starts_with('-') {
            option = Some(value);
        }
    }
}

/// Adds the value of an option.
fn follow(scan: &mut Scan<'_>, program: &Program, option: &str, value: Range<usize>) {
    let takes = |options: &str| options.split(' ').any(|known| known == option && !known.is_empty());
    if takes(program.accounts) {
        add_account(scan, value);
    } else if takes(program.passwords) {
        password(scan, value);
    } else if takes(program.logins)
        && let Some(at) = scan.text[value.clone()].find(program.separator)
    {
        add_account(scan, value.start..value.start + at);
        password(scan, value.start + at + 1..value.end);
    }
}

/// The account that is a word of the command itself: `useradd -m jdoe`, `chown jdoe:staff …`.
fn operand(scan: &mut Scan<'_>, program: &Program, start: usize) {
    const SHELL: [char; 5] = ['$', '#', '&', '|', ';'];
    let name = scan.text[..start].trim_end();
    let name = name.len() - name.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let head = scan.text[..name].trim_end_matches(' ');
    // At the beginning of a line it may be a sentence: the account must look like one.
    let line = head.is_empty() || head.ends_with(['\n', '"', '>', '`']);
    let command = head.ends_with(SHELL) || head.ends_with("sudo");
    if !line && !command {
        return;
    }
    let words = arguments(scan.text, start);
    let mut operands = words.into_iter().filter(|word| !scan.text[word.clone()].starts_with('-'));
    let word = match program.operand {
        Operand::Last => operands.next_back(),
        _ => operands.next(),
    };
    let Some(word) = word else { return };
    scan.commands_read = word.end;
    let length = scan.text[word.clone()].find([':', '@', '"']).unwrap_or(word.len());
    let account = word.start..word.start + length;
    if command || is_telling(&scan.text[account.clone()]) {
        add_account(scan, account);
    }
}

/// The account behind an option of any program that ends before `start`.
pub(crate) fn account(scan: &mut Scan<'_>, start: usize) {
    if let Some(word) = arguments(scan.text, start).into_iter().next() {
        add_account(scan, word);
    }
}

/// The password in `echo "…" | sudo -S`, whose stroke stands behind `end`.
pub(crate) fn piped(scan: &mut Scan<'_>, end: usize) {
    const REACH: usize = 96;
    let text = scan.text;
    let head = text[text.ceil_char_boundary(end.saturating_sub(REACH))..end].trim_end();
    let echo = ["echo ", "printf "].iter().filter_map(|word| head.rfind(word).map(|i| i + word.len())).max();
    let Some(printed) = echo else { return };
    let value = head[printed..].trim_start_matches("-n ").trim_matches(['"', '\'', ' ']);
    if !value.contains([' ', '|']) {
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        password(scan, start..start + value.len());
    }
}

/// Adds the account at `range`, a domain before it left out.
fn add_account(scan: &mut Scan<'_>, range: Range<usize>) {
    let value = &scan.text[range.clone()];
    let start = range.start + value.rfind(['\\', '/']).map_or(0, |i| i + 1);
    let value = &scan.text[start..range.end];
    // The generated account of a service is no person's.
    if is_named(value) && (value.len() < 16 || is_personal(value)) && !value.contains('@') {
        scan.push(start..range.end, Username, "account-option", SHAPED);
    }
}

/// Adds the password at `range`.
fn password(scan: &mut Scan<'_>, range: Range<usize>) {
    let value = &scan.text[range.clone()];
    let reference = value.starts_with(['$', '<', '{', '-', '%', '*', '@']);
    if (4..=128).contains(&value.len()) && !reference && !is_placeholder(value) {
        scan.push(range, Secret, "password-option", NAMED + 2);
    }
}

/// The words of the command from `start` to its end, quotes around them left out.
fn arguments(text: &str, start: usize) -> Vec<Range<usize>> {
    let end = text.floor_char_boundary((start + MAX_COMMAND).min(text.len()));
    let bytes = &text.as_bytes()[..end];
    let mut words = Vec::new();
    let mut at = start;
    while words.len() < MAX_ARGUMENTS {
        at += bytes[at..].iter().take_while(|b| **b == b' ').count();
        match bytes.get(at) {
            None | Some(b'\n' | b'\r' | b'|' | b';' | b'&' | b'>' | b'<' | b'`' | b')') => break,
            // A command goes on in the next line behind a backslash.
            Some(b'\\') if bytes.get(at + 1) == Some(&b'\n') => at += 2,
            Some(quote @ (b'"' | b'\'')) => {
                let Some(length) = memchr::memchr2(*quote, b'\n', &bytes[at + 1..]) else { break };
                words.push(at + 1..at + 1 + length);
                at += length + 2;
            }
            Some(_) => {
                let length = bytes[at..].iter().take_while(|b| !b" \n\r|;`".contains(b) && **b != b'"').count();
                // A quote that closes the string around the command ends its last word.
                let quoted = bytes[at..at + length].ends_with(b"=") && bytes.get(at + length) == Some(&b'"');
                let rest = &bytes[at + length..];
                let length = match quoted {
                    true => length + memchr::memchr(b'"', &rest[1..]).map_or(0, |i| i + 2),
                    false => length.max(1),
                };
                words.push(at..at + length);
                at += length;
            }
        }
        if at >= bytes.len() {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn accounts_and_passwords_behind_options() {
        check(
            Username,
            &[
                ("docker login -u jtran -p x", &["jtran"]),
                ("psql -h db -U jtran -d shop", &["jtran"]),
                ("mysql --user=\"jtran\" -pxKq9", &["jtran"]),
                ("sudo -u jtran ls", &["jtran"]),
                ("sudo -u root ls", &[]),
                ("$ usermod -aG docker jtran && chown -R jtran:dev /srv/f", &["jtran", "jtran"]),
                ("$ kinit jtran@CORP", &["jtran"]),
                ("finger food for all", &[]),
                ("helm repo add x https://y.z --username jtran --password q7Zt0LmX", &["jtran"]),
                ("smbclient //fs/share -U CORP\\jtran%hunter2 -c ls", &["jtran"]),
                ("az login --service-principal -u 4016c407-ff26-436e-a6fe-495be17ee2ac", &[]),
            ],
        );
        check(
            Secret,
            &[
                ("docker login -u jtran -p copper-pepper-9", &["copper-pepper-9"]),
                ("redis-cli -h x -a 'orbit-rocket-74' GET a", &["orbit-rocket-74"]),
                ("mysql -u jtran -pfQx7Kw9 shop", &["fQx7Kw9"]),
                ("mysql -u jtran -p shop", &[]),
                ("ldapsearch -D cn=x -w s3cr3t-w -b y", &["s3cr3t-w"]),
                ("mongosh --password $PASS", &[]),
                ("$ echo \"Tr0ubHQay&2\" | sudo -S apt-get update", &["Tr0ubHQay&2"]),
                ("zip -P Walnut77 a.zip b", &["Walnut77"]),
            ],
        );
    }
}

//! Accounts at their fixed places in the lines of daemons and tools: access logs, listings of files and of sessions,
//! the password file, the names that hosts and domains stand beside.

use std::ops::Range;

use crate::entity::EntityType::{IpAddress, Person, Username};
use crate::formats::{NAMED, SHAPED};
use crate::recognizers::username::{account_length, is_named, is_personal};
use crate::scan::Scan;

/// Permissions as `ls -l` prints them, the sign of the kind of file left out.
pub(crate) const PERMISSIONS: &str = "rw-r--r-- |rw-rw-r-- |rw------- |rw-r----- |rw-rw---- |rw-rw-rw- |rwxr-xr-x |rwx------ |rwxrwxr-x |rwxr-x--- |rwxrwxrwx |rwxrwx--- |\
                                      r--r--r-- |r-xr-xr-x |r-------- |r--r----- |rw-r--r--. |rwxr-xr-x. |rw-r--r--@ |rwxr-xr-x@ |rwxrwxrwt |rwxr-xr-t |rwsr-xr-x |\
                                      drwxr-xr-x |drwx------ |drwxrwxr-x |drwxr-x--- |drwxrwxrwx |drwxrwx--- |drwxrwxrwt |drwxr-xr-x. |drwxr-xr-x@ |lrwxrwxrwx |lrwxr-xr-x ";

/// What stands behind the account in the lines of daemons; the sign before it belongs to the account.
pub(crate) const BEHIND_ACCOUNT: &str = ") cmd (|] ok login:|] fail login:|] ok upload:|] fail upload:|] ok download:|] fail download:|] ok delete:|] ok mkdir:|] ok rename:";

/// The account in front of the address in `jdoe/10.1.2.3:1194`, and the one behind it in a line of an access log:
/// `10.1.2.3 - jdoe [10/Oct/2025:…`.
pub(crate) fn beside_addresses(scan: &mut Scan<'_>) {
    let addresses: Vec<Range<usize>> =
        scan.found.iter().filter(|found| found.entity == IpAddress).map(|found| found.range.clone()).collect();
    for address in addresses {
        if let Some(rest) = scan.text[address.end..].strip_prefix(" - ") {
            let length = rest
                .bytes()
                .take(64)
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'))
                .count();
            if rest[length..].starts_with(" [") && is_personal(&rest[..length]) {
                let start = address.end + 3;
                scan.push(start..start + length, Username, "access-log", SHAPED);
            }
        }
        if let Some(head) = scan.text[..address.start].strip_suffix('/') {
            before(scan, head.len(), b" \"\n", "user-at-address");
        }
    }
}

/// The account that ends at `end`, if nothing or one of `signs` stands before it.
fn before(scan: &mut Scan<'_>, end: usize, signs: &[u8], recognizer: &'static str) {
    let head = &scan.text.as_bytes()[..end];
    let length =
        head.iter().rev().take(64).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')).count();
    let start = end - length;
    let apart = start.checked_sub(1).is_none_or(|i| signs.contains(&head[i]));
    if apart && length > 0 && is_personal(&scan.text[start..end]) {
        scan.push(start..end, Username, recognizer, SHAPED);
    }
}

/// The account in brackets that close at `close`: `(jdoe) CMD (`, `[jdoe] OK LOGIN:`.
pub(crate) fn in_brackets(scan: &mut Scan<'_>, close: usize) {
    before(scan, close, b"([", "user-in-log");
}

/// The owner behind the permissions that end at `at`: `-rw-r--r-- 1 jdoe staff 4096`.
pub(crate) fn owner(scan: &mut Scan<'_>, at: usize) {
    let skip = |at: usize, kind: fn(&u8) -> bool| {
        at + scan.text.as_bytes()[at..].iter().take(64).take_while(|b| kind(b)).count()
    };
    let links = skip(at, |b| *b == b' ');
    let after = skip(links, u8::is_ascii_digit);
    let start = skip(after, |b| *b == b' ');
    let length = account_length(&scan.text[start..]);
    if after > links && start > after && is_personal(&scan.text[start..start + length]) {
        scan.push(start..start + length, Username, "file-owner", SHAPED);
    }
}

/// The account and the name in a line of the password file, `jdoe:x:1001:1001:Jane Doe,,,:/home/jdoe`, whose first colon
/// stands at `colon`.
pub(crate) fn passwd(scan: &mut Scan<'_>, colon: usize) {
    let text = scan.text;
    const MAX_LINE: usize = 400;
    let line = &text[colon + 1..text.floor_char_boundary((colon + 1 + MAX_LINE).min(text.len()))];
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    let mut fields = line.splitn(5, ':');
    let mut number =
        |skip: usize| fields.nth(skip).is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
    if !(number(1) && number(0)) {
        return;
    }
    before(scan, colon, b"\n\"", "passwd");
    let name = fields.next().and_then(|rest| rest.split([',', ':']).next()).unwrap_or_default();
    if name.contains(' ')
        && name.starts_with(char::is_uppercase)
        && name.chars().all(|c| c.is_alphabetic() || " -'.".contains(c))
    {
        let start = name.as_ptr() as usize - text.as_ptr() as usize;
        scan.push(start..start + name.len(), Person, "passwd-name", NAMED);
    }
}

/// The first word of the line in which a terminal stands at `at`, as `who` and `last` print it.
pub(crate) fn session(scan: &mut Scan<'_>, at: usize) {
    const MAX_HEAD: usize = 80;
    let bytes = scan.text.as_bytes();
    if !matches!(bytes.get(at + 3), Some(b'/' | b'0'..=b'9')) {
        return;
    }
    let head = &bytes[at.saturating_sub(MAX_HEAD)..at];
    let blanks = head.iter().rev().take_while(|b| **b == b' ').count();
    if blanks > 0 {
        before(scan, at - blanks, b"\n\"", "session");
    }
}

/// Where the account before the `@` at `at` stands beside a host without a domain: in the prompt of a shell, in the lines
/// of a database.
pub(crate) fn at_host(text: &str, at: usize) -> bool {
    const LEVELS: [&str; 8] = [" FATAL", " LOG", " ERROR", " DETAIL", " STATEMENT", " WARNING", " NOTICE", " HINT"];
    let host =
        text[at + 1..].bytes().take(64).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).count();
    let rest = &text[at + 1 + host..];
    host > 0
        && (LEVELS.iter().any(|level| rest.starts_with(level))
            || [":~", ":/", "$ ", "# ", " ~]", " ~ ", " from ", "'s password"]
                .iter()
                .any(|sign| rest.starts_with(sign)))
}

/// The account in quotes before the `@` at `at`, `'jdoe'@'10.1.2.3'`, or behind it: `Reviewed-by: @jdoe`.
pub(crate) fn without_local_part(scan: &mut Scan<'_>, at: usize) {
    let (text, bytes) = (scan.text, scan.text.as_bytes());
    if [" by ", "-by: ", " cc ", "assignee: ", "owner: ", " thanks "].iter().any(|word| text[..at].ends_with(word)) {
        let length = text[at + 1..at + 1 + account_length(&text[at + 1..])].trim_end_matches(['.', '-']).len();
        let value = &text[at + 1..at + 1 + length];
        if is_personal(value) && !text[at + 1 + length..].starts_with(['/', '(']) {
            scan.push(at + 1..at + 1 + length, Username, "mention", SHAPED);
        }
        return;
    }
    let Some(quote) = at.checked_sub(1).map(|i| bytes[i]).filter(|b| matches!(b, b'\'' | b'`' | b'"')) else { return };
    if bytes.get(at + 1) != Some(&quote) {
        return;
    }
    let start =
        bytes[at.saturating_sub(66)..at - 1].iter().rposition(|b| *b == quote).map(|i| at.saturating_sub(66) + i + 1);
    if let Some(value) = start.and_then(|start| text.get(start..at - 1)).filter(|value| is_named(value)) {
        scan.push(at - 1 - value.len()..at - 1, Username, "user-at-host", SHAPED + 3);
    }
}

/// Accounts behind the names of Windows domains: `CONTOSO\jdoe`.
pub(crate) fn in_domains(scan: &mut Scan<'_>) {
    const MAX_DOMAIN: usize = 15;
    let bytes = scan.text.as_bytes();
    for at in memchr::memchr_iter(b'\\', bytes).collect::<Vec<_>>() {
        let head = &bytes[..at];
        let domain = head
            .iter()
            .rev()
            .take(MAX_DOMAIN + 1)
            .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'-')
            .count();
        let apart = head[..at - domain]
            .last()
            .is_none_or(|b| matches!(b, b' ' | b'"' | b'\'' | b'(' | b':' | b'[' | b'=' | b'\n' | b',' | b'/'));
        let length = account_length(&scan.text[at + 1..]);
        let goes_on = bytes.get(at + 1 + length) == Some(&b'\\') || bytes.get(at + 1) == Some(&b'_');
        let value = scan.text[at + 1..at + 1 + length].trim_end_matches(['.', '-']);
        if (2..=MAX_DOMAIN).contains(&domain) && apart && !goes_on && is_personal(value) {
            scan.push(at + 1..at + 1 + value.len(), Username, "domain-user", SHAPED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn accounts_stand_at_their_places() {
        check(
            Username,
            &[
                ("10.1.2.3 - jdoe [10/Oct/2025:13:55:36 +0200]", &["jdoe"]),
                ("openvpn: jtran/69.66.139.22:1194 peer", &["jtran"]),
                ("-rw-r--r-- 1 jtran staff  4096 Mar 12", &["jtran"]),
                ("drwxr-xr-x 2 root root 4096 Mar 12", &[]),
                ("CRON[41]: (jtran) CMD (/opt/x.sh)", &["jtran"]),
                ("[pid 7] [jtran] OK UPLOAD: Client", &["jtran"]),
                ("jtran:x:1001:1001:Jo Tran,,,:/home/jtran:/bin/sh", &["jtran", "jtran"]),
                ("root:x:0:0:root:/root:/bin/sh", &[]),
                ("$ who\njtran   tty2  2026-03-12", &["jtran"]),
                ("jtran@build-07:~/proj$ ls", &["jtran"]),
                ("[91] jtran@shop FATAL:  no", &["jtran"]),
                ("GRANT ALL TO 'jtran'@'%'", &["jtran"]),
                ("Reviewed-by: @jtran", &["jtran"]),
                ("fixed by @types/node", &[]),
                ("CONTOSO\\jdoe logged on", &["jdoe"]),
                ("C:\\WINDOWS\\system", &[]),
                ("npm i react@next: done", &[]),
            ],
        );
    }
}

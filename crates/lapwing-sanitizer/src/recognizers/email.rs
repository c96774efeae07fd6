//! Email addresses as they are written.

use crate::entity::EntityType::{Email, Username};
use crate::formats::{CHECKED, SHAPED};
use crate::recognizers::{log_line, secret, username};
use crate::scan::Scan;

/// Longest local part and longest domain, in bytes (RFC 5321).
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// What looks like a top-level domain but is the end of a file name or of a version.
const NOT_TOP_LEVEL: [&str; 22] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "json", "yaml", "yml", "toml", "txt", "html", "css", "scss", "xml",
    "csv", "pdf", "zip", "tgz", "min", "java", "class",
];

/// Reads the address around the `@` at `at`.
pub(crate) fn around(scan: &mut Scan<'_>, at: usize) {
    let text = scan.text;
    let Some(start) = local_part(text, at) else {
        log_line::without_local_part(scan, at);
        return;
    };
    let Some(end) = domain(text, at + 1) else {
        if !secret::in_dsn(scan, at) {
            at_address(scan, start, at);
        }
        return;
    };
    let bytes = text.as_bytes();
    // `git@github.com:acme/app.git` is a remote, and `x@host.tld:pass@…` goes on.
    let remote = bytes.get(end) == Some(&b':')
        && bytes.get(end + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/' || *b == b'~');
    if remote && matches!(&text[start..at], "git" | "hg" | "svn" | "gitlab") || in_credentials(text, start) {
        return;
    }
    // `jdoe@host.tld:/srv/`: the account of a remote folder.
    if remote && !bytes[end + 1].is_ascii_alphabetic() && username::is_personal(&text[start..at]) {
        scan.push(start..at, Username, "user-at-host", SHAPED);
        return;
    }
    scan.push(start..end, Email, "email", CHECKED + 5);
}

/// `jdoe@10.1.2.3`, `ssh jdoe@web01`: the account of a host that is no domain.
fn at_address(scan: &mut Scan<'_>, start: usize, at: usize) {
    let host = &scan.text[at + 1..scan.text.floor_char_boundary(at + 1 + 64)];
    let host = host.split([' ', '"', '\'', '\n', ',']).next().unwrap_or(host);
    let address = host
        .trim_start_matches('[')
        .split(['.', ':'])
        .next()
        .is_some_and(|head| !head.is_empty() && head.bytes().all(|b| b.is_ascii_hexdigit()));
    let octets = host.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').filter(|b| *b == b'.').count() >= 3;
    let from = scan.text.floor_char_boundary(start.saturating_sub(40));
    let shell = ["ssh ", "scp ", "sftp ", "rsync "].iter().any(|command| scan.text[from..start].contains(command));
    let joined = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    let placed = octets || shell || address && host.contains("::") || log_line::at_host(scan.text, at);
    if joined && placed && username::is_personal(&scan.text[start..at]) {
        scan.push(start..at, Username, "user-at-host", SHAPED);
    }
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '!' | '#' | '$' | '*' | '=' | '^' | '~')
}

/// Where the local part before `at` begins.
fn local_part(text: &str, at: usize) -> Option<usize> {
    let mut start = at;
    for (i, c) in text[..at].char_indices().rev() {
        if !is_local(c) || at - i > MAX_LOCAL {
            break;
        }
        start = i;
    }
    let local = &text[start..at];
    // `to='jane@…`, `email=jane@…`: what stands before a sign of assignment is not part of it.
    let assigned = local.rfind(['=', '\'', '!', '#', '$', '*', '^', '~']).map_or(0, |i| i + 1);
    let trimmed = local[assigned..].trim_start_matches(['.', '-', '%', '+']);
    (!trimmed.is_empty()).then(|| at - trimmed.len())
}

/// Where the domain from `start` ends, if it has a top level.
fn domain(text: &str, start: usize) -> Option<usize> {
    let rest = &text[start..];
    let mut end = rest.len().min(MAX_DOMAIN);
    for (i, c) in rest.char_indices() {
        if i >= MAX_DOMAIN || !(c.is_alphanumeric() || c == '.' || c == '-') {
            end = i;
            break;
        }
    }
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let mut labels = rest[..end].trim_end_matches(['.', '-']);
    loop {
        let (head, top) = labels.rsplit_once('.')?;
        let alphabetic = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic) || top.starts_with("xn--");
        let hosts = head.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        if alphabetic && hosts && !NOT_TOP_LEVEL.contains(&top.to_ascii_lowercase().as_str()) {
            return Some(start + labels.len());
        }
        // `jane@example.com.2024`, `jane@example.com...`: the end may be too long by some labels.
        if !alphabetic
            && head.contains('.')
            && head.rsplit('.').next().is_some_and(|label| label.chars().all(char::is_alphabetic))
        {
            labels = head.trim_end_matches(['.', '-']);
            continue;
        }
        return None;
    }
}

/// Whether the local part is the password of `scheme://user:password@host`.
fn in_credentials(text: &str, start: usize) -> bool {
    let from = start.saturating_sub(96);
    let before = text.get(from..start).or_else(|| text.get(from + 1..start)).unwrap_or_default();
    before.rfind("://").is_some_and(|i| !before[i + 3..].contains(['/', ' ', '"', '@', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn written_addresses() {
        check(
            Email,
            &[
                ("reach jane.doe+x@example.co.uk.", &["jane.doe+x@example.co.uk"]),
                ("to='jane@x.com'", &["jane@x.com"]),
                ("email=jacqueline%2Bdev%40proton.me&page=2", &["jacqueline%2Bdev%40proton.me"]),
                ("josé@exämple.de", &["josé@exämple.de"]),
                (r"jane@example.com for", &["jane@example.com"]),
                ("npm install lodash@4.17.21 @types/node@20.1.0", &[]),
                ("remote: git@github.com:acme/web-app.git", &[]),
                ("logo@2x.png", &[]),
                ("postgres://app:x9Kd8@db.internal:5432/orders", &[]),
                ("mailto:bob@web.de?subject=x", &["bob@web.de"]),
                ("@app.route", &[]),
            ],
        );
    }
}

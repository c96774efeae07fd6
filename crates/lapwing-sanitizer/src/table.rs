//! Tables in text: a heading line names the columns (`id,name,email`, `| name | phone |`), the lines under it hold the
//! values, so each cell is read as the value of its column's field. The columns of an SQL insert are a heading, too.

use std::ops::Range;

use crate::assignment::trimmed;
use crate::field::{self, Field};
use crate::scan::{FieldValue, Scan};

const MAX_COLUMNS: usize = 64;
/// Longest heading of a column, in bytes.
const MAX_HEADING: usize = 40;

/// Finds the tables of a text and reads their cells.
pub(crate) fn read(scan: &mut Scan<'_>) {
    if memchr::memchr(b'\n', scan.text.as_bytes()).is_none() {
        return;
    }
    let mut columns: Option<(u8, Vec<Option<Field>>)> = None;
    let mut start = 0;
    while start < scan.text.len() {
        let end = memchr::memchr(b'\n', &scan.text.as_bytes()[start..]).map_or(scan.text.len(), |i| start + i);
        let line = trimmed(scan.text, start..end);
        start = end + 1;
        if let Some((delimiter, fields)) = &columns {
            let cells = row(scan.text, line.clone(), *delimiter, fields.len());
            if cells.len() == fields.len() {
                let values: Vec<FieldValue> = cells
                    .into_iter()
                    .zip(fields)
                    .filter_map(|(range, field)| Some(FieldValue { field: (*field)?, range, quoted: true }))
                    .collect();
                values.into_iter().for_each(|value| scan.read_cell(value));
                continue;
            }
        }
        // A table in a string of JSON begins behind a quote.
        let quoted = memchr::memrchr(b'"', &scan.text.as_bytes()[line.clone()])
            .map(|i| trimmed(scan.text, line.start + i + 1..line.end));
        columns = heading(scan.text, line).or_else(|| heading(scan.text, quoted?));
    }
}

/// The cells of a line under a heading of `columns`.
fn row(text: &str, line: Range<usize>, delimiter: u8, columns: usize) -> Vec<Range<usize>> {
    let cells = split(text, line.clone(), delimiter);
    match (delimiter, cells.len().checked_sub(columns)) {
        // The last column of a listing may hold blanks.
        (BLANKS, Some(more)) if more > 0 => cells[..columns].to_vec(),
        (_, Some(0)) if !text[line.clone()].ends_with(['}', '"']) => cells,
        // The string of JSON that holds the table ends with its last line.
        _ => {
            let value = text[line.clone()].trim_end_matches(['"', '}', ']', '\\', ' ']);
            let closed = line.start..line.start + value.len();
            let without = split(text, closed, delimiter);
            if without.len() == columns { without } else { cells }
        }
    }
}

/// Reads the values of `insert into customers (name, email) values ('…', '…')`; the list of columns opens after `at`.
pub(crate) fn insert(scan: &mut Scan<'_>, at: usize) {
    const MAX_TABLE: usize = 128;
    const MAX_STATEMENT: usize = 4096;
    if at < scan.inserts_read {
        return;
    }
    let text = scan.text;
    let statement = &text[at..text.floor_char_boundary((at + MAX_STATEMENT).min(text.len()))];
    let Some(open) = statement.bytes().take(MAX_TABLE).position(|b| b == b'(') else { return };
    let Some(close) = statement[open..].find(')').map(|i| open + i) else { return };
    scan.inserts_read = at + close;
    let fields: Vec<Option<Field>> = statement[open + 1..close]
        .split(',')
        .map(|name| field::of(name.trim().trim_matches(['"', '`', '[', ']'])))
        .collect();
    let rest = statement[close + 1..].trim_start();
    if !rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("values"))
        || !(1..=MAX_COLUMNS).contains(&fields.len())
    {
        return;
    }
    let mut from = at + statement.len() - rest.len() + 6;
    scan.inserts_read = from;
    while let Some(values) = values(text, from, at + statement.len()) {
        let Some(last) = values.last() else { break };
        from = last.end;
        scan.inserts_read = from;
        if values.len() == fields.len() {
            let cells = values.into_iter().zip(&fields);
            let cells = cells.filter_map(|(range, field)| Some(FieldValue { field: (*field)?, range, quoted: true }));
            cells.collect::<Vec<_>>().into_iter().for_each(|value| scan.read_cell(value));
        }
    }
}

/// The values in the brackets that open next after `from`, quotes around them left out.
fn values(text: &str, from: usize, limit: usize) -> Option<Vec<Range<usize>>> {
    let body = &text[..limit];
    let open = from + body[from..].find(|c: char| !matches!(c, '\'' | ')' | ',' | ' ' | '\n' | '\r'))?;
    let mut at = open + body[open..].strip_prefix('(').map(|_| 1)?;
    let mut values = Vec::new();
    while values.len() < MAX_COLUMNS {
        at += body[at..].len() - body[at..].trim_start().len();
        let end = match body[at..].strip_prefix('\'') {
            Some(quoted) => {
                let length = quoted.find('\'')?;
                values.push(at + 1..at + 1 + length);
                at + length + 2
            }
            None => {
                let length = body[at..].find([',', ')'])?;
                values.push(trimmed(text, at..at + length));
                at + length
            }
        };
        match body[end..].trim_start().chars().next()? {
            ',' => at = body.len() - body[end..].trim_start().len() + 1,
            _ => return Some(values),
        }
    }
    Some(values)
}

/// Stands for runs of blanks as the delimiter.
const BLANKS: u8 = b' ';

/// The columns of a listing such as that of `ps`: words in capitals, one of them the account's.
fn listing(text: &str, line: Range<usize>) -> Option<(u8, Vec<Option<Field>>)> {
    const ACCOUNTS: [&str; 5] = ["USER", "OWNER", "LOGIN", "USERNAME", "UID"];
    if !text[line.clone()].bytes().take(3).all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let cells = split(text, line, BLANKS);
    let names = cells.iter().map(|cell| &text[cell.clone()]);
    let plain = |name: &str| {
        name.bytes().all(|b| {
            b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'%' | b'+' | b'@' | b'-' | b'_' | b'/')
        })
    };
    let listed = (3..=MAX_COLUMNS).contains(&cells.len()) && names.clone().all(plain);
    let fields: Vec<_> = names.map(|name| ACCOUNTS.contains(&name).then_some(Field::Username)).collect();
    (listed && fields.iter().any(Option::is_some)).then_some((BLANKS, fields))
}

/// The delimiter and the fields of a heading line.
fn heading(text: &str, line: Range<usize>) -> Option<(u8, Vec<Option<Field>>)> {
    const MAX_LINE: usize = 1024;
    if line.len() > MAX_LINE {
        return None;
    }
    let bytes = &text.as_bytes()[line.clone()];
    // Most lines begin as no heading does.
    if !bytes.first().is_some_and(|b| {
        b.is_ascii_alphabetic()
            || *b >= 0x80
            || matches!(b, b'|' | b',' | b';' | b'"' | b'\'' | b'*' | b'`' | b'_' | b'-' | b'.' | b'#')
    }) {
        return None;
    }
    let Some(delimiter) = [b'|', b'\t', b';', b','].into_iter().find(|d| memchr::memchr(*d, bytes).is_some()) else {
        return listing(text, line);
    };
    // What the first cell begins with tells most lines apart before they are split.
    let first = bytes.strip_prefix(b"|").unwrap_or(bytes);
    let first = &first[..memchr::memchr(delimiter, first).unwrap_or(first.len())];
    if !first.iter().all(|b| {
        b.is_ascii_alphanumeric()
            || *b >= 0x80
            || matches!(b, b'_' | b'-' | b'.' | b'#' | b' ' | b'"' | b'\'' | b'*' | b'`' | b'\t' | b'\r')
    }) {
        return None;
    }
    let cells = split(text, line, delimiter);
    if !(2..=MAX_COLUMNS).contains(&cells.len()) {
        return None;
    }
    let mut fields = Vec::with_capacity(cells.len());
    for cell in cells {
        let name = text[cell].trim_matches(['"', '\'', '*', '`']);
        let plain = name.len() <= MAX_HEADING
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '#'));
        if !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        fields.push(field::of(name));
    }
    (fields.iter().flatten().count() >= 2).then_some((delimiter, fields))
}

/// The cells of a line, quotes and blanks around them left out.
fn split(text: &str, line: Range<usize>, delimiter: u8) -> Vec<Range<usize>> {
    let mut bytes = &text.as_bytes()[line.clone()];
    let mut offset = line.start;
    if delimiter == b'|' {
        if let Some(rest) = bytes.strip_prefix(b"|") {
            bytes = rest;
            offset += 1;
        }
        bytes = bytes.strip_suffix(b"|").unwrap_or(bytes);
    }
    if delimiter == BLANKS {
        let words = text[line].split_ascii_whitespace().take(MAX_COLUMNS + 1);
        let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        return words.map(|word| start(word)..start(word) + word.len()).collect();
    }
    let mut cells = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            b'"' => quoted = !quoted,
            _ if b == delimiter && !quoted => {
                cells.push(offset + start..offset + i);
                start = i + 1;
                if cells.len() > MAX_COLUMNS {
                    return cells;
                }
            }
            _ => {}
        }
    }
    cells.push(offset + start..offset + bytes.len());
    cells.into_iter().map(|cell| unquoted(text, trimmed(text, cell))).collect()
}

fn unquoted(text: &str, cell: Range<usize>) -> Range<usize> {
    let value = &text[cell.clone()];
    match value.len() >= 2 && value.starts_with('"') && value.ends_with('"') {
        true => cell.start + 1..cell.end - 1,
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::{Person, UsSsn, Username};
    use crate::recognizers::testing::check;

    #[test]
    fn cells_are_read_by_their_heading() {
        check(UsSsn, &[("id,name,ssn\n1,Jane Roe,439030384\n", &["439030384"]), ("a,b\n1,439030384\n", &[])]);
        check(UsSsn, &[(r#"{"content": "id,name,ssn\n1,Jane Roe,439030384\n"}"#, &["439030384"])]);
        check(UsSsn, &[(r#"{"x": "a,ssn,zip\n1,439030384,9\n2,439030385,8"}"#, &["439030384", "439030385"])]);
        check(
            UsSsn,
            &[("INSERT INTO t (id, ssn) VALUES (1, '439030384'), (2, '439030385');", &["439030384", "439030385"])],
        );
        check(Username, &[("  PID USER   %CPU COMMAND\n 41 jtran  0.0 python x.py\n", &["jtran"])]);
        check(Person, &[("| id | name | email |\n|----|------|---|\n| 1 | Zyxa Qwil | a@b.de |", &["Zyxa Qwil"])]);
    }
}

//! Tables in text: a heading line names the columns (`id,name,email`, `| name | phone |`), the lines under it hold the
//! values, so each cell is read as the value of its column's field.

use std::ops::Range;

use crate::field::{self, Field};
use crate::scan::{FieldValue, Scan, trimmed};

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
            let cells = split(scan.text, line.clone(), *delimiter);
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
        let quoted = memchr::memrchr(b'"', &scan.text.as_bytes()[line.clone()]).map(|i| line.start + i + 1..line.end);
        columns = heading(scan.text, line).or_else(|| heading(scan.text, quoted?));
    }
}

/// The delimiter and the fields of a heading line.
fn heading(text: &str, line: Range<usize>) -> Option<(u8, Vec<Option<Field>>)> {
    const MAX_LINE: usize = 1024;
    if line.len() > MAX_LINE {
        return None;
    }
    let bytes = &text.as_bytes()[line.clone()];
    // Most lines begin as no heading does.
    if !bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80 || b"|,;\"'*`_-.#".contains(b)) {
        return None;
    }
    let delimiter = [b'|', b'\t', b';', b','].into_iter().find(|d| memchr::memchr(*d, bytes).is_some())?;
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
    use crate::entity::EntityType::{Person, UsSsn};
    use crate::recognizers::testing::check;

    #[test]
    fn cells_are_read_by_their_heading() {
        check(UsSsn, &[("id,name,ssn\n1,Jane Roe,439030384\n", &["439030384"]), ("a,b\n1,439030384\n", &[])]);
        check(UsSsn, &[(r#"{"content": "id,name,ssn\n1,Jane Roe,439030384\n"}"#, &["439030384"])]);
        check(Person, &[("| id | name | email |\n|----|------|---|\n| 1 | Zyxa Qwil | a@b.de |", &["Zyxa Qwil"])]);
    }
}

//! Cutting a request's body into items.
//!
//! A JSON parser gives up an array at its first fault. Here only brackets and quotes are followed, so that an
//! item with a fault inside (bad syntax, a lone surrogate, invalid UTF-8, any depth) costs only itself, as long
//! as its brackets and quotes are paired. What an item holds is judged later, item by item.

use lapwing_event::Rejection;

/// One item of a body, or what is wrong with the body at its place.
pub(crate) type Item<'a> = (usize, Result<&'a [u8], Rejection>);

/// Cuts the body. With `lines` it is NDJSON; without, it is an array if it begins like one, NDJSON if something
/// follows a first object, and one item otherwise. An item's index counts from 0: the place in the array, or
/// the line, blank lines included.
pub(crate) fn items(body: &[u8], lines: bool) -> Items<'_> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_end();
    let start = body.len() - body.trim_ascii_start().len();
    match body.get(start) {
        None => Items::End,
        Some(_) if lines => Items::Lines { body, index: 0 },
        Some(b'[') => Items::Array { body, at: start + 1, index: 0 },
        Some(b'{') if object_end(body, start) < body.len() => Items::Lines { body, index: 0 },
        Some(_) => Items::One { body: &body[start..] },
    }
}

/// The items of a body, in order.
#[derive(Debug)]
pub(crate) enum Items<'a> {
    One { body: &'a [u8] },
    Lines { body: &'a [u8], index: usize },
    Array { body: &'a [u8], at: usize, index: usize },
    Trailing { index: usize, reason: &'static str },
    End,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match *self {
            Self::End => None,
            Self::One { body } => {
                *self = Self::End;
                Some((0, Ok(body)))
            }
            Self::Trailing { index, reason } => {
                *self = Self::End;
                Some((index, Err(Rejection::new("$", reason))))
            }
            Self::Lines { body, index } => self.next_line(body, index),
            Self::Array { body, at, index } => self.next_of_array(body, at, index),
        }
    }
}

impl<'a> Items<'a> {
    fn next_line(&mut self, mut body: &'a [u8], mut index: usize) -> Option<Item<'a>> {
        loop {
            let (line, rest) = match memchr::memchr(b'\n', body) {
                Some(end) => (&body[..end], Some(&body[end + 1..])),
                None => (body, None),
            };
            let line = line.trim_ascii();
            match (line.is_empty(), rest) {
                (false, rest) => {
                    *self = rest.map_or(Self::End, |body| Self::Lines { body, index: index + 1 });
                    return Some((index, Ok(line)));
                }
                (true, Some(rest)) => (body, index) = (rest, index + 1),
                (true, None) => {
                    *self = Self::End;
                    return None;
                }
            }
        }
    }

    fn next_of_array(&mut self, body: &'a [u8], at: usize, index: usize) -> Option<Item<'a>> {
        let end = item_end(body, at);
        let item = body[at..end].trim_ascii();
        *self = match body.get(end) {
            Some(b',') => Self::Array { body, at: end + 1, index: index + 1 },
            Some(_) if body[end + 1..].trim_ascii().is_empty() => Self::End,
            Some(_) => Self::Trailing { index: index + 1, reason: "follows the end of the array; send one array" },
            None => Self::Trailing { index: index + 1, reason: "is missing: the array ends early, without ']'" },
        };
        let closes_empty = index == 0 && item.is_empty() && body.get(end) != Some(&b',');
        if closes_empty { self.next() } else { Some((index, Ok(item))) }
    }
}

/// Where the array's item that begins at `at` ends: at its comma, at the array's bracket, or at the body's end.
fn item_end(body: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = string_end(body, at),
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return at,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    body.len()
}

/// Where the object that begins at `at` ends: behind its last bracket, or at the body's end.
fn object_end(body: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = string_end(body, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    body.len()
}

/// The place of the quote that closes the string opened at `at`, or the body's last byte.
fn string_end(body: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if body[at] == b'"' {
            return at;
        }
        at += 2;
    }
    body.len() - 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Items as text with their index; `!` is a fault of the body.
    fn cut(body: &str, lines: bool) -> Vec<(usize, String)> {
        let text = |item: Result<&[u8], Rejection>| item.map_or("!".to_owned(), |b| String::from_utf8_lossy(b).into());
        items(body.as_bytes(), lines).map(|(index, item)| (index, text(item))).collect()
    }

    #[test]
    fn bodies_are_cut_into_items() {
        let check = |body: &str, lines: bool, expect: &[(usize, &str)]| {
            let expect: Vec<_> = expect.iter().map(|(index, text)| (*index, (*text).to_owned())).collect();
            assert_eq!(cut(body, lines), expect, "{body}");
        };
        check("", false, &[]);
        check(" \r\n ", true, &[]);
        check("[]", false, &[]);
        check("[ ] ", false, &[]);
        check("{\"a\":1}", false, &[(0, "{\"a\":1}")]);
        check("\u{feff}{\"a\":1}", false, &[(0, "{\"a\":1}")]);
        check("{\n \"a\": [1,\n {}]\n}\n", false, &[(0, "{\n \"a\": [1,\n {}]\n}")]);
        check("hello", false, &[(0, "hello")]);
        check("[{\"a\":1} , {\"b\":\"],\\\"\"}]", false, &[(0, "{\"a\":1}"), (1, "{\"b\":\"],\\\"\"}")]);
        check("{\"a\":1}\r\n\n{\"b\":2}\n", false, &[(0, "{\"a\":1}"), (2, "{\"b\":2}")]);
        check("\n{\"a\":1}\nnope", true, &[(1, "{\"a\":1}"), (2, "nope")]);
        check("{\"a\":1}}", false, &[(0, "{\"a\":1}}")]);
    }

    #[test]
    fn a_broken_item_costs_only_itself() {
        let check = |body: &str, expect: &[&str]| {
            let got: Vec<String> = cut(body, false).into_iter().map(|(_, text)| text).collect();
            assert_eq!(got, expect, "{body}");
        };
        check("[{},nope,{}]", &["{}", "nope", "{}"]);
        check("[{},,{}]", &["{}", "", "{}"]);
        check("[{},]", &["{}", ""]);
        check("[,]", &["", ""]);
        check("[{}},{}]", &["{}}", "{}"]);
        check("[{\"a\":\"\\ud800\"},{}]", &["{\"a\":\"\\ud800\"}", "{}"]);
        check("[{}", &["{}", "!"]);
        check("[", &["!"]);
        check("[{\"a\":\"", &["{\"a\":\"", "!"]);
        check("[{\"a\":\"\\", &["{\"a\":\"\\", "!"]);
        check("[{}] x", &["{}", "!"]);
        check("[{}][{}]", &["{}", "!"]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[\\PC\"\\\\\\[\\]{},\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z\"\\\\,]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_valid_array_is_cut_as_a_parser_would(values in proptest::collection::vec(value(), 0..8), pretty: bool) {
            let array = Value::from(values.clone());
            let body = if pretty { format!("{array:#}") } else { array.to_string() };
            let cut: Vec<Value> =
                items(body.as_bytes(), false).map(|(_, item)| serde_json::from_slice(item.unwrap()).unwrap()).collect();
            prop_assert_eq!(cut, values);
        }

        #[test]
        fn lines_are_cut_as_a_parser_would(values in proptest::collection::vec(value(), 0..8)) {
            let body: String = values.iter().map(|value| format!("{value}\n")).collect();
            let cut: Vec<Value> =
                items(body.as_bytes(), true).map(|(_, item)| serde_json::from_slice(item.unwrap()).unwrap()).collect();
            prop_assert_eq!(cut, values);
        }

        #[test]
        fn any_bytes_are_cut_within_bounds(body in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'['), Just(b'{'), Just(b'}'), Just(b']'), Just(b'"'), Just(b'\\'), Just(b','), Just(b'\n')
        ], 0..64), lines: bool) {
            let mut last = None;
            for (index, item) in items(&body, lines) {
                prop_assert!(last.is_none_or(|last| index > last));
                prop_assert!(item.map_or(0, <[u8]>::len) <= body.len());
                last = Some(index);
            }
            prop_assert!(last.is_none_or(|last| last <= body.len()));
        }
    }
}

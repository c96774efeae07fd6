//! Highlights: the parts of an event's texts that a query matched, marked, as HTML that is safe to show.
//!
//! A text is cut into tokens as for the index, so that a phrase is marked where it stands as a phrase, and a prefix
//! or wildcard marks the whole words it stands for. What stands under a `NOT` is never marked. Pure: it needs the
//! query and the event, not the index.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use lapwing_event::{Field, IndexAs};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::document::words_of;
use crate::query::{Condition, Pattern, Query, Target, Test, aliases_of, text_fields};
use crate::tokenizer::{Token, positioned_tokens};

/// The most fragments of one field.
const MAX_FRAGMENTS: usize = 100;
/// The longest fragment, in bytes.
const MAX_FRAGMENT_BYTES: usize = 16 << 10;

/// How matches are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Highlight {
    /// Only these full-text fields, by path, short name, or pattern such as `content.*`; without any, all.
    pub fields: Vec<String>,
    /// What stands before a match.
    pub pre_tag: String,
    /// What stands behind it.
    pub post_tag: String,
    /// How long a fragment is, in bytes of the text, about.
    pub fragment_size: usize,
    /// The most fragments of one field, those with the most matches; 0 gives the whole text.
    pub fragments: usize,
}

impl Default for Highlight {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            pre_tag: "<mark>".to_owned(),
            post_tag: "</mark>".to_owned(),
            fragment_size: 150,
            fragments: 3,
        }
    }
}

impl Highlight {
    /// With the defaults, for these fields.
    pub fn of(fields: Vec<String>) -> Self {
        Self { fields, ..Self::default() }
    }

    /// Reads `true`, `false`, a list of fields, or all of it.
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Flag(bool),
            Fields(Vec<String>),
            Whole(Highlight),
        }
        Ok(match Option::<Form>::deserialize(deserializer)? {
            None | Some(Form::Flag(false)) => None,
            Some(Form::Flag(true)) => Some(Self::default()),
            Some(Form::Fields(fields)) => Some(Self::of(fields)),
            Some(Form::Whole(highlight)) => Some(highlight),
        })
    }

    fn wants(&self, path: &str) -> bool {
        let means = |name: &String| {
            name == path || aliases_of(path).any(|alias| alias == name) || Pattern::wildcard(name).matches(path)
        };
        self.fields.is_empty() || self.fields.iter().any(means)
    }
}

/// The marked fragments of an event by field, in the order of the text; fields without a match are absent.
pub fn highlight(query: &Query, event: &Value, how: &Highlight) -> BTreeMap<String, Vec<String>> {
    let mut marked = BTreeMap::new();
    for field in text_fields().filter(|field| how.wants(field.path)) {
        let mut sought = Sought::default();
        sought.collect(query, field);
        let text = match event.pointer(&format!("/{}", field.path.replace('.', "/"))) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(value) => words_of(value),
        };
        let matches = sought.find(&text);
        if !matches.is_empty() {
            marked.insert(field.path.to_owned(), fragments(&text, &matches, how));
        }
    }
    marked
}

/// What a query looks for in one field.
#[derive(Default)]
struct Sought<'a> {
    words: HashSet<&'a str>,
    phrases: Vec<&'a [String]>,
    patterns: Vec<&'a Pattern>,
}

impl<'a> Sought<'a> {
    fn collect(&mut self, query: &'a Query, field: &Field) {
        match query {
            Query::And(parts) | Query::Or(parts) => parts.iter().for_each(|part| self.collect(part, field)),
            Query::Is(condition) if looks_at(condition, field) => match &condition.test {
                Test::Words(words) if words.len() == 1 => drop(self.words.insert(&words[0])),
                Test::Words(words) if !words.is_empty() => self.phrases.push(words),
                Test::Pattern(pattern) => self.patterns.push(pattern),
                _ => {}
            },
            Query::All | Query::Not(_) | Query::Is(_) => {}
        }
    }

    /// Where it stands, in order and without overlaps.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.words.is_empty() && self.phrases.is_empty() && self.patterns.is_empty() {
            return Vec::new();
        }
        let tokens = positioned_tokens(text);
        let is_sought = |token: &Token| {
            self.words.contains(token.text.as_str()) || self.patterns.iter().any(|pattern| pattern.matches(&token.text))
        };
        let sought = tokens.iter().filter(|token| is_sought(token));
        let mut found: Vec<Range<usize>> = sought.map(|token| token.offset_from..token.offset_to).collect();
        for phrase in &self.phrases {
            let stands = |window: &&[Token]| {
                let first = window[0].position;
                window.iter().enumerate().all(|(n, token)| token.text == phrase[n] && token.position == first + n)
            };
            let windows = tokens.windows(phrase.len()).filter(stands);
            found.extend(windows.map(|window| window[0].offset_from..window[window.len() - 1].offset_to));
        }
        found.sort_by_key(|range| (range.start, range.end));
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }
}

fn looks_at(condition: &Condition, field: &Field) -> bool {
    match condition.target {
        Target::Content => field.index == IndexAs::Text,
        Target::Field(target) => target == field,
        Target::Json(..) => false,
    }
}

/// A part of a text with some of the matches.
struct Fragment<'a> {
    part: Range<usize>,
    matches: &'a [Range<usize>],
}

fn fragments(text: &str, matches: &[Range<usize>], how: &Highlight) -> Vec<String> {
    let mut parts = match how.fragments {
        0 => vec![Fragment { part: 0..text.len(), matches }],
        _ => cut(text, matches, how.fragment_size.min(MAX_FRAGMENT_BYTES)),
    };
    // The richest, the earliest of equals; shown in the order of the text.
    parts.sort_by_key(|fragment| std::cmp::Reverse(fragment.matches.len()));
    parts.truncate(how.fragments.clamp(1, MAX_FRAGMENTS));
    parts.sort_by_key(|fragment| fragment.part.start);
    parts.iter().map(|fragment| mark(text, fragment, how)).collect()
}

/// Cuts fragments around all matches out of a text.
fn cut<'a>(text: &str, mut matches: &'a [Range<usize>], size: usize) -> Vec<Fragment<'a>> {
    let (mut fragments, mut taken) = (Vec::new(), 0);
    while let Some(first) = matches.first() {
        let lead = size.saturating_sub(first.len()) / 3;
        let mut start = text.ceil_char_boundary(first.start.saturating_sub(lead).max(taken));
        if start > taken {
            // Not in the middle of a word, if one ends before the match.
            let before = &text[start..first.start];
            start += before.find(char::is_whitespace).map_or(0, |at| text.ceil_char_boundary(start + at + 1) - start);
        }
        let reach = start.saturating_add(size).max(first.end);
        let count = matches.iter().take_while(|range| range.end <= reach).count().max(1);
        let (inside, rest) = matches.split_at(count);
        let last = inside[count - 1].end;
        // Nor in the middle of the match that comes next.
        let limit = rest.first().map_or(text.len(), |next| next.start);
        let mut end = text.floor_char_boundary(reach.min(limit)).max(last);
        if end < text.len() {
            end = text[last..end].rfind(char::is_whitespace).map_or(end, |at| last + at);
        }
        fragments.push(Fragment { part: start..end, matches: inside });
        (matches, taken) = (rest, end);
    }
    fragments
}

fn mark(text: &str, fragment: &Fragment<'_>, how: &Highlight) -> String {
    let mut html = String::new();
    let mut at = fragment.part.start;
    for range in fragment.matches {
        escape(&text[at..range.start], &mut html);
        html.push_str(&how.pre_tag);
        escape(&text[range.clone()], &mut html);
        html.push_str(&how.post_tag);
        at = range.end;
    }
    escape(&text[at..fragment.part.end], &mut html);
    html.trim().to_owned()
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::query::parse_query;

    fn of(q: &str, event: &Value, how: &Highlight) -> BTreeMap<String, Vec<String>> {
        highlight(&parse_query(q, Timestamp::from_millis(0)).unwrap(), event, how)
    }

    #[track_caller]
    fn check(q: &str, text: &str, expect: &[&str]) {
        let marked = of(q, &json!({"content": {"prompt": text}}), &Highlight::default());
        assert_eq!(marked.get("content.prompt").cloned().unwrap_or_default(), expect, "{q}");
    }

    #[test]
    fn marks_what_matched() {
        let text = "Refund the order, do refund it. An order refund!";
        let all = "<mark>Refund</mark> the order, do <mark>refund</mark> it. An order <mark>refund</mark>!";
        check("refund", text, &[all]);
        check("\"order refund\"", text, &["Refund the order, do refund it. An <mark>order refund</mark>!"]);
        check("ref* OR orde?", "reform, orders, order", &["<mark>reform</mark>, orders, <mark>order</mark>"]);
        check("refund AND NOT order", "order a refund", &["order a <mark>refund</mark>"]);
        check("\"please refund\" refund", "please refund", &["<mark>please refund</mark>"]);
        check("nothing", text, &[]);
        check("kind:llm", text, &[]);
        check("response:refund", text, &[]);
        check("東", "x東京", &["x<mark>東</mark>京"]);
        check("\"k1 9f3a\"", "to [EMAIL:k1:9f3a]", &["to [EMAIL:<mark>k1:9f3a</mark>]"]);
    }

    #[test]
    fn a_token_too_long_for_the_index_still_parts_a_phrase() {
        let long = "y".repeat(300);
        let marked = of("\"a b\"", &json!({"content": {"prompt": format!("a {long} b")}}), &Highlight::default());
        assert!(marked.is_empty());
    }

    #[test]
    fn what_is_shown_is_safe_html() {
        let expect = "&lt;b onclick=&quot;y&quot;&gt;<mark>x</mark>&lt;/b&gt; &amp; &#39;z&#39;";
        check("x", "<b onclick=\"y\">x</b> & 'z'", &[expect]);
    }

    #[test]
    fn fragments_are_few_short_and_the_richest() {
        let filler = "lorem ipsum dolor sit amet ".repeat(20);
        let text = format!("one needle {filler} needle needle needle {filler} needle and needle {filler} needle");
        let event = json!({"content": {"prompt": text}});
        let how = Highlight { fragment_size: 60, fragments: 2, ..Highlight::default() };
        let marked = &of("needle", &event, &how)["content.prompt"];
        let counts: Vec<_> = marked.iter().map(|fragment| fragment.matches("<mark>").count()).collect();
        assert_eq!(counts, [3, 2]);
        assert!(marked.iter().all(|fragment| fragment.len() <= 60 + 3 * 13), "{marked:?}");
        let whole = &of("needle", &event, &Highlight { fragments: 0, ..how })["content.prompt"];
        assert_eq!((whole.len(), whole[0].matches("<mark>").count()), (1, 7));
    }

    #[test]
    fn fields_and_tags_are_chosen() {
        let tool = json!({"arguments": {"to": "x", "n": [1, "x"]}});
        let event = json!({"content": {"prompt": "x", "response": "x"}, "tool": tool});
        let fields = |names: &[&str]| {
            let how = Highlight::of(names.iter().map(|name| (*name).to_owned()).collect());
            of("x", &event, &how).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(fields(&[]), ["content.prompt", "content.response", "tool.arguments"]);
        assert_eq!(fields(&["prompt"]), ["content.prompt"]);
        assert_eq!(fields(&["content.*"]), ["content.prompt", "content.response"]);
        let how = Highlight { pre_tag: "[".to_owned(), post_tag: "]".to_owned(), ..Highlight::default() };
        assert_eq!(of("x", &event, &how)["tool.arguments"][0].matches("[x]").count(), 2);
    }

    proptest! {
        /// However a text is cut: without the tags, fragments are parts of it, and every tag is closed.
        #[test]
        fn fragments_are_parts_of_the_text(text in "[a-c é東<&.]{0,80}", size in 1..40usize, fragments in 0..4usize) {
            let tags = Highlight { pre_tag: "{".to_owned(), post_tag: "}".to_owned(), ..Highlight::default() };
            let how = Highlight { fragment_size: size, fragments, ..tags };
            let event = json!({"content": {"prompt": text}});
            for fragment in of("a OR \"b c\" OR é*", &event, &how).into_values().flatten() {
                let plain = fragment.replace(['{', '}'], "").replace("&lt;", "<").replace("&amp;", "&");
                prop_assert!(text.contains(&plain), "{fragment}");
                prop_assert_eq!(fragment.matches('{').count(), fragment.matches('}').count());
                prop_assert!(fragment.contains('{'), "nothing is marked");
            }
        }
    }
}

//! One tool call as the models see it, and the facts that follow from the tool's name and its arguments alone.

use std::borrow::Cow;

use serde_json::Value;

use super::lexicon::{self, Acts, stem};
use super::text::{Lexeme, Shape, Term, is_domain, is_file, lexemes, term_of};

/// One execution of a tool, borrowed from wherever it stands.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// Its arguments, usually an object.
    pub args: &'a Value,
    /// What it returned; empty if nothing is known.
    pub output: &'a str,
}

/// What a tool's name says: `send_email` sends, and its nouns are `email`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ToolName {
    /// The name's hash.
    pub(crate) term: Term,
    /// Classes of its verbs.
    pub(crate) acts: Acts,
    /// Stems of its other words.
    pub(crate) nouns: Vec<Term>,
    /// Stems of its verbs.
    pub(crate) verbs: Vec<Term>,
}

impl ToolName {
    pub(crate) fn parse(name: &str) -> Self {
        let mut tool = Self { term: term_of(name), ..Self::default() };
        for word in words_of(name) {
            let first = tool.verbs.is_empty() && tool.nouns.is_empty();
            // The first word of a tool's name is its verb; a later one counts only in its base form, so that
            // `get_scheduled_transactions` reads and does not pay.
            let known = lexicon::word(term_of(&word));
            let acts = if first { known.about } else { known.acts };
            let is_verb = !acts.is_empty() && (first || tool.acts.is_empty());
            if is_verb {
                tool.acts = tool.acts.union(acts);
                tool.verbs.push(term_of(stem(&word)));
            } else if !is_filler(&word) {
                tool.nouns.push(term_of(stem(&word)));
            }
        }
        tool
    }
}

/// The lowercase words of `snake_case`, `kebab-case`, `dotted.names` and `camelCase`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "for"
            | "in"
            | "by"
            | "to"
            | "from"
            | "of"
            | "the"
            | "a"
            | "all"
            | "with"
            | "and"
            | "on"
            | "id"
            | "current"
            | "most"
            | "tool"
            | "api"
            | "mcp"
    )
}

/// One piece of an argument that can have an origin.
#[derive(Debug, Clone)]
pub(crate) struct Unit<'a> {
    /// The name of the argument it stands in.
    pub(crate) key: Term,
    /// What it is.
    pub(crate) kind: UnitKind,
    /// The terms of its words, in order.
    pub(crate) terms: Vec<Term>,
    /// How it was written, for the explanation.
    pub(crate) text: Cow<'a, str>,
}

impl Unit<'_> {
    /// Whether it is an address on the web.
    pub(crate) fn is_link(&self) -> bool {
        self.kind == UnitKind::Identifier && is_domain(&self.text) && !is_file(&self.text)
    }
}

/// The kinds of argument pieces, by how surely an equal one elsewhere is the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// An address, account, link, id or pseudonym.
    Identifier,
    /// Such a name inside a longer text: spoken of, not aimed at.
    Mention,
    /// Two to seven words.
    Phrase,
    /// One word.
    Word,
    /// A number where an id belongs (`file_id: 13`): it names something, but other things have it as well.
    Number,
    /// Eight words or more.
    Text,
}

impl UnitKind {
    /// How much an equal piece elsewhere weighs.
    pub(crate) fn weight(self) -> f32 {
        match self {
            UnitKind::Identifier => 1.0,
            UnitKind::Phrase | UnitKind::Text => 0.7,
            UnitKind::Mention | UnitKind::Number => 0.5,
            UnitKind::Word => 0.4,
        }
    }
}

/// Leaves of one call's arguments that are looked at.
const MAX_LEAVES: usize = 64;
/// Words of one leaf that are looked at.
const MAX_LEAF_LEXEMES: usize = 400;
const PHRASE_WORDS: usize = 7;
const MAX_DEPTH: usize = 16;

/// The pieces of a call's arguments. Amounts, dates, booleans and null say nothing about their origin.
pub(crate) fn units(args: &Value) -> Vec<Unit<'_>> {
    let mut found = Vec::new();
    let mut leaves = 0;
    walk(args, "", MAX_DEPTH, &mut leaves, &mut found);
    found
}

fn walk<'a>(value: &'a Value, key: &str, depth: usize, leaves: &mut usize, found: &mut Vec<Unit<'a>>) {
    if depth == 0 || *leaves >= MAX_LEAVES {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, name, depth - 1, leaves, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, key, depth - 1, leaves, found);
            }
        }
        Value::String(text) => {
            *leaves += 1;
            leaf(text, key, found);
        }
        Value::Number(number) if names_one(key) => {
            *leaves += 1;
            let text = number.to_string();
            let terms = vec![term_of(&text)];
            found.push(Unit { key: term_of(key), kind: UnitKind::Number, terms, text: Cow::Owned(text) });
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Whether an argument of this name is told a thing by its number: `id`, `fileId`, `invoice_number`.
fn names_one(key: &str) -> bool {
    let last = words_of(key).pop();
    last.is_some_and(|last| {
        matches!(last.as_str(), "id" | "ids" | "uid" | "number" | "no" | "nr" | "ref" | "reference")
    })
}

fn leaf<'a>(text: &'a str, name: &str, found: &mut Vec<Unit<'a>>) {
    let key = term_of(name);
    let all: Vec<Lexeme<'a>> = lexemes(text).take(MAX_LEAF_LEXEMES).collect();
    let kind = if all.len() > PHRASE_WORDS { UnitKind::Mention } else { UnitKind::Identifier };
    for id in all.iter().filter(|l| l.shape == Shape::Identifier).take(MAX_LEAVES) {
        found.push(Unit { key, kind, terms: vec![id.term], text: Cow::Borrowed(id.text) });
    }
    if let [only] = &all[..]
        && only.shape == Shape::Quantity
        && names_one(name)
    {
        found.push(Unit { key, kind: UnitKind::Number, terms: vec![only.term], text: Cow::Borrowed(only.text) });
    }
    let words = all.iter().filter(|l| l.shape == Shape::Word).count();
    if words == 0 {
        return;
    }
    let kind = match all.len() {
        1 => UnitKind::Word,
        2..=PHRASE_WORDS => UnitKind::Phrase,
        _ => UnitKind::Text,
    };
    found.push(Unit { key, kind, terms: all.iter().map(|l| l.term).collect(), text: Cow::Borrowed(text) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tool_name_says_what_it_does() {
        for (name, acts, writes) in [
            ("send_email", Acts::SEND, true),
            ("getUserDetails", Acts::READ, false),
            ("get_scheduled_transactions", Acts::READ, false),
            ("calendar-delete-event", Acts::DELETE, true),
            ("search_emails", Acts::READ, false),
            ("update_password", Acts::UPDATE, true),
        ] {
            let tool = ToolName::parse(name);
            assert!(tool.acts.overlaps(acts), "{name} {tool:?}");
            assert_eq!(tool.acts.writes(), writes, "{name}");
        }
        assert_eq!(ToolName::parse("get_user_details").nouns, ToolName::parse("getUsersDetail").nouns);
    }

    #[test]
    fn arguments_fall_into_pieces_that_can_have_an_origin() {
        let args =
            json!({"to": ["jay@x.com"], "n": 3, "day": "2024-05-15", "body": "see www.xyz.com/a now", "who": "Alice"});
        let mut kinds: Vec<_> = units(&args).iter().map(|u| (u.text.clone().into_owned(), u.kind)).collect();
        kinds.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(
            kinds,
            [
                ("Alice".to_owned(), UnitKind::Word),
                ("jay@x.com".to_owned(), UnitKind::Identifier),
                ("see www.xyz.com/a now".to_owned(), UnitKind::Phrase),
                ("xyz.com/a".to_owned(), UnitKind::Identifier),
            ]
        );
    }

    #[test]
    fn a_number_is_a_piece_only_where_an_id_belongs() {
        let args = json!({"file_id": "13", "invoiceNumber": 7, "amount": 50, "day": "2024-05-15", "count": "3"});
        let mut numbers: Vec<_> = units(&args).into_iter().map(|u| (u.text.into_owned(), u.kind)).collect();
        numbers.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(numbers, [("13".to_owned(), UnitKind::Number), ("7".to_owned(), UnitKind::Number)]);
    }

    #[test]
    fn hostile_arguments_stay_bounded() {
        let deep = (0..1_000).fold(json!("x1y2"), |v, _| json!([v]));
        assert!(units(&deep).is_empty());
        assert!(units(&json!(vec!["ab12"; 10_000])).len() <= MAX_LEAVES);
        // Dropping a deep value recurses; take it apart instead.
        let mut value = deep;
        while let Value::Array(mut items) = value {
            value = items.pop().unwrap_or_default();
        }
    }
}

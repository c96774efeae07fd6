//! What the DSL's parts mean in a generic index. A field that the index does not have matches nothing, as in
//! Elasticsearch.

use std::collections::BTreeSet;
use std::ops::Bound;

use lapwing_event::Timestamp;
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, PhrasePrefixQuery, PhraseQuery, Query, RangeQuery,
    TermSetQuery,
};
use tantivy::query_grammar::{
    Delimiter, Occur as Wanted, UserInputAst, UserInputBound, UserInputLeaf, UserInputLiteral,
};
use tantivy::schema::Field;
use tantivy::{DateTime, Searcher, Term};

use super::mapping::{Kind, Mapping, Scalar};
use super::{Index, KEYS, TEXTS, term_query};
use crate::api::elastic::date_math;
use crate::api::elastic::dsl::{Adjacent, Fault, Grammar};
use crate::api::elastic::glob::matches;
use crate::query::{Pattern, Regexp};
use crate::tokenizer::tokens;

/// A pattern may stand for this many terms.
const MAX_TERMS: usize = 1_024;

type Boxed = Box<dyn Query>;

/// Reads the DSL for one index.
pub(super) struct Generic<'a> {
    index: &'a Index,
    mapping: Mapping,
    searcher: Searcher,
    now: Timestamp,
}

impl<'a> Generic<'a> {
    pub fn new(index: &'a Index, now: Timestamp) -> Self {
        Self { index, mapping: index.mapping(), searcher: index.searcher(), now }
    }

    fn place(&self, kind: Kind) -> Field {
        if matches!(kind, Kind::Text { .. }) { self.index.fields.texts } else { self.index.fields.keys }
    }

    fn path(&self, name: &str, kind: Kind) -> Term {
        Term::from_field_json_path(self.place(kind), name, true)
    }

    fn text_term(&self, name: &str, kind: Kind, text: &str) -> Term {
        let mut term = self.path(name, kind);
        term.append_type_and_str(text);
        term
    }

    /// The term of a value that is compared as a whole.
    fn value_term(&self, name: &str, kind: Kind, value: &Scalar) -> Term {
        let mut term = self.path(name, kind);
        match value {
            Scalar::Text(text) => term.append_type_and_str(text),
            Scalar::Long(number) => term.append_type_and_fast_value(*number),
            Scalar::Double(number) => term.append_type_and_fast_value(*number),
            Scalar::Boolean(value) => term.append_type_and_fast_value(*value),
            Scalar::Date(time) => term.append_type_and_fast_value(DateTime::from_timestamp_nanos(time.nanos())),
        }
        term
    }

    fn read(&self, name: &str, kind: Kind, text: &str) -> Result<Scalar, Fault> {
        let relative = || match kind {
            Kind::Date => date_math::instant(text, self.now, false).map(Scalar::Date),
            _ => None,
        };
        Scalar::parse(kind, text)
            .or_else(relative)
            .ok_or_else(|| format!("failed to create query: {text:?} is not of the type [{}] of [{name}]", kind.name()))
    }

    /// The terms of a field that fit.
    fn expand(&self, name: &str, kind: Kind, prefix: &str, fits: impl Fn(&str) -> bool) -> Result<Boxed, Fault> {
        let base = self.text_term(name, kind, "");
        let length = base.serialized_value_bytes().len();
        let start = [base.serialized_value_bytes(), prefix.as_bytes()].concat();
        let mut found = BTreeSet::new();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(base.field()).map_err(|error| error.to_string())?;
            let mut stream = inverted.terms().range().ge(&start).into_stream().map_err(|error| error.to_string())?;
            while stream.advance() && stream.key().starts_with(&start) {
                if std::str::from_utf8(&stream.key()[length..]).is_ok_and(&fits) {
                    found.insert(stream.key().to_vec());
                }
                if found.len() > MAX_TERMS {
                    return Err(format!("a pattern on [{name}] stands for more than {MAX_TERMS} terms"));
                }
            }
        }
        let term = |bytes: Vec<u8>| {
            let mut term = base.clone();
            term.set_bytes(&bytes);
            term
        };
        Ok(Box::new(TermSetQuery::new(found.into_iter().map(term).collect::<Vec<_>>())))
    }

    fn pattern(&self, field: &str, pattern: &Pattern, fold: bool) -> Result<Boxed, Fault> {
        let Some(kind) = self.mapping.kind(field) else { return Ok(none()) };
        let fits = |term: &str| pattern.matches(term) || fold && pattern.lowercase().matches(&term.to_lowercase());
        self.expand(field, kind, "", fits)
    }

    /// Every text of the index, for queries that name no field.
    fn texts(&self) -> Vec<String> {
        let text =
            |(name, kind): (&str, Kind)| matches!(kind, Kind::Text { .. } | Kind::Keyword).then(|| name.to_owned());
        self.mapping.fields().filter_map(text).collect()
    }

    fn leaf(&self, leaf: UserInputLeaf, default: &[String]) -> Result<Boxed, Fault> {
        match leaf {
            UserInputLeaf::All => Ok(Box::new(AllQuery)),
            UserInputLeaf::Exists { field } => self.exists(&field),
            UserInputLeaf::Literal(literal) => {
                self.on_fields(&literal.field_name.clone(), default, |field| self.literal(field, &literal))
            }
            UserInputLeaf::Range { field, lower, upper } => {
                self.on_fields(&field, default, |field| self.range(field, bound(&lower), bound(&upper)))
            }
            UserInputLeaf::Set { field, elements } => self.on_fields(&field, default, |field| {
                let terms = elements.iter().map(|element| self.term(field, element, false));
                Ok(self.some(terms.collect::<Result<_, _>>()?))
            }),
            UserInputLeaf::Regex { field, pattern } => {
                self.on_fields(&field, default, |field| self.regexp(field, &pattern, false))
            }
        }
    }

    /// A value that is not of a field's type matches nothing there; query text has no better way to say it.
    fn on_fields(
        &self,
        named: &Option<String>,
        default: &[String],
        query: impl Fn(&str) -> Result<Boxed, Fault>,
    ) -> Result<Boxed, Fault> {
        let fields = match named {
            Some(field) => vec![field.clone()],
            None => default.to_vec(),
        };
        Ok(self.some(fields.iter().map(|field| query(field).unwrap_or_else(|_| none())).collect()))
    }

    fn literal(&self, field: &str, literal: &UserInputLiteral) -> Result<Boxed, Fault> {
        let text = literal.phrase.as_str();
        if field == "_exists_" {
            return self.exists(text);
        }
        if literal.delimiter == Delimiter::None {
            if text == "*" {
                return self.exists(field);
            }
            if text.contains(['*', '?']) {
                return self.wildcard(field, text, self.is_text(field)?);
            }
        }
        if literal.prefix {
            return self.phrase_prefix(field, text);
        }
        match self.is_text(field)? {
            true => self.phrase(Some(field), text, literal.slop),
            false => self.term(field, text, false),
        }
    }

    fn lower(&self, ast: UserInputAst, default: &[String], adjacent: Adjacent) -> Result<Boxed, Fault> {
        match ast {
            UserInputAst::Leaf(leaf) => self.leaf(*leaf, default),
            UserInputAst::Boost(ast, _) => self.lower(*ast, default, adjacent),
            UserInputAst::Clause(clauses) => {
                let clause = |(wanted, ast): (Option<Wanted>, UserInputAst)| {
                    let occur = match wanted {
                        Some(Wanted::Must) => Occur::Must,
                        Some(Wanted::MustNot) => Occur::MustNot,
                        Some(Wanted::Should) => Occur::Should,
                        None if adjacent == Adjacent::And => Occur::Must,
                        None => Occur::Should,
                    };
                    Ok((occur, self.lower(ast, default, adjacent)?))
                };
                let mut clauses = clauses.into_iter().map(clause).collect::<Result<Vec<_>, Fault>>()?;
                // What is excluded alone is excluded from everything.
                if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
                    clauses.push((Occur::Must, Box::new(AllQuery)));
                }
                Ok(Box::new(BooleanQuery::new(clauses)))
            }
        }
    }
}

impl Grammar for Generic<'_> {
    type Query = Boxed;

    fn all(&self) -> Boxed {
        Box::new(AllQuery)
    }

    fn every(&self, parts: Vec<Boxed>) -> Boxed {
        Box::new(BooleanQuery::intersection(parts))
    }

    fn some(&self, parts: Vec<Boxed>) -> Boxed {
        Box::new(BooleanQuery::union(parts))
    }

    fn at_least(&self, number: usize, parts: Vec<Boxed>) -> Result<Boxed, Fault> {
        let parts = parts.into_iter().map(|part| (Occur::Should, part)).collect();
        Ok(Box::new(BooleanQuery::with_minimum_required_clauses(parts, number)))
    }

    fn fields(&self, pattern: &str) -> Vec<String> {
        self.texts().into_iter().filter(|name| matches(pattern, name)).collect()
    }

    fn not(&self, query: Boxed) -> Boxed {
        Box::new(crate::search::Complement::of(query))
    }

    fn lucene(&self, text: &str, fields: &[&str], adjacent: Adjacent) -> Result<Boxed, Fault> {
        let default = match fields {
            [] => self.texts(),
            fields => fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        let ast = tantivy::query_grammar::parse_query(text);
        let ast = ast.map_err(|_| format!("Failed to parse query [{text}]"))?;
        self.lower(ast, &default, adjacent)
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn is_date(&self, field: &str) -> bool {
        self.mapping.kind(field) == Some(Kind::Date)
    }

    fn is_text(&self, field: &str) -> Result<bool, Fault> {
        Ok(matches!(self.mapping.kind(field), Some(Kind::Text { .. })))
    }

    fn term(&self, field: &str, value: &str, fold: bool) -> Result<Boxed, Fault> {
        let Some(kind) = self.mapping.kind(field) else { return Ok(none()) };
        match self.read(field, kind, value)? {
            Scalar::Text(text) if fold => {
                let wanted = text.to_lowercase();
                self.expand(field, kind, "", |term| term.to_lowercase() == wanted)
            }
            Scalar::Text(text) => Ok(Box::new(term_query(self.text_term(field, kind, &text)))),
            value @ Scalar::Boolean(_) => Ok(Box::new(term_query(self.value_term(field, kind, &value)))),
            // A number's term depends on how it was written; as a range of one it is compared as a number.
            value => {
                let term = self.value_term(field, kind, &value);
                Ok(Box::new(RangeQuery::new(Bound::Included(term.clone()), Bound::Included(term))))
            }
        }
    }

    fn phrase(&self, field: Option<&str>, text: &str, slop: u32) -> Result<Boxed, Fault> {
        let Some(field) = field else {
            let all = self.texts();
            return Ok(
                self.some(all.iter().map(|field| self.phrase(Some(field), text, slop)).collect::<Result<_, _>>()?)
            );
        };
        match self.mapping.kind(field) {
            None => Ok(none()),
            Some(kind @ Kind::Text { .. }) => {
                let mut terms: Vec<Term> = tokens(text).iter().map(|word| self.text_term(field, kind, word)).collect();
                Ok(match terms.len() {
                    0 => none(),
                    1 => Box::new(term_query(terms.swap_remove(0))),
                    _ => {
                        let mut phrase = PhraseQuery::new(terms);
                        phrase.set_slop(slop);
                        Box::new(phrase)
                    }
                })
            }
            Some(_) => self.term(field, text, false),
        }
    }

    fn phrase_prefix(&self, field: &str, text: &str) -> Result<Boxed, Fault> {
        match self.mapping.kind(field) {
            None => Ok(none()),
            Some(kind @ Kind::Text { .. }) => {
                let words = tokens(text);
                match words.as_slice() {
                    [] => Ok(none()),
                    [word] => self.expand(field, kind, word, |_| true),
                    words => {
                        let terms = words.iter().map(|word| self.text_term(field, kind, word)).collect();
                        Ok(Box::new(PhrasePrefixQuery::new(terms)))
                    }
                }
            }
            Some(kind) => self.expand(field, kind, text, |_| true),
        }
    }

    fn words(&self, field: Option<&str>, text: &str, adjacent: Adjacent) -> Result<Boxed, Fault> {
        let Some(field) = field else {
            let all = self.texts();
            let each = all.iter().map(|field| self.words(Some(field), text, adjacent));
            return Ok(self.some(each.collect::<Result<_, _>>()?));
        };
        let words = match self.is_text(field)? {
            true => tokens(text),
            false => vec![text.to_owned()],
        };
        let terms = words.iter().map(|word| self.term(field, word, false)).collect::<Result<Vec<_>, _>>()?;
        Ok(match adjacent {
            Adjacent::And if !terms.is_empty() => self.every(terms),
            _ => self.some(terms),
        })
    }

    fn prefix(&self, field: &str, text: &str, fold: bool) -> Result<Boxed, Fault> {
        let Some(kind) = self.mapping.kind(field) else { return Ok(none()) };
        match fold {
            true => self.expand(field, kind, "", |term| term.to_lowercase().starts_with(&text.to_lowercase())),
            false => self.expand(field, kind, text, |_| true),
        }
    }

    fn wildcard(&self, field: &str, pattern: &str, fold: bool) -> Result<Boxed, Fault> {
        self.pattern(field, &Pattern::wildcard(pattern), fold)
    }

    fn regexp(&self, field: &str, source: &str, fold: bool) -> Result<Boxed, Fault> {
        self.pattern(field, &Pattern::regexp(Regexp::new(source, fold)?), false)
    }

    fn range(&self, field: &str, lower: Bound<String>, upper: Bound<String>) -> Result<Boxed, Fault> {
        let Some(kind) = self.mapping.kind(field) else { return Ok(none()) };
        // Whole numbers can have a bound between two of them.
        let read = |text: &str| match (kind, text.parse::<i64>(), text.parse()) {
            (Kind::Long, Err(_), Ok(number)) => Ok(Scalar::Double(number)),
            _ => self.read(field, kind, text),
        };
        let term = |text: &String| Ok::<_, Fault>(self.value_term(field, kind, &read(text)?));
        let bound = |bound: &Bound<String>| {
            Ok::<_, Fault>(match bound {
                Bound::Included(text) => Bound::Included(term(text)?),
                Bound::Excluded(text) => Bound::Excluded(term(text)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        match (bound(&lower)?, bound(&upper)?) {
            (Bound::Unbounded, Bound::Unbounded) => self.exists(field),
            (lower, upper) => Ok(Box::new(RangeQuery::new(lower, upper))),
        }
    }

    /// A field, or whatever is below an object.
    fn exists(&self, field: &str) -> Result<Boxed, Fault> {
        let below = |place: &str| -> Boxed { Box::new(ExistsQuery::new(format!("{place}.{field}"), true)) };
        Ok(self.some(vec![below(KEYS), below(TEXTS)]))
    }

    fn ids(&self, ids: Vec<String>) -> Result<Boxed, Fault> {
        let terms = ids.iter().map(|id| Term::from_field_text(self.index.fields.id, id));
        Ok(Box::new(TermSetQuery::new(terms.collect::<Vec<_>>())))
    }
}

fn none() -> Boxed {
    Box::new(EmptyQuery)
}

fn bound(bound: &UserInputBound) -> Bound<String> {
    match bound {
        UserInputBound::Inclusive(text) => Bound::Included(text.clone()),
        UserInputBound::Exclusive(text) => Bound::Excluded(text.clone()),
        UserInputBound::Unbounded => Bound::Unbounded,
    }
}

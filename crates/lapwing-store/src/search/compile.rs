//! From a query's tree to Tantivy's queries, for one partition. The tenant's filter is put around every query
//! of a search here, and a search has no other way to one.

use lapwing_event::{Field, Pii, TenantId, Timestamp};
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, PhraseQuery, Query as TantivyQuery, RangeQuery, TermQuery,
    TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{DateTime, Term};

use super::clipped::Clipped;
use super::complement::Complement;
use super::expand::Expansion;
use super::plan::all_time;
use super::{Deadline, Scope, Span};
use crate::partition::View;
use crate::query::{Condition, Query, Target, Test, text_fields};
use crate::schema::has_column;
use crate::{SearchError, StoreConfig};

type Boxed = Box<dyn TantivyQuery>;

/// What a query is compiled against.
pub(crate) struct Compiler<'a> {
    pub view: &'a View,
    pub scope: &'a Scope,
    pub config: &'a StoreConfig,
    pub deadline: &'a Deadline,
    /// Whoever asks looks at no document outside of it; so neither must the query.
    pub span: Span,
}

impl<'a> Compiler<'a> {
    /// For retention alone: a query over the events of every tenant.
    pub fn across_tenants(
        view: &'a View,
        config: &'a StoreConfig,
        deadline: &'a Deadline,
        query: &Query,
    ) -> Result<Boxed, SearchError> {
        let nobody = Scope::new(TenantId::default(), Timestamp::default());
        Compiler { view, scope: &nobody, config, deadline, span: all_time() }.query(query)
    }

    /// The query, within the scope's tenant.
    pub fn compile(&self, query: &Query) -> Result<Boxed, SearchError> {
        let Some(tenant) = self.view.fields.get("tenant.id") else { return Ok(Box::new(EmptyQuery)) };
        let tenant = term_query(Term::from_field_text(tenant, self.scope.tenant.as_str()));
        Ok(match query {
            Query::All => tenant,
            query => Box::new(BooleanQuery::new(vec![
                (Occur::Must, self.query(query)?),
                (Occur::Must, Box::new(tantivy::query::ConstScoreQuery::new(tenant, 0.0))),
            ])),
        })
    }

    fn query(&self, query: &Query) -> Result<Boxed, SearchError> {
        match query {
            Query::All => Ok(Box::new(AllQuery)),
            Query::And(parts) => {
                let part = |part: &Query| Ok((Occur::Must, self.query(part)?));
                Ok(Box::new(BooleanQuery::new(parts.iter().map(part).collect::<Result<_, SearchError>>()?)))
            }
            Query::Or(branches) => {
                Ok(any(branches.iter().map(|branch| self.query(branch)).collect::<Result<_, _>>()?))
            }
            Query::Not(query) => Ok(Box::new(Complement::of(self.query(query)?))),
            Query::Is(condition) => self.condition(condition),
        }
    }

    fn condition(&self, condition: &Condition) -> Result<Boxed, SearchError> {
        match &condition.target {
            Target::Content => {
                Ok(any(text_fields().map(|field| self.on_field(field, condition)).collect::<Result<_, _>>()?))
            }
            Target::Field(field) => self.on_field(field, condition),
            Target::Json(field, path) => self.on_json(field, path, condition),
        }
    }

    fn on_field(&self, field: &Field, condition: &Condition) -> Result<Boxed, SearchError> {
        if condition.test == Test::Exists && !has_column(field.path) {
            return Ok(self.present(field.path));
        }
        let Some(target) = self.view.fields.get(field.path) else { return Ok(Box::new(EmptyQuery)) };
        Ok(match &condition.test {
            Test::Words(words) => self.phrase(words.iter().map(|word| Term::from_field_text(target, word)).collect()),
            Test::Keyword(text) => {
                let mut values = vec![text.clone()];
                if let (Pii::Pseudonym(_), Some(alias)) = (field.pii, &self.scope.alias) {
                    values.push(alias(&self.scope.tenant, field.path, text));
                }
                any(values.iter().map(|value| term_query(Term::from_field_text(target, value))).collect())
            }
            Test::Pattern(pattern) => {
                let base = Term::from_field_text(target, "");
                Box::new(TermSetQuery::new(self.expansion().pattern(&base, pattern, condition)?))
            }
            Test::Keywords(lower, upper) if has_column(field.path) => {
                let term = |text: &String| Term::from_field_text(target, text);
                Box::new(RangeQuery::new(lower.as_ref().map(term), upper.as_ref().map(term)))
            }
            Test::Keywords(lower, upper) => {
                Box::new(TermSetQuery::new(self.expansion().range(target, (lower, upper), condition)?))
            }
            Test::Numbers(lower, upper) => {
                let term = |number: &f64| Term::from_field_f64(target, *number);
                Box::new(RangeQuery::new(lower.as_ref().map(term), upper.as_ref().map(term)))
            }
            Test::Times(lower, upper) => {
                let term = |at: &Timestamp| Term::from_field_date(target, DateTime::from_timestamp_nanos(at.nanos()));
                Box::new(RangeQuery::new(lower.as_ref().map(term), upper.as_ref().map(term)))
            }
            Test::Bool(value) => term_query(Term::from_field_bool(target, *value)),
            Test::Exists => Box::new(ExistsQuery::new(field.path.to_owned(), false)),
        })
    }

    fn on_json(&self, field: &Field, path: &str, condition: &Condition) -> Result<Boxed, SearchError> {
        let Some(target) = self.view.fields.get(field.path) else { return Ok(Box::new(EmptyQuery)) };
        let base = Term::from_field_json_path(target, path, true);
        Ok(match &condition.test {
            Test::Keyword(text) => {
                let word = |word: &String| {
                    let mut term = base.clone();
                    term.append_type_and_str(word);
                    term
                };
                let tokens = crate::tokenizer::tokens(text);
                let typed = tantivy::json_utils::convert_to_fast_value_and_append_to_json_term(&base, text, true);
                let words = (!tokens.is_empty()).then(|| self.phrase(tokens.iter().map(word).collect()));
                any(words.into_iter().chain(typed.map(term_query)).collect())
            }
            Test::Pattern(pattern) => {
                let mut base = base;
                base.append_type_and_str("");
                Box::new(TermSetQuery::new(self.expansion().pattern(&base, pattern, condition)?))
            }
            Test::Numbers(lower, upper) => {
                let term = |number: &f64| {
                    let mut term = base.clone();
                    term.append_type_and_fast_value(*number);
                    term
                };
                Box::new(RangeQuery::new(lower.as_ref().map(term), upper.as_ref().map(term)))
            }
            Test::Exists => self.present(&format!("{}.{path}", field.path)),
            // The parser gives a JSON path no other test.
            Test::Words(_) | Test::Keywords(..) | Test::Times(..) | Test::Bool(_) => Box::new(EmptyQuery),
        })
    }

    fn phrase(&self, mut terms: Vec<Term>) -> Boxed {
        match terms.len() {
            1 => term_query(terms.swap_remove(0)),
            _ if self.span == all_time() => Box::new(PhraseQuery::new(terms)),
            _ => Box::new(Clipped::of(PhraseQuery::new(terms), self.span)),
        }
    }

    fn present(&self, path: &str) -> Boxed {
        term_query(Term::from_field_text(self.view.fields.present, path))
    }

    fn expansion(&self) -> Expansion<'_> {
        Expansion {
            partition: &self.view.id,
            searcher: &self.view.searcher,
            max_terms: self.config.max_expanded_terms,
            deadline: self.deadline,
        }
    }
}

fn term_query(term: Term) -> Boxed {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

fn any(mut queries: Vec<Boxed>) -> Boxed {
    match queries.len() {
        1 => queries.swap_remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

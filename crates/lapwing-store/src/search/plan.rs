//! A request with its words resolved: query read, times fixed, sizes within their bounds.

use std::time::Duration;

use lapwing_event::Timestamp;

use super::cursor::{Cursor, fingerprint};
use super::{Highlight, Scope, SearchRequest, Sort, Span};
use crate::query::{Query, parse_query, parse_time};
use crate::{SearchError, StoreConfig};

const DEFAULT_SPAN: Duration = Duration::from_secs(24 * 3_600);
const DEFAULT_SIZE: usize = 20;

/// What a search does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub query: Query,
    pub span: Span,
    pub size: usize,
    pub sort: Sort,
    pub cursor: Option<Cursor>,
    pub fields: Option<Vec<String>>,
    pub count_up_to: Option<u64>,
    pub highlight: Option<Highlight>,
}

impl Plan {
    /// Reads a request.
    pub fn of(request: &SearchRequest, scope: &Scope, config: &StoreConfig) -> Result<Self, SearchError> {
        let mut plan = Self {
            query: parse_query(&request.q, scope.now)?,
            span: span(request.from.as_deref(), request.to.as_deref(), scope.now)?,
            size: request.size.unwrap_or(DEFAULT_SIZE).min(config.max_page_size),
            sort: request.sort,
            cursor: None,
            fields: request.fields.clone(),
            count_up_to: request.count_up_to,
            highlight: request.highlight.clone(),
        };
        if let Some(cursor) = &request.cursor {
            plan.resume(cursor)?;
        }
        Ok(plan)
    }

    /// Every match of a query, whenever it happened.
    pub fn over_all_time(query: Query, sort: Sort) -> Self {
        Self {
            query,
            span: all_time(),
            size: DEFAULT_SIZE,
            sort,
            cursor: None,
            fields: None,
            count_up_to: None,
            highlight: None,
        }
    }

    /// Goes on where the page with this cursor ended.
    pub fn resume(&mut self, cursor: &str) -> Result<(), SearchError> {
        let fault = |reason: &str| SearchError::Parameter { parameter: "cursor", reason: reason.to_owned() };
        let cursor = Cursor::decode(cursor).ok_or_else(|| fault("is not one that this store gave"))?;
        if cursor.of != self.fingerprint() {
            return Err(fault("belongs to another query or order; repeat the request it came from"));
        }
        self.span = cursor.span();
        self.cursor = Some(cursor);
        Ok(())
    }

    /// Tells this search from others, its span aside.
    pub fn fingerprint(&self) -> u64 {
        fingerprint((format!("{:?}", self.query), self.sort))
    }
}

/// All of time.
pub(crate) fn all_time() -> Span {
    Span { from: Timestamp::from_nanos(i64::MIN), to: Timestamp::from_nanos(i64::MAX) }
}

/// The span of a request: the last 24 hours unless it says otherwise.
pub(crate) fn span(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Span, SearchError> {
    let read = |parameter, text| parse_time(text, now).map_err(|reason| SearchError::Parameter { parameter, reason });
    let upper = to.map(|text| read("to", text)).transpose()?;
    let from = match from {
        Some(text) => read("from", text)?,
        None => upper.unwrap_or(now) - DEFAULT_SPAN,
    };
    Ok(Span { from, to: upper.unwrap_or(all_time().to) })
}

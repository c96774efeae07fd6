//! Export: every match as NDJSON or as a Parquet table, the oldest first, page by page as the client reads.
//!
//! A Parquet file that was cut off has no footer, which every reader refuses. NDJSON can be resumed:
//! between the events stand lines of the form `{"_export":{"cursor":"…"}}`; a client that was cut off repeats its
//! request with the last cursor it saw and gets the rest, as of the moment the export began. The last line is
//! `{"_export":{"complete":true,"events":N}}`: without it the file is not whole.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::json;

use super::ApiState;
use super::audit::Action;
use super::caller::{Caller, Parameters, Trail};
use super::problem::Problem;
use crate::search::Plan;
use crate::table::Table;
use crate::{Scope, SearchError, SearchRequest, SearchResponse, Sort, Store};

/// Events that are read at once.
const PAGE: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExportParameters {
    #[serde(alias = "query")]
    q: String,
    from: Option<String>,
    to: Option<String>,
    cursor: Option<String>,
    format: Format,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Ndjson,
    Parquet,
}

pub(super) async fn export(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Parameters(parameters): Parameters<ExportParameters>,
) -> Result<Response, Problem> {
    let ExportParameters { q, from, to, cursor, format } = parameters;
    let size = Some(PAGE);
    let record = Record { trail, query: q.clone(), events: 0 };
    let request = SearchRequest { q, from, to, cursor, size, sort: Sort::OldestFirst, ..SearchRequest::default() };
    let mut plan = state.plan(&request, &scope)?;
    // The pages tell by themselves when they end.
    plan.count_up_to = Some(0);
    let mut export = Export { store: state.store, scope, plan, record };
    // The first page is read before the answer begins, so that a fault is a problem and not a broken stream.
    let first = export.page().await?;
    match format {
        Format::Ndjson => Ok(ndjson(export, first)),
        Format::Parquet => Ok(parquet(export, first)?),
    }
}

fn ndjson(export: Export, first: SearchResponse) -> Response {
    let state = (Some(first), Some(export));
    let stream = unfold(state, |(page, export)| async move {
        let mut export = export?;
        let page = match page {
            Some(page) => Ok(page),
            None => export.page().await,
        };
        let (lines, more) = match page {
            Ok(page) => export.lines(&page),
            Err(error) => (format!("{}\n", json!({"_export": {"error": error.to_string()}})), false),
        };
        Some((Ok::<_, Infallible>(lines), (None, more.then_some(export))))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response()
}

/// A failure on the way breaks the connection off, so that the client does not take the file for whole.
fn parquet(export: Export, first: SearchResponse) -> Result<Response, Problem> {
    let table = Table::new().map_err(|_| SearchError::Internal)?;
    let stream = unfold(Some((export, table, Some(first))), |state| async move {
        let (mut export, mut table, mut first) = state?;
        let (bytes, next) = match row_groups(&mut export, &mut table, &mut first).await {
            Ok((bytes, true)) => (Ok(bytes), Some((export, table, None))),
            Ok((mut bytes, false)) => {
                let rest = table.finish().map_err(|error| io::Error::other(error.to_string()));
                (rest.map(|rest| [std::mem::take(&mut bytes), rest].concat()), None)
            }
            Err(error) => (Err(io::Error::other(error)), None),
        };
        Some((bytes, next))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apache.parquet"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"events.parquet\""),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Reads pages until some of the file can be sent; also says whether more will come.
async fn row_groups(
    export: &mut Export,
    table: &mut Table,
    first: &mut Option<SearchResponse>,
) -> Result<(Vec<u8>, bool), SearchError> {
    loop {
        let page = match first.take() {
            Some(page) => page,
            None => export.page().await?,
        };
        for hit in &page.hits {
            table.push(hit.event.get()).map_err(|_| SearchError::Internal)?;
        }
        let bytes = table.take();
        let Some(cursor) = &page.next_cursor else { return Ok((bytes, false)) };
        export.plan.resume(cursor)?;
        if !bytes.is_empty() {
            return Ok((bytes, true));
        }
    }
}

struct Export {
    store: Arc<Store>,
    scope: Scope,
    plan: Plan,
    record: Record,
}

/// Puts the export on record once it is over, however it ends.
struct Record {
    trail: Trail,
    query: String,
    events: usize,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.trail.record(Action::Export, std::mem::take(&mut self.query), self.events as u64);
    }
}

impl Export {
    async fn page(&mut self) -> Result<SearchResponse, SearchError> {
        self.store.page(&self.scope, self.plan.clone()).await
    }

    /// The page's lines, and whether another page follows.
    fn lines(&mut self, page: &SearchResponse) -> (String, bool) {
        let mut lines = String::new();
        for hit in &page.hits {
            lines.push_str(hit.event.get());
            lines.push('\n');
        }
        self.record.events += page.hits.len();
        let resumed = page.next_cursor.as_deref().map(|cursor| self.plan.resume(cursor));
        let last = match (&page.next_cursor, resumed) {
            (Some(cursor), Some(Ok(()))) => json!({"_export": {"cursor": cursor}}),
            (Some(_), _) => json!({"_export": {"error": "the cursor of the page cannot be read"}}),
            (None, _) => json!({"_export": {"complete": true, "events": self.record.events}}),
        };
        lines.push_str(&last.to_string());
        lines.push('\n');
        (lines, page.next_cursor.is_some())
    }
}

//! Searching: a request becomes a plan, the plan runs over one snapshot on the blocking pool, within bounds of
//! time, of concurrency and of expanded terms, and always within one tenant.

mod aggregate;
pub(crate) mod bounds;
mod clipped;
mod column;
mod compile;
mod complement;
mod cursor;
mod expand;
mod filtered;
mod follow;
mod highlight;
mod hunt;
mod limits;
mod order;
mod plan;
mod request;
mod run;
mod scan;
mod sorted;
mod stored;
mod top;
mod turns;

use lapwing_event::{EventId, Timestamp};

use crate::query::{Condition, Query, Target, Test};
use crate::{SearchError, Store};
pub(crate) use aggregate::filters_of;
pub use aggregate::{AggregateRequest, AggregateResponse};
pub(crate) use compile::Compiler;
pub(crate) use complement::Complement;
pub(crate) use cursor::Cursor;
pub(crate) use filtered::{at_place, with_filters};
pub(crate) use follow::Step;
pub use highlight::{Highlight, highlight};
pub(crate) use limits::Deadline;
pub(crate) use order::{By, Direction, Key, SortValue, compare};
pub(crate) use plan::{Plan, all_time};
pub use request::{Hit, IdAlias, Relation, Scope, SearchRequest, SearchResponse, Sort, Total};
pub(crate) use sorted::{Order, Ordered};
pub(crate) use top::Rank;
pub(crate) use turns::Turns;

impl Store {
    /// Finds the tenant's events that match. Dropping the future cancels the search.
    pub async fn search(&self, scope: &Scope, request: &SearchRequest) -> Result<SearchResponse, SearchError> {
        let plan = Plan::of(request, scope, &self.config)?;
        self.page(scope, plan).await
    }

    /// The tenant's event with this id.
    pub async fn event(&self, scope: &Scope, id: EventId) -> Result<Option<Hit>, SearchError> {
        let plan = Plan { size: 1, ..Plan::over_all_time(is("id", &id.to_string()), Sort::NewestFirst) };
        Ok(self.page(scope, plan).await?.hits.pop())
    }

    /// One page of the events whose `field` is `value`, in the order in which they happened; `cursor` is that of
    /// the page before. For `session.id` and its like, `value` may be the raw name.
    pub async fn timeline(
        &self,
        scope: &Scope,
        field: &'static str,
        value: &str,
        cursor: Option<&str>,
    ) -> Result<SearchResponse, SearchError> {
        let size = self.config.max_page_size;
        let mut plan = Plan { size, ..Plan::over_all_time(is(field, value), Sort::OldestFirst) };
        if let Some(cursor) = cursor {
            plan.resume(cursor)?;
        }
        self.page(scope, plan).await
    }

    /// The events from this sequence number on that match, at most `limit`, in the order of being stored.
    pub(crate) async fn follow(
        &self,
        scope: &Scope,
        query: &Query,
        from_seq: u64,
        limit: usize,
    ) -> Result<Step, SearchError> {
        let (scope, query, config) = (scope.clone(), query.clone(), self.config.clone());
        self.within_limits(scope.tenant.clone(), move |snapshot, deadline| {
            follow::follow(snapshot, &scope, &query, from_seq, limit, &config, deadline)
        })
        .await
    }

    /// One page of the plan's hits in an order of its own.
    pub(crate) async fn ordered(&self, scope: &Scope, plan: Plan, order: Order) -> Result<Ordered, SearchError> {
        let (scope, config) = (scope.clone(), self.config.clone());
        self.within_limits(scope.tenant.clone(), move |snapshot, deadline| {
            sorted::ordered(snapshot, &scope, (&plan, &order), &config, deadline)
        })
        .await
    }

    pub(crate) async fn page(&self, scope: &Scope, plan: Plan) -> Result<SearchResponse, SearchError> {
        let scope = scope.clone();
        let (config, turns) = (self.config.clone(), self.turns.clone());
        self.within_limits(scope.tenant.clone(), move |snapshot, deadline| {
            // Other queries are done before a second thread would have begun.
            let helpers = if plan.query.has_phrase() { turns.spare() } else { Vec::new() };
            run::search(snapshot, &scope, &plan, &config, deadline, &helpers)
        })
        .await
    }
}

/// The condition that a keyword field has this value.
pub(crate) fn is(path: &'static str, value: &str) -> Query {
    let field = lapwing_event::field(path).expect("the path is one of the schema");
    Query::Is(Condition { target: Target::Field(field), test: Test::Keyword(value.to_owned()), position: 0 })
}

/// A half-open span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    /// Whether something between these, both inclusive, may lie in the span.
    pub fn touches(&self, (first, last): (Timestamp, Timestamp)) -> bool {
        first < self.to && last >= self.from
    }
}

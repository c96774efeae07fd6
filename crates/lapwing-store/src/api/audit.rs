//! What is put on record: who searched, exported, read or erased what. The record itself is an event of kind `audit`,
//! made by whoever mounts the routes, and goes the way of every event.

use std::sync::Arc;

use lapwing_event::{TenantId, Timestamp};

use crate::query::{Query, Target, Test};
use crate::search::is;

/// A query on record is at most this long, in bytes.
const MAX_QUERY_BYTES: usize = 4 << 10;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Searched, counted or followed.
    Search,
    /// Exported.
    Export,
    /// Read a single event, a session or an interaction.
    Read,
    /// Erased.
    Erase,
}

impl Action {
    /// Its name in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Export => "export",
            Self::Read => "read",
            Self::Erase => "erase",
        }
    }
}

/// One use of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose events.
    pub tenant: TenantId,
    /// Who did it.
    pub actor: Arc<str>,
    /// What was done.
    pub action: Action,
    /// What was asked.
    pub query: String,
    /// How many events it touched, where that is known.
    pub count: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// Takes a record; it must not block.
pub type Auditor = Arc<dyn Fn(Access) + Send + Sync>;

/// The query as it goes on record.
pub(super) fn cut(mut query: String) -> String {
    query.truncate(query.floor_char_boundary(MAX_QUERY_BYTES));
    query
}

/// The query without the events of kind `audit`, unless it names them: a search must not find that it was made.
pub(super) fn apart(query: Query) -> Query {
    let others = || Query::Not(Box::new(is("kind", "audit")));
    match query {
        Query::All => others(),
        query if names_audit(&query) => query,
        query => Query::And(vec![query, others()]),
    }
}

fn names_audit(query: &Query) -> bool {
    match query {
        Query::All => false,
        Query::And(queries) | Query::Or(queries) => queries.iter().any(names_audit),
        Query::Not(query) => names_audit(query),
        Query::Is(condition) => match (&condition.target, &condition.test) {
            (Target::Field(field), _) if field.path.starts_with("audit.") => true,
            // Whoever knows an id may look at the event.
            (Target::Field(field), _) if field.path == "id" => true,
            (Target::Field(field), Test::Keyword(kind)) if field.path == "kind" => kind == "audit",
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::parse_query;

    #[test]
    fn audit_events_are_found_only_by_queries_that_name_them() {
        let check = |text: &str, named: bool| {
            let query = parse_query(text, Timestamp::default()).unwrap();
            assert_eq!(apart(query.clone()) == query, named, "{text}");
        };
        check("", false);
        check("order", false);
        check("kind:llm OR kind:tool", false);
        check("kind:audit", true);
        check("-kind:audit", true);
        check("hello OR audit.action:search", true);
        check("_exists_:audit.query", true);
    }

    #[test]
    fn a_query_on_record_is_bounded_and_whole() {
        let long = "ä".repeat(MAX_QUERY_BYTES);
        assert_eq!(cut(long).len(), MAX_QUERY_BYTES);
        assert_eq!(cut("a".to_owned() + &"ä".repeat(MAX_QUERY_BYTES)).len(), MAX_QUERY_BYTES - 1);
    }
}

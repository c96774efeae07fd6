//! Which index a request means: by name, by a list of names, by patterns.

use std::sync::Arc;

use lapwing_event::TenantId;

use super::error::ElasticError;
use super::generic::Index;
use super::glob::matches;
use crate::api::ApiState;

/// The index of events.
pub(super) const INDEX: &str = "lapwing";

/// What a request is about.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// The index of events.
    Events,
    /// Generic indices, searched together.
    Generic(Vec<Arc<Index>>),
    /// No index: a pattern that matched none, or a name that may be missing.
    Nothing,
}

impl Target {
    /// Resolves names; none means all. `lenient` leaves out names that are not there. Where a pattern means the index
    /// of events and generic ones, it is taken for the generic ones: they were made for tests, and with them.
    pub fn of(state: &ApiState, tenant: &TenantId, names: Option<&str>, lenient: bool) -> Result<Self, ElasticError> {
        let all = state.elastic.indices(tenant);
        let (mut events, mut named, mut found) = (false, false, Vec::<Arc<Index>>::new());
        for name in names.unwrap_or("_all").split(',').map(str::trim) {
            let pattern = if matches!(name, "" | "_all") { "*" } else { name };
            if let Some(excluded) = pattern.strip_prefix('-') {
                found.retain(|index| !matches(excluded, &index.name));
                events &= !matches(excluded, INDEX);
                continue;
            }
            let fitting = all.iter().filter(|index| matches(pattern, &index.name));
            let before = found.len();
            found.extend(fitting.cloned());
            match pattern {
                INDEX => (events, named) = (true, true),
                pattern if pattern.contains('*') => events |= matches(pattern, INDEX),
                _ if lenient || found.len() > before => {}
                // No index is named so; it is a route that is not there.
                route if route.starts_with('_') => return Err(ElasticError::no_handler(&format!("/{route}"))),
                missing => return Err(ElasticError::no_index(missing)),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        match (events, found.is_empty()) {
            (true, false) if named => {
                Err(ElasticError::illegal("events and other indices cannot be searched together"))
            }
            (true, true) => Ok(Self::Events),
            (_, false) => Ok(Self::Generic(found)),
            (false, true) => Ok(Self::Nothing),
        }
    }
}

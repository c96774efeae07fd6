//! Which index a request means: by name, by a list of names, by patterns.

use lapwing_event::TenantId;

use super::error::ElasticError;
use super::glob::matches;
use crate::api::ApiState;

/// The index of events.
pub(super) const INDEX: &str = "lapwing";

/// What a request is about.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// The index of events.
    Events,
    /// No index: a pattern that matched none, or a name that may be missing.
    Nothing,
}

impl Target {
    /// Resolves names; none means all. `lenient` leaves out names that are not there.
    pub fn of(_: &ApiState, _: &TenantId, names: Option<&str>, lenient: bool) -> Result<Self, ElasticError> {
        let mut found = false;
        for name in names.unwrap_or("_all").split(',').map(str::trim) {
            match name {
                "" | "_all" => found = true,
                pattern if pattern.contains('*') => found |= matches(pattern, INDEX),
                INDEX => found = true,
                // No index is named so; it is a route that is not there.
                route if route.starts_with('_') => return Err(ElasticError::no_handler(&format!("/{route}"))),
                _ if lenient => {}
                missing => return Err(ElasticError::no_index(missing)),
            }
        }
        Ok(if found { Self::Events } else { Self::Nothing })
    }
}

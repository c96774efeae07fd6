//! Who asks, and the parameters they ask with, as extractors that fail with a problem.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Json, Query, Request};
use axum::http::request::Parts;
use lapwing_event::{TenantId, Timestamp};
use serde::de::DeserializeOwned;

use super::ApiState;
use super::audit::{Access, Action, Auditor, cut};
use super::problem::Problem;
use crate::Scope;

/// Who a request comes from, as it goes on record: an [`axum::Extension`] that the server's authentication sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub Arc<str>);

/// The scope of a request, its tenant and the time it came, and the record of what it does.
pub(super) struct Caller(pub Scope, pub Trail);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let tenant = parts.extensions.get::<TenantId>().ok_or_else(Problem::without_tenant)?.clone();
        let actor = parts.extensions.get::<Actor>().map_or_else(|| Arc::from("unknown"), |actor| actor.0.clone());
        let now = (state.clock)();
        let trail = Trail { auditor: state.auditor.clone(), tenant: tenant.clone(), actor, now };
        Ok(Self(Scope { tenant, now, alias: state.alias.clone() }, trail))
    }
}

/// Where a request leaves what it did.
#[derive(Clone)]
pub(super) struct Trail {
    auditor: Option<Auditor>,
    tenant: TenantId,
    actor: Arc<str>,
    now: Timestamp,
}

impl Trail {
    /// Who asks.
    pub fn actor(&self) -> Actor {
        Actor(self.actor.clone())
    }

    /// Puts on record that this was done, and how many events it touched.
    pub fn record(&self, action: Action, query: impl Into<String>, count: impl Into<Option<u64>>) {
        if let Some(auditor) = &self.auditor {
            let (tenant, actor) = (self.tenant.clone(), self.actor.clone());
            let (query, count) = (cut(query.into()), count.into());
            auditor(Access { tenant, actor, action, query, count, at: self.now });
        }
    }
}

/// The parameters of a query string.
pub(super) struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|error| Problem::bad(error.body_text()))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::of_status(error.status(), error.body_text())),
        }
    }
}

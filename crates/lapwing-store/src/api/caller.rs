//! Who asks, and the parameters they ask with, as extractors that fail with a problem.

use axum::extract::{FromRequest, FromRequestParts, Json, Query, Request};
use axum::http::request::Parts;
use lapwing_event::TenantId;
use serde::de::DeserializeOwned;

use super::ApiState;
use super::problem::Problem;
use crate::Scope;

/// The scope of a request: its tenant, and the time it came.
pub(super) struct Caller(pub Scope);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let tenant = parts.extensions.get::<TenantId>().ok_or_else(Problem::without_tenant)?;
        Ok(Self(Scope { tenant: tenant.clone(), now: (state.clock)(), alias: state.alias.clone() }))
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

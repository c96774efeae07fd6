//! The store over HTTP. The caller's tenant comes as an [`axum::Extension`] that the server's authentication set;
//! without it every route answers 500, since nothing else could tell whose events may be seen.
//!
//! What is read, exported or erased is put on record through the [`Auditor`], with the [`Actor`] that the
//! authentication set.

mod alerts;
mod audit;
mod caller;
mod elastic;
mod erase;
mod export;
mod fields;
mod problem;
mod read;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::{delete, get, post};
use lapwing_event::Timestamp;

use crate::search::Plan;
use crate::{IdAlias, Scope, SearchError, SearchRequest, Store};
pub use audit::{Access, Action, Auditor};
pub use caller::Actor;
pub use elastic::{Intake, IntakeAnswer, IntakeFault, Sender, Taken, is_elastic, refuse, root, unsupported};

/// The store's routes: those under `/v1`, and a subset of Elasticsearch's API at the root and under `/_elastic`.
#[derive(Clone)]
pub struct Api {
    store: Arc<Store>,
    clock: fn() -> Timestamp,
    alias: Option<IdAlias>,
    intake: Option<Intake>,
    auditor: Option<Auditor>,
    elastic: Arc<elastic::Elastic>,
}

type ApiState = Api;

impl Api {
    /// Over this store; `clock` says what `now` means.
    pub fn new(store: Arc<Store>, clock: fn() -> Timestamp) -> Self {
        Self { store, clock, alias: None, intake: None, auditor: None, elastic: Arc::default() }
    }

    /// How raw user and session ids become the pseudonyms that are stored; without it only pseudonyms are found.
    pub fn alias(self, alias: Option<IdAlias>) -> Self {
        Self { alias, ..self }
    }

    /// Where documents go that Elasticsearch's clients send; without it they are refused.
    pub fn intake(self, intake: Intake) -> Self {
        Self { intake: Some(intake), ..self }
    }

    /// Who puts on record what is read; without it nobody does.
    pub fn auditor(self, auditor: Auditor) -> Self {
        Self { auditor: Some(auditor), ..self }
    }

    /// Lets clients make indices with any mapping, in memory and apart from the events: for tests of the API.
    pub fn with_generic_indices(self) -> Self {
        Self { elastic: Arc::new(elastic::Elastic::with_generic_indices()), ..self }
    }

    /// The routes.
    pub fn router(self) -> Router {
        routes().with_state(self)
    }

    /// The plan of a search. Events of kind `audit` are left out unless the query names them.
    fn plan(&self, request: &SearchRequest, scope: &Scope) -> Result<Plan, SearchError> {
        let from_the_start = SearchRequest { cursor: None, ..request.clone() };
        let mut plan = Plan::of(&from_the_start, scope, &self.store.config)?;
        plan.query = audit::apart(plan.query);
        if let Some(cursor) = &request.cursor {
            plan.resume(cursor)?;
        }
        Ok(plan)
    }
}

fn routes() -> Router<ApiState> {
    Router::new()
        .route("/v1/search", get(read::search_by_parameters).post(read::search_by_body))
        .route("/v1/aggregate", post(read::aggregate))
        .route("/v1/events/{id}", get(read::event).delete(erase::event))
        .route("/v1/sessions/{id}", get(read::session).delete(erase::session))
        .route("/v1/users/{id}", delete(erase::user))
        .route("/v1/interactions/{id}", get(read::interaction))
        .route("/v1/fields", get(fields::fields))
        .route("/v1/export", get(export::export))
        .route("/v1/alerts", get(alerts::alerts))
        .route("/v1/tail", get(tail::tail))
        .route("/openapi.json", get(openapi))
        .merge(elastic::router())
}

/// The description of these routes, OpenAPI 3.1. It needs no tenant.
async fn openapi() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

const OPENAPI: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;

    /// The description and the routes name the same paths and methods.
    #[tokio::test]
    async fn every_route_is_described_and_every_description_routed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), crate::StoreConfig::default(), &mut Default::default()).unwrap();
        let app = Api::new(store, || Timestamp::from_millis(0)).router();
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        // What other services serve is described here too; the tests of the whole check that.
        let ours: Vec<_> = paths.iter().filter(|(_, operations)| operations.get("x-served-by").is_none()).collect();
        for (path, operations) in &ours {
            let described: BTreeSet<String> =
                operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let request = Request::builder().method(method).uri(path.replace("{id}", "x")).body(Body::empty());
                let status = app.clone().oneshot(request.unwrap()).await.unwrap().status();
                let routed = !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
                assert_eq!(routed, described.contains(method), "{method} {path} {status}");
            }
        }
        let routes = include_str!("mod.rs").matches("\n        .route(").count();
        assert_eq!(routes, ours.len(), "a route without a description");
    }

    #[test]
    fn every_reference_of_the_description_resolves() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for reference in OPENAPI.split("\"$ref\": \"#").skip(1) {
            let pointer = &reference[..reference.find('"').unwrap()];
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}

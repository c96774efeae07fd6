//! A subset of Elasticsearch's API, so that its clients and dashboards work with our events: at the root and under
//! `/_elastic`, with one index named `lapwing`. What is not understood is refused in Elasticsearch's form, never
//! answered with something else.
//!
//! | file | owns |
//! |---|---|
//! | `index` | which index a name means |
//! | `ask`, `dsl`, `options`, `date_math`, `date_format`, `calendar`, `zone` | what a client asks for, read once for every kind of index |
//! | `aggs`, `composite`, `agg_results`, `pipeline` | aggregations, what came of them, and what is computed from that |
//! | `events`, `find` | what that means for the index of events |
//! | `search`, `scroll`, `page`, `source` | searches, how they go on, and how hits are shown |
//! | `documents`, `many`, `intake` | documents in and out |
//! | `cluster`, `mapping` | what there is |
//! | `generic` | indices with any mapping, for tests of the API |
//! | `media`, `error` | bodies and errors as Elasticsearch's clients know them |

mod agg_results;
mod aggs;
mod ask;
mod calendar;
mod cluster;
mod composite;
mod date_format;
mod date_histogram;
mod date_math;
mod documents;
mod dsl;
mod error;
mod events;
mod find;
mod generic;
mod glob;
mod index;
mod intake;
mod many;
mod mapping;
mod marks;
mod media;
mod options;
mod page;
mod pipeline;
mod scroll;
mod search;
mod source;
mod zone;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use lapwing_event::TenantId;
use serde_json::Value;

use super::ApiState;
use error::ElasticError;
use index::INDEX;
pub use intake::{Intake, IntakeAnswer, IntakeFault, Sender, Taken};
use media::name_product;

/// What the routes keep between requests.
#[derive(Default)]
pub(super) struct Elastic {
    scrolls: scroll::Scrolls,
    /// Indices for tests, where the server was asked for them.
    generic: Option<generic::Indices>,
}

impl Elastic {
    /// With indices that clients may make.
    pub fn with_generic_indices() -> Self {
        Self { generic: Some(generic::Indices::default()), ..Self::default() }
    }

    fn indices(&self, tenant: &TenantId) -> Vec<Arc<generic::Index>> {
        self.generic.as_ref().map_or_else(Vec::new, |generic| generic.all(tenant))
    }
}

/// The routes at the root and under `/_elastic`. The root itself is left to whoever mounts them, see [`root`].
pub(super) fn router() -> Router<ApiState> {
    let prefixed =
        routes().route("/", get(cluster::info)).fallback(unsupported).method_not_allowed_fallback(unsupported);
    // Clients ask for the root with a slash; nesting serves it without one.
    let prefixed = Router::new().nest("/_elastic", prefixed).route("/_elastic/", get(cluster::info));
    routes().merge(prefixed).layer(from_fn(name_product))
}

fn routes() -> Router<ApiState> {
    let cat = get(cluster::cat_indices);
    Router::new()
        .route("/_cluster/health", get(cluster::health))
        .route("/_cluster/health/{index}", get(cluster::health))
        .route("/_cat/indices", cat.clone())
        .route("/_cat/indices/{index}", cat)
        .route("/_resolve/index/{index}", get(cluster::resolve).post(cluster::resolve))
        .route("/_search/scroll", scrolls())
        .route("/_search/scroll/{id}", scrolls())
        .route("/_pit", delete(search::close_pit))
        .route("/_search/point_in_time", delete(search::close_pit))
        .route("/{index}/_pit", post(search::open_pit))
        .route("/{index}/_search/point_in_time", post(search::open_pit))
        .route("/{index}", get(cluster::describe).put(cluster::create).delete(cluster::delete))
        .route("/{index}/_doc", post(documents::put))
        .route(
            "/{index}/_doc/{id}",
            get(documents::get).put(documents::put).post(documents::put).delete(documents::delete),
        )
        .route("/{index}/_create/{id}", put(documents::create).post(documents::create))
        .merge(everywhere("_search", get(search::search).post(search::search)))
        .merge(everywhere("_msearch", get(search::msearch).post(search::msearch)))
        .merge(everywhere("_count", get(search::count).post(search::count)))
        .merge(everywhere("_bulk", post(documents::bulk).put(documents::bulk)))
        .merge(everywhere("_mget", get(many::mget).post(many::mget)))
        .route("/{index}/_delete_by_query", post(many::delete_by_query))
        .merge(everywhere("_field_caps", get(mapping::field_caps).post(mapping::field_caps)))
        .merge(everywhere("_mapping", get(cluster::mapping)))
        .merge(everywhere("_settings", get(cluster::settings).put(cluster::change_settings)))
        .merge(everywhere("_alias", get(cluster::aliases)))
        .merge(everywhere("_aliases", get(cluster::aliases)))
        .merge(everywhere("_stats", get(cluster::stats)))
        .merge(everywhere("_refresh", get(cluster::refresh).post(cluster::refresh)))
}

fn scrolls() -> MethodRouter<ApiState> {
    get(search::scroll).post(search::scroll).delete(search::end_scroll)
}

/// A route for all indices and for named ones.
fn everywhere(name: &str, methods: MethodRouter<ApiState>) -> Router<ApiState> {
    Router::new().route(&format!("/{name}"), methods.clone()).route(&format!("/{{index}}/{name}"), methods)
}

/// Whether a path is one of Elasticsearch's API and not of ours.
pub fn is_elastic(path: &str) -> bool {
    path.split('/').skip(1).take(2).any(|part| part.starts_with('_'))
}

/// What stands at the root, for Elasticsearch's clients that look there first.
pub fn root() -> Value {
    cluster::root()
}

/// An error in Elasticsearch's form, for what is refused before it reaches the routes.
pub fn refuse(status: StatusCode, kind: &'static str, reason: &str) -> Response<Body> {
    media::with_product(ElasticError::new(status, kind, reason).into_response())
}

/// Answers what is not there.
pub async fn unsupported(uri: Uri) -> Response {
    media::with_product(ElasticError::no_handler(uri.path()).into_response())
}

//! Who may come in: the key, its tenant, and what it allows, before any route of a service.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lapwing_event::TenantId;
use lapwing_ingest::api::{KeyId, Reviewer, is_otlp, refuse_otlp};
use lapwing_store::api::{Actor, is_elastic, refuse};

use super::credentials::secret;
use super::problem;
use crate::auth::{Keys, Scope};
use crate::clock;

/// Whom the record names where there are no keys.
const LOCAL: &str = "local";

/// Finds out whose request it is and whether the key allows it; the services read the tenant from here alone.
pub async fn authorize(State(keys): State<Arc<Keys>>, mut request: Request, next: Next) -> Response {
    let (tenant, actor, may_review) = if keys.is_empty() {
        match is_local(host(&request)) {
            true => (TenantId::default(), Arc::from(LOCAL), true),
            false => {
                let detail =
                    "without API keys only requests to localhost are answered; make a key with `lapwing keys create`";
                return refused(&request, StatusCode::FORBIDDEN, detail);
            }
        }
    } else {
        let Some(key) = secret(request.headers()).and_then(|secret| keys.find(&secret)) else {
            let detail = "send a valid API key as `Authorization: Bearer lw_…`, or as the password of `Basic`; \
                          `lapwing keys create` makes one";
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer, Basic realm=\"lapwing\", ApiKey")];
            return (challenge, refused(&request, StatusCode::UNAUTHORIZED, detail)).into_response();
        };
        let scope = needed_scope(request.method(), request.uri().path());
        if !key.allows(scope, clock::now()) {
            let detail = format!("the key {} has expired or lacks the scope {}", key.id, scope.as_str());
            return refused(&request, StatusCode::FORBIDDEN, &detail);
        }
        let may_review = key.allows(Scope::Review, clock::now());
        (key.tenant, Arc::from(key.id), may_review)
    };
    request.extensions_mut().insert(tenant);
    request.extensions_mut().insert(KeyId(Arc::clone(&actor)));
    request.extensions_mut().insert(Actor(actor));
    if may_review {
        request.extensions_mut().insert(Reviewer);
    }
    next.run(request).await
}

/// In the form that the path's clients read.
fn refused(request: &Request, status: StatusCode, detail: &str) -> Response {
    match request.uri().path() {
        path if is_elastic(path) => refuse(status, "security_exception", detail),
        path if is_otlp(path) => refuse_otlp(path, request.headers(), status, detail),
        _ => problem(status, detail),
    }
}

/// What is not named here needs everything.
fn needed_scope(method: &Method, path: &str) -> Scope {
    let reads = method == Method::GET || method == Method::HEAD;
    let path = path.strip_prefix("/_elastic").unwrap_or(path);
    match path {
        "/v1/events" | "/v1/traces" | "/v1/logs" | "/v1/metrics" if method == Method::POST => Scope::Ingest,
        path if path.starts_with("/opentelemetry.proto.collector.") => Scope::Ingest,
        "/v1/search" | "/v1/aggregate" if method == Method::POST => Scope::Search,
        _ if reads => Scope::Search,
        path if path.starts_with("/v1/") => Scope::Admin,
        path => match path.split('/').find(|part| part.starts_with('_')) {
            Some("_bulk" | "_doc" | "_create" | "_refresh") if method != Method::DELETE => Scope::Ingest,
            Some("_search" | "_pit") => Scope::Search,
            Some("_msearch" | "_mget" | "_count" | "_field_caps" | "_resolve") if method == Method::POST => {
                Scope::Search
            }
            _ => Scope::Admin,
        },
    }
}

/// Whom the request addresses: in HTTP/2 that stands in the address and not in a header.
fn host(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| request.uri().authority().map(|authority| authority.as_str()))
}

/// An open server answers only who addresses it as this machine, so that a page in a browser cannot reach it
/// under a name of its own (DNS rebinding).
fn is_local(host: Option<&str>) -> bool {
    let Some(host) = host else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;

    use super::*;

    #[test]
    fn an_open_server_is_for_this_machine_only() {
        let check = |host: &str, expect: bool| {
            let by_header = Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap();
            let by_address = Request::get(format!("http://{host}/")).body(Body::empty()).unwrap();
            for request in [by_header, by_address] {
                assert_eq!(is_local(super::host(&request)), expect, "{host}");
            }
        };
        check("localhost:7117", true);
        check("127.0.0.1:7117", true);
        check("[::1]:7117", true);
        check("127.0.0.1", true);
        check("evil.example:7117", false);
        check("127.0.0.1.evil.example", false);
        check("10.0.0.1:7117", false);
    }

    #[test]
    fn each_route_needs_its_scope() {
        let check = |method: Method, path: &str, expect: Scope| {
            assert_eq!(needed_scope(&method, path), expect, "{method} {path}");
        };
        check(Method::POST, "/v1/events", Scope::Ingest);
        check(Method::POST, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", Scope::Ingest);
        check(Method::DELETE, "/v1/events/x", Scope::Admin);
        check(Method::POST, "/v1/anything", Scope::Admin);
        check(Method::HEAD, "/lapwing", Scope::Search);
        for prefix in ["", "/_elastic"] {
            check(Method::POST, &format!("{prefix}/lapwing/_search"), Scope::Search);
            check(Method::POST, &format!("{prefix}/_msearch"), Scope::Search);
            check(Method::POST, &format!("{prefix}/lapwing/_mget"), Scope::Search);
            check(Method::POST, &format!("{prefix}/lapwing/_delete_by_query"), Scope::Admin);
            check(Method::DELETE, &format!("{prefix}/_search/scroll"), Scope::Search);
            check(Method::PUT, &format!("{prefix}/_bulk"), Scope::Ingest);
            check(Method::POST, &format!("{prefix}/lapwing/_doc"), Scope::Ingest);
            check(Method::GET, &format!("{prefix}/lapwing/_doc/1"), Scope::Search);
            check(Method::PUT, &format!("{prefix}/other"), Scope::Admin);
            check(Method::DELETE, &format!("{prefix}/other"), Scope::Admin);
            check(Method::PUT, &format!("{prefix}/lapwing/_settings"), Scope::Admin);
        }
    }
}

//! A web service: one emitter for the process, and a context for each request, so that whatever is emitted
//! while it is served belongs to the caller's session and trace.
//!
//! `cargo run -p lapwing-emitter --example axum -- http://127.0.0.1:7117`, then
//! `curl -d 'hello' -H 'x-session: s-1' http://127.0.0.1:8080/chat`

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::post;
use lapwing_emitter::{Context, Emitter};
use tokio::net::TcpListener;

/// The service.
pub fn service(emitter: Emitter) -> Router {
    Router::new().route("/chat", post(chat)).layer(from_fn(in_context)).with_state(emitter)
}

async fn in_context(request: Request, next: Next) -> Response {
    context_of(request.headers()).scope(next.run(request)).await
}

fn context_of(headers: &HeaderMap) -> Context {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let context = Context::new().traceparent(header("traceparent").unwrap_or_default());
    header("x-session").into_iter().fold(context, |context, session| context.session(session))
}

async fn chat(State(emitter): State<Emitter>, prompt: String) -> String {
    let interaction = emitter.interaction().model("echo-1").prompt(&prompt);
    let answer = format!("You said: {prompt}");
    interaction.respond(&answer);
    answer
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7117".to_owned());
    let emitter = Emitter::builder().service("axum-example").to_http(&endpoint).build()?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, service(emitter.clone())).await?;
    emitter.shutdown_async(Duration::from_secs(10)).await?;
    Ok(())
}

//! Who and what the code at hand works for: known once at the edge of the application, wanted in every event.

use std::future::Future;

use lapwing_event::{Agent, Event, Session, User};

tokio::task_local! {
    static CURRENT: Context;
}

/// Session, user, agent and trace, for every event that is made within its scope.
///
/// ```
/// use lapwing_emitter::{Context, Emitter};
/// use lapwing_event::Kind;
///
/// let emitter = Emitter::builder().service("shop").to_http("http://127.0.0.1:9").build().unwrap();
/// let context = Context::new().session("s-1").traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// let event = context.sync_scope(|| emitter.event(Kind::Tool));
/// assert_eq!(event.session_id(), Some("s-1"));
/// assert_eq!(event.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Context {
    session: Option<String>,
    user: Option<String>,
    agent: Option<String>,
    trace_id: Option<String>,
    parent_span_id: Option<String>,
}

impl Context {
    /// An empty context. To add to the one at hand, begin with [`Context::inherited`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of the context at hand.
    pub fn inherited() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// The conversation.
    pub fn session(mut self, id: &str) -> Self {
        self.session = Some(id.to_owned());
        self
    }

    /// The person or account.
    pub fn user(mut self, id: &str) -> Self {
        self.user = Some(id.to_owned());
        self
    }

    /// The agent.
    pub fn agent(mut self, id: &str) -> Self {
        self.agent = Some(id.to_owned());
        self
    }

    /// The header `traceparent` of W3C Trace Context; one that is not valid is passed over, as the standard says.
    pub fn traceparent(mut self, header: &str) -> Self {
        if let Some((trace, span)) = parse_traceparent(header) {
            (self.trace_id, self.parent_span_id) = (Some(trace.to_owned()), Some(span.to_owned()));
        }
        self
    }

    /// Runs a future in this context. What it spawns is outside of it.
    pub async fn scope<T>(self, future: impl Future<Output = T>) -> T {
        CURRENT.scope(self, future).await
    }

    /// Runs a function in this context.
    pub fn sync_scope<T>(self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, run)
    }

    pub(crate) fn current(with: impl FnOnce(&Self)) {
        // Without a scope there is nothing to add.
        let _ = CURRENT.try_with(with);
    }

    /// Adds what the event does not say of itself.
    pub(crate) fn fill(&self, event: &mut Event) {
        if event.session.is_none() {
            event.session = self.session.clone().map(|id| Session { id });
        }
        if event.user.is_none() {
            event.user = self.user.clone().map(|id| User { id });
        }
        if event.agent.is_none() {
            event.agent = self.agent.clone().map(|id| Agent { id: Some(id), ..Agent::default() });
        }
        if event.trace_id.is_none() {
            event.trace_id.clone_from(&self.trace_id);
            event.parent_span_id.clone_from(&self.parent_span_id);
        }
    }
}

/// Trace and parent span (W3C Trace Context, section 3.2). A later version may have more fields at its end.
fn parse_traceparent(header: &str) -> Option<(&str, &str)> {
    let mut fields = header.trim().split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let formed = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let valid =
        formed && version != "ff" && !zero(trace) && !zero(span) && (version != "00" || fields.next().is_none());
    valid.then_some((trace, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents_are_read_or_passed_over() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let span = "00f067aa0ba902b7";
        let check = |header: &str, valid: bool| {
            assert_eq!(parse_traceparent(header), valid.then_some((trace, span)), "{header}");
        };
        check(&format!("00-{trace}-{span}-01"), true);
        check(&format!(" 00-{trace}-{span}-00 "), true);
        check(&format!("cc-{trace}-{span}-01-what-comes-later"), true);
        check(&format!("00-{trace}-{span}-01-x"), false);
        check(&format!("ff-{trace}-{span}-01"), false);
        check(&format!("00-{}-{span}-01", "0".repeat(32)), false);
        check(&format!("00-{trace}-{}-01", "0".repeat(16)), false);
        check(&format!("00-{}-{span}-01", trace.to_uppercase()), false);
        check("", false);
        check("00-é-é-é", false);
    }

    #[tokio::test]
    async fn a_scope_ends_and_may_add_to_another() {
        let outer = Context::new().session("s");
        outer
            .clone()
            .scope(async {
                let inner = Context::inherited().user("u");
                inner.scope(async { assert_eq!(Context::inherited(), outer.clone().user("u")) }).await;
                assert_eq!(Context::inherited(), outer);
            })
            .await;
        assert_eq!(Context::inherited(), Context::default());
    }
}

//! A session in progress: its trace, and which events stand behind it.

use lapwing_event::{Event, EventId, Kind, SanitizedEvent, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::alert::{Alert, Draft};
use crate::behaviour::{Call, Reading, Trace, TraceLimits};

/// One source of text: a tool call or a retrieval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) event: EventId,
    pub(crate) name: String,
}

/// A session in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Tenant and agent.
    pub(crate) agent: String,
    pub(crate) trace: Trace,
    /// Every source of text so far, up to the trace's own limit.
    steps: Vec<Step>,
    /// The step of each call.
    calls: Vec<u16>,
    /// Whether it raised an alert: then it is not learned.
    pub(crate) alarmed: bool,
    pub(crate) last: i64,
    envelope: Envelope,
}

const NOTHING: &Value = &Value::Null;
/// Steps of one session whose events are remembered.
const MAX_STEPS: usize = 400;

impl Session {
    pub(crate) fn new(agent: String, first: &SanitizedEvent, limits: TraceLimits) -> Self {
        Self {
            agent,
            trace: Trace::new(limits),
            steps: Vec::new(),
            calls: Vec::new(),
            alarmed: false,
            last: first.timestamp.nanos(),
            envelope: Envelope::of(first),
        }
    }

    /// Takes in what an event adds to the session; a tool call is read against what came before it.
    pub(crate) fn take<'e>(&mut self, event: &'e Event) -> Option<Reading<'e>> {
        self.last = self.last.max(event.timestamp.nanos());
        match event.kind {
            Kind::Llm => {
                let content = event.content.as_ref()?;
                // The operator's words and the user's may both explain a call.
                for text in [&content.system, &content.prompt].into_iter().flatten() {
                    self.trace.prompt(text);
                }
                None
            }
            Kind::Retrieval => {
                let retrieval = event.retrieval.as_ref()?;
                let snippets = retrieval.documents.iter().filter_map(|d| d.snippet.as_deref());
                let texts: Vec<&str> = retrieval.text.as_deref().into_iter().chain(snippets).collect();
                self.step(event.id, &retrieval.data_source);
                self.trace.retrieved(&retrieval.data_source, &texts.join("\n\n"));
                None
            }
            Kind::Tool => {
                let tool = event.tool.as_ref()?;
                let call = Call {
                    tool: &tool.name,
                    args: tool.arguments.as_ref().unwrap_or(NOTHING),
                    output: tool.output.as_deref().unwrap_or_default(),
                };
                let reading = self.trace.call(&call);
                if self.steps.len() < MAX_STEPS {
                    self.calls.push(self.steps.len() as u16);
                }
                self.step(event.id, &tool.name);
                Some(reading)
            }
            _ => None,
        }
    }

    fn step(&mut self, event: EventId, name: &str) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(Step { event, name: name.to_owned() });
        }
    }

    /// The step whose text has this source index.
    pub(crate) fn source(&self, at: u8) -> Option<&Step> {
        self.steps.get(usize::from(at))
    }

    /// The step of the call with this index, the last one if there is none.
    pub(crate) fn call(&self, at: usize) -> Option<&Step> {
        self.calls.get(at).and_then(|step| self.steps.get(usize::from(*step))).or(self.steps.last())
    }

    /// Whether there was any tool call.
    pub(crate) fn acted(&self) -> bool {
        !self.calls.is_empty()
    }

    /// An alert about the whole session, at the time of its last event.
    pub(crate) fn alert(&self, draft: Draft) -> Alert {
        Alert::new(draft, Timestamp::from_nanos(self.last), &self.envelope.0)
    }
}

/// The envelope of a session's first event, without its content: an alert that comes when the session is over
/// needs tenant, service, agent and user.
#[derive(Debug, Clone)]
pub(crate) struct Envelope(SanitizedEvent);

impl Envelope {
    pub(crate) fn event(&self) -> &SanitizedEvent {
        &self.0
    }

    pub(crate) fn of(event: &SanitizedEvent) -> Self {
        let empty = Draft {
            rule_id: String::new(),
            title: None,
            severity: None,
            score: 0.0,
            threshold: 0.0,
            event_ids: Vec::new(),
            dedup_key: String::new(),
            explanation: String::new(),
        };
        Self(Alert::new(empty, event.timestamp, event).into_event())
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.encode())
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        SanitizedEvent::decode(&bytes).map(Self).map_err(D::Error::custom)
    }
}

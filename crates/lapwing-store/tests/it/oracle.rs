//! Searches give what a naive scan gives, over random corpora and queries.
#![allow(clippy::unwrap_used)]

use lapwing_event::{Content, Event, Kind, Scores, Session, TenantId, Timestamp};
use lapwing_store::{SearchRequest, Sort};
use proptest::prelude::*;

use crate::support::*;

const WORDS: &[&str] = &["refund", "order", "mail", "ORDERS", "naïve", "k1"];

/// A query with a meaning of its own, apart from the parser and the index.
#[derive(Debug, Clone)]
enum Ask {
    Word(usize),
    Phrase(usize, usize),
    Prefix(usize, usize),
    InResponse(usize),
    Kind(bool),
    Session(u8),
    LatencyAbove(u8),
    Toxicity(u8, u8),
    HasSession,
    HasResponse,
    Since(u8),
    And(Box<Ask>, Box<Ask>),
    Or(Box<Ask>, Box<Ask>),
    Not(Box<Ask>),
}

fn asks() -> impl Strategy<Value = Ask> {
    let word = 0..WORDS.len();
    let leaf = prop_oneof![
        word.clone().prop_map(Ask::Word),
        (word.clone(), word.clone()).prop_map(|(a, b)| Ask::Phrase(a, b)),
        (word.clone(), 1..4usize).prop_map(|(w, length)| Ask::Prefix(w, length)),
        word.prop_map(Ask::InResponse),
        any::<bool>().prop_map(Ask::Kind),
        (0..3u8).prop_map(Ask::Session),
        (0..6u8).prop_map(Ask::LatencyAbove),
        (0..6u8, 0..6u8).prop_map(|(a, b)| Ask::Toxicity(a, b)),
        Just(Ask::HasSession),
        Just(Ask::HasResponse),
        (0..80u8).prop_map(Ask::Since),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Ask::And(Box::new(a), Box::new(b))),
            pair.prop_map(|(a, b)| Ask::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Ask::Not(Box::new(a))),
        ]
    })
}

impl Ask {
    fn text(&self) -> String {
        match self {
            Self::Word(w) => WORDS[*w].to_owned(),
            Self::Phrase(a, b) => format!("\"{} {}\"", WORDS[*a], WORDS[*b]),
            Self::Prefix(w, length) => format!("{}*", WORDS[*w].chars().take(*length).collect::<String>()),
            Self::InResponse(w) => format!("response:{}", WORDS[*w]),
            Self::Kind(tool) => format!("kind:{}", kind(*tool)),
            Self::Session(n) => format!("session:s{n}"),
            Self::LatencyAbove(n) => format!("latency_ms:>{n}"),
            Self::Toxicity(a, b) => format!("toxicity:[{} TO {}}}", f64::from(*a) / 5.0, f64::from(*b) / 5.0),
            Self::HasSession => "_exists_:session.id".to_owned(),
            Self::HasResponse => "_exists_:content.response".to_owned(),
            Self::Since(hours) => format!("@timestamp:>=now-{hours}h"),
            Self::And(a, b) => format!("({} AND {})", a.text(), b.text()),
            Self::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
            Self::Not(a) => format!("NOT {}", a.text()),
        }
    }

    fn matches(&self, event: &Event) -> bool {
        let content = event.content.as_ref().unwrap();
        let texts = || [&content.prompt, &content.response].into_iter().flatten().map(|text| tokens(text));
        match self {
            Self::Word(w) => texts().any(|tokens| tokens.contains(&WORDS[*w].to_lowercase())),
            Self::Phrase(a, b) => {
                let pair = [WORDS[*a].to_lowercase(), WORDS[*b].to_lowercase()];
                texts().any(|tokens| tokens.windows(2).any(|two| two == pair))
            }
            Self::Prefix(w, length) => {
                let prefix: String = WORDS[*w].to_lowercase().chars().take(*length).collect();
                texts().any(|tokens| tokens.iter().any(|token| token.starts_with(&prefix)))
            }
            Self::InResponse(w) => {
                content.response.as_ref().is_some_and(|text| tokens(text).contains(&WORDS[*w].to_lowercase()))
            }
            Self::Kind(tool) => event.kind == kind(*tool),
            Self::Session(n) => event.session_id() == Some(format!("s{n}").as_str()),
            Self::LatencyAbove(n) => event.latency_ms.is_some_and(|latency| latency > f64::from(*n)),
            Self::Toxicity(a, b) => {
                let score = event.scores.as_ref().and_then(|scores| scores.toxicity);
                score.is_some_and(|score| (f64::from(*a) / 5.0..f64::from(*b) / 5.0).contains(&score))
            }
            Self::HasSession => event.session.is_some(),
            Self::HasResponse => content.response.is_some(),
            Self::Since(hours) => event.timestamp.millis() >= NOW - i64::from(*hours) * HOUR,
            Self::And(a, b) => a.matches(event) && b.matches(event),
            Self::Or(a, b) => a.matches(event) || b.matches(event),
            Self::Not(a) => !a.matches(event),
        }
    }
}

fn kind(tool: bool) -> Kind {
    if tool { Kind::Tool } else { Kind::Llm }
}

fn tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn events() -> impl Strategy<Value = Event> {
    let text = || prop::collection::vec(0..WORDS.len(), 0..5);
    let join = |words: &[usize]| words.iter().map(|w| WORDS[*w]).collect::<Vec<_>>().join(", ");
    let parts = (text(), prop::option::of(text()), any::<bool>(), prop::option::of(0..3u8));
    let rest = (prop::option::of(0..6u8), prop::option::of(0..6u8), 0..75i64, 0..12u64, any::<bool>());
    (parts, rest).prop_map(move |((prompt, response, tool, session), (latency, toxicity, hours, number, other))| {
        let mut event = event(number, NOW - hours * HOUR);
        event.content =
            Some(Content { prompt: Some(join(&prompt)), response: response.map(|r| join(&r)), ..Content::default() });
        event.kind = kind(tool);
        event.session = session.map(|n| Session { id: format!("s{n}") });
        event.latency_ms = latency.map(f64::from);
        event.scores = toxicity.map(|n| Scores { toxicity: Some(f64::from(n) / 5.0), sentiment: None });
        if other {
            event.tenant.id = TenantId::new("other").unwrap();
        }
        event
    })
}

/// The ends of a span, in hours ago.
fn ends() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    let from = prop_oneof![Just(None), Just(Some(50_000)), (0..80i64).prop_map(Some)];
    (from, prop_oneof![Just(None), (0..80i64).prop_map(Some)])
}

/// What a scan finds: the tenant's first event of each id, in the order asked for.
fn scan(batches: &[Vec<Event>], ask: &Ask, request: &SearchRequest) -> Vec<String> {
    let mut stored: Vec<&Event> = Vec::new();
    for event in batches.iter().flatten() {
        if !stored.iter().any(|known| known.id == event.id && known.tenant == event.tenant) {
            stored.push(event);
        }
    }
    let time = |text: &Option<String>| text.as_ref().map(|text| Timestamp::parse(text).unwrap());
    let to = time(&request.to);
    let from = time(&request.from).unwrap_or_else(|| ts(to.map_or(NOW, |to| to.millis()) - DAY));
    let in_span = |event: &Event| event.timestamp >= from && to.is_none_or(|to| event.timestamp < to);
    let mut found: Vec<_> = stored
        .into_iter()
        .enumerate()
        .filter(|(_, event)| event.tenant.id == TenantId::default() && in_span(event) && ask.matches(event))
        .collect();
    found.sort_by_key(|(order, event)| (event.timestamp, *order));
    if request.sort == Sort::NewestFirst {
        found.reverse();
    }
    found.into_iter().map(|(_, event)| event.id.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_search_is_a_scan(
        batches in prop::collection::vec(prop::collection::vec(events(), 0..12), 1..4),
        asks in prop::collection::vec((asks(), ends(), any::<bool>(), 1..9usize), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path());
            for (n, batch) in batches.iter().enumerate() {
                store.append(batch.iter().cloned().map(sealed).collect(), n.to_string()).await.unwrap();
                store.flush().await.unwrap();
            }
            for (ask, (from, to), oldest, size) in &asks {
                let sort = if *oldest { Sort::OldestFirst } else { Sort::NewestFirst };
                let end = |hours: &Option<i64>| hours.map(|hours| ts(NOW - hours * HOUR).to_string());
                let request = SearchRequest {
                    q: ask.text(),
                    from: end(from),
                    to: end(to),
                    sort,
                    size: Some(*size),
                    ..SearchRequest::default()
                };
                let found: Vec<_> =
                    pages(&store, &scope(), &request).await.iter().map(|hit| decoded(hit).id.to_string()).collect();
                assert_eq!(found, scan(&batches, ask, &request), "{request:?}");
            }
            store.close().await.unwrap();
        });
    }
}

//! What holds for every text: boundaries, order, idempotence; and what holds for events.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../fuzz/holds.rs"]
mod holds;
mod pieces;

use std::fs;
use std::sync::LazyLock;

use lapwing_event::{Content, Event, EventId, Kind, TenantId, Timestamp, Tool, User};
use lapwing_sanitizer::{
    Action, CustomRecognizer, EntityType, KeyRing, Sanitizer, SanitizerConfig, SanitizerError, TenantPolicy, Validator,
};
use pieces::pieces;
use proptest::prelude::*;
use serde_json::json;

static SANITIZER: LazyLock<Sanitizer> = LazyLock::new(|| sanitizer(&SanitizerConfig::default()));

fn sanitizer(config: &SanitizerConfig) -> Sanitizer {
    Sanitizer::new(config, KeyRing::generate([7; 32])).unwrap()
}

fn event() -> Event {
    let at = Timestamp::parse("2026-11-24T06:30:00Z").unwrap();
    Event::new(Kind::Llm, EventId::new(at, [1; 10]), at, "app")
}

fn holds(text: &str) {
    holds::holds(&SANITIZER, text);
}

/// The texts that the fuzz target begins with.
fn corpus() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/text");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn the_corpus_and_what_is_made_of_it_hold() {
    const SIGNS: [&str; 12] = ["\\", "\"", "%", "&", "\u{200b}", "é", "1", "@", " ", "]", "\n", ""];
    let corpus = corpus();
    assert!(corpus.len() > 20);
    for (number, text) in corpus.iter().enumerate() {
        holds(text);
        let other = &corpus[(number * 7 + 3) % corpus.len()];
        for (i, sign) in SIGNS.into_iter().enumerate() {
            let cut = text.floor_char_boundary(text.len() * (i + 1) / (SIGNS.len() + 1));
            let next = text.ceil_char_boundary(cut + 1);
            holds(&format!("{}{sign}{}", &text[..cut], &text[next..]));
            holds(&format!("{}{sign}{}", &text[cut..], &other[..other.floor_char_boundary(cut)]));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_masked_once_and_for_all(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn texts_of_sensitive_pieces_are_masked_once_and_for_all(text in pieces()) {
        holds(&text);
    }
}

#[test]
fn an_event_is_masked_in_every_string_and_says_so() {
    let mut event = event();
    event.user = Some(User { id: "jane@example.com".to_owned() });
    event.content = Some(Content {
        prompt: Some("I'm Kevin Duffy, mail me: kevin@example.com".to_owned()),
        response: Some("Hello Kevin".to_owned()),
        ..Content::default()
    });
    event.attrs.insert("kevin@example.com".to_owned(), json!({"phone": 2015593834_u64, "note": "Duffy again"}));
    let tool = json!({"name": "send", "status": "ok", "arguments": {"args": "{\"to\": \"a\\u0040b.de\"}"}});
    event.tool = Some(Box::new(serde_json::from_value::<Tool>(tool).unwrap()));
    let clean = SANITIZER.sanitize(event).unwrap();
    let text = String::from_utf8(clean.encode()).unwrap();
    for secret in ["Kevin", "Duffy", "kevin@", "2015593834", "jane@", "b.de"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(clean.user.as_ref().unwrap().id.starts_with("[USER:k1:"));
    let record = clean.sanitization();
    assert_eq!(record.counts["EMAIL"], 3);
    assert!(
        ["content.prompt", "content.response", "attrs", "tool.arguments"]
            .iter()
            .all(|field| record.fields.iter().any(|known| known == field))
    );
}

#[test]
fn a_number_that_nothing_names_stays_a_number() {
    let mut event = event();
    let numbers = json!({"offset": 19972, "bytes": 2147483648_u64, "at_ms": 1795501800123_u64, "ns": 1795501800123456789_u64,
        "ratio": 12345.678, "batch": "19972", "rows": [80212, 2015593834_u64]});
    event.attrs.insert("counted".to_owned(), numbers.clone());
    let sanitized = SANITIZER.sanitize(event).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&sanitized.encode()).unwrap();
    assert_eq!(value["attrs"]["counted"], numbers);
}

#[test]
fn sanitizing_twice_changes_nothing_and_equal_values_stay_joinable() {
    let tenant = TenantId::default();
    let (first, _) = SANITIZER.sanitize_text(&tenant, "from Jane.Doe@example.com");
    let (second, _) = SANITIZER.sanitize_text(&tenant, "to jane.doe@example.com");
    assert_eq!(first.strip_prefix("from "), second.strip_prefix("to "));
    let user = SANITIZER.pseudonym(&tenant, "user.id", "u-1");
    assert_eq!(SANITIZER.pseudonym(&tenant, "USER", &user), user);
    assert_eq!(SANITIZER.pseudonym(&tenant, "USER", "u-1"), user);
    let other = TenantId::new("other").unwrap();
    assert_ne!(SANITIZER.pseudonym(&other, "USER", "u-1"), user);
}

#[test]
fn names_of_models_and_services_are_left_as_they_are() {
    let mut event = event();
    let names = ["gpt-x-2026", "o3-mini-2025-01-31", "claude-sonnet-4-5-20250929", "Claude", "ada-3-large"];
    for name in names {
        event.service.name = name.to_owned();
        let clean = sanitizer(&SanitizerConfig::default()).sanitize(event.clone()).unwrap();
        assert_eq!(clean.service.name, name);
    }
}

#[test]
fn policies_differ_by_type_and_tenant() {
    let tenant = TenantId::new("acme").unwrap();
    let text = "a@b.de pays with 4012 8888 8888 1881 to help@acme.de";
    let config = SanitizerConfig {
        actions: [(EntityType::CreditCard, Action::Partial), (EntityType::Email, Action::Mask)].into(),
        allow: vec!["help@acme.de".to_owned()],
        tenants: [(
            "acme".to_owned(),
            TenantPolicy { actions: [(EntityType::Email, Action::Drop)].into(), allow: Vec::new() },
        )]
        .into(),
        ..SanitizerConfig::default()
    };
    let sanitizer = sanitizer(&config);
    assert_eq!(
        sanitizer.sanitize_text(&TenantId::default(), text).0,
        "[EMAIL] pays with [CREDIT_CARD:*1881] to help@acme.de"
    );
    assert_eq!(sanitizer.sanitize_text(&tenant, text).0, " pays with [CREDIT_CARD:*1881] to help@acme.de");
}

#[test]
fn faulty_configurations_are_refused() {
    let ring = || KeyRing::generate([7; 32]);
    let kept = SanitizerConfig { actions: [(EntityType::Secret, Action::Keep)].into(), ..SanitizerConfig::default() };
    assert!(matches!(Sanitizer::new(&kept, ring()), Err(SanitizerError::SecretPolicy)));
    let custom = CustomRecognizer {
        name: "employee".to_owned(),
        entity: EntityType::from("EMPLOYEE_ID"),
        pattern: r"\bE-(\d{6})\b".to_owned(),
        keywords: vec!["employee".to_owned()],
        validator: Validator::None,
        examples: vec!["employee E-123456".to_owned()],
        counter_examples: vec!["part E-123456".to_owned()],
    };
    let config = |custom: CustomRecognizer| SanitizerConfig { custom: vec![custom], ..SanitizerConfig::default() };
    let good = sanitizer(&config(custom.clone()));
    assert_eq!(good.sanitize_text(&TenantId::default(), "employee E-482915").0, "employee E-[EMPLOYEE_ID]");
    let missed = CustomRecognizer { examples: vec!["nothing".to_owned()], ..custom.clone() };
    assert!(matches!(Sanitizer::new(&config(missed), ring()), Err(SanitizerError::Example { index: 0, .. })));
    let broken = CustomRecognizer { pattern: "(".to_owned(), ..custom };
    assert!(matches!(Sanitizer::new(&config(broken), ring()), Err(SanitizerError::Pattern { .. })));
}

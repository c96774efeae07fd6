//! The floor under recall and precision: a small labelled sample that no change may fall below.

#![allow(missing_docs, clippy::unwrap_used)]

use lapwing_sanitizer::{EntityType, KeyRing, Sanitizer, SanitizerConfig};

/// A text and the values that must be masked in it, with their types.
fn parse(line: &str) -> (String, Vec<(String, String)>) {
    let mut text = String::new();
    let mut labels = Vec::new();
    let mut rest = line;
    while let Some((before, tail)) = rest.split_once('⟦') {
        let (label, after) = tail.split_once('⟧').unwrap();
        let (entity, value) = label.split_once(':').unwrap();
        text.push_str(before);
        text.push_str(value);
        labels.push((entity.to_owned(), value.to_owned()));
        rest = after;
    }
    text.push_str(rest);
    (text, labels)
}

#[test]
fn the_sample_is_masked_exactly() {
    let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).unwrap();
    let lines = include_str!("data/sample.txt").lines().filter(|line| !line.starts_with('#'));
    let mut faults = Vec::new();
    for line in lines {
        let (text, expect) = parse(line);
        let found: Vec<_> = sanitizer
            .find(&text)
            .into_iter()
            .filter(|finding| !matches!(finding.entity, EntityType::Url | EntityType::DateTime))
            .map(|finding| (finding.entity.label().to_owned(), text[finding.range].to_owned()))
            .collect();
        if found != expect {
            faults.push(format!("{text}\n  found  {found:?}\n  expect {expect:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

//! Settles which of overlapping findings stand, and the form in which equal values are equal.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::entity::EntityType;
use crate::scan::Found;

/// Keeps the surest of overlapping findings, and of what it cuts off from a sure one the rest.
pub(crate) fn settle(mut found: Vec<Found>, text: &str) -> Vec<Found> {
    found.sort_by_key(|found| found.range.start);
    let mut settled = Vec::with_capacity(found.len());
    let mut cluster = Vec::new();
    let mut end = 0;
    for candidate in found {
        if candidate.range.start >= end {
            settle_cluster(&mut cluster, text, &mut settled);
        }
        end = candidate.range.end.max(end);
        cluster.push(candidate);
    }
    settle_cluster(&mut cluster, text, &mut settled);
    settled
}

/// Moves what stands of a cluster of overlapping findings to `settled`.
fn settle_cluster(cluster: &mut Vec<Found>, text: &str, settled: &mut Vec<Found>) {
    const SURE: u8 = 80;
    if cluster.len() > 1 {
        cluster.sort_by(|a, b| b.confidence.cmp(&a.confidence).then(b.range.len().cmp(&a.range.len())));
        // The end of each finding that stands, by its start.
        let mut kept: BTreeMap<usize, usize> = BTreeMap::new();
        cluster.retain_mut(|candidate| {
            while let Some((start, end)) = overlapping(&kept, &candidate.range) {
                let before = candidate.range.start..start.max(candidate.range.start);
                let after = end..candidate.range.end.max(end);
                let rest = if after.len() > before.len() { after } else { before };
                if candidate.confidence < SURE || rest.is_empty() {
                    return false;
                }
                candidate.range = rest;
                candidate.value = None;
            }
            let meaningful = is_meaningful(&text[candidate.range.clone()]);
            if meaningful {
                kept.insert(candidate.range.start, candidate.range.end);
            }
            meaningful
        });
        cluster.sort_unstable_by_key(|found| found.range.start);
        settled.append(cluster);
    } else {
        settled.extend(cluster.drain(..).filter(|found| is_meaningful(&text[found.range.clone()])));
    }
}

/// Whether a value says anything: two signs alone do not.
fn is_meaningful(value: &str) -> bool {
    value.bytes().filter(|b| b.is_ascii_alphanumeric() || *b >= 0x80).nth(1).is_some()
}

/// The last of `kept` that overlaps `range`.
fn overlapping(kept: &BTreeMap<usize, usize>, range: &Range<usize>) -> Option<(usize, usize)> {
    let (start, end) = kept.range(..range.end).next_back()?;
    (*end > range.start).then_some((*start, *end))
}

/// The form in which equal values are equal.
pub(crate) fn normalize(value: &str, entity: &EntityType) -> String {
    match entity {
        EntityType::Phone | EntityType::CreditCard | EntityType::UsSsn => {
            value.chars().filter(char::is_ascii_digit).collect()
        }
        EntityType::Iban | EntityType::NationalId | EntityType::BankAccount | EntityType::MacAddress => {
            value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        }
        EntityType::Secret | EntityType::Crypto | EntityType::Custom(_) => value.to_owned(),
        _ if value.is_ascii() => {
            let mut normalized = String::with_capacity(value.len());
            for word in value.split_whitespace() {
                if !normalized.is_empty() {
                    normalized.push(' ');
                }
                normalized.push_str(word);
            }
            normalized.make_ascii_lowercase();
            normalized
        }
        _ => value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
    }
}

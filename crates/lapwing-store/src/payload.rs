//! What each commit carries beside its documents: how far the source has been read.
//!
//! The rule that makes [`latest`] right after a crash at any point: a commit carries a position only if every
//! event that the position covers is in a commit that is already fsynced, or in this very commit. Where a round
//! of commits touches several partitions, all but the last carry the position of the round before. Events that
//! are stored but not covered are delivered again and recognized by their ids.

use serde::{Deserialize, Serialize};
use tantivy::TantivyError;

/// The layout that this version writes. An older one is read as it is; a newer one is refused.
pub(crate) const FORMAT: u32 = 1;

/// What a commit of one partition carries, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartitionMeta {
    /// The layout of the partition: its schema and what stands beside it.
    #[serde(default = "first_format")]
    pub format: u32,
    /// Bytes of JSON of the partition's events.
    #[serde(default)]
    pub input_bytes: u64,
    /// How far the source has been read.
    #[serde(flatten)]
    pub payload: Payload,
}

fn first_format() -> u32 {
    1
}

impl PartitionMeta {
    /// Reads the payload of a commit; an index that has none yet has an empty one.
    pub fn read(text: Option<&str>) -> tantivy::Result<Self> {
        match text {
            None => Ok(Self { format: FORMAT, ..Self::default() }),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| TantivyError::InvalidArgument(format!("commit payload is not ours: {error}"))),
        }
    }

    /// The payload as text.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("a payload of numbers and strings is always JSON")
    }
}

/// How far the source has been read, as of one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    /// Counts the rounds of commits over all partitions; says which of several positions is the latest.
    pub round: u64,
    /// The source's position, opaque to the store.
    pub position: Option<String>,
    /// The next sequence number: greater than any that was given before this commit.
    pub next_seq: u64,
}

/// What the store as a whole knows from the payloads of its partitions.
pub(crate) fn latest<'a>(payloads: impl IntoIterator<Item = &'a Payload>) -> Payload {
    payloads.into_iter().fold(Payload::default(), |latest, payload| {
        let next_seq = latest.next_seq.max(payload.next_seq);
        let newer = if payload.round > latest.round { payload.clone() } else { latest };
        Payload { next_seq, ..newer }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn payload(round: u64, position: &str, next_seq: u64) -> Payload {
        Payload { round, position: Some(position.to_owned()), next_seq }
    }

    #[test]
    fn the_latest_round_has_the_position_and_no_sequence_number_is_given_twice() {
        let check = |payloads: &[Payload], expect: Payload| assert_eq!(latest(payloads), expect);
        check(&[], Payload::default());
        check(&[payload(1, "a", 5)], payload(1, "a", 5));
        // A crash between the two commits of round 3: the first carries round 2 but newer events.
        check(&[payload(2, "b", 9), payload(1, "a", 5)], payload(2, "b", 9));
        check(&[payload(2, "b", 7), payload(1, "a", 9)], payload(2, "b", 9));
    }

    #[test]
    fn survives_its_own_text() {
        let meta = PartitionMeta { format: 1, input_bytes: 5, payload: payload(7, r#"{"0":12,"1":3}"#, 99) };
        assert_eq!(PartitionMeta::read(Some(&meta.write())).unwrap(), meta);
        assert!(PartitionMeta::read(Some("from somebody else")).is_err());
    }

    #[test]
    fn a_payload_from_before_formats_were_numbered_is_of_the_first() {
        let old = PartitionMeta::read(Some(r#"{"round":3,"position":"x","next_seq":9}"#)).unwrap();
        assert_eq!((old.format, old.input_bytes, old.payload), (1, 0, payload(3, "x", 9)));
    }
}

//! What holds for any text: the fuzz target checks it, and so does `tests/any_query.rs`.

use lapwing_event::Timestamp;
use lapwing_store::parse_query;

/// Nothing panics; an error points to a character of the text or its end, and says something.
pub fn for_any_query(text: &str) {
    if let Err(error) = parse_query(text, Timestamp::from_millis(1_795_501_800_000)) {
        assert!(error.position <= text.chars().count(), "position {} is not in the text", error.position);
        assert!(!error.message.is_empty(), "an error says nothing");
    }
}

//! The bytes of one record on disk. Owns the format and its strict decoding; knows nothing of storage.
//!
//! `version u8 | timestamp_ms i64 | position u64 | key | headers | value`, integers big-endian. The position counts
//! the bytes of the partition before this record, so that the size of any range is one subtraction. Lengths are
//! LEB128. The key is its length plus one, or 0 for none; headers are a count, then name and value each with its
//! length; the value is the rest.

use bytes::Bytes;

use crate::Record;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 8 + 8;

/// A record with what the log adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub timestamp_ms: i64,
    pub position: u64,
    pub record: Record,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("frame version {0} is not known")]
    Version(u8),
    #[error("frame ends early")]
    Truncated,
    #[error("frame holds a length that is not canonical")]
    Length,
    #[error("frame holds a header name that is not utf-8")]
    HeaderName,
}

/// The time and the position of a frame, without its record.
pub(super) fn decode_head(frame: &[u8]) -> Result<(i64, u64), FrameError> {
    let (&version, rest) = frame.split_first().ok_or(FrameError::Truncated)?;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let (timestamp, rest) = rest.split_first_chunk().ok_or(FrameError::Truncated)?;
    let (position, _) = rest.split_first_chunk().ok_or(FrameError::Truncated)?;
    Ok((i64::from_be_bytes(*timestamp), u64::from_be_bytes(*position)))
}

pub(super) fn encode(timestamp_ms: i64, position: u64, record: &Record) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD_BYTES + record.payload_bytes() + 8 + 4 * record.headers.len());
    frame.push(VERSION);
    frame.extend_from_slice(&timestamp_ms.to_be_bytes());
    frame.extend_from_slice(&position.to_be_bytes());
    match &record.key {
        None => put_length(&mut frame, 0),
        Some(key) => {
            put_length(&mut frame, key.len() + 1);
            frame.extend_from_slice(key);
        }
    }
    put_length(&mut frame, record.headers.len());
    for (name, value) in &record.headers {
        put_length(&mut frame, name.len());
        frame.extend_from_slice(name.as_bytes());
        put_length(&mut frame, value.len());
        frame.extend_from_slice(value);
    }
    frame.extend_from_slice(&record.value);
    frame
}

pub(super) fn decode(frame: &[u8]) -> Result<Frame, FrameError> {
    let (timestamp_ms, position) = decode_head(frame)?;
    let mut rest = Bytes::copy_from_slice(&frame[HEAD_BYTES..]);
    let key = match take_length(&mut rest)? {
        0 => None,
        length => Some(take(&mut rest, length - 1)?),
    };
    let count = take_length(&mut rest)?;
    let mut headers = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let length = take_length(&mut rest)?;
        let name = take(&mut rest, length)?;
        let name = std::str::from_utf8(&name).map_err(|_| FrameError::HeaderName)?.to_owned();
        let length = take_length(&mut rest)?;
        headers.push((name, take(&mut rest, length)?));
    }
    Ok(Frame { timestamp_ms, position, record: Record { key, value: rest, headers } })
}

/// What holds for any bytes, for the fuzzer and a test: they are no frame, or exactly the one that is written so.
///
/// # Panics
/// If they are read as what is written in another way.
#[doc(hidden)]
pub fn check_any_frame(bytes: &[u8]) {
    if let Ok(Frame { timestamp_ms, position, record }) = decode(bytes) {
        assert_eq!(decode_head(bytes), Ok((timestamp_ms, position)), "the head reads as another");
        assert!(encode(timestamp_ms, position, &record) == bytes, "a frame is written in another way");
    }
}

fn put_length(frame: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        frame.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    frame.push(length as u8);
}

fn take_length(rest: &mut Bytes) -> Result<usize, FrameError> {
    let mut length = 0_u32;
    for shift in [0, 7, 14, 21] {
        let byte = take(rest, 1)?[0];
        length |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let canonical = byte != 0 || shift == 0;
            return if canonical { Ok(length as usize) } else { Err(FrameError::Length) };
        }
    }
    Err(FrameError::Length)
}

fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, FrameError> {
    if length > rest.len() { Err(FrameError::Truncated) } else { Ok(rest.split_to(length)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..max).prop_map(Bytes::from)
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            timestamp_ms: i64,
            position: u64,
            key in proptest::option::of(bytes(300)),
            value in bytes(2000),
            headers in vec((".{0,20}", bytes(200)), 0..5),
        ) {
            let record = Record { key, value, headers };
            let encoded = encode(timestamp_ms, position, &record);
            prop_assert_eq!(decode_head(&encoded), Ok((timestamp_ms, position)));
            prop_assert_eq!(decode(&encoded), Ok(Frame { timestamp_ms, position, record }));
        }

        #[test]
        fn any_bytes_decode_or_fail_but_never_panic(frame in vec(any::<u8>(), 0..200), version in any::<bool>()) {
            let mut frame = frame;
            if version && !frame.is_empty() {
                frame[0] = VERSION;
            }
            check_any_frame(&frame);
        }

        #[test]
        fn changes_of_the_corpus_decode_or_fail(file: Index, edits in vec((any::<Index>(), any::<u8>()), 1..6)) {
            let mut frame = file.get(&corpus()).clone();
            for (place, byte) in edits {
                let at = place.index(frame.len());
                frame[at] = byte;
            }
            check_any_frame(&frame);
        }
    }

    /// What the fuzz target begins with.
    fn corpus() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/frame");
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn the_corpus_holds_frames_and_others() {
        let corpus = corpus();
        corpus.iter().for_each(|bytes| check_any_frame(bytes));
        let frames = corpus.iter().filter(|bytes| decode(bytes).is_ok()).count();
        assert!(frames > 3 && frames < corpus.len(), "{frames} of {}", corpus.len());
    }

    #[test]
    fn refuses_what_is_not_a_frame() {
        let with_body = |body: &[u8]| [&[VERSION], [0; 16].as_slice(), body].concat();
        assert_eq!(decode(&[]), Err(FrameError::Truncated));
        assert_eq!(decode(&[9; 40]), Err(FrameError::Version(9)));
        assert_eq!(decode(&with_body(&[])[..9]), Err(FrameError::Truncated));
        assert_eq!(decode(&with_body(&[])), Err(FrameError::Truncated));
        assert_eq!(decode(&with_body(&[5, 1])), Err(FrameError::Truncated), "a key that is cut");
        assert_eq!(decode(&with_body(&[0, 1, 1, 0xff, 0])), Err(FrameError::HeaderName));
        assert_eq!(decode(&with_body(&[0x80, 0, 0])), Err(FrameError::Length), "0 in two bytes");
        assert_eq!(decode(&with_body(&[0xff; 8])), Err(FrameError::Length), "too long a length");
    }
}

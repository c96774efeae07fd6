//! The form in which a detector outlives its process: a mark, a version, then the state in postcard.

use crate::detector::State;
use crate::error::DetectorError;

const MARK: &[u8; 4] = b"LWDT";
/// Raise it whenever the shape of [`State`] changes.
const VERSION: u16 = 2;

pub(crate) fn encode(state: &State) -> Vec<u8> {
    let mut bytes = MARK.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    postcard::to_extend(state, bytes).expect("every part of the state can be written to memory")
}

pub(crate) fn decode(bytes: &[u8]) -> Result<State, DetectorError> {
    let rest = bytes.strip_prefix(MARK).ok_or(DetectorError::Damaged(None))?;
    let (version, rest) = rest.split_first_chunk().ok_or(DetectorError::Damaged(None))?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(DetectorError::Version { found, expected: VERSION });
    }
    postcard::from_bytes(rest).map_err(|error| DetectorError::Damaged(Some(error)))
}

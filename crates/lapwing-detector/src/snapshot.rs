//! The form in which a detector outlives its process: a mark, a version, then its parts by name, each with a version
//! of its own and in postcard. A part of another version is left out, so that a change to one costs no other.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::DetectorError;
use crate::recent::Recent;

const MARK: &[u8; 4] = b"LWDT";
/// The version of the form, not of the parts.
const VERSION: u16 = 3;
/// The first version that was released: one sequence without names. Its time and its memory of what alerted are
/// taken over; what it had learned is learned again.
const SEQUENCE: u16 = 2;

/// The parts of a detector.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Parts {
    parts: BTreeMap<String, (u16, ByteBuf)>,
    #[serde(skip)]
    lost: Vec<String>,
}

impl Parts {
    /// Adds a part.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, name: &str, version: u16, part: &T) {
        let bytes = postcard::to_stdvec(part).expect("every part of the state can be written to memory");
        self.parts.insert(name.to_owned(), (version, bytes.into()));
    }

    /// Takes a part out; none if it is not there, or there in a form that is not read.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str, version: u16) -> Option<T> {
        let (found, bytes) = self.parts.remove(name)?;
        let part = (found == version).then(|| postcard::from_bytes(&bytes).ok()).flatten();
        if part.is_none() {
            self.lost.push(name.to_owned());
        }
        part
    }

    /// The parts that could not be read, and those that nobody asked for.
    pub(crate) fn lost(self) -> Vec<String> {
        self.lost.into_iter().chain(self.parts.into_keys()).collect()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let content: usize = self.parts.values().map(|(_, part)| part.len()).sum();
        let mut bytes = Vec::with_capacity(content + 1_024);
        bytes.extend(MARK);
        bytes.extend(VERSION.to_le_bytes());
        postcard::to_extend(self, bytes).expect("every part of the state can be written to memory")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DetectorError> {
        let rest = bytes.strip_prefix(MARK).ok_or(DetectorError::Damaged(None))?;
        let (version, rest) = rest.split_first_chunk().ok_or(DetectorError::Damaged(None))?;
        match u16::from_le_bytes(*version) {
            VERSION => postcard::from_bytes(rest).map_err(|error| DetectorError::Damaged(Some(error))),
            SEQUENCE => Self::from_sequence(rest),
            found => Err(DetectorError::Version { found, expected: VERSION }),
        }
    }

    /// Reads the parts of version 2 as far as they are still known.
    fn from_sequence(bytes: &[u8]) -> Result<Self, DetectorError> {
        let damaged = |error| DetectorError::Damaged(Some(error));
        let (lanes, rest) = postcard::take_from_bytes::<BTreeMap<i32, i64>>(bytes).map_err(damaged)?;
        let (_, rest) = postcard::take_from_bytes::<MetricsOfVersion2>(rest).map_err(damaged)?;
        let (alerted, _) = postcard::take_from_bytes::<Recent<String, i64>>(rest).map_err(damaged)?;
        let mut parts = Self::default();
        parts.put("lanes", 1, &lanes);
        let mut known: Recent<String, (i64, u64)> = Recent::default();
        for (key, at) in alerted.iter() {
            known.touch(key, *at, || (*at, 0));
        }
        parts.put("alerted", 2, &known);
        parts.lost = ["metrics", "watch", "baselines"].map(str::to_owned).to_vec();
        Ok(parts)
    }
}

/// As version 2 wrote its counters.
#[derive(Serialize, Deserialize)]
struct MetricsOfVersion2 {
    observed: u64,
    alerts: BTreeMap<String, u64>,
    rest: [u64; 9],
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_of_another_version_is_lost_and_the_others_are_not() {
        let mut parts = Parts::default();
        parts.put("a", 1, &7u32);
        parts.put("b", 1, "text");
        parts.put("c", 1, &true);
        let mut read = Parts::decode(&parts.encode()).unwrap();
        assert_eq!(
            (read.take::<u32>("a", 1), read.take::<String>("b", 2), read.take::<u32>("d", 1)),
            (Some(7), None, None)
        );
        assert_eq!(read.lost(), ["b", "c"]);
    }

    #[test]
    fn version_2_keeps_its_time_and_what_alerted() {
        let mut alerted: Recent<String, i64> = Recent::default();
        *alerted.touch(&"key".to_owned(), 5, || 0) = 5;
        let metrics = MetricsOfVersion2 { observed: 3, alerts: BTreeMap::new(), rest: [0; 9] };
        let mut bytes = [MARK.as_slice(), &SEQUENCE.to_le_bytes()].concat();
        bytes.extend(postcard::to_stdvec(&(BTreeMap::from([(0i32, 9i64)]), metrics, alerted, [1u8; 30])).unwrap());
        let mut read = Parts::decode(&bytes).unwrap();
        assert_eq!(read.take::<BTreeMap<i32, i64>>("lanes", 1), Some(BTreeMap::from([(0, 9)])));
        let alerted = read.take::<Recent<String, (i64, u64)>>("alerted", 2).unwrap();
        assert_eq!(alerted.get(&"key".to_owned()), Some(&(5, 0)));
        assert_eq!(read.lost(), ["metrics", "watch", "baselines"]);
    }
}

//! A bounded map that forgets what has been quiet longest, in event time.

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Values by key, ordered by the time they were last touched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: DeserializeOwned + Eq + Hash, V: DeserializeOwned"))]
pub(crate) struct Recent<K, V> {
    values: FxHashMap<K, Slot<V>>,
    order: BTreeMap<(i64, u64), K>,
    touches: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slot<V> {
    at: (i64, u64),
    value: V,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: FxHashMap::default(), order: BTreeMap::new(), touches: 0 }
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|slot| &slot.value)
    }

    /// When the value was last touched.
    pub(crate) fn last_touch(&self, key: &K) -> Option<i64> {
        self.values.get(key).map(|slot| slot.at.0)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|slot| &mut slot.value)
    }

    /// Keys and values, the one quiet longest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.values().filter_map(|key| Some((key, &self.values.get(key)?.value)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.values.iter_mut().map(|(key, slot)| (key, &mut slot.value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut().map(|slot| &mut slot.value)
    }

    /// The value of `key`, made if it is missing, touched at `nanos`; a late touch does not make it older.
    pub(crate) fn touch(&mut self, key: &K, nanos: i64, make: impl FnOnce() -> V) -> &mut V {
        self.touches += 1;
        let touch = self.touches;
        let slot = self.values.entry(key.clone()).or_insert_with(|| Slot { at: (nanos, touch), value: make() });
        let before = slot.at;
        slot.at = (nanos.max(before.0), touch);
        // Move the key rather than clone it where it already stands in the order.
        let key = self.order.remove(&before).unwrap_or_else(|| key.clone());
        self.order.insert(slot.at, key);
        &mut slot.value
    }

    /// Takes out the value of `key`.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.values.remove(key)?;
        self.order.remove(&slot.at);
        Some(slot.value)
    }

    /// Takes out the value that was quiet longest, if it was last touched before `nanos`.
    pub(crate) fn pop_before(&mut self, nanos: i64) -> Option<(K, V)> {
        let (at, _) = self.order.first_key_value()?;
        if at.0 >= nanos { None } else { self.pop() }
    }

    /// Takes out the value that was quiet longest, if there are more than `limit`.
    pub(crate) fn pop_over(&mut self, limit: usize) -> Option<(K, V)> {
        if self.values.len() <= limit { None } else { self.pop() }
    }

    fn pop(&mut self) -> Option<(K, V)> {
        let (_, key) = self.order.pop_first()?;
        let slot = self.values.remove(&key)?;
        Some((key, slot.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quietest_goes_first_and_a_late_touch_does_not_age() {
        let mut map: Recent<&str, u8> = Recent::default();
        for (key, at) in [("a", 10), ("b", 20), ("c", 30), ("b", 5), ("a", 40)] {
            *map.touch(&key, at, || 0) += 1;
        }
        assert_eq!(map.len(), 3);
        assert_eq!(map.pop_before(20), None);
        assert_eq!(map.pop_before(21), Some(("b", 2)));
        assert_eq!(map.pop_over(1), Some(("c", 1)));
        assert_eq!(map.pop_over(1), None);
        assert_eq!(map.get(&"a"), Some(&2));
        assert_eq!(map.order.len(), map.values.len());
    }
}

//! Events gathered by slots of five minutes, for baselines of rates, counts and distinct values.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::moments::Moments;

/// Nanoseconds of a slot.
pub(crate) const SLOT: i64 = 300_000_000_000;
/// Different values of one slot that are told apart.
const MAX_DISTINCT: usize = 1_024;
/// A mean of fewer numbers says nothing.
const MIN_NUMBERS: u64 = 5;

/// What a baseline looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Every number by itself.
    #[default]
    Value,
    /// The mean of five minutes; of a number that is 0 or 1 that is a rate.
    Mean,
    /// The sum of five minutes.
    Sum,
    /// How many events had the number in five minutes, zero included.
    Count,
    /// How many different tools the events of five minutes had.
    Distinct,
}

/// The slots of one key that are not over yet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Slots {
    open: VecDeque<(i64, Slot)>,
    /// The first slot ever.
    first: Option<i64>,
}

/// What came in one slot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Slot {
    moments: Moments,
    distinct: FxHashSet<u32>,
    /// The largest number and its event, as the evidence.
    pub(super) evidence: Option<(i64, lapwing_event::EventId)>,
}

impl Slots {
    /// Puts a number into its slot; one older than `over` came too late.
    pub(super) fn add(
        &mut self,
        at: i64,
        over: i64,
        value: f64,
        distinct: Option<u32>,
        evidence: (i64, lapwing_event::EventId),
    ) {
        if at <= over {
            return;
        }
        let place = self.open.partition_point(|(slot, _)| *slot < at);
        if self.open.get(place).is_none_or(|(slot, _)| *slot != at) {
            self.open.insert(place, (at, Slot::default()));
        }
        let slot = &mut self.open[place].1;
        slot.moments.add(value);
        slot.evidence = slot.evidence.max(Some(evidence));
        if let Some(hash) = distinct.filter(|_| slot.distinct.len() < MAX_DISTINCT) {
            slot.distinct.insert(hash);
        }
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
    }

    /// Takes out the slot `at` now that it is over: empty if nothing came, none before the first.
    pub(super) fn close(&mut self, at: i64) -> Option<Slot> {
        match self.open.front() {
            Some((slot, _)) if *slot <= at => self.open.pop_front().map(|(_, slot)| slot),
            _ => self.first.filter(|first| *first < at).map(|_| Slot::default()),
        }
    }
}

impl Slot {
    /// The slot's number; none if it says nothing.
    pub(super) fn number(&self, measure: Measure) -> Option<f64> {
        let enough = self.moments.count >= MIN_NUMBERS;
        match measure {
            Measure::Mean => enough.then(|| self.moments.mean()),
            Measure::Sum => Some(self.moments.mean() * self.moments.count as f64),
            Measure::Distinct => (self.moments.count > 0).then_some(self.distinct.len() as f64),
            Measure::Count | Measure::Value => Some(self.moments.count as f64),
        }
    }

    /// The smallest deviation that the number can have by chance: of a rate as of a binomial, of a count as of a
    /// Poisson distribution with this mean.
    pub(super) fn chance(&self, measure: Measure, mean: f64, is_share: bool) -> f64 {
        let numbers = self.moments.count.max(1) as f64;
        match measure {
            Measure::Mean if is_share => {
                let share = mean.clamp(0.5 / numbers, 1.0 - 0.5 / numbers.max(1.0));
                (share * (1.0 - share) / numbers).max(0.0).sqrt()
            }
            Measure::Count | Measure::Distinct | Measure::Sum => mean.abs().max(1.0).sqrt(),
            Measure::Mean | Measure::Value => 0.0,
        }
    }
}

//! What one baseline knows of one agent, user, model or tool: the numbers of a moving window.
//!
//! Time is cut into quarters of an hour. A number is compared with the quarters that are over for good, those before
//! the last one, since the last may still get late numbers. So what it is compared with, and whether it is learned,
//! does not depend on the order of arrival, as long as nothing comes more than a quarter late; what does is left out.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::moments::{Moments, floor};

/// Nanoseconds of a quarter of an hour.
pub(crate) const QUARTER: i64 = 900_000_000_000;
/// Quarters of a day.
const DAY: i64 = 96;
/// What a day's share in the hour's profile fades to with every later day: seven tenths.
const FADE: (u64, u64) = (7, 10);
/// Days that an hour's profile must have seen.
const MIN_DAYS: u32 = 3;
/// Users whose share of a quarter is limited; what others add is not.
const MAX_USERS: usize = 256;

/// One quarter that may still get numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Open {
    at: i64,
    moments: Moments,
    histogram: Histogram,
    /// How many numbers each user added.
    users: Vec<(u32, u32)>,
}

/// What is normal, as of a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Normal {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

/// The estimates of what is normal.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Estimates {
    /// Mean and standard deviation over the window.
    pub(crate) classic: Normal,
    /// Median and quartiles over the window and up to a third more.
    pub(crate) robust: Normal,
    /// Mean and standard deviation of this hour of the day over the last days, once there are three.
    pub(crate) seasonal: Option<Normal>,
}

/// One hour of the day.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Hour {
    day: i64,
    days: u32,
    moments: Moments,
}

/// The window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    /// The newest quarter and the one before.
    open: VecDeque<Open>,
    /// Quarters that are over, in order.
    closed: VecDeque<(i64, Moments)>,
    /// Thirds of the window, in order.
    thirds: VecDeque<(i64, Histogram)>,
    hours: Vec<Hour>,
    /// For the newest quarter, so that an event costs no sum over the window.
    current: Option<Estimates>,
    /// Numbers that deviated: learned once a reviewer calls them benign.
    held: Moments,
    held_histogram: Histogram,
}

impl Window {
    /// What is normal at `nanos`, for a window of so many quarters; none if that is too long ago.
    pub(crate) fn normal(&mut self, nanos: i64, quarters: i64) -> Option<Estimates> {
        let at = nanos.div_euclid(QUARTER);
        self.advance(at, quarters);
        let newest = self.open.back()?.at;
        match newest - at {
            0 => Some(
                *self.current.get_or_insert_with(|| estimate(at, quarters, &self.closed, &self.thirds, &self.hours)),
            ),
            1 => Some(estimate(at, quarters, &self.closed, &self.thirds, &self.hours)),
            _ => None,
        }
    }

    /// Learns a number; `user` may add at most `limit` to a quarter.
    pub(crate) fn learn(&mut self, value: f64, nanos: i64, user: Option<u32>, limit: u32) {
        let at = nanos.div_euclid(QUARTER);
        let Some(open) = self.open.iter_mut().find(|open| open.at == at) else { return };
        if user.is_none_or(|user| open.admits(user, limit)) {
            open.moments.add(value);
            open.histogram.add(value);
        }
    }

    /// Keeps a number that deviated apart.
    pub(crate) fn hold(&mut self, value: f64) {
        self.held.add(value);
        self.held_histogram.add(value);
    }

    /// Learns what was kept apart: it is benign.
    pub(crate) fn release(&mut self) {
        if let Some(open) = self.open.back_mut() {
            open.moments.merge(&std::mem::take(&mut self.held));
            open.histogram.merge(&std::mem::take(&mut self.held_histogram));
        }
    }

    /// Opens the quarter `at` if it is newer than all others, and closes those before the one before it.
    fn advance(&mut self, at: i64, quarters: i64) {
        let newest = self.open.back().map(|open| open.at);
        if newest.is_some_and(|newest| at < newest) {
            if newest == Some(at + 1) && self.open.len() == 1 {
                self.open.push_front(Open { at, ..Open::default() });
            }
            return;
        }
        if newest == Some(at) {
            return;
        }
        while self.open.front().is_some_and(|open| open.at < at - 1) {
            if let Some(open) = self.open.pop_front() {
                self.close(open, quarters);
            }
        }
        self.open.push_back(Open { at, ..Open::default() });
        while self.closed.front().is_some_and(|(held, _)| *held < at - quarters - 2) {
            self.closed.pop_front();
        }
        self.current = None;
    }

    fn close(&mut self, open: Open, quarters: i64) {
        if open.moments.count == 0 {
            return;
        }
        self.closed.push_back((open.at, open.moments));
        let third = open.at.div_euclid((quarters / 3).max(1));
        if self.thirds.back().is_none_or(|(at, _)| *at != third) {
            self.thirds.push_back((third, Histogram::default()));
        }
        if let Some((_, histogram)) = self.thirds.back_mut() {
            histogram.merge(&open.histogram);
        }
        while self.thirds.front().is_some_and(|(at, _)| *at < third - 3) {
            self.thirds.pop_front();
        }
        if self.hours.is_empty() {
            self.hours = vec![Hour::default(); 24];
        }
        let hour = &mut self.hours[hour_of(open.at)];
        let day = open.at.div_euclid(DAY);
        if hour.day != day {
            let (numerator, denominator) = FADE;
            hour.moments = hour.moments.faded(numerator, denominator);
            (hour.day, hour.days) = (day, hour.days.saturating_add(1));
        }
        hour.moments.merge(&open.moments);
    }
}

impl Open {
    fn admits(&mut self, user: u32, limit: u32) -> bool {
        match self.users.binary_search_by_key(&user, |(user, _)| *user) {
            Ok(at) => {
                let count = &mut self.users[at].1;
                *count = count.saturating_add(1);
                *count <= limit
            }
            Err(at) if self.users.len() < MAX_USERS => {
                self.users.insert(at, (user, 1));
                true
            }
            Err(_) => true,
        }
    }
}

fn hour_of(quarter: i64) -> usize {
    (quarter.rem_euclid(DAY) / 4) as usize
}

/// From the quarters that were over for good when `at` was the newest.
fn estimate(
    at: i64,
    quarters: i64,
    closed: &VecDeque<(i64, Moments)>,
    thirds: &VecDeque<(i64, Histogram)>,
    hours: &[Hour],
) -> Estimates {
    let mut sum = Moments::default();
    let inside = |held: i64| held <= at - 2 && held > at - 2 - quarters;
    closed.iter().filter(|(held, _)| inside(*held)).for_each(|(_, moments)| sum.merge(moments));
    let classic = Normal { count: sum.count, mean: sum.mean(), deviation: sum.deviation() };
    let mut histogram = Histogram::default();
    thirds.iter().for_each(|(_, third)| histogram.merge(third));
    let robust = histogram.robust().map_or(classic, |(median, spread)| Normal {
        count: sum.count,
        mean: median,
        deviation: floor(spread, median),
    });
    let of_hour = hours.get(hour_of(at)).filter(|hour| hour.days >= MIN_DAYS && hour.moments.count > 0);
    let seasonal = of_hour.map(|hour| Normal {
        count: hour.moments.count,
        mean: hour.moments.mean(),
        deviation: hour.moments.deviation(),
    });
    Estimates { classic, robust, seasonal }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000_000;

    fn fill(values: &[(i64, f64)]) -> Window {
        let mut window = Window::default();
        for (at, value) in values {
            if window.normal(*at, DAY).is_some() {
                window.learn(*value, *at, None, u32::MAX);
            }
        }
        window
    }

    #[test]
    fn a_number_is_compared_with_quarters_that_are_over() {
        let mut window = fill(&(0..30).map(|i| (i * MINUTE, 10.0)).collect::<Vec<_>>());
        assert_eq!(window.normal(29 * MINUTE, DAY).unwrap().classic.count, 0);
        assert_eq!(window.normal(31 * MINUTE, DAY).unwrap().classic.count, 15);
        let later = window.normal(60 * MINUTE, DAY).unwrap();
        assert_eq!((later.classic.count, later.classic.mean), (30, 10.0));
        assert!((later.robust.mean - 10.0).abs() < 0.6);
        assert_eq!(window.normal(30 * 60 * MINUTE, DAY).unwrap().classic.count, 0, "a day later it is forgotten");
        assert_eq!(window.normal(MINUTE, DAY), None, "too late");
    }

    #[test]
    fn an_hour_of_the_day_has_its_own_normal() {
        let day = 24 * 60;
        let values: Vec<_> =
            (0..5 * day / 5).map(|i| (i * 5 * MINUTE, if i * 5 % day / 60 == 9 { 100.0 } else { 10.0 })).collect();
        let mut window = fill(&values);
        let at_nine = window.normal((5 * day + 9 * 60 + 1) * MINUTE, DAY).unwrap();
        assert!((at_nine.seasonal.unwrap().mean - 100.0).abs() < 1e-3);
        assert!(at_nine.classic.mean < 20.0);
    }

    #[test]
    fn one_user_adds_only_so_much_and_what_was_held_can_be_released() {
        let mut window = Window::default();
        window.normal(0, DAY);
        (0..100).for_each(|_| window.learn(1_000.0, 0, Some(7), 10));
        (0..10).for_each(|_| window.learn(1.0, 0, Some(8), 10));
        window.hold(5.0);
        assert_eq!(window.normal(60 * MINUTE, DAY).unwrap().classic.count, 20);
        window.release();
        assert_eq!(window.normal(120 * MINUTE, DAY).unwrap().classic.count, 21);
    }

    proptest! {
        #[test]
        fn any_order_within_a_quarter_of_lateness_gives_the_same_state(
            mut values in proptest::collection::vec((0i64..600, -1e5f64..1e5, 0i64..15), 1..200),
        ) {
            values.sort_by_key(|(at, ..)| *at);
            let in_order: Vec<_> = values.iter().map(|(at, value, _)| (at * MINUTE, *value)).collect();
            // Each number comes up to a quarter late.
            values.sort_by_key(|(at, _, late)| at + late);
            let late: Vec<_> = values.iter().map(|(at, value, _)| (at * MINUTE, *value)).collect();
            let (mut a, mut b) = (fill(&in_order), fill(&late));
            prop_assert_eq!(a.normal(700 * MINUTE, DAY), b.normal(700 * MINUTE, DAY));
            prop_assert_eq!(a, b);
        }
    }
}

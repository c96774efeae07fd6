//! Steps of the calendar that have no fixed length.

use lapwing_event::Timestamp;
use time::{Date, Month, OffsetDateTime};

use super::dsl::Fault;
use super::zone::Zone;

/// More steps than this are refused.
const MAX_STEPS: usize = 2_000;

/// A step of whole months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    months: i32,
}

impl Calendar {
    /// By Elasticsearch's name; nothing for an interval of fixed length.
    pub fn of(interval: &str) -> Option<Self> {
        let months = match interval {
            "month" | "1M" => 1,
            "quarter" | "1q" => 3,
            "year" | "1y" => 12,
            _ => return None,
        };
        Some(Self { months })
    }
}

/// The beginnings of all steps that touch the span, and the end of the last.
pub(super) fn steps(calendar: Calendar, first: Timestamp, last: Timestamp) -> Result<Vec<Timestamp>, Fault> {
    let mut at = month_of(first)?.div_euclid(calendar.months) * calendar.months;
    let mut steps = vec![beginning(at)?];
    while steps.last().is_some_and(|begun| *begun <= last) {
        if steps.len() > MAX_STEPS {
            return Err(format!("calendar_interval makes more than {MAX_STEPS} buckets; choose a longer one"));
        }
        at += calendar.months;
        steps.push(beginning(at)?);
    }
    Ok(steps)
}

/// A step of a histogram of times that has no fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Days of a zone where clocks are set forward and back.
    Days(i64),
    Months(Calendar),
}

impl Step {
    /// By Elasticsearch's name of an interval; nothing for one of fixed length.
    pub fn of(interval: &str, zone: &Zone) -> Option<Self> {
        match (interval, zone) {
            ("day" | "1d", Zone::Named(_)) => Some(Self::Days(1)),
            ("week" | "1w", Zone::Named(_)) => Some(Self::Days(7)),
            (interval, _) => Calendar::of(interval).map(Self::Months),
        }
    }

    /// The beginnings of all steps that touch the span, by the clocks of the zone, and the end of the last.
    pub fn all(self, zone: &Zone, (first, last): (Timestamp, Timestamp)) -> Result<Vec<Timestamp>, Fault> {
        let (first, last) = (zone.local(first), zone.local(last));
        let steps = match self {
            Self::Months(calendar) => steps(calendar, first, last)?,
            Self::Days(days) => days_of(days, first, last)?,
        };
        Ok(steps.into_iter().map(|step| zone.utc(step)).collect())
    }
}

fn days_of(days: i64, first: Timestamp, last: Timestamp) -> Result<Vec<Timestamp>, Fault> {
    const DAY: i64 = 86_400_000;
    // Weeks begin on Mondays; the epoch began on a Thursday.
    let monday = if days == 7 { 3 } else { 0 };
    let step = |time: Timestamp| (time.millis().div_euclid(DAY) + monday).div_euclid(days);
    let (first, end) = (step(first), step(last) + 1);
    if end - first > MAX_STEPS as i64 {
        return Err(format!("calendar_interval makes more than {MAX_STEPS} buckets; choose a longer one"));
    }
    Ok((first..=end).map(|step| Timestamp::from_millis((step * days - monday) * DAY)).collect())
}

/// The time so many steps later, or earlier; a day that its month does not have becomes the month's last.
pub(super) fn shift(calendar: Calendar, time: Timestamp, by: i32) -> Option<Timestamp> {
    let months = month_of(time).ok()?;
    let within = time.since(beginning(months).ok()?);
    let target = months.checked_add(calendar.months.checked_mul(by)?)?;
    let (first, next) = (beginning(target).ok()?, beginning(target + 1).ok()?);
    let day = std::time::Duration::from_secs(86_400);
    let shifted = first + within;
    let last_day = next - day + std::time::Duration::from_nanos((within.as_nanos() % day.as_nanos()) as u64);
    Some(if shifted < next { shifted } else { last_day })
}

/// Months since the year 0.
fn month_of(time: Timestamp) -> Result<i32, Fault> {
    let date = OffsetDateTime::from_unix_timestamp(time.millis().div_euclid(1_000)).map_err(|_| out_of_range())?;
    Ok(date.year() * 12 + i32::from(u8::from(date.month())) - 1)
}

fn beginning(months: i32) -> Result<Timestamp, Fault> {
    let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let date = month.and_then(|month| Date::from_calendar_date(months.div_euclid(12), month, 1).ok());
    let date = date.ok_or_else(out_of_range)?.midnight().assume_utc();
    Ok(Timestamp::from_millis(date.unix_timestamp().saturating_mul(1_000)))
}

fn out_of_range() -> Fault {
    "a time is out of the calendar's range".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn steps_begin_where_the_calendar_says() {
        let check = |interval: &str, first: &str, last: &str, expect: &[&str]| {
            let read = |text: &str| Timestamp::parse(text).unwrap();
            let steps = steps(Calendar::of(interval).unwrap(), read(first), read(last)).unwrap();
            assert_eq!(steps, expect.iter().map(|text| read(&format!("{text}T00:00:00Z"))).collect::<Vec<_>>());
        };
        check(
            "month",
            "2026-01-31T10:00:00Z",
            "2026-03-01T00:00:00Z",
            &["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"],
        );
        check("1q", "2026-05-05T00:00:00Z", "2026-05-06T00:00:00Z", &["2026-04-01", "2026-07-01"]);
        check("year", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", &["2025-01-01", "2026-01-01", "2027-01-01"]);
        assert!(Calendar::of("week").is_none());
    }

    #[test]
    fn a_day_is_as_long_as_its_zone_says() {
        let read = |text: &str| Timestamp::parse(text).unwrap();
        let zone = Zone::read(Some(&serde_json::json!("Europe/Berlin"))).unwrap();
        let check = |interval: &str, first: &str, last: &str, expect: &[&str]| {
            let steps = Step::of(interval, &zone).unwrap().all(&zone, (read(first), read(last))).unwrap();
            assert_eq!(steps, expect.iter().map(|text| read(text)).collect::<Vec<_>>(), "{interval}");
        };
        check(
            "1d",
            "2026-03-28T23:30:00Z",
            "2026-03-29T22:00:00Z",
            &["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"],
        );
        check(
            "week",
            "2026-11-24T00:00:00Z",
            "2026-11-24T00:00:00Z",
            &["2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z"],
        );
        check(
            "month",
            "2026-10-31T23:00:00Z",
            "2026-11-01T00:00:00Z",
            &["2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"],
        );
        assert_eq!((Step::of("1d", &Zone::UTC), Step::of("1h", &zone)), (None, None));
    }
}

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

/// A step of a histogram of times whose beginnings must be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many milliseconds on the clocks of a zone that are set forward and back, from the Monday before the epoch
    /// or from the epoch.
    Local {
        millis: i64,
        from_monday: bool,
    },
    Months(Calendar),
}

const DAY: i64 = 86_400_000;

impl Step {
    /// By Elasticsearch's name of an interval of the calendar; nothing for one of fixed length.
    pub fn of(interval: &str, zone: &Zone) -> Option<Self> {
        match (interval, zone) {
            ("day" | "1d", Zone::Named(_)) => Some(Self::Local { millis: DAY, from_monday: false }),
            ("week" | "1w", Zone::Named(_)) => Some(Self::Local { millis: 7 * DAY, from_monday: true }),
            (interval, _) => Calendar::of(interval).map(Self::Months).or_else(|| Self::fixed(interval, zone)),
        }
    }

    /// By the length of a fixed interval; nothing if the zone's clocks do not move its beginnings.
    pub fn fixed(interval: &str, zone: &Zone) -> Option<Self> {
        let millis = millis_of(interval).filter(|millis| zone.moves(*millis))?;
        Some(Self::Local { millis, from_monday: false })
    }

    /// The beginnings of all steps that touch the span, by the clocks of the zone, and the end of the last.
    pub fn all(self, zone: &Zone, (first, last): (Timestamp, Timestamp)) -> Result<Vec<Timestamp>, Fault> {
        let (first, last) = (zone.local(first), zone.local(last));
        let steps = match self {
            Self::Months(calendar) => steps(calendar, first, last)?,
            Self::Local { millis, from_monday } => local_steps(millis, from_monday, first, last)?,
        };
        let mut steps: Vec<_> = steps.into_iter().map(|step| zone.utc(step)).collect();
        // Steps that the clocks leave out have no time.
        steps.dedup();
        Ok(steps)
    }
}

/// The milliseconds of an interval such as `90m`.
fn millis_of(interval: &str) -> Option<i64> {
    let digits = interval.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = interval.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit).filter(|millis| *millis > 0)
}

fn local_steps(millis: i64, from_monday: bool, first: Timestamp, last: Timestamp) -> Result<Vec<Timestamp>, Fault> {
    // The epoch began on a Thursday.
    let ahead = if from_monday { 3 * DAY } else { 0 };
    let step = |time: Timestamp| (time.millis() + ahead).div_euclid(millis);
    let (first, end) = (step(first), step(last) + 1);
    if end - first > MAX_STEPS as i64 {
        return Err(format!("the interval makes more than {MAX_STEPS} buckets; choose a longer one"));
    }
    Ok((first..=end).map(|step| Timestamp::from_millis(step.saturating_mul(millis) - ahead)).collect())
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
        check(
            "12h",
            "2026-03-28T23:30:00Z",
            "2026-03-29T10:00:00Z",
            &["2026-03-28T23:00:00Z", "2026-03-29T10:00:00Z", "2026-03-29T22:00:00Z"],
        );
        assert_eq!((Step::of("1d", &Zone::UTC), Step::of("1h", &zone)), (None, None));
        let fixed = |interval| Step::fixed(interval, &zone);
        assert_eq!((fixed("24h"), fixed("1d")), (Step::of("1d", &zone), Step::of("1d", &zone)));
        assert_eq!(
            (fixed("30m"), fixed("0d"), fixed("month"), Step::fixed("24h", &Zone::UTC)),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_day_may_begin_after_midnight() {
        let read = |text: &str| Timestamp::parse(text).unwrap();
        let zone = Zone::read(Some(&serde_json::json!("America/Santiago"))).unwrap();
        let span = (read("2026-09-05T12:00:00Z"), read("2026-09-06T12:00:00Z"));
        let days = Step::of("1d", &zone).unwrap().all(&zone, span).unwrap();
        assert_eq!(days, ["2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"].map(read));
    }
}

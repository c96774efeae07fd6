//! Times as Elasticsearch's clients write them: numbers in milliseconds, days, and sums such as `now-1d/d`.

use std::time::Duration;

use lapwing_event::Timestamp;

use super::calendar::{Calendar, shift, steps};
use super::date_format::{self, Format};
use super::zone::Zone;

/// Reads a time. What is rounded, by `/d` or because only a day was written, becomes the first moment of its unit,
/// or the last one with `up`.
pub(super) fn instant(text: &str, now: Timestamp, up: bool) -> Option<Timestamp> {
    if let Ok(millis) = text.parse::<i64>() {
        return Some(Timestamp::from_millis(millis));
    }
    if let Some(sum) = text.strip_prefix("now") {
        return apply(now, sum, up);
    }
    let (date, sum) = text.split_once("||").unwrap_or((text, ""));
    let (read, sum) = match date.len() {
        10 => (Timestamp::parse(&format!("{date}T00:00:00Z")), if sum.is_empty() { "/d" } else { sum }),
        _ => (Timestamp::parse(date), sum),
    };
    apply(read.ok()?, sum, up)
}

/// As [`instant`], of text in one of these formats; what names no offset from UTC is what clocks show in the zone.
pub(super) fn formatted(
    text: &str,
    formats: &[Format<'_>],
    zone: &Zone,
    (now, up): (Timestamp, bool),
) -> Option<Timestamp> {
    if text.starts_with("now") {
        return instant(text, now, up);
    }
    let local = |time: Timestamp| zone.utc(time);
    let read = |format: &Format<'_>| match format {
        Format::EpochMillis => text.parse().ok().map(Timestamp::from_millis),
        Format::EpochSecond => text.parse::<i64>().ok()?.checked_mul(1_000).map(Timestamp::from_millis),
        Format::Iso if names_offset(text) => instant(text, now, up),
        Format::Iso => instant(text, now, up).map(local),
        Format::Pattern(pattern) => {
            let (date, sum) = text.split_once("||").unwrap_or((text, ""));
            let (time, unit) = date_format::read(date, pattern)?;
            let time = if sum.is_empty() && unit != 'S' { round(time, unit, up)? } else { apply(time, sum, up)? };
            Some(if pattern.ends_with(['X', 'Z']) { time } else { local(time) })
        }
    };
    formats.iter().find_map(read)
}

fn names_offset(text: &str) -> bool {
    let time = text.split("||").next().and_then(|date| date.split_once('T'));
    time.is_some_and(|(_, time)| time.ends_with('Z') || time.contains(['+', '-']))
}

/// Adds, subtracts and rounds, from left to right.
fn apply(mut time: Timestamp, mut sum: &str, up: bool) -> Option<Timestamp> {
    while let Some(operator) = sum.chars().next() {
        let rest = &sum[operator.len_utf8()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: i32 = if digits == 0 { 1 } else { rest[..digits].parse().ok()? };
        let unit = rest[digits..].chars().next()?;
        sum = &rest[digits + unit.len_utf8()..];
        time = match operator {
            '+' => add(time, amount, unit)?,
            '-' => add(time, -amount, unit)?,
            '/' if digits == 0 => round(time, unit, up)?,
            _ => return None,
        };
    }
    Some(time)
}

fn add(time: Timestamp, amount: i32, unit: char) -> Option<Timestamp> {
    if let Some(calendar) = calendar(unit) {
        return shift(calendar, time, amount);
    }
    let length = Duration::from_secs(seconds(unit)?.checked_mul(u64::from(amount.unsigned_abs()))?);
    Some(if amount < 0 { time - length } else { time + length })
}

fn round(time: Timestamp, unit: char, up: bool) -> Option<Timestamp> {
    let (first, next) = match calendar(unit) {
        Some(calendar) => {
            let steps = steps(calendar, time, time).ok()?;
            (*steps.first()?, *steps.get(1)?)
        }
        None => {
            let millis = i64::try_from(seconds(unit)?).ok()? * 1_000;
            // Weeks begin on Mondays; the epoch began on a Thursday.
            let shift = if unit == 'w' { 3 * 86_400_000 } else { 0 };
            let first = (time.millis() + shift).div_euclid(millis) * millis - shift;
            (Timestamp::from_millis(first), Timestamp::from_millis(first + millis))
        }
    };
    Some(if up { next - Duration::from_nanos(1) } else { first })
}

fn calendar(unit: char) -> Option<Calendar> {
    match unit {
        'M' => Calendar::of("month"),
        'y' => Calendar::of("year"),
        _ => None,
    }
}

fn seconds(unit: char) -> Option<u64> {
    Some(match unit {
        's' => 1,
        'm' => 60,
        'h' | 'H' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_added_and_rounded() {
        let now = Timestamp::parse("2026-11-24T06:30:15.5Z").unwrap();
        let check = |text: &str, up: bool, expect: &str| {
            assert_eq!(instant(text, now, up), Timestamp::parse(expect).ok(), "{text}");
        };
        check("now", false, "2026-11-24T06:30:15.5Z");
        check("now-15m", false, "2026-11-24T06:15:15.5Z");
        check("now/d", false, "2026-11-24T00:00:00Z");
        check("now/d", true, "2026-11-24T23:59:59.999999999Z");
        check("now-1d/d", false, "2026-11-23T00:00:00Z");
        check("now/w", false, "2026-11-23T00:00:00Z");
        check("now-1M/M", false, "2026-10-01T00:00:00Z");
        check("now+1y", false, "2027-11-24T06:30:15.5Z");
        check("now-9M", false, "2026-02-24T06:30:15.5Z");
        check("now-1h-30m", false, "2026-11-24T05:00:15.5Z");
        check("2026-11-20", false, "2026-11-20T00:00:00Z");
        check("2026-11-20", true, "2026-11-20T23:59:59.999999999Z");
        check("2026-11-20||+1d", false, "2026-11-21T00:00:00Z");
        check("2026-11-20T10:00:00Z||/h", false, "2026-11-20T10:00:00Z");
        check("1795501800123", false, "2026-11-24T06:30:00.123Z");
        for text in ["", "soon", "now-", "now-1", "now/2d", "now-1q", "nowd", "now*1d"] {
            assert_eq!(instant(text, now, false), None, "{text}");
        }
    }
}

//! Formats of times as Elasticsearch's clients name them: `epoch_second`, `strict_date_optional_time`, or a pattern
//! such as `yyyy/MM/dd HH:mm`; several are alternatives, `||` between them.

use lapwing_event::Timestamp;
use time::{Date, Month, OffsetDateTime, Time};

use super::source::rfc3339_millis;
use super::zone::Zone;

/// The names of formats that are read as RFC 3339 is.
const ISO: &[&str] = &[
    "strict_date_optional_time",
    "strict_date_optional_time_nanos",
    "date_optional_time",
    "strict_date_time",
    "strict_date_time_no_millis",
    "date_time",
    "date_time_no_millis",
    "strict_date",
    "date",
    "iso8601",
];

/// The longest pattern that is read, in bytes; its letters say how long the text becomes.
const MAX_PATTERN: usize = 64;

/// What a format makes of text.
pub(super) enum Format<'a> {
    Iso,
    EpochMillis,
    EpochSecond,
    Pattern(&'a str),
}

/// The alternatives of a format; nothing if it is none.
pub(super) fn formats(format: &str) -> Option<Vec<Format<'_>>> {
    let read = |name| match name {
        "epoch_millis" => Some(Format::EpochMillis),
        "epoch_second" => Some(Format::EpochSecond),
        "basic_date" => Some(Format::Pattern("yyyyMMdd")),
        name if ISO.contains(&name) => Some(Format::Iso),
        pattern if pattern.len() > MAX_PATTERN => None,
        pattern if parts(pattern).is_some_and(|parts| parts.iter().any(|part| matches!(part, Part::Field(..)))) => {
            Some(Format::Pattern(pattern))
        }
        _ => None,
    };
    format.split("||").map(read).collect()
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A letter that stands for a part of a time, and how often it is repeated.
    Field(char, usize),
    Literal(char),
}

fn parts(pattern: &str) -> Option<Vec<Part>> {
    let (mut parts, mut quoted) = (Vec::new(), false);
    for c in pattern.chars() {
        match (c, parts.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (c, _) if quoted || !c.is_ascii_alphabetic() => parts.push(Part::Literal(c)),
            (c, Some(Part::Field(last, count))) if *last == c => *count += 1,
            ('y' | 'u' | 'M' | 'd' | 'H' | 'm' | 's' | 'S' | 'X' | 'Z', _) => parts.push(Part::Field(c, 1)),
            _ => return None,
        }
    }
    Some(parts)
}

/// Reads text by a pattern, in UTC unless it says otherwise, and tells the unit that the time is exact to.
pub(super) fn read(text: &str, pattern: &str) -> Option<(Timestamp, char)> {
    let (mut year, mut month, mut day, mut of_day, mut offset) = (1970, 1, 1, [0_u32; 4], 0);
    let (mut rest, mut unit) = (text, 'y');
    for part in parts(pattern)? {
        match part {
            Part::Literal(c) => rest = rest.strip_prefix(c)?,
            Part::Field('X' | 'Z', _) => (offset, rest) = read_offset(rest)?,
            Part::Field(letter, count) => {
                let most = match letter {
                    'y' | 'u' if count == 1 => 4,
                    _ => count.max(2),
                };
                let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                let number: u32 = rest.get(..length).filter(|digits| digits.len() >= count.min(2))?.parse().ok()?;
                rest = &rest[length..];
                match letter {
                    'y' | 'u' => year = i32::try_from(number).ok()?,
                    'M' => month = u8::try_from(number).ok()?,
                    'd' => day = u8::try_from(number).ok()?,
                    'H' => of_day[0] = number,
                    'm' => of_day[1] = number,
                    's' => of_day[2] = number,
                    _ => of_day[3] = number * 10_u32.checked_pow(9_u32.checked_sub(u32::try_from(length).ok()?)?)?,
                }
                unit = finer(unit, letter);
            }
        }
    }
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let [hour, minute, second, nano] = of_day;
    let small = |number: u32| u8::try_from(number).ok();
    let time = Time::from_hms_nano(small(hour)?, small(minute)?, small(second)?, nano).ok()?;
    let nanos = date.with_time(time).assume_utc().unix_timestamp_nanos() - i128::from(offset) * 1_000_000_000;
    rest.is_empty().then_some((Timestamp::from_nanos(i64::try_from(nanos).ok()?), unit))
}

/// Of two units the one that is more exact.
fn finer(unit: char, letter: char) -> char {
    const UNITS: &str = "yMdhmsS";
    let letter = if letter == 'H' { 'h' } else { letter };
    if UNITS.find(letter) > UNITS.find(unit) { letter } else { unit }
}

/// Reads `Z`, `+02`, `+0200` or `+02:00`: seconds, and what follows.
pub(super) fn read_offset(text: &str) -> Option<(i32, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two =
        |text: &str| text.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse::<i32>().ok();
    let hours = two(&text[1..])?;
    let rest = &text[3..];
    let after_colon = rest.strip_prefix(':').unwrap_or(rest);
    match two(after_colon) {
        Some(minutes) => Some((sign * (hours * 3_600 + minutes * 60), &after_colon[2..])),
        None => Some((sign * hours * 3_600, rest)),
    }
}

/// Writes a time in the first alternative of a format; in milliseconds of RFC 3339 if that is none.
pub(super) fn write(time: Timestamp, format: &str) -> String {
    match formats(format).as_deref().and_then(<[_]>::first) {
        Some(Format::EpochMillis) => time.millis().to_string(),
        Some(Format::EpochSecond) => time.millis().div_euclid(1_000).to_string(),
        Some(Format::Pattern(pattern)) => by_pattern(time, pattern),
        Some(Format::Iso) if format.starts_with("strict_date_optional_time_nanos") => time.to_string(),
        Some(Format::Iso) | None => rfc3339_millis(time),
    }
}

/// Writes a time by the clocks of a zone, as [`write`]; without a format in milliseconds of RFC 3339.
pub(super) fn write_in(time: Timestamp, format: Option<&str>, zone: &Zone) -> String {
    let first = format.and_then(formats).and_then(|formats| formats.into_iter().next());
    match (first, zone.offset_at(time)) {
        (Some(Format::EpochMillis | Format::EpochSecond), _) | (_, 0) => write(time, format.unwrap_or(ISO[0])),
        // Its own offset is that of UTC.
        (Some(Format::Pattern(pattern)), _) if pattern.contains(['X', 'Z']) => by_pattern(time, pattern),
        (Some(Format::Pattern(pattern)), _) => by_pattern(zone.local(time), pattern),
        (Some(Format::Iso) | None, offset) => {
            let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
            let local = rfc3339_millis(zone.local(time));
            format!("{}{sign}{:02}:{:02}", local.trim_end_matches('Z'), minutes / 60, minutes % 60)
        }
    }
}

fn by_pattern(time: Timestamp, pattern: &str) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.nanos()))
        .expect("every timestamp lies between the years 1677 and 2262");
    let field = |letter, count: usize| match letter {
        'y' | 'u' => format!("{:0count$}", at.year()),
        'M' => format!("{:0count$}", u8::from(at.month())),
        'd' => format!("{:0count$}", at.day()),
        'H' => format!("{:0count$}", at.hour()),
        'm' => format!("{:0count$}", at.minute()),
        's' => format!("{:0count$}", at.second()),
        'S' => format!("{:09}", at.nanosecond()).chars().take(count).collect(),
        _ => "Z".to_owned(),
    };
    let text = |part| match part {
        Part::Field(letter, count) => field(letter, count),
        Part::Literal(c) => c.to_string(),
    };
    parts(pattern).into_iter().flatten().map(text).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_are_read_and_written() {
        let check = |pattern: &str, text: &str, expect: &str, unit: char| {
            let read = read(text, pattern).unwrap_or_else(|| panic!("{text} is not {pattern}"));
            assert_eq!((read.0.to_string().as_str(), read.1), (expect, unit), "{pattern}");
        };
        check("yyyy/MM/dd HH:mm", "2015/02/01 03:04", "2015-02-01T03:04:00Z", 'm');
        check("dd.MM.yyyy", "01.02.2015", "2015-02-01T00:00:00Z", 'd');
        check("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2015-02-01T03:04:05.250+01:30", "2015-02-01T01:34:05.25Z", 'S');
        check("yyyyMMdd", "20150201", "2015-02-01T00:00:00Z", 'd');
        check("d/M/yyyy", "1/12/2015", "2015-12-01T00:00:00Z", 'd');
        for (pattern, text) in [("yyyy", "15"), ("yyyy-MM", "2015-13"), ("yyyy", "2015-02"), ("yyyy-qq", "2015-01")] {
            assert_eq!(read(text, pattern), None, "{pattern}");
        }
        let at = Timestamp::parse("2015-02-01T03:04:05.25Z").unwrap();
        let check = |format: &str, expect: &str| assert_eq!(write(at, format), expect, "{format}");
        check("yyyy/MM/dd HH:mm:ss.SSS", "2015/02/01 03:04:05.250");
        check("epoch_millis", "1422759845250");
        check("epoch_second", "1422759845");
        check("strict_date_optional_time", "2015-02-01T03:04:05.250Z");
        check("yyyy-MM-dd||epoch_millis", "2015-02-01");
        let check = |format, zone, expect: &str| assert_eq!(write_in(at, format, &Zone::Offset(zone)), expect);
        check(None, 0, "2015-02-01T03:04:05.250Z");
        check(None, -12_600, "2015-01-31T23:34:05.250-03:30");
        check(Some("yyyy-MM-dd HH:mm"), 3_600, "2015-02-01 04:04");
        check(Some("epoch_second"), 3_600, "1422759845");
        assert_eq!(write(at, &"y".repeat(70_000)), "2015-02-01T03:04:05.250Z");
        assert!(formats(&"y".repeat(64)).is_some() && formats(&"y".repeat(65)).is_none());
        assert!(formats("yesterday").is_none() && formats("yyyy||nope_x").is_none());
    }

    #[test]
    fn offsets_are_read_in_every_form() {
        let check = |text: &str, expect| assert_eq!(read_offset(text), expect, "{text}");
        check("Z", Some((0, "")));
        check("+02", Some((7_200, "")));
        check("-0230x", Some((-9_000, "x")));
        check("+05:30", Some((19_800, "")));
        check("+x", None);
        check("", None);
    }
}

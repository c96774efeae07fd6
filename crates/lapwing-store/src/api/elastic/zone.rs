//! Time zones: an offset such as `+02:00`, or a name such as `Europe/Berlin`, whose offset changes with the date.

use jiff::tz::{Offset, TimeZone};
use lapwing_event::Timestamp;
use serde_json::Value;

use super::date_format;
use super::dsl::Fault;

/// Rules go on for ever: what has not happened within so many changes of a zone's clocks will not.
const MAX_CHANGES: usize = 300;

/// A time zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Zone {
    /// So many seconds ahead of UTC.
    Offset(i32),
    /// Of the time zone database, which is built in.
    Named(TimeZone),
}

impl Zone {
    pub const UTC: Self = Self::Offset(0);

    /// Reads a `time_zone`; without one it is UTC.
    pub fn read(zone: Option<&Value>) -> Result<Self, Fault> {
        let fault = |zone: &dyn std::fmt::Display| {
            format!("time_zone [{zone}] is not known; write an offset such as +02:00 or a name such as Europe/Berlin")
        };
        match zone {
            None | Some(Value::Null) => Ok(Self::UTC),
            Some(Value::String(zone)) => match (date_format::read_offset(zone), zone.as_str()) {
                (Some((seconds, "")), _) => Ok(Self::Offset(seconds)),
                (_, "UTC" | "utc" | "GMT" | "Etc/UTC") => Ok(Self::UTC),
                (_, name) => TimeZone::get(name).map(Self::Named).map_err(|_| fault(zone)),
            },
            Some(other) => Err(fault(other)),
        }
    }

    /// The seconds ahead of UTC at a time.
    pub fn offset_at(&self, time: Timestamp) -> i32 {
        match self {
            Self::Offset(seconds) => *seconds,
            // The database reaches further than any timestamp of ours.
            Self::Named(zone) => jiff::Timestamp::from_second(time.millis().div_euclid(1_000))
                .map_or(0, |second| zone.to_offset(second).seconds()),
        }
    }

    /// What clocks show at a time, as if it were UTC.
    pub fn local(&self, time: Timestamp) -> Timestamp {
        ahead(time, self.offset_at(time))
    }

    /// When clocks show this: the first time if they show it twice, as long after they are set forward as it would
    /// have been if they show it never.
    pub fn utc(&self, local: Timestamp) -> Timestamp {
        let named = |zone: &TimeZone| {
            let shown = jiff::Timestamp::from_nanosecond(i128::from(local.nanos())).ok()?;
            let time = zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(shown)).compatible().ok()?;
            i64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos)
        };
        match self {
            Self::Offset(seconds) => ahead(local, -seconds),
            Self::Named(zone) => named(zone).unwrap_or(local),
        }
    }

    /// Whether steps of so many milliseconds begin at other times once the clocks are set forward or back, which is
    /// looked for since the epoch.
    pub fn moves(&self, millis: i64) -> bool {
        let Self::Named(zone) = self else { return false };
        let place = |offset: Offset| (i64::from(offset.seconds()) * 1_000).rem_euclid(millis);
        let epoch = place(zone.to_offset(jiff::Timestamp::UNIX_EPOCH));
        zone.following(jiff::Timestamp::UNIX_EPOCH).take(MAX_CHANGES).any(|change| place(change.offset()) != epoch)
    }
}

fn ahead(time: Timestamp, seconds: i32) -> Timestamp {
    Timestamp::from_nanos(time.nanos().saturating_add(i64::from(seconds) * 1_000_000_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn clocks_show_what_the_zone_says() {
        let check = |zone: &str, utc: &str, local: &str| {
            let zone = Zone::read(Some(&json!(zone))).unwrap();
            let (utc, local) = (Timestamp::parse(utc).unwrap(), Timestamp::parse(local).unwrap());
            assert_eq!((zone.local(utc), zone.utc(local)), (local, utc), "{zone:?}");
        };
        check("UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        check("+02:30", "2026-01-01T00:00:00Z", "2026-01-01T02:30:00Z");
        check("Europe/Berlin", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
        check("Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T02:00:00Z");
        check("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00Z");
        check("America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06T01:00:00Z");
        let santiago = Zone::read(Some(&json!("America/Santiago"))).unwrap();
        let skipped = santiago.utc(Timestamp::parse("2026-09-06T00:00:00Z").unwrap());
        assert_eq!(skipped, Timestamp::parse("2026-09-06T04:00:00Z").unwrap());
        assert_eq!((santiago.moves(3_600_000), santiago.moves(7_200_000)), (false, true));
        assert_eq!(Zone::read(None), Ok(Zone::UTC));
        assert!(Zone::read(Some(&json!("Europe/Nowhere"))).unwrap_err().contains("Europe/Nowhere"));
        assert!(Zone::read(Some(&json!(2))).is_err());
    }
}

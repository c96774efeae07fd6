//! Time zones: an offset such as `+02:00`, or a name such as `Europe/Berlin`, whose offset changes with the date.

use jiff::tz::TimeZone;
use lapwing_event::Timestamp;
use serde_json::Value;

use super::date_format;
use super::dsl::Fault;

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

    /// When clocks show this; where they are set forward or back, one of the times that may be meant.
    pub fn utc(&self, local: Timestamp) -> Timestamp {
        let near = ahead(local, -self.offset_at(local));
        ahead(local, -self.offset_at(near))
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
        assert_eq!(Zone::read(None), Ok(Zone::UTC));
        assert!(Zone::read(Some(&json!("Europe/Nowhere"))).unwrap_err().contains("Europe/Nowhere"));
        assert!(Zone::read(Some(&json!(2))).is_err());
    }
}

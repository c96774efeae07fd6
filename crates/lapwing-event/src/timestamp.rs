//! A point in time, in nanoseconds since the Unix epoch, UTC.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nanoseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC with as many decimals as it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text or number is not a time that this type can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: expected RFC 3339, or epoch seconds, milliseconds, microseconds or nanoseconds")]
pub struct TimestampError;

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch; saturates at the ends of the range (years 1677 and 2262).
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time elapsed since `earlier`, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339. A missing offset is read as UTC and a space is taken for the `T`, since that is what
    /// Python's `datetime.isoformat` and `str` write; digits alone are an epoch time (see [`Self::from_epoch`]).
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        if let Ok(number) = text.parse::<f64>() {
            return match text.parse::<i64>() {
                Ok(whole) => Self::from_epoch(whole),
                Err(_) => Self::from_epoch_f64(number),
            };
        }
        let parsed = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| {
            let mut utc = text.replacen(' ', "T", 1);
            utc.push('Z');
            OffsetDateTime::parse(&utc, &Rfc3339)
                .or_else(|_| OffsetDateTime::parse(&text.replacen(' ', "T", 1), &Rfc3339))
        });
        let nanos = parsed.map_err(|_| TimestampError)?.unix_timestamp_nanos();
        i64::try_from(nanos).map(Self).map_err(|_| TimestampError)
    }

    /// Reads an epoch time whose unit follows from its magnitude: below 10^11 seconds, below 10^14
    /// milliseconds, below 10^17 microseconds, else nanoseconds.
    pub fn from_epoch(number: i64) -> Result<Self, TimestampError> {
        let scale: i64 = match number.unsigned_abs() {
            0..100_000_000_000 => 1_000_000_000,
            100_000_000_000..100_000_000_000_000 => 1_000_000,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        number.checked_mul(scale).map(Self).ok_or(TimestampError)
    }

    /// As [`Self::from_epoch`], for a number with decimals such as Python's `time.time()`.
    pub fn from_epoch_f64(number: f64) -> Result<Self, TimestampError> {
        if !number.is_finite() || number.abs() >= 9e18 {
            return Err(TimestampError);
        }
        let whole = Self::from_epoch(number.trunc() as i64)?;
        let scale = if number.trunc() as i64 == 0 { 1e9 } else { whole.0 as f64 / number.trunc() };
        Ok(Self(whole.0.saturating_add((number.fract() * scale) as i64)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lenient;

        impl Visitor<'_> for Lenient {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 or epoch number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Timestamp, E> {
                Timestamp::from_epoch(number).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Timestamp, E> {
                i64::try_from(number).map_err(E::custom).and_then(|n| self.visit_i64(n))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Timestamp, E> {
                Timestamp::from_epoch_f64(number).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Lenient)
    }
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_every_common_form() {
        let check =
            |text: &str, expect: &str| assert_eq!(Timestamp::parse(text).unwrap().to_string(), expect, "{text}");
        check("2026-11-24T06:30:00Z", "2026-11-24T06:30:00Z");
        check("2026-11-24T08:30:00.123+02:00", "2026-11-24T06:30:00.123Z");
        check("2026-11-24T06:30:00.123456", "2026-11-24T06:30:00.123456Z");
        check("2026-11-24 06:30:00", "2026-11-24T06:30:00Z");
        check("2026-11-24 06:30:00+00:00", "2026-11-24T06:30:00Z");
        check("1795501800", "2026-11-24T06:30:00Z");
        check("1795501800123", "2026-11-24T06:30:00.123Z");
        check("1795501800123456", "2026-11-24T06:30:00.123456Z");
        check("1795501800123456789", "2026-11-24T06:30:00.123456789Z");
        check("1795501800.5", "2026-11-24T06:30:00.5Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "NaN", "inf", "1e300", "9999999999999999999"] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text}");
        }
    }
}

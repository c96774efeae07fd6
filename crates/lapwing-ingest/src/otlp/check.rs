//! What must hold of any bytes that come as an export; for the fuzzer and a test.

use lapwing_event::{Arrival, TenantId, Timestamp, decode_raw};

use super::{Format, Signal, decode, take_in_export};

/// Takes the bytes in as every signal in every format.
///
/// # Panics
/// If a record is no event that the readers of the raw topic take.
#[doc(hidden)]
pub fn check_any_export(bytes: &[u8]) {
    let arrival = Arrival::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000));
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        for format in [Format::Protobuf, Format::Json] {
            let Ok(export) = decode(bytes, signal, format) else { continue };
            let exported = take_in_export(export, 10_000, &arrival).map(|exported| exported.records);
            for record in exported.into_iter().flatten() {
                let events = decode_raw(&record.value, &arrival, &mut |_| [0; 10]);
                assert!(events.is_ok_and(|events| events.len() == 1), "a record is no event");
            }
        }
    }
}

//! Events as a Parquet table: the columns that are mostly asked for, and the whole event as JSON.
//!
//! Rows are gathered into row groups and written as they fill, so that an export of any size holds one of them in
//! memory. A file without its end has no footer and no reader takes it for whole.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use lapwing_event::Timestamp;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

/// A row group is written once it has so many rows …
const ROWS: usize = 10_000;
/// … or so many bytes of JSON.
const BYTES: usize = 16 << 20;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// UTC, in microseconds: the finest that all common readers take.
    Time,
}

use Kind::{Number, Text, Time};

/// The name of each column, the path of its value, and what it holds. All may be null.
const COLUMNS: &[(&str, &str, Kind)] = &[
    ("timestamp", "/@timestamp", Time),
    ("received_at", "/received_at", Time),
    ("id", "/id", Text),
    ("interaction_id", "/interaction_id", Text),
    ("kind", "/kind", Text),
    ("tenant", "/tenant/id", Text),
    ("environment", "/environment", Text),
    ("service", "/service/name", Text),
    ("agent_id", "/agent/id", Text),
    ("agent_name", "/agent/name", Text),
    ("user_id", "/user/id", Text),
    ("session_id", "/session/id", Text),
    ("trace_id", "/trace_id", Text),
    ("span_id", "/span_id", Text),
    ("outcome", "/outcome", Text),
    ("latency_ms", "/latency_ms", Number),
    ("provider", "/gen_ai/provider/name", Text),
    ("request_model", "/gen_ai/request/model", Text),
    ("response_model", "/gen_ai/response/model", Text),
    ("input_tokens", "/gen_ai/usage/input_tokens", Number),
    ("output_tokens", "/gen_ai/usage/output_tokens", Number),
    ("cost_usd", "/cost_usd", Number),
    ("prompt", "/content/prompt", Text),
    ("response", "/content/response", Text),
    ("toxicity", "/scores/toxicity", Number),
    ("sentiment", "/scores/sentiment", Number),
    ("tool_name", "/tool/name", Text),
    ("tool_status", "/tool/status", Text),
    ("tool_arguments", "/tool/arguments", Text),
    ("tool_output", "/tool/output", Text),
    ("guardrail_name", "/guardrail/name", Text),
    ("guardrail_action", "/guardrail/action", Text),
    ("error_type", "/error/type", Text),
    ("alert_rule_id", "/alert/rule_id", Text),
    ("alert_severity", "/alert/severity", Text),
    // The whole event.
    ("event", "", Text),
];

/// A table that is being written.
pub(crate) struct Table {
    writer: SerializedFileWriter<Sink>,
    written: Sink,
    rows: Vec<(Value, String)>,
    bytes: usize,
}

impl Table {
    pub fn new() -> Result<Self> {
        let column = |(name, _, kind): &(&str, &str, Kind)| match kind {
            Text => format!("OPTIONAL BYTE_ARRAY {name} (UTF8);"),
            Number => format!("OPTIONAL DOUBLE {name};"),
            Time => format!("OPTIONAL INT64 {name} (TIMESTAMP(MICROS,true));"),
        };
        let columns: String = COLUMNS.iter().map(column).collect();
        let schema = parse_message_type(&format!("message events {{ {columns} }}"))?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
        let written = Sink::default();
        let writer = SerializedFileWriter::new(written.clone(), Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Self { writer, written, rows: Vec::new(), bytes: 0 })
    }

    /// Adds an event by its JSON.
    pub fn push(&mut self, event: &str) -> Result<()> {
        let value = serde_json::from_str(event).unwrap_or(Value::Null);
        self.rows.push((value, event.to_owned()));
        self.bytes += event.len();
        if self.rows.len() >= ROWS || self.bytes >= BYTES { self.end_group() } else { Ok(()) }
    }

    /// What is ready to be sent.
    pub fn take(&mut self) -> Vec<u8> {
        self.written.take()
    }

    /// The rest of the file, with its footer.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if !self.rows.is_empty() {
            self.end_group()?;
        }
        let written = self.written.clone();
        self.writer.close()?;
        Ok(written.take())
    }

    fn end_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (_, path, kind) in COLUMNS {
            let Some(mut column) = group.next_column()? else { break };
            write_column(&mut column, *kind, path, &self.rows)?;
            column.close()?;
        }
        group.close()?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

fn write_column(
    column: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    path: &str,
    rows: &[(Value, String)],
) -> Result<()> {
    let values = rows.iter().map(|(event, _)| event.pointer(path).filter(|value| !value.is_null()));
    match kind {
        Text if path.is_empty() => {
            let values: Vec<_> = rows.iter().map(|(_, text)| ByteArray::from(text.as_str())).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&vec![1; values.len()]), None)?;
        }
        Text => {
            let (values, levels) = present(values.map(|value| value.map(text_of)));
            column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
        }
        Number => {
            let (values, levels) = present(values.map(|value| value.and_then(Value::as_f64)));
            column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
        }
        Time => {
            let micros = |value: &Value| Some(Timestamp::parse(value.as_str()?).ok()?.nanos().div_euclid(1_000));
            let (values, levels) = present(values.map(|value| value.and_then(micros)));
            column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
        }
    }
    Ok(())
}

/// A string as it is, anything else as JSON.
fn text_of(value: &Value) -> ByteArray {
    match value {
        Value::String(text) => ByteArray::from(text.as_str()),
        value => ByteArray::from(value.to_string().as_str()),
    }
}

/// The values that are there, and for each row whether it has one.
fn present<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    (there, levels)
}

/// Where the file's bytes gather until they are sent.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    fn event(n: usize) -> String {
        let model = if n.is_multiple_of(2) { r#","gen_ai":{"request":{"model":"m"}}"# } else { "" };
        format!(r#"{{"id":"{n}","@timestamp":"1970-01-01T00:00:00.00{}Z","latency_ms":{n}.5{model}}}"#, n % 10)
    }

    #[test]
    fn a_table_is_read_back_as_it_was_written() {
        let mut table = Table::new().unwrap();
        let mut file = Vec::new();
        for n in 0..ROWS + 3 {
            table.push(&event(n)).unwrap();
            file.extend(table.take());
        }
        assert!(file.len() > 1_000, "a full row group goes out before the end");
        file.extend(table.finish().unwrap());
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, (ROWS + 3) as i64));
        let column = |name| COLUMNS.iter().position(|(other, _, _)| *other == name).unwrap();
        for (n, row) in reader.get_row_iter(None).unwrap().enumerate() {
            let row = row.unwrap();
            assert_eq!(row.get_string(column("id")).unwrap(), &n.to_string());
            assert_eq!(row.get_double(column("latency_ms")).unwrap(), n as f64 + 0.5);
            assert_eq!(row.get_timestamp_micros(column("timestamp")).unwrap(), (n % 10) as i64 * 1_000);
            let model = row.get_string(column("request_model")).ok().map(String::as_str);
            assert_eq!(model, n.is_multiple_of(2).then_some("m"));
            assert_eq!(row.get_string(column("event")).unwrap(), &event(n));
        }
    }

    #[test]
    fn an_empty_table_is_one() {
        let file = Table::new().unwrap().finish().unwrap();
        assert_eq!(SerializedFileReader::new(Bytes::from(file)).unwrap().metadata().file_metadata().num_rows(), 0);
    }
}

//! The least that Tantivy needs for the same documents: no deduplication, no partitions, no position.

use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_event::{FIELDS, IndexAs, SanitizedEvent, Timestamp};
use lapwing_store::StoreConfig;
use serde_json::Value;
use tantivy::schema::Schema;
use tantivy::tokenizer::{LowerCaser, SimpleTokenizer, TextAnalyzer};
use tantivy::{DateTime, Index, IndexWriter, TantivyDocument};

use crate::BATCH;
use crate::corpus::Corpus;

/// Indexes the first events of the corpus into `dir`, with the schema and settings of the index in `like`. The
/// documents are made before. Gives events a second, and the
/// processors' seconds that making them took.
pub fn run(dir: &Path, like: &Path, events: u64, interval: Duration) -> (f64, f64) {
    let like = Index::open_in_dir(like).unwrap();
    let schema = &like.schema();
    let index = Index::builder().schema(schema.clone()).settings(like.settings().clone()).create_in_dir(dir).unwrap();
    let words = TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).build();
    index.tokenizers().register("lapwing", words);
    let options = tantivy::indexer::IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(StoreConfig::default().writer_memory_bytes)
        .build();
    let mut writer: IndexWriter = index.writer_with_options(options).unwrap();
    let cpu = crate::cpu_seconds();
    let events_made = Corpus::new(events).batch(0, events);
    let documents: Vec<_> =
        (0..).zip(&events_made).map(|(number, event)| bare_document(event, number, schema)).collect();
    drop(events_made);
    let making = crate::cpu_seconds() - cpu;
    let started = Instant::now();
    let mut committed = started;
    for (n, document) in documents.into_iter().enumerate() {
        writer.add_document(document).unwrap();
        if (n as u64).is_multiple_of(BATCH) && committed.elapsed() >= interval {
            writer.commit().unwrap();
            committed = Instant::now();
        }
    }
    writer.commit().unwrap();
    let rate = events as f64 / started.elapsed().as_secs_f64();
    writer.wait_merging_threads().unwrap();
    (rate, making)
}

fn bare_document(event: &SanitizedEvent, number: u64, schema: &Schema) -> TantivyDocument {
    let source = event.encode();
    let value: Value = serde_json::from_slice(&source).unwrap();
    let mut document = TantivyDocument::new();
    for field in FIELDS {
        let Some(value) = value.pointer(&format!("/{}", field.path.replace('.', "/"))) else { continue };
        let Ok(target) = schema.get_field(field.path) else { continue };
        match (field.index, value) {
            (IndexAs::Keyword | IndexAs::Text, Value::String(text)) => document.add_text(target, text),
            (IndexAs::Number, Value::Number(number)) => document.add_f64(target, number.as_f64().unwrap()),
            (IndexAs::Date, Value::String(text)) => {
                let at = Timestamp::parse(text).unwrap();
                document.add_date(target, DateTime::from_timestamp_nanos(at.nanos()));
            }
            _ => {}
        }
    }
    // What the schema has beside the events' own fields.
    for path in ["id", "content.prompt", "content.response", "tool.arguments", "tool.output"] {
        if value.pointer(&format!("/{}", path.replace('.', "/"))).is_some() {
            document.add_text(schema.get_field("_fields").unwrap(), path);
        }
    }
    document.add_u64(schema.get_field("_seq").unwrap(), number);
    document.add_text(schema.get_field("_source").unwrap(), std::str::from_utf8(&source).unwrap());
    document
}

//! The Tantivy schema, made from the event's table of fields, and how to find a field in an index.
//!
//! A partition keeps the schema it was created with. One written by an older version lacks the newer fields:
//! they resolve to nothing there, which reads as "no event of this partition has it".

use std::collections::HashMap;

use lapwing_event::{FIELDS, IndexAs};
use tantivy::schema::{
    DateOptions, DateTimePrecision, FAST, Field, IndexRecordOption, JsonObjectOptions, NumericOptions, STORED, STRING,
    Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{IndexSettings, IndexSortByField, Order};

use crate::tokenizer;

/// The event's JSON.
pub(crate) const SOURCE: &str = "_source";
/// The order in which events were stored.
pub(crate) const SEQ: &str = "_seq";
/// The paths of the fields an event has, for those that have no column to tell.
pub(crate) const PRESENT: &str = "_fields";
/// The event's time, by which each segment is sorted, newest first.
pub(crate) const TIME: &str = "@timestamp";

/// Keywords whose values are nearly all different: nobody counts them, so they have no column.
const NO_COLUMN: &[&str] = &[
    "id",
    "span_id",
    "parent_span_id",
    "tool.call_id",
    "gen_ai.response.id",
    "retrieval.uris",
    "alert.event_ids",
    "alert.dedup_key",
    "target_id",
    "review.target_id",
];

/// Documents are compressed together up to this size: a fifth less disk than 16 KiB at the same speed.
const DOC_BLOCK_BYTES: usize = 64 << 10;

/// The schema of a new partition.
pub(crate) fn schema() -> Schema {
    schema_of(FIELDS.iter())
}

/// The schema of these fields of events, with the store's own.
pub(crate) fn schema_of(fields: impl Iterator<Item = &'static lapwing_event::Field>) -> Schema {
    let mut builder = Schema::builder();
    for field in fields {
        match field.index {
            IndexAs::Keyword if has_column(field.path) => builder.add_text_field(field.path, STRING | FAST),
            IndexAs::Keyword => builder.add_text_field(field.path, STRING),
            IndexAs::Text => builder.add_text_field(field.path, TextOptions::default().set_indexing_options(words())),
            IndexAs::Number => builder.add_f64_field(field.path, NumericOptions::default().set_fast()),
            IndexAs::Bool => builder.add_bool_field(field.path, NumericOptions::default().set_fast().set_indexed()),
            IndexAs::Date => builder.add_date_field(
                field.path,
                DateOptions::default().set_fast().set_precision(DateTimePrecision::Nanoseconds),
            ),
            IndexAs::Json => builder.add_json_field(field.path, json_options(field.path)),
            IndexAs::Stored => continue,
        };
    }
    builder.add_text_field(PRESENT, STRING);
    builder.add_u64_field(SEQ, FAST);
    builder.add_text_field(SOURCE, STORED);
    builder.build()
}

/// The settings of a new partition.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        sort_by_field: Some(IndexSortByField { field: TIME.to_owned(), order: Order::Desc }),
        docstore_compression: Compressor::Zstd(ZstdCompressor::default()),
        docstore_blocksize: DOC_BLOCK_BYTES,
        ..IndexSettings::default()
    }
}

/// Whether the field has a column, which tells by itself which events have it.
pub(crate) fn has_column(path: &str) -> bool {
    lapwing_event::field(path).is_some_and(|field| match field.index {
        IndexAs::Keyword => !NO_COLUMN.contains(&path),
        IndexAs::Number | IndexAs::Bool | IndexAs::Date => true,
        IndexAs::Text | IndexAs::Json | IndexAs::Stored => false,
    })
}

fn words() -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(tokenizer::NAME)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
}

/// A column for every path of `attrs` would nearly double the index; the counts of masked spans are few.
fn json_options(path: &str) -> JsonObjectOptions {
    let options = JsonObjectOptions::default().set_expand_dots_enabled().set_indexing_options(words());
    match path {
        "sanitization.counts" => options.set_fast("raw"),
        _ => options,
    }
}

/// The fields of one partition by path.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    by_path: HashMap<&'static str, Field>,
    /// [`SOURCE`].
    pub source: Field,
    /// [`SEQ`].
    pub seq: Field,
    /// [`PRESENT`].
    pub present: Field,
}

impl Fields {
    /// Resolves the fields in an index's own schema.
    pub fn of(schema: &Schema) -> tantivy::Result<Self> {
        let by_path = FIELDS.iter().filter_map(|field| Some((field.path, schema.get_field(field.path).ok()?)));
        Ok(Self {
            by_path: by_path.collect(),
            source: schema.get_field(SOURCE)?,
            seq: schema.get_field(SEQ)?,
            present: schema.get_field(PRESENT)?,
        })
    }

    /// The index's field for this path, if the index knows it.
    pub fn get(&self, path: &str) -> Option<Field> {
        self.by_path.get(path).copied()
    }
}

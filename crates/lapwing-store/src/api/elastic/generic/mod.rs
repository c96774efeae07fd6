//! Generic indices, for tests of the API with other people's documents: made by a client with any mapping, kept in
//! memory, searched with the same DSL and aggregations. They are no place for events: nothing is sanitized, and all is
//! lost when the process ends. A server has them only where it was asked to.

mod mapping;
mod query;
mod search;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lapwing_event::{TenantId, Timestamp};
use serde_json::Value;
use tantivy::collector::Count;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, JsonObjectOptions, OwnedValue, STORED, STRING, Schema, TextFieldIndexing,
};
use tantivy::{DateTime, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term};

use super::error::ElasticError;
use crate::tokenizer;
use mapping::{Kind, Mapping, Scalar};
pub(super) use search::{count, delete, find};

/// Indices of all tenants together.
const MAX_INDICES: usize = 64;
/// Tantivy's own least arena.
const WRITER_MEMORY: usize = 15 << 20;

/// The generic indices of a server.
#[derive(Default)]
pub(super) struct Indices {
    by_name: RwLock<BTreeMap<(TenantId, String), Arc<Index>>>,
    documents: Arc<AtomicU64>,
}

impl Indices {
    /// Makes an index, with the body that says its mapping.
    pub fn create(&self, tenant: &TenantId, name: &str, body: &Value) -> Result<Arc<Index>, ElasticError> {
        check_name(name)?;
        let mapping = Mapping::read(body).map_err(ElasticError::bad)?;
        let mut indices = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), name.to_owned());
        if indices.contains_key(&key) {
            return Err(ElasticError::exists(name));
        }
        if indices.len() >= MAX_INDICES {
            return Err(ElasticError::illegal(format!("there are {MAX_INDICES} generic indices; delete one")));
        }
        let index = Arc::new(Index::new(name, mapping, self.documents.clone())?);
        indices.insert(key, index.clone());
        Ok(index)
    }

    /// The index of this name, which is made if there is none.
    pub fn get_or_create(&self, tenant: &TenantId, name: &str) -> Result<Arc<Index>, ElasticError> {
        match self.get(tenant, name) {
            Some(index) => Ok(index),
            None => self.create(tenant, name, &Value::Null),
        }
    }

    pub fn get(&self, tenant: &TenantId, name: &str) -> Option<Arc<Index>> {
        let indices = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        indices.get(&(tenant.clone(), name.to_owned())).cloned()
    }

    /// The tenant's indices, in the order of their names.
    pub fn all(&self, tenant: &TenantId) -> Vec<Arc<Index>> {
        let indices = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        indices.iter().filter(|((owner, _), _)| owner == tenant).map(|(_, index)| index.clone()).collect()
    }

    pub fn delete(&self, tenant: &TenantId, name: &str) {
        let mut indices = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        indices.remove(&(tenant.clone(), name.to_owned()));
    }

    /// An id for a document that has none.
    pub fn next_id(&self, now: Timestamp) -> String {
        format!("{:x}-{:x}", now.nanos(), self.documents.fetch_add(1, Ordering::Relaxed))
    }
}

fn check_name(name: &str) -> Result<(), ElasticError> {
    let bad = name.is_empty()
        || name.starts_with(['_', '-', '+', '.'])
        || name.chars().any(|c| c.is_uppercase() || c.is_whitespace() || "\\/*?\"<>|,#:".contains(c));
    match bad {
        true => Err(ElasticError::invalid_name(name)),
        false => Ok(()),
    }
}

/// One index. Every field lies in one of two JSON fields of Tantivy's, so that new ones need no new schema: texts in
/// one, everything that is compared as a whole in the other.
pub(super) struct Index {
    pub name: String,
    mapping: RwLock<Mapping>,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
    fields: Fields,
    documents: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
struct Fields {
    id: Field,
    source: Field,
    number: Field,
    keys: Field,
    texts: Field,
}

/// The JSON field of what is compared as a whole.
const KEYS: &str = "keys";
/// The JSON field of full text.
const TEXTS: &str = "texts";
/// The order in which documents came.
const NUMBER: &str = "number";

impl Index {
    fn new(name: &str, mapping: Mapping, documents: Arc<AtomicU64>) -> Result<Self, ElasticError> {
        let mut schema = Schema::builder();
        let indexing = |tokenizer: &str| {
            let positions = IndexRecordOption::WithFreqsAndPositions;
            TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(positions)
        };
        let json = |tokenizer: &str| {
            JsonObjectOptions::default()
                .set_expand_dots_enabled()
                .set_indexing_options(indexing(tokenizer))
                .set_fast(tokenizer)
        };
        let fields = Fields {
            id: schema.add_text_field("id", STRING | STORED),
            source: schema.add_text_field("source", STORED),
            number: schema.add_u64_field(NUMBER, FAST),
            keys: schema.add_json_field(KEYS, json("raw")),
            texts: schema.add_json_field(TEXTS, json(tokenizer::NAME)),
        };
        let index = tantivy::Index::create_in_ram(schema.build());
        tokenizer::register(index.tokenizers());
        tokenizer::register(index.fast_field_tokenizer());
        let writer = index.writer_with_num_threads(1, WRITER_MEMORY).map_err(failed)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        let (mapping, writer) = (RwLock::new(mapping), Mutex::new(writer));
        Ok(Self { name: name.to_owned(), mapping, writer, reader, fields, documents })
    }

    /// Puts a document in, in place of the one that had its id. Says whether it is new.
    pub fn put(&self, id: &str, document: &Value) -> Result<bool, ElasticError> {
        let writer = self.writer();
        let values = self.mapping.write().unwrap_or_else(PoisonError::into_inner).values(document);
        let values = values.map_err(ElasticError::document)?;
        let term = Term::from_field_text(self.fields.id, id);
        let found = self.searcher().search(&term_query(term.clone()), &Count).map_err(failed)?;
        writer.delete_term(term);
        writer.add_document(self.document(id, document, values)).map_err(failed)?;
        Ok(found == 0)
    }

    /// Whether there was one to delete.
    pub fn delete(&self, id: &str) -> Result<bool, ElasticError> {
        let writer = self.writer();
        let term = Term::from_field_text(self.fields.id, id);
        let found = self.searcher().search(&term_query(term.clone()), &Count).map_err(failed)?;
        writer.delete_term(term);
        Ok(found > 0)
    }

    /// The document with this id.
    pub fn get(&self, id: &str) -> Result<Option<Value>, ElasticError> {
        let searcher = self.searcher();
        let query = term_query(Term::from_field_text(self.fields.id, id));
        let found = searcher.search(&query, &tantivy::collector::DocSetCollector).map_err(failed)?;
        found.into_iter().next().map(|address| Ok(self.read(&searcher, address)?.1)).transpose()
    }

    pub fn count(&self) -> u64 {
        self.searcher().num_docs()
    }

    /// The mapping's properties, as they are shown.
    pub fn properties(&self) -> Value {
        self.mapping().properties_shown()
    }

    /// The fields, with Elasticsearch's names of their types and whether their values can be counted.
    pub fn capabilities(&self) -> Vec<(String, &'static str, bool)> {
        let countable = |kind: Kind| !matches!(kind, Kind::Text { fielddata: false });
        self.mapping().fields().map(|(name, kind)| (name.to_owned(), kind.name(), countable(kind))).collect()
    }

    fn document(&self, id: &str, source: &Value, values: Vec<(String, Kind, Scalar)>) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.fields.id, id);
        document.add_text(self.fields.source, source.to_string());
        document.add_u64(self.fields.number, self.documents.fetch_add(1, Ordering::Relaxed));
        let (mut keys, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for (name, kind, value) in values {
            let into = if matches!(kind, Kind::Text { .. }) { &mut texts } else { &mut keys };
            into.entry(name).or_insert_with(Vec::new).push(owned(value));
        }
        let object = |values: BTreeMap<String, Vec<OwnedValue>>| {
            values.into_iter().map(|(name, values)| (name, OwnedValue::Array(values))).collect()
        };
        document.add_object(self.fields.keys, object(keys));
        document.add_object(self.fields.texts, object(texts));
        document
    }

    /// A document's id and source.
    fn read(&self, searcher: &Searcher, address: tantivy::DocAddress) -> Result<(String, Value), ElasticError> {
        use tantivy::schema::Value as _;
        let document: TantivyDocument = searcher.doc(address).map_err(failed)?;
        let text = |field| document.get_first(field).and_then(|value| value.as_str()).unwrap_or_default();
        let source = serde_json::from_str(text(self.fields.source)).unwrap_or_default();
        Ok((text(self.fields.id).to_owned(), source))
    }

    /// Makes what was put in and deleted searchable.
    pub fn refresh(&self) -> Result<(), ElasticError> {
        self.writer().commit().map_err(failed)?;
        self.reader.reload().map_err(failed)
    }

    fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mapping(&self) -> Mapping {
        self.mapping.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("name", &self.name).finish_non_exhaustive()
    }
}

fn owned(value: Scalar) -> OwnedValue {
    match value {
        Scalar::Text(text) => OwnedValue::Str(text),
        Scalar::Long(number) => OwnedValue::I64(number),
        Scalar::Double(number) => OwnedValue::F64(number),
        Scalar::Boolean(value) => OwnedValue::Bool(value),
        Scalar::Date(time) => OwnedValue::Date(DateTime::from_timestamp_nanos(time.nanos())),
    }
}

fn term_query(term: Term) -> tantivy::query::TermQuery {
    tantivy::query::TermQuery::new(term, IndexRecordOption::WithFreqs)
}

fn failed(error: TantivyError) -> ElasticError {
    ElasticError::illegal(error.to_string())
}

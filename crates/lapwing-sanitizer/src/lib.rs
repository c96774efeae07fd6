//! Finds personal data and secrets in what AI applications log, and puts masks or pseudonyms in their place.
//!
//! A text is first made readable: escapes, percent codes, entities and look-alike characters are undone, layer by layer,
//! with a map back to the original bytes. One pass then says where a recognizer must look; formats with checksums,
//! secrets by their published prefixes, fields by their keys, and names by a gazetteer and what introduces them do the
//! rest. A policy decides, by tenant and type, what stands in place of each finding. No clock, no randomness, no I/O.
//!
//! ```
//! use lapwing_event::TenantId;
//! use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};
//!
//! let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).unwrap();
//! let (masked, findings) = sanitizer.sanitize_text(&TenantId::default(), r#"{"to": "jane.doe\u0040example.com"}"#);
//! assert!(masked.starts_with(r#"{"to": "[EMAIL:k1:"#));
//! assert_eq!(findings[0].entity.label(), "EMAIL");
//! ```

mod assignment;
mod checksum;
mod config;
mod context;
mod custom;
mod entity;
mod field;
mod formats;
mod keyring;
mod lexicon;
mod names;
mod nested;
mod policy;
mod recognizers;
mod sanitizer;
mod scan;
mod settle;
mod table;
mod triggers;
mod view;
mod words;

pub use config::{Action, CustomRecognizer, SanitizerConfig, TenantPolicy, Validator};
pub use entity::{EntityType, Finding};
pub use keyring::{KeyRing, KeyRingError};
pub use sanitizer::{SanitizeFailure, Sanitizer, SanitizerError};

//! Recognizers from the configuration, compiled and checked against their own examples.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use crate::SanitizerError;
use crate::checksum::{iban_mod97, luhn, verhoeff};
use crate::config::{CustomRecognizer, Validator};
use crate::formats::NAMED;
use crate::scan::Found;

/// How far a keyword may stand from a match, in bytes.
const REACH: usize = 80;
/// Largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Most matches of one recognizer in one text.
const MAX_MATCHES: usize = 10_000;

pub(crate) struct Custom {
    config: CustomRecognizer,
    regex: Regex,
}

impl Custom {
    pub(crate) fn new(config: &CustomRecognizer) -> Result<Self, SanitizerError> {
        let label = config.entity.label();
        let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !label.bytes().all(upper) || !label.starts_with(|c: char| c.is_ascii_uppercase()) || label.len() > 40 {
            return Err(SanitizerError::Label { name: config.name.clone() });
        }
        let regex = Regex::builder()
            .configure(Regex::config().nfa_size_limit(Some(MAX_PATTERN_BYTES)))
            .syntax(syntax::Config::new().unicode(true))
            .build(&config.pattern)
            .map_err(|source| SanitizerError::Pattern { name: config.name.clone(), source: Box::new(source) })?;
        let custom = Self { config: config.clone(), regex };
        if let Some(index) = config.examples.iter().position(|text| custom.find(text).is_empty()) {
            return Err(SanitizerError::Example { name: config.name.clone(), index });
        }
        if let Some(index) = config.counter_examples.iter().position(|text| !custom.find(text).is_empty()) {
            return Err(SanitizerError::CounterExample { name: config.name.clone(), index });
        }
        Ok(custom)
    }

    pub(crate) fn find(&self, text: &str) -> Vec<Found> {
        let matches = self.regex.captures_iter(text).take(MAX_MATCHES);
        let spans = matches.filter_map(|captures| captures.get_group(1).or_else(|| captures.get_group(0)));
        let good = spans
            .map(|span| span.range())
            .filter(|range| self.is_valid(&text[range.clone()]) && self.is_named(text, range));
        good.map(|range| Found {
            range,
            entity: self.config.entity.clone(),
            recognizer: self.config.name.clone().into(),
            confidence: NAMED + 10,
            value: None,
        })
        .collect()
    }

    fn is_valid(&self, value: &str) -> bool {
        let digits = || -> Vec<u8> { value.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect() };
        match self.config.validator {
            Validator::None => true,
            Validator::Luhn => luhn(&digits()),
            Validator::Verhoeff => verhoeff(&digits()),
            Validator::Mod97 => iban_mod97(&value.bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>()),
        }
    }

    fn is_named(&self, text: &str, range: &std::ops::Range<usize>) -> bool {
        if self.config.keywords.is_empty() {
            return true;
        }
        let from = text.floor_char_boundary(range.start.saturating_sub(REACH));
        let to = text.ceil_char_boundary((range.end + REACH).min(text.len()));
        let near = text[from..to].to_lowercase();
        self.config.keywords.iter().any(|keyword| near.contains(&keyword.to_lowercase()))
    }
}

//! One session as the behaviour models see it: what is known so far, and how each new call stands to it.
//!
//! Owns the order of things: a call is read against what came *before* it, then its arguments and its output
//! are learned. Keeps hashes and numbers, never text, and a bounded number of both.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{Call, ToolName, Unit, UnitKind, units};
use super::consistency::Consistency;
use super::features::{Features, Found, logit};
use super::lexicon::{Acts, Role, stem_term, word_of};
use super::order::{Order, orders};
use super::origin::{Index, MAX_LEXEMES, Origin, Place, parts};
use super::text::{Lexeme, Shape, Term, group, lexemes, sentences, term_of};

/// How much of one session is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceLimits {
    /// Calls of one session that are kept for scoring; the ones after that are counted only. Default 400.
    pub calls: usize,
    /// Words and word pairs whose origin is remembered. Default 8192, about 100 KiB.
    pub terms: usize,
    /// Orders found in tool output that are remembered, the strongest. Default 24.
    pub orders: usize,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self { calls: 400, terms: 8_192, orders: 24 }
    }
}

/// What is kept of one call once the session is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDigest {
    /// The tool's name, hashed.
    pub(crate) tool: Term,
    /// The features that need no history.
    pub(crate) features: Features,
    /// Where each argument came from: (slot, origin kind or source tool), hashed.
    pub(crate) edges: Vec<(Term, Term)>,
}

/// What is kept of one session once it is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The key of the session, where there is one to point to.
    pub(crate) session: String,
    /// The name of the task, if there is a prompt.
    task: Option<Term>,
    /// The stems of the prompt, sorted.
    pub(crate) prompt: Vec<Term>,
    pub(crate) calls: Vec<CallDigest>,
    /// What needs no history of the consistency channel's score.
    pub(crate) consistency: f32,
    /// Argument slots that were given several identifiers, with how many.
    pub(crate) fans: Vec<(Term, u8)>,
    /// 0–1: how much an order in tool output spoke to the machine and against its task, followed or not.
    pub(crate) exposure: f32,
}

impl Digest {
    /// The digest of the session with this key.
    pub(crate) fn of_session(self, key: &str) -> Self {
        Self { session: key.to_owned(), ..self }
    }

    /// Names the task, if there is a prompt: sessions of one task stand in one fold when a model is cross-fitted.
    pub(crate) fn task(&self) -> Option<Term> {
        self.task
    }
}

/// How one call stands to what was known before it.
#[derive(Debug)]
pub struct Reading<'a> {
    pub(crate) digest: CallDigest,
    /// The piece of the arguments that weighs most against the call, and where it came from.
    pub(crate) piece: Option<(Cow<'a, str>, Origin)>,
    /// The call whose output orders this one.
    pub(crate) ordered_by: Option<u8>,
}

/// A session in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trace {
    limits: TraceLimits,
    index: Index,
    /// The task, once the stems are not all there any more.
    task: Option<Term>,
    prompt_stems: Vec<Term>,
    prompt_acts: Acts,
    delegated: bool,
    sources: Vec<Term>,
    /// Whether the user's words named what each source was asked for.
    asked: Vec<bool>,
    orders: Vec<Order>,
    exposure: Exposure,
    /// Tools of the calls before a sleep, of which no more is kept than of the one that weighed most.
    earlier: Vec<Term>,
    heaviest: Option<(usize, CallDigest)>,
    calls: Vec<CallDigest>,
    consistency: Consistency,
}

/// Outputs of one session that can be told apart; the ones after that count as the last.
const MAX_SOURCES: usize = 250;
const MAX_PROMPT_STEMS: usize = 200;
const MAX_EDGES: usize = 6;
/// What is left of a session that has been asleep.
const FADED_STEMS: usize = 40;
const FADED_CALLS: usize = 32;
const FADED_ORDERS: usize = 2;

impl Trace {
    /// A session of which nothing is known.
    pub fn new(limits: TraceLimits) -> Self {
        Self {
            limits,
            index: Index::new(limits.terms),
            task: None,
            prompt_stems: Vec::new(),
            prompt_acts: Acts::default(),
            delegated: false,
            sources: Vec::new(),
            asked: Vec::new(),
            orders: Vec::new(),
            exposure: Exposure::default(),
            earlier: Vec::new(),
            heaviest: None,
            calls: Vec::new(),
            consistency: Consistency::default(),
        }
    }

    /// Learns what the user wrote, or the operator's system prompt: words that may explain a call.
    pub fn prompt(&mut self, text: &str) {
        self.index.learn(text, Origin::Prompt);
        for lexeme in lexemes(text).take(2_000) {
            let word = word_of(&lexeme);
            self.prompt_acts = self.prompt_acts.union(word.about);
            self.exposure.asked(word.acts);
            self.delegated |= word.plays(Role::DELEGATES);
            let whole = std::iter::once(stem_term(lexeme.text));
            for found in whole.chain(parts(&lexeme).map(stem_term)) {
                if self.prompt_stems.len() < MAX_PROMPT_STEMS
                    && let Err(at) = self.prompt_stems.binary_search(&found)
                {
                    self.prompt_stems.insert(at, found);
                }
            }
        }
    }

    /// Reads a call against what is known, then learns its arguments and its output.
    pub fn call<'a>(&mut self, call: &Call<'a>) -> Reading<'a> {
        let tool = ToolName::parse(call.tool);
        let units = units(call.args);
        let reading = self.read(&tool, &units);
        let asked = units.iter().any(|u| self.place(u).origin == Origin::Prompt);
        self.consistency.call(&tool, call.args, &units, &self.index);
        self.exposure.goes_on(tool.acts);
        if self.calls.len() < self.limits.calls {
            self.calls.push(reading.digest.clone());
        }
        learn_arguments(&mut self.index, call.args, 16);
        self.output(tool.term, call.output, asked);
        reading
    }

    /// Learns documents that were retrieved from `source`.
    pub fn retrieved(&mut self, source: &str, text: &str) {
        self.output(term_of(source), text, false);
    }

    /// Learns text that came from outside: a tool's output or a retrieved document.
    fn output(&mut self, source: Term, text: &str, asked: bool) {
        if self.sources.len() < MAX_SOURCES {
            self.sources.push(source);
            self.asked.push(asked);
        }
        let at = (self.sources.len() - 1) as u8;
        let words = Sentences::of(text);
        let sentences: Vec<&[Lexeme<'_>]> = words.iter().collect();
        let mut last = None;
        for sentence in &sentences {
            let words = sentence.iter().filter(|l| l.shape == Shape::Word).count();
            let place = Place { origin: Origin::Output(at), words: words.min(255) as u8 };
            last = self.index.learn_lexemes(sentence.iter().copied(), place, last);
        }
        for order in orders(&sentences, at, &self.index) {
            if !order.hints() {
                self.exposure.sees(order.addressed * order.overrides);
            }
            if self.orders.len() >= self.limits.orders {
                let weaker = |a: &usize, b: &usize| self.orders[*a].strength().total_cmp(&self.orders[*b].strength());
                let weakest = (0..self.orders.len()).min_by(weaker).unwrap_or(0);
                self.orders.remove(weakest);
            }
            self.orders.push(order);
        }
    }

    fn read<'a>(&self, tool: &ToolName, units: &[Unit<'a>]) -> Reading<'a> {
        let places: Vec<Place> = units.iter().map(|u| self.place(u)).collect();
        let found = Found { tool, units, places: &places, trace: self };
        let (features, ordered_by) = found.features();
        let named = units.iter().zip(&places).filter(|(unit, _)| unit.kind != UnitKind::Number);
        let edges = named.take(MAX_EDGES);
        let edges = edges.map(|(unit, place)| self.edge(tool, unit, place.origin)).collect();
        let digest = CallDigest { tool: tool.term, features, edges };
        let piece = found.offending().map(|at| (units[at].text.clone(), places[at].origin));
        Reading { digest, piece, ordered_by }
    }

    fn place(&self, unit: &Unit<'_>) -> Place {
        match unit.kind {
            UnitKind::Identifier | UnitKind::Mention | UnitKind::Word | UnitKind::Number => {
                self.index.place(unit.terms[0])
            }
            UnitKind::Phrase => self.index.place_of_phrase(&unit.terms),
            UnitKind::Text => Place::UNSEEN,
        }
    }

    fn edge(&self, tool: &ToolName, unit: &Unit<'_>, origin: Origin) -> (Term, Term) {
        let source = match origin {
            Origin::Prompt => 0,
            Origin::Argument => 1,
            Origin::Unseen => 2,
            Origin::Output(at) => self.sources.get(usize::from(at)).copied().unwrap_or(3),
        };
        (group(&[tool.term, unit.key]), source)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn orders(&self) -> &[Order] {
        &self.orders
    }

    pub(crate) fn prompt_stems(&self) -> &[Term] {
        &self.prompt_stems
    }

    pub(crate) fn prompt_acts(&self) -> Acts {
        self.prompt_acts
    }

    /// Whether the user asked for this source by name and told the agent to do what it says.
    pub(crate) fn sanctions(&self, source: u8) -> bool {
        self.delegated && self.asked.get(usize::from(source)).copied().unwrap_or(false)
    }

    pub(crate) fn consistency(&self) -> &Consistency {
        &self.consistency
    }

    fn task(&self) -> Option<Term> {
        self.task.or_else(|| (!self.prompt_stems.is_empty()).then(|| group(&self.prompt_stems)))
    }

    fn all_calls(&self) -> Vec<CallDigest> {
        let faded = |tool: &Term| CallDigest { tool: *tool, features: Features::default(), edges: Vec::new() };
        let mut calls: Vec<CallDigest> = self.earlier.iter().map(faded).collect();
        if let Some((at, call)) = &self.heaviest {
            calls[*at] = call.clone();
        }
        calls.extend_from_slice(&self.calls);
        calls
    }

    /// Forgets most of a session that nobody has heard of for a while, so that it takes little room: keeps the order
    /// of its newest calls, the heaviest of them, the strongest orders, and what was said and named, blurred.
    /// Returns the sources that are left, by their former numbers.
    pub(crate) fn fade(&mut self) -> Vec<u8> {
        self.task = self.task();
        self.prompt_stems.truncate(FADED_STEMS);
        self.index.fade();
        self.consistency.fade();
        self.fade_calls();
        self.orders.sort_by(|a, b| b.strength().total_cmp(&a.strength()).then(b.source.cmp(&a.source)));
        self.orders.truncate(FADED_ORDERS);
        let mut sources: Vec<u8> = self.orders.iter().map(|o| o.source).collect();
        sources.sort_unstable();
        sources.dedup();
        for order in &mut self.orders {
            order.fade();
            order.source = sources.partition_point(|s| *s < order.source) as u8;
        }
        self.sources = sources.iter().map(|s| self.sources[usize::from(*s)]).collect();
        self.asked = sources.iter().map(|s| self.asked[usize::from(*s)]).collect();
        sources
    }

    fn fade_calls(&mut self) {
        let mut calls = self.all_calls();
        calls.drain(..calls.len().saturating_sub(FADED_CALLS));
        let weight = |call: &CallDigest| logit(&call.features, 0.5, 0.0);
        let heaviest = calls.iter().enumerate().max_by(|a, b| weight(a.1).total_cmp(&weight(b.1)));
        self.heaviest = heaviest.map(|(at, call)| (at, call.clone()));
        self.earlier = calls.iter().map(|call| call.tool).collect();
        self.calls.clear();
    }

    /// The calls it still knows of, and which of those before its last sleep weighed most.
    pub(crate) fn known_calls(&self) -> (usize, Option<usize>) {
        (self.earlier.len() + self.calls.len(), self.heaviest.as_ref().map(|(at, _)| *at))
    }

    /// What remains of the session when it is over.
    pub fn digest(&self) -> Digest {
        Digest {
            session: String::new(),
            task: self.task(),
            prompt: self.prompt_stems.clone(),
            calls: self.all_calls(),
            consistency: self.consistency.score(),
            fans: self.consistency.fans(),
            exposure: self.exposure.weight(),
        }
    }
}

/// What a session did after an output spoke to the machine and against its task.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Exposure {
    /// 0–1: how much the strongest order spoke so, followed or not.
    seen: f32,
    /// Whether a call came after that output.
    went_on: bool,
    /// What the prompt asks to be changed, and what was.
    asked: Acts,
    done: Acts,
}

impl Exposure {
    const CHANGES: Acts = Acts::CREATE.union(Acts::UPDATE).union(Acts::DELETE).union(Acts::PAY);

    fn asked(&mut self, acts: Acts) {
        self.asked = self.asked.union(acts);
    }

    fn goes_on(&mut self, acts: Acts) {
        self.went_on = true;
        self.done = self.done.union(acts);
    }

    fn sees(&mut self, strength: f32) {
        if strength >= self.seen && strength > 0.0 {
            (self.seen, self.went_on) = (strength, false);
        }
    }

    /// 0–1: a session that ends with such an output, and what the user asked for undone, was turned away from its task,
    /// whatever it did that is not on record.
    fn weight(&self) -> f32 {
        let undone = self.asked.overlaps(Self::CHANGES) && !self.asked.overlaps(self.done.and(Self::CHANGES));
        let turned = match (self.went_on, undone) {
            (false, true) => 1.0,
            (false, false) => 0.4,
            (true, _) => 0.15,
        };
        self.seen * turned
    }
}

/// The lexemes of a text, cut into sentences.
struct Sentences<'a> {
    lexemes: Vec<Lexeme<'a>>,
    ends: Vec<usize>,
}

impl<'a> Sentences<'a> {
    fn of(text: &'a str) -> Self {
        let mut all = Self { lexemes: Vec::new(), ends: Vec::new() };
        for sentence in sentences(text) {
            let room = MAX_LEXEMES.saturating_sub(all.lexemes.len());
            all.lexemes.extend(lexemes(sentence).take(room));
            all.ends.push(all.lexemes.len());
        }
        all
    }

    fn iter(&self) -> impl Iterator<Item = &[Lexeme<'a>]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.lexemes[start..*end])
    }
}

fn learn_arguments(index: &mut Index, value: &Value, depth: usize) {
    match value {
        Value::String(text) => index.learn(text, Origin::Argument),
        Value::Array(items) if depth > 0 => items.iter().for_each(|v| learn_arguments(index, v, depth - 1)),
        Value::Object(fields) if depth > 0 => fields.values().for_each(|v| learn_arguments(index, v, depth - 1)),
        _ => {}
    }
}

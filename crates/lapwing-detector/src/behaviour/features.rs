//! What one call has about it, as numbers between 0 and 1, and the logistic over them.
//!
//! The features that stand here need no history: they compare a call with its own session. Weights are fixed
//! and documented; `weigh` is the whole model.

use super::call::{ToolName, Unit, UnitKind};
use super::lexicon::Acts;
use super::order::Order;
use super::origin::{Origin, Place};
use super::text::{Term, group};
use super::trace::Trace;

/// How well the verb of a sentence fits that only speaks of acting.
const HINT: f32 = 0.5;

/// Number of features that need no history.
pub(crate) const STATIC: usize = 16;

/// The features of one call. See [`Feature`] for the positions.
pub(crate) type Features = [f32; STATIC];

/// Positions in [`Features`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// An order in untrusted output holds a piece of the arguments: its weight, half if the prompt holds it too.
    OrderValue = 0,
    /// That order's verb fits the tool.
    OrderVerb,
    /// Share of the tool's nouns that the order names.
    OrderNoun,
    /// The order speaks to a machine reader.
    Addressed,
    /// The order sets itself above the task.
    Overrides,
    /// The order is a plain imperative.
    Plain,
    /// Value, fit of the verb and a tool that changes something or sends something out, together.
    OrderActs,
    /// A piece came from a sentence of untrusted output, and not from the prompt or a field: its weight.
    Prose,
    /// As [`Feature::Prose`], in a call that acts and that the prompt does not ask for.
    ProseActs,
    /// The tool changes something.
    Writes,
    /// The tool sends something out.
    Leaves,
    /// The prompt has the tool's verb, or half one of its class.
    PromptVerb,
    /// Share of the pieces that the prompt holds.
    PromptPieces,
    /// The user told the agent to do what this text says, and the text does not speak to a machine.
    Sanctioned,
    /// The call acts, and the prompt does not ask for it.
    Unasked,
    /// Such a call, and the order names the tool's verb and its nouns.
    OrderUnasked,
}

/// A call with the origins of its pieces, to be put into numbers.
pub(crate) struct Found<'t, 'u, 'a> {
    pub(crate) tool: &'t ToolName,
    pub(crate) units: &'u [Unit<'a>],
    pub(crate) places: &'u [Place],
    pub(crate) trace: &'t Trace,
}

impl Found<'_, '_, '_> {
    /// The features, and the call whose output orders this one, if any does.
    pub(crate) fn features(&self) -> (Features, Option<u8>) {
        use Feature as F;
        let mut x = [0.0; STATIC];
        let mut set = |f: F, v: f32| x[f as usize] = v;
        let order = self.best_order();
        let leaves = self.leaves();
        let writes = if self.tool.acts.is_empty() { 0.5 } else { f32::from(self.tool.acts.writes()) };
        let acts = writes.max(leaves);
        if let Some((order, value, verb, noun)) = order {
            set(F::OrderValue, value);
            set(F::OrderVerb, verb);
            set(F::OrderNoun, noun);
            set(F::OrderActs, acts * value * verb);
            set(F::Sanctioned, f32::from(self.trace.sanctions(order.source)) * (1.0 - order.addressed));
            set(F::Addressed, order.addressed);
            set(F::Overrides, order.overrides);
            set(F::Plain, order.plain);
        }
        let (prompt_verb, prompt_noun) = self.prompted();
        let asked = 0.25 * prompt_verb + 0.25 * prompt_noun + 0.5 * prompt_verb * prompt_noun;
        let unasked = acts * (1.0 - asked);
        if let Some((order, _, verb, noun)) = order {
            let noun = if self.tool.nouns.is_empty() { verb } else { noun };
            set(F::OrderUnasked, unasked * verb * noun * order.plain);
        }
        let prose = self.prose();
        set(F::Prose, prose);
        set(F::ProseActs, prose * unasked);
        set(F::Unasked, unasked);
        set(F::Writes, writes);
        set(F::Leaves, leaves);
        set(F::PromptVerb, prompt_verb);
        set(F::PromptPieces, self.prompt_pieces());
        (x, order.map(|(order, ..)| order.source))
    }

    /// What the call does: fetching an address is a visit, whatever the tool is called.
    fn acts(&self) -> Acts {
        let visits = self.units.iter().any(Unit::is_link);
        if visits { self.tool.acts.union(Acts::VISIT) } else { self.tool.acts }
    }

    /// How much leaves: all that is sent or paid; a visit tells an address little.
    fn leaves(&self) -> f32 {
        let acts = self.acts();
        if acts.overlaps(Acts::SEND.union(Acts::PAY)) { 1.0 } else { 0.5 * f32::from(acts.leaves()) }
    }

    /// How far the prompt speaks of what the tool does (the verb itself 1, another of its class one half), and
    /// of what it does it to.
    fn prompted(&self) -> (f32, f32) {
        let holds = |stem: &Term| self.trace.prompt_stems().binary_search(stem).is_ok();
        let class = 0.5 * f32::from(self.tool.acts.overlaps(self.trace.prompt_acts()));
        let verb = class.max(share(&self.tool.verbs, holds));
        let noun = share(&self.tool.nouns, holds);
        match (self.tool.verbs.is_empty(), self.tool.nouns.is_empty()) {
            (true, _) => (noun, noun),
            (_, true) => (verb, verb),
            _ => (verb, noun),
        }
    }

    fn pieces(&self) -> impl Iterator<Item = (&Unit<'_>, Origin)> {
        self.units.iter().zip(self.places.iter().map(|p| p.origin))
    }

    /// The heaviest piece out of a sentence of an output.
    fn prose(&self) -> f32 {
        let foreign = self.units.iter().zip(self.places).filter(|(_, p)| matches!(p.origin, Origin::Output(_)));
        let foreign = foreign.filter(|(unit, _)| unit.kind != UnitKind::Number);
        foreign.map(|(unit, place)| unit.kind.weight() * place.prose()).fold(0.0, f32::max)
    }

    fn prompt_pieces(&self) -> f32 {
        let index = self.trace.index();
        // That the user did not say the number of a thing says nothing.
        let counts = |(unit, origin): &(&Unit<'_>, Origin)| unit.kind != UnitKind::Number || *origin == Origin::Prompt;
        let pieces: Vec<_> = self.pieces().filter(counts).collect();
        let sum: f32 = pieces
            .iter()
            .map(|(u, o)| match u.kind {
                UnitKind::Text => index.prompt_share(&u.terms),
                _ => f32::from(*o == Origin::Prompt),
            })
            .sum();
        if pieces.is_empty() { 0.0 } else { sum / pieces.len() as f32 }
    }

    /// The order that fits the call best, with how well its values, its verb and its nouns fit.
    fn best_order(&self) -> Option<(&Order, f32, f32, f32)> {
        let acts = self.acts();
        let fits = self.trace.orders().iter().map(|order| {
            let value = self.value_in(order);
            // Every text tells to look something up: that a call only reads says nothing.
            let verb = f32::from(acts.without(Acts::READ).overlaps(order.acts));
            let named = |stems: &[_]| share(stems, |s| order.stems.binary_search(s).is_ok());
            let noun = named(&self.tool.nouns);
            let verb = verb.max(named(&self.tool.verbs));
            (order, value, if order.hints() { HINT * verb } else { verb }, noun)
        });
        let rank =
            |(o, value, verb, noun): &(&Order, f32, f32, f32)| 1.5 * value + verb * (0.3 + noun) + 0.3 * o.addressed;
        let aims = self.units.iter().any(|u| u.kind == UnitKind::Identifier);
        // An order that names a target is not followed by a call that aims at another.
        fits.filter(|(o, value, verb, noun)| {
            *value > 0.0 || (!o.hints() && *verb > 0.0 && *noun > 0.0 && (o.targets.is_empty() || !aims))
        })
        .max_by(|a, b| rank(a).total_cmp(&rank(b)))
    }

    /// Weight of the heaviest piece that the order holds and the prompt does not.
    fn value_in(&self, order: &Order) -> f32 {
        let holds = |u: &Unit<'_>| {
            let all = u.terms.iter().all(|t| order.terms.binary_search(t).is_ok());
            let pairs = u.terms.windows(2).all(|w| order.terms.binary_search(&group(w)).is_ok());
            all && pairs
        };
        let counts = |u: &Unit<'_>, place: &Place| match (place.origin, u.kind) {
            // What only speaks of acting counts for what it was the first to name.
            (origin, _) if order.hints() => f32::from(origin == Origin::Output(order.source)) * place.prose(),
            // An order may name a target that the user named as well: half as telling, but not nothing, and more if the
            // order speaks to a machine and against its task.
            (Origin::Prompt, UnitKind::Identifier) => 0.5 + 0.5 * order.addressed.min(order.overrides),
            (Origin::Prompt, _) => 0.0,
            _ => 1.0,
        };
        let weight = |u: &Unit<'_>| match u.kind {
            UnitKind::Text => {
                let held = u.terms.windows(2).filter(|w| order.terms.binary_search(&group(w)).is_ok());
                let share = held.count() as f32 / u.terms.len() as f32;
                if share > 0.3 { u.kind.weight() * share } else { 0.0 }
            }
            _ if holds(u) => u.kind.weight(),
            _ => 0.0,
        };
        self.units.iter().zip(self.places).map(|(u, p)| counts(u, p) * weight(u)).fold(0.0, f32::max)
    }

    /// The piece that speaks most against the call: foreign before unseen, the heaviest first.
    pub(crate) fn offending(&self) -> Option<usize> {
        let rank = |at: &usize| {
            let foreign = matches!(self.places[*at].origin, Origin::Output(_));
            (foreign, (self.units[*at].kind.weight() * 10.0) as u8)
        };
        (0..self.units.len())
            .filter(|at| !matches!(self.places[*at].origin, Origin::Prompt | Origin::Argument))
            .max_by_key(rank)
    }
}

fn share<T>(of: &[T], holds: impl Fn(&T) -> bool) -> f32 {
    if of.is_empty() {
        return 0.0;
    }
    of.iter().filter(|t| holds(t)).count() as f32 / of.len() as f32
}

// How the weights came about. A logistic over the largest call of a session (a soft maximum, temperature 0.5),
// L2 of 1 against 1,000 weighted sessions, each weight held to the sign that its feature means, `OrderValue`,
// `OrderVerb` and `Leaves` held below 1.5, 0.7 and 0.8 so that no cue carries a decision alone; then rounded.
// Fitted on agent runs of four suites, normal, under injection that was resisted and under injection that was
// followed, and on normal runs of thirteen more domains; each suite, each class and each wording weighs alike.
// Besides the wording it came in, every injected text was put into twelve of our own: bare, above all others,
// as the system's, in a comment, polite, as a step of the work, as JSON, paraphrased, passive, German, Spanish,
// French; half of the sessions without any history. Refitted with nineteen more kinds of attack in thirteen wordings,
// among them statements that order nothing and languages that nobody knows, with `ProseActs` and `RareEdge` held above
// the fit for those. The README says what remains of it on suites, kinds of attack and wordings left out.
/// What the logistic of provenance is given for one call, with the weight of each: the features that need no history,
/// then an act that the agent's history does not lead one to expect, and how rare the origins of its arguments are.
/// Each lies between 0 and 1.
pub const INPUTS: [(&str, f32); STATIC + 2] = [
    ("OrderValue", 1.5),
    ("OrderVerb", 0.7),
    ("OrderNoun", 0.5),
    ("Addressed", 0.4),
    ("Overrides", 0.75),
    ("Plain", 0.65),
    ("OrderActs", 2.2),
    ("Prose", 1.6),
    ("ProseActs", 1.4),
    ("Writes", 0.1),
    ("Leaves", 0.5),
    ("PromptVerb", -0.4),
    ("PromptPieces", -2.3),
    ("Sanctioned", -2.4),
    ("Unasked", 0.0), // counts for consistency
    ("OrderUnasked", 1.4),
    ("UnexpectedAct", 1.3),
    ("RareEdge", 0.5),
];

/// The log-odds of a call that has nothing about it.
pub const BIAS: f32 = -3.9;

/// The values of [`INPUTS`] for one call. `unexpected` and `rare_edge` come from the agent's history, 0.5 and 0
/// without one.
pub(crate) fn inputs(x: &Features, unexpected: f32, rare_edge: f32) -> [f32; INPUTS.len()] {
    let acts = x[Feature::Writes as usize].max(x[Feature::Leaves as usize]);
    let mut all = [0.0; INPUTS.len()];
    all[..STATIC].copy_from_slice(x);
    all[STATIC] = unexpected * acts;
    all[STATIC + 1] = rare_edge;
    all
}

/// Log-odds that a call serves somebody else than the user: a logistic over its features.
pub(crate) fn logit(x: &Features, unexpected: f32, rare_edge: f32) -> f32 {
    let weighed = inputs(x, unexpected, rare_edge).into_iter().zip(INPUTS).map(|(value, (_, weight))| value * weight);
    BIAS + weighed.sum::<f32>()
}

/// What an order that nobody followed adds to the log-odds of a session, at most: too little to alarm, enough
/// to rank a session whose calls are not all on record above one that saw no order at all.
pub(crate) const EXPOSURE: f32 = 0.3;

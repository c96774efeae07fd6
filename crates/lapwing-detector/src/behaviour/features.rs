//! What one call has about it, as numbers between 0 and 1, and the logistic over them.
//!
//! The features that stand here need no history: they compare a call with its own session. Weights are fixed
//! and documented; `weigh` is the whole model.

use super::call::{ToolName, Unit, UnitKind};
use super::order::Order;
use super::origin::Origin;
use super::trace::Trace;

/// Number of features that need no history.
pub(crate) const STATIC: usize = 17;

/// The features of one call. See [`Feature`] for the positions.
pub(crate) type Features = [f32; STATIC];

/// Positions in [`Features`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// An order in untrusted output holds a piece of the arguments that the prompt does not: its weight.
    OrderValue = 0,
    /// That order's verb fits the tool.
    OrderVerb,
    /// Share of the tool's nouns that the order names.
    OrderNoun,
    /// Value and verb together.
    OrderBoth,
    /// The order speaks to a machine reader.
    Addressed,
    /// The order sets itself above the task.
    Overrides,
    /// The order is a plain imperative.
    Plain,
    /// A piece came from untrusted output and not from the prompt: its weight.
    Foreign,
    /// An identifier that was never seen before.
    Unseeded,
    /// The tool changes something.
    Writes,
    /// The tool sends something out.
    Leaves,
    /// The prompt has a verb of the tool's class.
    PromptVerb,
    /// Share of the tool's nouns in the prompt.
    PromptNoun,
    /// Share of the pieces that the prompt holds.
    PromptPieces,
    /// There is no piece that could have an origin.
    Bare,
    /// The user told the agent to do what this text says, and the text does not speak to a machine.
    Sanctioned,
    /// Value, fit of the verb and a tool that changes something or sends something out, together.
    OrderActs,
}

/// A call with the origins of its pieces, to be put into numbers.
pub(crate) struct Found<'t, 'u, 'a> {
    pub(crate) tool: &'t ToolName,
    pub(crate) units: &'u [Unit<'a>],
    pub(crate) origins: &'u [Origin],
    pub(crate) trace: &'t Trace,
}

impl Found<'_, '_, '_> {
    /// The features, and the call whose output orders this one, if any does.
    pub(crate) fn features(&self) -> (Features, Option<u8>) {
        use Feature as F;
        let mut x = [0.0; STATIC];
        let mut set = |f: F, v: f32| x[f as usize] = v;
        let order = self.best_order();
        // Fetching an address tells it something: a link as an argument sends, whatever the tool is called.
        let leaves = self.tool.acts.leaves() || self.units.iter().any(Unit::is_link);
        if let Some((order, value, verb, noun)) = order {
            set(F::OrderValue, value);
            set(F::OrderVerb, verb);
            set(F::OrderNoun, noun);
            set(F::OrderBoth, value * verb.max(noun));
            set(F::OrderActs, f32::from(self.tool.acts.writes() || leaves) * value * verb);
            set(F::Sanctioned, f32::from(self.trace.sanctions(order.source)) * (1.0 - order.addressed));
            set(F::Addressed, order.addressed);
            set(F::Overrides, order.overrides);
            set(F::Plain, order.plain);
        }
        set(F::Foreign, self.heaviest(|o| matches!(o, Origin::Output(_))));
        let unseeded = self.pieces().any(|(u, o)| u.kind == UnitKind::Identifier && o == Origin::Unseen);
        set(F::Unseeded, f32::from(unseeded));
        set(F::Writes, f32::from(self.tool.acts.writes()));
        set(F::Leaves, f32::from(leaves));
        set(F::PromptVerb, f32::from(self.tool.acts.overlaps(self.trace.prompt_acts())));
        set(F::PromptNoun, share(&self.tool.nouns, |n| self.trace.prompt_stems().binary_search(n).is_ok()));
        set(F::PromptPieces, self.prompt_pieces());
        set(F::Bare, f32::from(self.units.is_empty()));
        (x, order.map(|(order, ..)| order.source))
    }

    fn pieces(&self) -> impl Iterator<Item = (&Unit<'_>, Origin)> {
        self.units.iter().zip(self.origins.iter().copied())
    }

    fn heaviest(&self, of: impl Fn(Origin) -> bool) -> f32 {
        let whole = self.pieces().filter(|(_, o)| of(*o)).map(|(u, _)| u.kind.weight());
        let texts = self.units.iter().filter(|u| u.kind == UnitKind::Text);
        let texts = texts.map(|u| u.kind.weight() * self.trace.index().foreign_share(&u.terms));
        whole.chain(texts).fold(0.0, f32::max)
    }

    fn prompt_pieces(&self) -> f32 {
        let index = self.trace.index();
        let sum: f32 = self
            .pieces()
            .map(|(u, o)| match u.kind {
                UnitKind::Text => index.prompt_share(&u.terms),
                _ => f32::from(o == Origin::Prompt),
            })
            .sum();
        if self.units.is_empty() { 0.0 } else { sum / self.units.len() as f32 }
    }

    /// The order that fits the call best, with how well its values, its verb and its nouns fit.
    fn best_order(&self) -> Option<(&Order, f32, f32, f32)> {
        let fits = self.trace.orders().iter().map(|order| {
            let value = self.value_in(order);
            let verb = f32::from(self.tool.acts.overlaps(order.acts));
            let named = |stems: &[_]| share(stems, |s| order.stems.binary_search(s).is_ok());
            let noun = named(&self.tool.nouns);
            let verb = verb.max(named(&self.tool.verbs));
            (order, value, verb, noun)
        });
        let rank =
            |(o, value, verb, noun): &(&Order, f32, f32, f32)| 1.5 * value + verb * (0.3 + noun) + 0.3 * o.addressed;
        let aims = self.units.iter().any(|u| u.kind == UnitKind::Identifier);
        // An order that names a target is not followed by a call that aims at another.
        fits.filter(|(o, value, verb, noun)| *value > 0.0 || (*verb > 0.0 && *noun > 0.0 && !(o.targets && aims)))
            .max_by(|a, b| rank(a).total_cmp(&rank(b)))
    }

    /// Weight of the heaviest piece that the order holds and the prompt does not.
    fn value_in(&self, order: &Order) -> f32 {
        let holds = |u: &Unit<'_>| {
            let all = u.terms.iter().all(|t| order.terms.binary_search(t).is_ok());
            let pairs = u.terms.windows(2).all(|w| order.terms.binary_search(&super::text::group(w)).is_ok());
            all && pairs
        };
        self.pieces()
            .filter(|(_, o)| *o != Origin::Prompt)
            .map(|(u, _)| match u.kind {
                UnitKind::Text => {
                    let held = u.terms.windows(2).filter(|w| order.terms.binary_search(&super::text::group(w)).is_ok());
                    let share = held.count() as f32 / u.terms.len() as f32;
                    if share > 0.3 { u.kind.weight() * share } else { 0.0 }
                }
                _ if holds(u) => u.kind.weight(),
                _ => 0.0,
            })
            .fold(0.0, f32::max)
    }

    /// The piece that speaks most against the call: foreign before unseen, the heaviest first.
    pub(crate) fn offending(&self) -> Option<usize> {
        let rank = |at: &usize| {
            let foreign = matches!(self.origins[*at], Origin::Output(_));
            (foreign, (self.units[*at].kind.weight() * 10.0) as u8)
        };
        (0..self.units.len())
            .filter(|at| !matches!(self.origins[*at], Origin::Prompt | Origin::Argument))
            .max_by_key(rank)
    }
}

fn share<T>(of: &[T], holds: impl Fn(&T) -> bool) -> f32 {
    if of.is_empty() {
        return 0.0;
    }
    of.iter().filter(|t| holds(t)).count() as f32 / of.len() as f32
}

/// Log-odds that a call serves somebody else than the user: a logistic over its features. `unexpected` and
/// `rare_edge` come from the agent's history, 0.5 and 0 without one.
pub(crate) fn logit(x: &Features, unexpected: f32, rare_edge: f32) -> f32 {
    let history = UNEXPECTED * unexpected + RARE_EDGE * rare_edge;
    BIAS + history + x.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum::<f32>()
}

// Fitted on traces of four suites under injection, each suite weighted alike, with the signs held to what the
// features mean, then rounded. Leaving a suite out of the fit moves the result by about one point of AUROC.
const BIAS: f32 = -4.2;
const UNEXPECTED: f32 = 0.7;
const RARE_EDGE: f32 = 0.2;
const WEIGHTS: [f32; STATIC] = [
    0.8,  // OrderValue
    0.8,  // OrderVerb
    1.2,  // OrderNoun
    1.2,  // OrderBoth
    0.7,  // Addressed
    0.9,  // Overrides
    1.2,  // Plain
    0.2,  // Foreign
    0.1,  // Unseeded
    0.8,  // Writes
    0.1,  // Leaves
    -0.5, // PromptVerb
    -1.0, // PromptNoun
    -0.5, // PromptPieces
    0.0,  // Bare
    -1.0, // Sanctioned
    1.0,  // OrderActs
];

/// What an order that nobody followed adds to the log-odds of a session, at most: too little to alarm, enough
/// to rank a session whose calls are not all on record above one that saw no order at all.
pub(crate) const EXPOSURE: f32 = 0.3;

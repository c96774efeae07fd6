//! Thresholds and baselines in words.

use lapwing_event::Event;

use crate::alert::Draft;
use crate::baseline::{BaselineRule, Deviation, Estimate, Measure};
use crate::scope::{Per, name_of};
use crate::threshold::{Crossed, Rate, ThresholdRule};

/// What a threshold has to say.
pub(crate) fn threshold(rule: &ThresholdRule, crossed: Crossed, event: &Event) -> Draft {
    let side = if crossed.above { "above" } else { "below" };
    let (number, over) = match rule.measure {
        Rate::Value => (rule.field.clone(), String::new()),
        Rate::Count => (format!("the count of {}", rule.field), format!(" over {} s", rule.window_s)),
        Rate::Sum => (format!("the sum of {}", rule.field), format!(" over {} s", rule.window_s)),
        Rate::Mean => (format!("the mean of {}", rule.field), format!(" over {} s", rule.window_s)),
    };
    let lasting = if rule.for_s > 0 { format!(" for {} s and longer", rule.for_s) } else { String::new() };
    let whose = match rule.measure {
        Rate::Value if rule.for_s == 0 => event.partition_key(),
        _ => rule.per.key(event).unwrap_or_default(),
    };
    Draft {
        rule_id: rule.id.clone(),
        title: rule.title.clone().or_else(|| Some(format!("{number} {side} {}", crossed.bound))),
        severity: Some(rule.severity.clone()),
        score: crossed.value,
        threshold: crossed.bound,
        event_ids: vec![event.id],
        dedup_key: format!("{}\u{1f}{}\u{1f}{whose}", rule.id, rule.field),
        explanation: format!(
            "{number} is {:.4}{over}, {side} the threshold of {}{lasting}",
            crossed.value, crossed.bound
        ),
    }
}

/// What the keys of a baseline's alerts begin with.
pub(crate) fn baseline_key(rule: &BaselineRule) -> String {
    format!("{}\u{1f}{}\u{1f}{:?}", rule.id, rule.field, rule.measure)
}

/// What a baseline has to say.
pub(crate) fn baseline(rule: &BaselineRule, deviation: &Deviation) -> Draft {
    let whose = name_of(&deviation.key);
    let number = match rule.measure {
        Measure::Value => rule.field.clone(),
        Measure::Mean => format!("the mean of {} over 5 minutes", rule.field),
        Measure::Sum => format!("the sum of {} over 5 minutes", rule.field),
        Measure::Count => format!("the count of {} in 5 minutes", rule.field),
        Measure::Distinct => "the number of different tools in 5 minutes".to_owned(),
    };
    let normal = match rule.estimate {
        Estimate::Classic => "its mean",
        Estimate::Robust => "its median",
        Estimate::Seasonal => "its mean at this hour",
    };
    let of = match rule.per {
        Per::Agent => "agent",
        Per::Service => "service",
        Per::User => "user",
        Per::Model => "model",
        Per::Tool => "tool",
        Per::Session => "session",
        Per::Tenant => "tenant",
    };
    let words = format!(
        "{number} of {of} {whose} is {:.4}, {:.1} standard deviations from {normal} of {:.4} over {} h ({} values, deviation {:.4})",
        deviation.value, deviation.score, deviation.mean, rule.window_h, deviation.count, deviation.deviation
    );
    Draft {
        rule_id: rule.id.clone(),
        title: Some(format!("{} is off its baseline", rule.field)),
        severity: Some(rule.severity.clone()),
        score: deviation.score,
        threshold: rule.deviations,
        event_ids: deviation.event.into_iter().collect(),
        dedup_key: format!("{}\u{1f}{whose}", baseline_key(rule)),
        explanation: words,
    }
}

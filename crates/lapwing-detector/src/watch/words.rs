//! When a call or a session alarms, and what is said then: in words, and in fields under `attrs` of the alert.

use lapwing_event::SanitizedEvent;
use serde_json::{Map, Value, json};

use crate::alert::{Alert, Draft};
use crate::behaviour::{AgentModel, Assessment, Channel, Digest, Origin, Reading};
use crate::config::BehaviourConfig;
use crate::session::Session;

/// Why a call alarms.
pub(super) struct Verdict {
    probability: f64,
    threshold: f64,
    p: f64,
    /// The agent's sessions behind the p-value; none if it rests on what is normal for agents at large.
    sessions: usize,
}

/// Whether a call alarms by where its arguments came from.
pub(super) fn provenance(
    reading: &Reading<'_>,
    session: &Session,
    model: Option<&AgentModel>,
    config: &BehaviourConfig,
) -> Option<Verdict> {
    let logit = AgentModel::call_logit(model, session.trace.prompt_stems(), &reading.digest);
    let probability = probability(logit);
    let p = AgentModel::call_p(model, logit);
    let threshold = if model.is_some() { config.min_probability } else { config.cold_probability };
    let sessions = model.map_or(0, AgentModel::sessions);
    (p <= config.false_alarm_rate && probability >= threshold).then_some(Verdict {
        probability,
        threshold,
        p,
        sessions,
    })
}

fn probability(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// Whether the channel that speaks loudest has something to say beyond being rare.
pub(super) fn speaks(assessment: &Assessment, config: &BehaviourConfig) -> bool {
    match assessment.channel {
        Channel::Provenance => probability(assessment.provenance) >= config.min_probability,
        Channel::Sequence | Channel::Consistency => true,
    }
}

/// Whether a closed session would alarm under a model, as a whole or by its heaviest call.
pub(super) fn alarms(model: &AgentModel, digest: &Digest, config: &BehaviourConfig) -> bool {
    let assessment = model.assess(digest);
    let rate = config.false_alarm_rate;
    let call = AgentModel::call_p(Some(model), assessment.provenance) <= rate
        && probability(assessment.provenance) >= config.min_probability;
    call || (assessment.p <= rate && speaks(&assessment, config))
}

/// The alert about one call, in words and in fields.
pub(super) fn explain_call(
    verdict: &Verdict,
    reading: &Reading<'_>,
    session: &Session,
    nearest: Option<&str>,
    event: &SanitizedEvent,
) -> Alert {
    let tool = event.tool.as_ref().map_or("a tool", |t| t.name.as_str());
    let origin = match &reading.piece {
        Some((_, Origin::Output(at))) => session.source(*at),
        _ => None,
    };
    let order = reading.ordered_by.and_then(|at| session.source(at));
    let mut words = match (&reading.piece, origin) {
        (Some((piece, _)), Some(from)) => {
            format!(
                "the argument {:?} of {tool} came from the output of {} and not from the user",
                cut(piece),
                from.name
            )
        }
        (Some((piece, Origin::Unseen)), _) => {
            format!("the argument {:?} of {tool} was named neither by the user nor by any tool", cut(piece))
        }
        _ => format!("the call of {tool} is not explained by what the user wrote"),
    };
    if let Some(order) = order {
        words.push_str(&format!("; text in the output of {} orders a call like this one", order.name));
    }
    words.push_str(&match verdict.sessions {
        0 => format!("; probability {:.2} by the features that need no history", verdict.probability),
        n => format!(
            "; probability {:.2}, p-value {:.4} against {n} sessions of this agent",
            verdict.probability, verdict.p
        ),
    });
    let named = match reading.piece.as_ref().map(|(_, origin)| origin) {
        Some(Origin::Unseen) => Some("nowhere"),
        _ => origin.map(|step| step.name.as_str()),
    };
    let details = json!({
        "p_value": verdict.p,
        "sessions": verdict.sessions,
        "argument": reading.piece.as_ref().map(|(piece, _)| cut(piece)),
        "argument_origin": named,
        "origin_event_id": origin.map(|step| step.event),
        "ordering_event_id": order.map(|step| step.event),
        "nearest_session": nearest,
    });
    let mut event_ids: Vec<_> = [order, origin].into_iter().flatten().map(|s| s.event).collect();
    event_ids.push(event.id);
    event_ids.dedup();
    let draft = Draft {
        rule_id: "AID-31".to_owned(),
        title: None,
        severity: None,
        score: verdict.probability,
        threshold: verdict.threshold,
        event_ids,
        dedup_key: format!("AID-31\u{1f}{}", event.partition_key()),
        explanation: words,
    };
    Alert::new(draft, event.timestamp, event).detailed(fields(details))
}

/// The fields that are known.
fn fields(details: Value) -> Map<String, Value> {
    let Value::Object(mut fields) = details else { return Map::new() };
    fields.retain(|_, value| !value.is_null());
    fields
}

/// The alert about a session that is over, in words and in fields.
pub(super) fn explain_session(
    session: &Session,
    digest: &Digest,
    assessment: &Assessment,
    nearest: Option<&str>,
    rate: f64,
) -> Alert {
    let (rule, p) = match assessment.channel {
        Channel::Sequence => ("AID-30", assessment.p_channels[0]),
        Channel::Provenance => ("AID-31", assessment.p_channels[1]),
        Channel::Consistency => ("AID-32", assessment.p_channels[2]),
    };
    let surprise = assessment.surprise;
    let name = |at: usize| session.call(at).map_or("?", |s| s.name.as_str());
    let (words, at) = match assessment.channel {
        Channel::Sequence if surprise.at >= digest.calls.len() => (
            format!(
                "the session ended after {}, which it seldom does ({:.1} bits)",
                name(digest.calls.len()),
                surprise.max
            ),
            surprise.at,
        ),
        Channel::Sequence if surprise.at == 0 => {
            (format!("the session began with {}, which it seldom does ({:.1} bits)", name(0), surprise.max), 0)
        }
        Channel::Sequence => (
            format!(
                "{} after {} is unlike this agent's history ({:.1} bits; mean {:.1})",
                name(surprise.at),
                name(surprise.at - 1),
                surprise.max,
                surprise.mean
            ),
            surprise.at,
        ),
        Channel::Provenance => (
            format!("the arguments of {} came from tool output and not from the user", name(assessment.call)),
            assessment.call,
        ),
        Channel::Consistency => (session.trace.consistency().why(), digest.calls.len()),
    };
    let step = |at: usize| (at < digest.calls.len()).then(|| name(at));
    let rarest = (assessment.channel == Channel::Sequence).then(|| {
        let before = surprise.at.checked_sub(1).and_then(step);
        json!({"from": before.unwrap_or("start"), "to": step(surprise.at).unwrap_or("end"), "bits": surprise.max})
    });
    let details = json!({
        "p_value": assessment.p,
        "p_value_of_channel": p,
        "rarest_transition": rarest,
        "nearest_session": nearest,
    });
    let alike = nearest.map(|id| format!("; the normal session most like it is {id}"));
    let draft = Draft {
        rule_id: rule.to_owned(),
        title: None,
        severity: None,
        score: -assessment.p.log10(),
        threshold: -rate.log10(),
        event_ids: session.call(at).map(|s| s.event).into_iter().collect(),
        dedup_key: format!("{rule}\u{1f}{}", digest.session),
        explanation: format!(
            "{words}; p-value {p:.4}, all channels together {:.4}{}",
            assessment.p,
            alike.unwrap_or_default()
        ),
    };
    session.alert(draft).detailed(fields(details))
}

/// At most 80 characters of a value, for an explanation.
fn cut(text: &str) -> &str {
    text.char_indices().nth(80).map_or(text, |(at, _)| &text[..at])
}

//! The normal session that resembles a strange one most, for whoever has to judge it.

use rustc_hash::FxHashMap;

use super::text::{Term, group};
use super::trace::Digest;

/// Stands before the first call and after the last.
const EDGE: Term = 0;

/// The session among `normal` whose calls, and pairs of calls, resemble those of `strange` most (the affinity of
/// Bhattacharyya, 1943); the newest of several, none if no session has a call or a pair in common with it.
pub(crate) fn nearest<'a>(strange: &Digest, normal: impl IntoIterator<Item = &'a Digest>) -> Option<&'a Digest> {
    let mine = shares(strange);
    let alike = |digest: &Digest| -> f32 {
        shares(digest).iter().filter_map(|(part, share)| Some((share * mine.get(part)?).sqrt())).sum()
    };
    let ranked = normal.into_iter().map(|digest| (alike(digest), digest)).filter(|(alike, _)| *alike > 0.0);
    ranked.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, digest)| digest)
}

/// The share of each tool and of each pair of tools among all of a session's.
fn shares(digest: &Digest) -> FxHashMap<Term, f32> {
    let mut parts: Vec<Term> = digest.calls.iter().map(|call| call.tool).collect();
    let ends: Vec<Term> = [EDGE].into_iter().chain(parts.iter().copied()).chain([EDGE]).collect();
    parts.extend(ends.windows(2).map(group));
    let mut shares: FxHashMap<Term, f32> = FxHashMap::default();
    for part in &parts {
        *shares.entry(*part).or_default() += 1.0 / parts.len() as f32;
    }
    shares
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;
    use crate::behaviour::{Call, Trace, TraceLimits};

    fn session(name: &str, tools: &[&str]) -> Digest {
        let mut trace = Trace::new(TraceLimits::default());
        for tool in tools {
            trace.call(&Call { tool, args: &Value::Null, output: "" });
        }
        trace.digest().of_session(name)
    }

    #[test]
    fn the_session_with_the_same_steps_in_the_same_order_is_nearest() {
        let normal = [
            session("mail", &["read_inbox", "read_mail", "reply"]),
            session("turned", &["reply", "read_mail", "read_inbox"]),
            session("search", &["search", "fetch"]),
        ];
        let of = |tools: &[&str]| nearest(&session("", tools), &normal).map(|d| d.session.as_str());
        assert_eq!(of(&["read_inbox", "read_mail", "send", "reply"]), Some("mail"));
        assert_eq!(of(&["reply", "read_mail"]), Some("turned"));
        assert_eq!(of(&["search", "delete"]), Some("search"));
        assert_eq!(of(&["export"]), None);
    }
}

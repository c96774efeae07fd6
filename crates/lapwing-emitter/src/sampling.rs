//! Leaving out whole sessions, never a part of one, and nothing that went wrong.

use lapwing_event::{Event, GuardrailAction, Outcome};

/// Keeps this share of the sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    /// Sessions whose hash is below it are kept.
    below: u64,
}

impl Sampling {
    /// `rate` is between 0 (only what went wrong) and 1 (everything).
    pub(crate) fn new(rate: f64) -> Self {
        Self { below: (rate.clamp(0.0, 1.0) * 2_f64.powi(32)) as u64 }
    }

    /// The same session gets the same answer in every process, so that the services it passes agree.
    pub(crate) fn keeps(&self, event: &Event) -> bool {
        let notable = event.outcome != Outcome::Ok
            || event.guardrail.as_ref().is_some_and(|guardrail| guardrail.action != GuardrailAction::Allowed)
            || event.guardrail_action.as_deref().is_some_and(|action| action != GuardrailAction::Allowed.as_str());
        notable || u64::from(crc32fast::hash(event.partition_key().as_bytes())) < self.below
    }
}

#[cfg(test)]
mod tests {
    use lapwing_event::{EventId, Kind, Session, Timestamp};

    use super::*;

    fn event(session: usize) -> Event {
        let at = Timestamp::from_millis(0);
        let mut event = Event::new(Kind::Llm, EventId::new(at, [0; 10]), at, "app");
        event.session = Some(Session { id: format!("session-{session}") });
        event
    }

    #[test]
    fn about_the_share_is_kept_and_always_whole_sessions() {
        let sampling = Sampling::new(0.25);
        let kept = (0..10_000).filter(|n| sampling.keeps(&event(*n))).count();
        assert!((2_300..2_700).contains(&kept), "{kept}");
        assert!((0..100).all(|n| sampling.keeps(&event(n)) == sampling.keeps(&event(n))));
        assert!((0..100).all(|n| Sampling::new(1.0).keeps(&event(n)) && !Sampling::new(0.0).keeps(&event(n))));
    }

    #[test]
    fn what_went_wrong_is_always_kept() {
        let none = Sampling::new(0.0);
        for outcome in [Outcome::Error, Outcome::Blocked, Outcome::Moderated, Outcome::Refused] {
            assert!(none.keeps(&Event { outcome, ..event(1) }));
        }
        let flagged = Event { guardrail_action: Some("flagged".to_owned()), ..event(1) };
        let allowed = Event { guardrail_action: Some("allowed".to_owned()), ..event(1) };
        assert_eq!((none.keeps(&flagged), none.keeps(&allowed)), (true, false));
    }
}

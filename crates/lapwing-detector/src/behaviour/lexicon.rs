//! Words that order, and what they order: verb classes, effects, and the phrases that address an agent.
//!
//! General English only: nothing here knows a tool, a product or a data set.

/// A set of verb classes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Acts(pub(crate) u16);

impl Acts {
    pub(crate) const READ: Acts = Acts(1);
    pub(crate) const SEND: Acts = Acts(1 << 1);
    pub(crate) const PAY: Acts = Acts(1 << 2);
    pub(crate) const CREATE: Acts = Acts(1 << 3);
    pub(crate) const UPDATE: Acts = Acts(1 << 4);
    pub(crate) const DELETE: Acts = Acts(1 << 5);
    pub(crate) const RUN: Acts = Acts(1 << 6);
    pub(crate) const GRANT: Acts = Acts(1 << 7);
    pub(crate) const VISIT: Acts = Acts(1 << 8);

    pub(crate) const fn union(self, other: Acts) -> Acts {
        Acts(self.0 | other.0)
    }

    pub(crate) const fn overlaps(self, other: Acts) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any class but reading is present: the call changes something.
    pub(crate) const fn writes(self) -> bool {
        self.0 & !(Acts::READ.0 | Acts::VISIT.0) != 0
    }

    /// Whether data leaves: sending, paying, visiting an address.
    pub(crate) const fn leaves(self) -> bool {
        self.overlaps(Acts(Acts::SEND.0 | Acts::PAY.0 | Acts::VISIT.0))
    }
}

const READ: Acts = Acts::READ;
const SEND: Acts = Acts::SEND;
const PAY: Acts = Acts::PAY;
const CREATE: Acts = Acts::CREATE;
const UPDATE: Acts = Acts::UPDATE;
const DELETE: Acts = Acts::DELETE;
const RUN: Acts = Acts::RUN;
const GRANT: Acts = Acts::GRANT;
const VISIT: Acts = Acts::VISIT;

/// Verbs in their base form with the classes they belong to, sorted for binary search.
const VERBS: &[(&str, Acts)] = &[
    ("accept", GRANT),
    ("access", READ),
    ("activate", GRANT),
    ("add", CREATE.union(GRANT)),
    ("adjust", UPDATE),
    ("allow", GRANT),
    ("alter", UPDATE),
    ("announce", SEND),
    ("append", CREATE.union(UPDATE)),
    ("approve", GRANT),
    ("archive", DELETE.union(UPDATE)),
    ("assign", GRANT.union(UPDATE)),
    ("attach", CREATE.union(SEND)),
    ("authorize", GRANT),
    ("ban", DELETE),
    ("block", DELETE.union(UPDATE)),
    ("book", PAY.union(CREATE)),
    ("broadcast", SEND),
    ("browse", READ.union(VISIT)),
    ("buy", PAY),
    ("call", SEND.union(RUN)),
    ("cancel", DELETE),
    ("change", UPDATE),
    ("check", READ),
    ("checkout", PAY),
    ("clear", DELETE),
    ("click", VISIT),
    ("clone", READ.union(CREATE)),
    ("close", DELETE.union(UPDATE)),
    ("comment", SEND.union(CREATE)),
    ("commit", CREATE.union(UPDATE)),
    ("contact", SEND),
    ("copy", CREATE.union(SEND)),
    ("create", CREATE),
    ("deactivate", DELETE.union(UPDATE)),
    ("delete", DELETE),
    ("deliver", SEND),
    ("deploy", RUN),
    ("describe", READ),
    ("destroy", DELETE),
    ("disable", DELETE.union(UPDATE)),
    ("disclose", SEND),
    ("display", READ),
    ("donate", PAY),
    ("download", READ.union(VISIT)),
    ("draft", CREATE),
    ("drop", DELETE),
    ("edit", UPDATE),
    ("email", SEND),
    ("enable", GRANT.union(UPDATE)),
    ("erase", DELETE),
    ("execute", RUN),
    ("exfiltrate", SEND),
    ("export", READ.union(SEND)),
    ("extract", READ),
    ("fetch", READ.union(VISIT)),
    ("find", READ),
    ("follow", VISIT.union(GRANT)),
    ("forget", DELETE),
    ("fork", CREATE),
    ("forward", SEND),
    ("gather", READ),
    ("generate", CREATE),
    ("get", READ),
    ("give", GRANT.union(SEND)),
    ("go", VISIT),
    ("grant", GRANT),
    ("include", CREATE),
    ("insert", CREATE),
    ("inspect", READ),
    ("install", RUN),
    ("invite", SEND.union(GRANT)),
    ("invoke", RUN),
    ("issue", SEND.union(PAY).union(CREATE)),
    ("join", GRANT),
    ("kick", DELETE),
    ("launch", RUN),
    ("leak", SEND),
    ("list", READ),
    ("lock", UPDATE),
    ("look", READ),
    ("lookup", READ),
    ("mail", SEND),
    ("make", CREATE.union(PAY)),
    ("merge", UPDATE.union(GRANT)),
    ("message", SEND),
    ("modify", UPDATE),
    ("move", UPDATE),
    ("navigate", VISIT),
    ("notify", SEND),
    ("open", READ.union(VISIT)),
    ("order", PAY.union(CREATE)),
    ("overwrite", UPDATE),
    ("pay", PAY),
    ("ping", SEND),
    ("place", PAY.union(CREATE)),
    ("play", RUN),
    ("post", SEND.union(CREATE)),
    ("print", SEND.union(READ)),
    ("promote", GRANT),
    ("provide", SEND),
    ("publish", SEND.union(CREATE)),
    ("pull", READ),
    ("purchase", PAY),
    ("purge", DELETE),
    ("push", SEND.union(UPDATE)),
    ("put", CREATE.union(UPDATE)),
    ("query", READ),
    ("read", READ),
    ("redirect", SEND.union(UPDATE)),
    ("refund", PAY),
    ("register", CREATE),
    ("reject", DELETE.union(UPDATE)),
    ("release", GRANT.union(SEND)),
    ("remind", SEND),
    ("remit", PAY),
    ("remove", DELETE),
    ("rename", UPDATE),
    ("replace", UPDATE),
    ("reply", SEND),
    ("report", SEND),
    ("request", SEND.union(CREATE)),
    ("reschedule", UPDATE),
    ("reserve", PAY.union(CREATE)),
    ("reset", UPDATE),
    ("respond", SEND),
    ("retrieve", READ),
    ("return", PAY.union(SEND)),
    ("reveal", SEND),
    ("revoke", DELETE.union(UPDATE)),
    ("run", RUN),
    ("save", CREATE),
    ("schedule", CREATE.union(PAY)),
    ("search", READ),
    ("sell", PAY),
    ("send", SEND.union(PAY)),
    ("set", UPDATE.union(CREATE)),
    ("share", SEND.union(GRANT)),
    ("show", READ),
    ("star", UPDATE),
    ("start", RUN),
    ("stop", DELETE.union(RUN)),
    ("submit", SEND.union(CREATE)),
    ("subscribe", CREATE.union(PAY)),
    ("tell", SEND),
    ("terminate", DELETE),
    ("transfer", PAY.union(SEND)),
    ("transmit", SEND),
    ("turn", UPDATE),
    ("unblock", GRANT),
    ("unlock", GRANT),
    ("unsubscribe", DELETE),
    ("update", UPDATE),
    ("upgrade", UPDATE.union(PAY)),
    ("upload", SEND.union(CREATE)),
    ("use", RUN),
    ("verify", READ),
    ("view", READ),
    ("visit", VISIT.union(READ)),
    ("wipe", DELETE),
    ("wire", PAY.union(SEND)),
    ("withdraw", PAY),
    ("write", CREATE.union(SEND)),
];

/// Where the verbs of each first letter begin in [`VERBS`]: nearly every word of a text is looked up.
const STARTS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut letter = 0;
    while letter < 27 {
        let mut at = 0;
        while at < VERBS.len() && VERBS[at].0.as_bytes()[0] < b'a' + letter as u8 {
            at += 1;
        }
        starts[letter] = at;
        letter += 1;
    }
    starts
};

/// The classes of a lowercase verb in its base form; empty for anything else.
pub(crate) fn acts_of(verb: &str) -> Acts {
    let Some(first @ b'a'..=b'z') = verb.bytes().next() else { return Acts::default() };
    let letter = usize::from(first - b'a');
    let candidates = &VERBS[STARTS[letter]..STARTS[letter + 1]];
    candidates.iter().find(|(v, _)| *v == verb).map_or(Acts::default(), |(_, acts)| *acts)
}

/// The classes of a lowercase word that may be inflected (`sending`, `paid`, `updates`).
pub(crate) fn acts_of_inflected(word: &str) -> Acts {
    let base = acts_of(word);
    if !base.is_empty() {
        return base;
    }
    let tries = [
        ("ing", ""),
        ("ing", "e"),
        ("ed", ""),
        ("ed", "e"),
        ("s", ""),
        ("es", ""),
        ("ies", "y"),
        ("ment", ""),
        ("er", ""),
    ];
    for (suffix, put) in tries {
        if let Some(root) = word.strip_suffix(suffix)
            && root.len() >= 3
        {
            let acts = acts_of(&format!("{root}{put}"));
            if !acts.is_empty() {
                return acts;
            }
        }
    }
    match word {
        "sent" => SEND,
        "paid" | "payment" | "transaction" => PAY,
        "bought" => PAY,
        "booking" | "reservation" => PAY.union(CREATE),
        "deletion" | "removal" => DELETE,
        _ => Acts::default(),
    }
}

/// A light stem: the word without its plural, past or progressive ending.
pub(crate) fn stem(word: &str) -> &str {
    for suffix in ["ations", "ation", "ings", "ing", "ies", "ed", "es", "s"] {
        if let Some(root) = word.strip_suffix(suffix)
            && root.len() >= 3
            && !(suffix == "s" && root.ends_with('s'))
        {
            return root.strip_suffix('e').filter(|r| r.len() >= 3).unwrap_or(root);
        }
    }
    word.strip_suffix('e')
        .filter(|r| r.len() >= 3)
        .or_else(|| word.strip_suffix('y').filter(|r| r.len() >= 3))
        .unwrap_or(word)
}

/// Words that may stand before the verb of an order.
pub(crate) fn leads_order(word: &str) -> bool {
    matches!(
        word,
        "please"
            | "then"
            | "and"
            | "also"
            | "now"
            | "first"
            | "next"
            | "finally"
            | "kindly"
            | "todo"
            | "task"
            | "action"
            | "instruction"
            | "instructions"
            | "important"
            | "urgent"
            | "note"
            | "system"
            | "immediately"
            | "just"
            | "to"
            | "should"
            | "must"
            | "shall"
            | "always"
            | "instead"
            | "afterwards"
            | "again"
            | "ai"
            | "assistant"
            | "agent"
            | "admin"
            | "will"
            | "don't"
            | "only"
            | "secondly"
            | "lastly"
            | "directly"
            | "or"
    )
}

/// Words that make what follows them an order: `you must`, `make sure to`, `need to`.
pub(crate) fn demands(word: &str) -> bool {
    matches!(
        word,
        "must"
            | "should"
            | "please"
            | "shall"
            | "kindly"
            | "todo"
            | "need"
            | "needs"
            | "have"
            | "required"
            | "sure"
            | "want"
            | "remember"
            | "ought"
    )
}

/// Imperatives that say nothing of what is to be done, but after which another may come.
pub(crate) fn opens(word: &str) -> bool {
    matches!(
        word,
        "ignore" | "disregard" | "bypass" | "override" | "skip" | "abandon" | "pause" | "proceed" | "continue"
    )
}

/// Verbs that turn `you` into a request.
pub(crate) fn is_modal(word: &str) -> bool {
    matches!(word, "can" | "could" | "would" | "will" | "may" | "might")
}

/// Words by which a user hands the choice of action to a text: `do the tasks on my list`, `update it accordingly`.
pub(crate) fn delegates(word: &str) -> bool {
    matches!(
        word,
        "todo"
            | "todos"
            | "to-do"
            | "to-dos"
            | "tasks"
            | "instructions"
            | "steps"
            | "actions"
            | "accordingly"
            | "guidelines"
            | "checklist"
            | "specified"
            | "instructed"
            | "requested"
    )
}

/// Words by which a text speaks to a machine reader and not to a person.
pub(crate) fn addresses_agent(word: &str) -> bool {
    matches!(
        word,
        "ai" | "assistant"
            | "agent"
            | "llm"
            | "chatbot"
            | "bot"
            | "gpt"
            | "chatgpt"
            | "model"
            | "claude"
            | "gemini"
            | "llama"
            | "copilot"
            | "agents"
            | "assistants"
    )
}

/// Words by which a text sets itself above the task at hand.
pub(crate) fn overrides(word: &str) -> bool {
    matches!(
        word,
        "ignore"
            | "disregard"
            | "override"
            | "bypass"
            | "forget"
            | "previous"
            | "prior"
            | "instructions"
            | "instruction"
            | "before"
            | "instead"
            | "first"
            | "important"
            | "urgent"
            | "immediately"
            | "attention"
            | "todo"
            | "mandatory"
            | "required"
            | "prompt"
            | "silently"
            | "secretly"
            | "without"
            | "task"
            | "original"
            | "system"
            | "message"
            | "following"
            | "command"
            | "critical"
            | "priority"
            | "must"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_are_sorted_and_unique() {
        assert!(VERBS.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn verbs_map_to_what_they_do() {
        for (word, act, yes) in [
            ("sending", Acts::SEND, true),
            ("updates", Acts::UPDATE, true),
            ("deleted", Acts::DELETE, true),
            ("replied", Acts::SEND, false),
            ("payment", Acts::PAY, true),
            ("calendar", Acts::CREATE, false),
        ] {
            assert_eq!(acts_of_inflected(word).overlaps(act), yes, "{word}");
        }
        assert!(!acts_of("get").writes());
        assert!(acts_of("visit").leaves() && !acts_of("visit").writes());
    }

    #[test]
    fn stems_join_inflections() {
        for (a, b) in [
            ("hotels", "hotel"),
            ("messages", "message"),
            ("reservation", "reserve"),
            ("sending", "send"),
            ("files", "file"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
    }
}

#![allow(clippy::unwrap_used)]
use super::*;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T06:30:00Z").unwrap()
}

/// The tree in one line: `&(…)`, `|(…)`, `!…`, and `path=test`.
fn show(query: &Query) -> String {
    let list = |queries: &[Query]| queries.iter().map(show).collect::<Vec<_>>().join(" ");
    match query {
        Query::All => "*".to_owned(),
        Query::And(queries) => format!("&({})", list(queries)),
        Query::Or(queries) => format!("|({})", list(queries)),
        Query::Not(query) => format!("!{}", show(query)),
        Query::Is(condition) => {
            let target = match &condition.target {
                Target::Content => String::new(),
                Target::Field(field) => field.path.to_owned(),
                Target::Json(field, path) => format!("{}.{path}", field.path),
            };
            format!("{target}={}", show_test(&condition.test))
        }
    }
}

fn show_test(test: &Test) -> String {
    fn range<T>(lower: &Bound<T>, upper: &Bound<T>, show: impl Fn(&T) -> String) -> String {
        let (open, low) = match lower {
            Bound::Included(value) => ('[', show(value)),
            Bound::Excluded(value) => ('{', show(value)),
            Bound::Unbounded => ('[', "*".to_owned()),
        };
        let (high, close) = match upper {
            Bound::Included(value) => (show(value), ']'),
            Bound::Excluded(value) => (show(value), '}'),
            Bound::Unbounded => ("*".to_owned(), ']'),
        };
        format!("{open}{low} {high}{close}")
    }
    match test {
        Test::Words(words) => words.join("_"),
        Test::Keyword(text) => format!("{text:?}"),
        Test::Pattern(pattern) => format!("/{}…", pattern.literal_prefix()),
        Test::Keywords(lower, upper) => range(lower, upper, Clone::clone),
        Test::Numbers(lower, upper) => range(lower, upper, f64::to_string),
        Test::Times(lower, upper) => range(lower, upper, Timestamp::to_string),
        Test::Bool(value) => value.to_string(),
        Test::Exists => "exists".to_owned(),
    }
}

#[test]
fn reads_queries() {
    let check = |text: &str, expect: &str| {
        let query = parse_query(text, now()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(show(&query), expect, "{text}");
    };
    check("", "*");
    check("  *  ", "*");
    check("refund", "=refund");
    check("Refund Policy", "&(=refund =policy)");
    check("refund AND policy", "&(=refund =policy)");
    check("a OR b c", "|(=a &(=b =c))");
    check("(a OR b) c", "&(|(=a =b) =c)");
    check("a NOT b", "&(=a !=b)");
    check("-b", "!=b");
    check("!(a b)", "!&(=a =b)");
    check("NOT NOT a", "!!=a");
    check("+a", "=a");
    check("ANDROID ORDER NOTE", "&(=android =order =note)");
    check("\"Refund Policy\"", "=refund_policy");
    check("e-mail", "=e_mail");
    check("[EMAIL:k1:9f3a]", "=email_k1_9f3a");
    check("ref*", "=/ref…");
    check(r"what\?", "=what");
    check("prompt:hello", "content.prompt=hello");
    check("prompt:\"hello world\"", "content.prompt=hello_world");
    check("tool:send_mail", "|(tool.name=\"send_mail\" tool_names=\"send_mail\")");
    check("service:a-b:c", "service.name=\"a-b:c\"");
    check("user:[USER:k1:ab]", "user.id=\"[USER:k1:ab]\"");
    check("kind:(llm OR tool)", "|(kind=\"llm\" kind=\"tool\")");
    check("outcome:*", "outcome=exists");
    check("_exists_:error.type", "error.type=exists");
    check("_exists_:content.messages", "content.messages=exists");
    check("latency_ms:>1000", "latency_ms={1000 *]");
    check("latency_ms:<=1.5", "latency_ms=[* 1.5]");
    check("latency_ms:[10 TO 20}", "latency_ms=[10 20}");
    check("latency_ms:{* TO 20]", "latency_ms=[* 20]");
    check("latency_ms:[* TO *]", "latency_ms=exists");
    check("latency_ms:-5", "latency_ms=[-5 -5]");
    check("refusal:TRUE", "refusal=true");
    check("service.version:[1.0 TO 2.0]", "service.version=[1.0 2.0]");
    check("@timestamp:>=now-15m", "@timestamp=[2026-11-24T06:15:00Z *]");
    check("@timestamp:[2026-11-24T06:00:00Z TO now}", "@timestamp=[2026-11-24T06:00:00Z 2026-11-24T06:30:00Z}");
    check("attrs.team:red", "attrs.team=\"red\"");
    check("sanitization.counts.EMAIL:>0", "sanitization.counts.EMAIL={0 *]");
}

#[test]
fn faults_have_a_position_and_a_remedy() {
    let check = |text: &str, position: usize, message: &str, suggestion: Option<&str>| {
        let error = parse_query(text, now()).expect_err(text);
        assert_eq!((error.position, error.suggestion.as_deref()), (position, suggestion), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    };
    check("a promt:x", 2, "no field \"promt\"", Some("prompt"));
    check("ä moddel:x", 2, "no field \"moddel\"", Some("model"));
    check("http://example.org", 0, "put it in quotes", None);
    check("(a b", 0, "not closed", None);
    check("a b)", 3, "not opened", None);
    check("()", 1, "expected before the parenthesis", None);
    check("a AND", 5, "must follow AND", None);
    check("a OR", 4, "ends where", None);
    check("OR a", 0, "expected before OR", None);
    check("a AND AND b", 6, "expected before AND", None);
    check("NOT", 3, "ends where", None);
    check("x \"abc", 2, "not closed", None);
    check("kind:", 5, "value is expected after kind:", None);
    check("kind: llm", 5, "without a space", None);
    check("latency_ms:fast", 0, "\"fast\" is not a number", None);
    check("latency_ms:>", 12, "value is expected after the comparison", None);
    check("a latency_ms:[1 TO x]", 2, "\"x\" is not a number", None);
    check("latency_ms:[1 TO 2", 11, "not closed", None);
    check("latency_ms:{1}", 11, "[a TO b]", None);
    check("refusal:maybe", 0, "not true or false", None);
    check("@timestamp:>yesterday", 0, "not a time", None);
    check("a !!!", 5, "ends where", None);
    check("a §§ b", 2, "no letter or digit", None);
    check("???:x", 0, "within one word", None);
    check("content.messages:x", 0, "not searchable", None);
    check("prompt:>x", 0, "has no order", None);
    check("prompt:a-b*", 0, "within one word", None);
    check("_exists_:latncy_ms", 9, "no field", Some("latency_ms"));
    check("x \\", 2, "nothing follows the backslash", None);
    check(&"(".repeat(MAX_NESTING + 1), MAX_NESTING, "too deep", None);
    check(&"-".repeat(MAX_NESTING + 2), MAX_NESTING + 1, "too deep", None);
    check(&"a ".repeat(MAX_CLAUSES + 1), 2 * MAX_CLAUSES, "too many conditions", None);
    check(&format!("\"{}\"", "a ".repeat(65)), 0, "65 words in a row", None);
    check(&"a".repeat(MAX_QUERY_BYTES + 1), 0, "bytes long", None);
}

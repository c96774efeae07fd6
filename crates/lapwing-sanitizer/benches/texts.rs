//! The texts that speed is measured on: ordinary ones, and the worst of 256 KiB that we could think of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lapwing_event::{Content, Event, EventId, Kind, Timestamp};
use serde_json::json;

const KIB: usize = 1024;
/// Length of a hostile text: the longest prompt that an event may hold.
pub const HOSTILE: usize = 256 * KIB;

/// Texts as applications log them, 4 KiB each.
pub fn ordinary() -> Vec<(&'static str, String)> {
    let log = "2026-03-01T10:22:31.123Z INFO [worker-3] c.a.orders.Service - processed order 8812 in 13.4 ms trace=4bf92f3577b34da6a3ce929d0e0e4736 status=ok\n";
    let arguments = r#"{"name": "search_flights", "arguments": "{\"origin\": \"JFK\", \"destination\": \"SEA\", \"date\": \"2026-05-20\", \"passengers\": 2}", "id": "call_x8Kq2Zp9", "priority": 3}"#;
    let prose = "The assistant explained how the quarterly report is put together, which sources it draws on, and why the numbers of the last month may still change. ";
    let personal =
        "Hi, I'm Kevin Duffy, you can reach me at kevin.duffy@example.com or +1 201-559-3834 about invoice 55120. ";
    let texts = [("log", log), ("arguments", arguments), ("prose", prose), ("personal", personal)];
    texts.map(|(name, unit)| (name, fit(unit, 4 * KIB))).into()
}

/// An event of 1.5 KB with two things to mask.
pub fn event() -> Event {
    let words = "The order was shipped on Monday and should arrive by the end of the week. ";
    let prompt = format!("My mail is jane.doe@example.com, call +1 415 555 0132. {}", words.repeat(8));
    let mut event = event_of(prompt, words.repeat(8));
    event.attrs.insert("route".to_owned(), json!("chat/v2"));
    event
}

/// An event as long as one may be, of one hostile text.
pub fn longest_event(text: &str) -> Event {
    let mut event = event_of(text.to_owned(), text.to_owned());
    event.attrs.insert("note".to_owned(), json!(&text[..text.floor_char_boundary(64 * KIB - 64)]));
    let system = text[..text.floor_char_boundary(64 * KIB)].to_owned();
    event.content.get_or_insert_default().system = Some(system);
    event
}

fn event_of(prompt: String, response: String) -> Event {
    let at = Timestamp::parse("2026-11-24T06:30:00Z").expect("the time is written in RFC 3339");
    let mut event = Event::new(Kind::Llm, EventId::new(at, [1; 10]), at, "app");
    event.content = Some(Content { prompt: Some(prompt), response: Some(response), ..Content::default() });
    event
}

const UNITS: &[(&str, &str)] = &[
    ("digits", "1"),
    ("groups", "1 "),
    ("short_groups", "12-34 "),
    ("dotted", "1.2."),
    ("phones", "555 0100 "),
    ("phones_plus", "+1 (2"),
    ("sort_codes", "20-00-00 "),
    ("dates", "2026-03-01T10:22:31Z "),
    ("cards", "4012 8888 8888 1882 "),
    ("ids", "passport 1 AB123456 "),
    ("ips", "10.1.2.3 "),
    ("ipv6", "a::b "),
    ("macs", "aa:bb:cc:"),
    ("ats", "a@"),
    ("emails", "a@b.co "),
    ("spelled", "a at b dot com "),
    ("spelled_long", "a dot "),
    ("at_words", "at "),
    ("colons", "a:b:"),
    ("assignments", "token=\""),
    ("pairs", "k=v&"),
    ("fields", "\"name\": \"A\", "),
    ("cities", "city: \"A\" "),
    ("secrets", "api_key: a1B2c3D4e5F6g7H8 "),
    ("vendors", "github_aws_"),
    ("generic", "token secret "),
    ("bearers", "bearer a1B2c3D4e5 "),
    ("jwts", "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl "),
    ("prefixes", "sk-sk_live_"),
    ("told", "password is a1!bcde "),
    ("capitals", "Anna "),
    ("initials", "A. "),
    ("titles", "Mr. X "),
    ("particles", "Ab van de "),
    ("hyphens", "A-"),
    ("streets", "1 Main Street "),
    ("streets_foreign", "Via A 1 "),
    ("boxes", "Unit 1 Box 2 "),
    ("addresses", "address: A 1, B "),
    ("towns", "in A, 1234 B "),
    ("users", "user is "),
    ("homes", "/home/ab12/"),
    ("backslashes", "\\\\"),
    ("percents", "%25"),
    ("percents_layered", "%2525252540"),
    ("entities", "&amp;"),
    ("unicode_escapes", "\\u0040"),
    ("quotes", "'a':"),
    ("double_quotes", "\"\""),
    ("urls", "a://b:c@"),
    ("urls_nested", "https://h.example/p?q="),
    ("brackets", "[EMAIL"),
    ("masks", "[EMAIL]1 "),
    ("base64", "YWFhYWFhYWFhYWFhYWFhYWFhYWFh"),
    ("base64_tokens", "amFuZS5kb2VAZXhhbXBsZS5jb20= "),
    ("hexadecimal", "6a616e65"),
    ("hex_tokens", "6a616e652e646f65406578616d706c652e636f6d "),
    ("giant_token", "aB3"),
    ("humps", "aB"),
    ("wallets", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb "),
    ("pem", "-----BEGIN PRIVATE KEY-----\n"),
    ("pem_heads", "-----begin "),
    ("tags", "<a>b"),
    ("headings", "name,email\nA,b\n"),
    ("tables", "| name | ssn |\n| 1 | 2 |\n"),
    ("cookies", "cookie: a=b;"),
    ("sessions", "Cookie: sid=9f8a7b6c5d4e3f2a1b0c; "),
    ("lines", "\n"),
    ("nul", "\0"),
    ("zero_width", "\u{200b}"),
    ("hangul", "\u{d55c}"),
    ("accents", "É"),
    ("fullwidth", "４"),
    ("ibans", "GB82 WEST 1234 5698 7654 "),
];

/// The hostile texts.
pub fn hostile() -> Vec<(&'static str, String)> {
    let mut texts: Vec<_> = UNITS.iter().map(|(name, unit)| (*name, fit(unit, HOSTILE))).collect();
    texts.push(("names", names()));
    texts.push(("nested_json", nested(|text| json!({ "a": text }).to_string())));
    texts.push(("nested_base64", fit(&(nested_base64() + " "), HOSTILE)));
    texts.push(("csv", fit("Ann Lee,439030384\n", HOSTILE - 16)));
    if let Some((_, csv)) = texts.last_mut() {
        csv.insert_str(0, "full_name,ssn\n");
    }
    texts
}

/// Introduces as many names as are looked for again, and then goes on about them.
fn names() -> String {
    let letters = || 'a'..='z';
    let names: Vec<String> = letters().flat_map(|a| letters().map(move |b| format!("Qu{a}{b}x"))).take(128).collect();
    let mut text: String = names.iter().map(|name| format!("My name is {name}. ")).collect();
    text.push_str(&fit(&(names.join("x ") + "x "), HOSTILE - text.len()));
    text
}

/// Wraps a text until it is too long.
fn nested(wrap: impl Fn(&str) -> String) -> String {
    let mut text = "jane@example.com".to_owned();
    loop {
        let wrapped = wrap(&text);
        if wrapped.len() > HOSTILE {
            return text + " " + &wrapped[..wrapped.floor_char_boundary(HOSTILE / 2)];
        }
        text = wrapped;
    }
}

fn nested_base64() -> String {
    (0..12).fold("jane@example.com ".repeat(64), |text, _| STANDARD.encode(text))
}

/// `unit` repeated up to `size` bytes.
fn fit(unit: &str, size: usize) -> String {
    let mut text = unit.repeat(size / unit.len() + 1);
    text.truncate(text.floor_char_boundary(size));
    text
}

//! The corpus: seeded, with 25,000 words by Zipf's law.

use lapwing_event::{Content, Event, GenAi, Kind, SanitizedEvent, Scores, Session, Usage, User};
use serde_json::json;

use crate::support::{DAY, NOW, event, sealed};

/// Events a day; the more there are, the longer ago the first was.
const PER_DAY: u64 = 750_000;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// 25,000 words, drawn by Zipf's law.
pub struct Vocabulary {
    words: Vec<String>,
    cumulative: Vec<f64>,
}

impl Vocabulary {
    pub fn new(random: &mut Random) -> Self {
        const SYLLABLES: &[&str] = &[
            "ba", "con", "de", "el", "fo", "ger", "hi", "in", "ka", "lo", "men", "no", "pre", "ri", "sta", "ti", "un",
            "ver",
        ];
        let word = |n: usize, random: &mut Random| match n {
            0 => "the".to_owned(),
            n => {
                let syllables = 1 + n.ilog(12) as usize;
                let text: String = (0..=syllables).map(|_| SYLLABLES[random.below(18) as usize]).collect();
                if n > 5_000 { format!("{text}{}", n % 97) } else { text }
            }
        };
        let words: Vec<_> = (0..25_000).map(|n| word(n, random)).collect();
        let mut sum = 0.0;
        let cumulative = (1..=words.len()).map(|rank| {
            sum += 1.0 / (rank as f64).powf(1.05);
            sum
        });
        Self { cumulative: cumulative.collect(), words }
    }

    pub fn text(&self, length: u64, random: &mut Random) -> String {
        let total = self.cumulative[self.cumulative.len() - 1];
        let mut text = String::new();
        for n in 0..length {
            let at = self.cumulative.partition_point(|sum| *sum < random.unit() * total);
            text.push_str(&self.words[at]);
            text.push_str(if n % 12 == 11 { ". " } else { " " });
        }
        text
    }
}

/// Conversations of users with agents: sessions of ten events, in the order of time, the last of them now.
pub struct Corpus {
    random: Random,
    vocabulary: Vocabulary,
    events: u64,
}

impl Corpus {
    pub fn new(events: u64) -> Self {
        let mut random = Random(42);
        Self { vocabulary: Vocabulary::new(&mut random), random, events }
    }

    /// Events of the corpus by number.
    pub fn batch(&mut self, from: u64, to: u64) -> Vec<SanitizedEvent> {
        (from..to).map(|n| sealed(self.event(n))).collect()
    }

    fn event(&mut self, n: u64) -> Event {
        let before_now = i128::from(self.events - n) * i128::from(DAY) / i128::from(PER_DAY);
        let mut event = event(n, NOW - before_now as i64);
        let session = n / 10;
        event.session = Some(Session { id: format!("[SESSION:k1:{session:08x}]") });
        event.user = Some(User { id: format!("[USER:k1:{:08x}]", Random(session).below(20_000)) });
        event.latency_ms = Some(200.0 + (self.random.unit() * 3_000.0).round());
        match n % 10 {
            3 | 7 => self.tool(&mut event),
            _ => self.turn(&mut event),
        }
        event
    }

    fn turn(&mut self, event: &mut Event) {
        let random = &mut self.random;
        let (prompt, response) = (20 + random.below(50), 40 + random.below(100));
        event.content = Some(Content {
            prompt: Some(self.vocabulary.text(prompt, random)),
            response: Some(self.vocabulary.text(response, random)),
            ..Content::default()
        });
        let models = ["gpt-5-mini", "claude-haiku", "gemini-flash", "llama-4"];
        let mut gen_ai = GenAi::chat(models[random.below(4) as usize]);
        gen_ai.usage = Some(Usage { input_tokens: Some(prompt), output_tokens: Some(response), ..Usage::default() });
        event.gen_ai = Some(Box::new(gen_ai));
        event.scores = Some(Scores { toxicity: Some((random.unit() * 100.0).round() / 100.0), sentiment: None });
    }

    fn tool(&mut self, event: &mut Event) {
        let random = &mut self.random;
        let names = ["search_orders", "send_mail", "read_file", "run_query", "fetch_url"];
        let name = names[random.below(5) as usize];
        let arguments = json!({"query": self.vocabulary.text(6, random), "limit": random.below(50)});
        let length = 30 + random.below(80);
        event.kind = Kind::Tool;
        event.tool = serde_json::from_value(json!({
            "name": name, "status": "ok", "arguments": arguments, "output": self.vocabulary.text(length, random),
        }))
        .unwrap();
    }
}

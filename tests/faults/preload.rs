//! A store that is not small: events put there before the first fault.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::installation::Installation;
use crate::load::days_ago_ms;

const SERVICE: &str = "preloaded";
/// Events in a request, and requests under way.
const BATCH: u32 = 500;
const AT_ONCE: usize = 4;
/// The events are spread over so many days.
const DAYS: u32 = 5;
const DAY_MS: u64 = 86_400_000;
/// How long a request that was pushed back waits, and how often the store is asked how far it is.
const PAUSE: Duration = Duration::from_millis(500);
/// No progress for so long is a fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends them and waits until all can be searched.
pub async fn fill(at: &Installation, count: u32) {
    if count == 0 {
        return;
    }
    let (http, url, began) = (reqwest::Client::new(), format!("{}/v1/events", at.front()), Instant::now());
    let first_ms = days_ago_ms(u64::from(DAYS) + 1);
    let batches = stream::iter((0..count).step_by(BATCH as usize)).map(|from| {
        let (http, url) = (&http, &url);
        async move {
            // In the order in which they would have come.
            let at_ms = |number: u32| first_ms + u64::from(DAYS) * DAY_MS * u64::from(number) / u64::from(count);
            let items = Value::from_iter((from..count.min(from + BATCH)).map(|number| event(number, at_ms(number))));
            loop {
                let answer = http.post(url).json(&items).send().await;
                match answer.map(|response| response.status().as_u16()) {
                    Ok(202) => return,
                    Ok(429 | 503) | Err(_) => tokio::time::sleep(PAUSE).await,
                    Ok(status) => panic!("preloading was answered with {status}"),
                }
            }
        }
    });
    batches.buffer_unordered(AT_ONCE).collect::<()>().await;
    eprintln!("{count} events sent in {:.0?}", began.elapsed());
    let (mut seen, mut moved) = (0, Instant::now());
    while seen < u64::from(count) {
        let metrics = at.store().metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("lapwing_store_documents_total "));
        let now = line.and_then(|count| count.parse().ok()).unwrap_or(0);
        assert!(moved.elapsed() < PATIENCE, "the store stays at {now} of {count} events\n{}", at.last_words());
        if now > seen {
            (seen, moved) = (now, Instant::now());
        }
        tokio::time::sleep(PAUSE).await;
    }
    eprintln!("{count} events searchable after {:.0?}", began.elapsed());
}

/// Of the size and the shape of a common interaction.
fn event(number: u32, at_ms: u64) -> Value {
    let words = ["order", "invoice", "refund", "delivery", "account", "address", "payment", "contract"];
    let text = |salt: u32| {
        let word = |place: u32| words[(number.wrapping_mul(2_654_435_761).rotate_left(place + salt) % 8) as usize];
        (0..60).map(word).collect::<Vec<_>>().join(" ")
    };
    json!({
        "interaction_id": format!("{SERVICE}-{number}"),
        "timestamp": at_ms,
        "service": SERVICE,
        "session_id": format!("{SERVICE}-{}", number / 20),
        "user_id": format!("user-{}", number % 5000),
        "model": "gpt-4o",
        "prompt": text(0),
        "response": text(7),
        "latency_ms": number % 3000,
    })
}

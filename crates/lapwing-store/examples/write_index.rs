//! Writes the small index that later versions must still open: `cargo run -p lapwing-store --example write_index --
//! tests/data/index-N`, run once by the first version that writes format N.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use lapwing_event::{GenAi, Kind, Session, User};
use lapwing_store::Store;
use support::{DAY, NOW, config, event, sealed};

fn main() {
    let target = std::env::args().nth(1).expect("name the folder to write");
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(write(dir.path()));
    let root = dir.path().join("partitions");
    for partition in fs::read_dir(root).unwrap().map(|entry| entry.unwrap()) {
        let place = Path::new(&target).join("partitions").join(partition.file_name());
        fs::create_dir_all(&place).unwrap();
        for file in fs::read_dir(partition.path()).unwrap().map(|entry| entry.unwrap()) {
            let name = file.file_name().into_string().unwrap();
            if !name.ends_with(".lock") {
                fs::copy(file.path(), place.join(name)).unwrap();
            }
        }
    }
}

/// Twelve events of two days: one partition sealed, one as it stands after two commits.
async fn write(dir: &Path) {
    let store = Store::open(dir, config(), &mut Default::default()).unwrap();
    let events = |numbers: std::ops::Range<u64>, at: i64| numbers.map(|n| sealed(full(n, at))).collect::<Vec<_>>();
    store.append(events(0..6, NOW - DAY), "yesterday".to_owned()).await.unwrap();
    store.compact().await.unwrap();
    for n in [6, 9] {
        store.append(events(n..n + 3, NOW), format!("today {n}")).await.unwrap();
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
}

fn full(n: u64, at: i64) -> lapwing_event::Event {
    let mut event = event(n, at + n as i64);
    event.kind = if n.is_multiple_of(3) { Kind::Tool } else { Kind::Llm };
    event.gen_ai = Some(Box::new(GenAi::chat(if n.is_multiple_of(2) { "small" } else { "large" })));
    event.latency_ms = Some(n as f64);
    event.user = Some(User { id: format!("[USER:k1:{}]", n % 4) });
    event.session = Some(Session { id: "[SESSION:k1:old]".to_owned() });
    event.attrs.insert("team".to_owned(), "red".into());
    event
}

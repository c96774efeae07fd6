//! An application that links the emitter, as a process of its own that can be killed: this binary, started again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lapwing_emitter::{Emitter, FlushError};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::disk::SmallDisk;
use crate::fault::Harm;
use crate::installation::Installation;
use crate::load::{Item, TOXIC};
use crate::random::Random;
use crate::support::wait_for;

/// The producer's number of the first application of a run; those of the load are lower. What an application has
/// emitted and not said may be there or not.
pub const FIRST: u32 = 1000;
/// More events than an application emits.
const MANY: u32 = 100_000;
/// An event every so often, a flush every so many events.
const PACE: Duration = Duration::from_millis(2);
const FLUSH_EVERY: u32 = 25;
const SPOOL_BYTES: u64 = 64 << 20;
/// How long the last flush may take.
const FAREWELL: Duration = Duration::from_secs(60);

/// What the process is told, and does.
#[derive(Debug, Clone, clap::Args)]
pub struct Emission {
    /// Be an application that emits, until standard input ends; internal.
    #[arg(long, hide = true, requires_all = ["service", "spool", "producer"])]
    emit_to: Option<String>,
    #[arg(long, hide = true)]
    service: Option<String>,
    #[arg(long, hide = true)]
    spool: Option<PathBuf>,
    #[arg(long, hide = true)]
    producer: Option<u32>,
}

impl Emission {
    /// Emits, if this process is for that. Says what a flush has acknowledged, and at the end what was counted.
    pub fn run(&self) -> Option<()> {
        let (url, service) = (self.emit_to.as_ref()?, self.service.as_ref()?);
        let (spool, producer) = (self.spool.as_ref()?, self.producer?);
        let emitter = Emitter::builder()
            .service(service)
            .to_http(url)
            .spool(spool, SPOOL_BYTES)
            .linger(Duration::from_millis(10))
            .retry_pauses(Duration::from_millis(50), Duration::from_secs(1))
            .build()
            .unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            told.store(true, Ordering::Relaxed);
        });
        let mut from = 0;
        let mut say = |verdict: Result<(), FlushError>, next: u32| match verdict {
            Ok(()) => tell(&format!("flushed {from} {next}")),
            Err(FlushError::Timeout { .. }) => {}
            // What came before may be among what was dropped.
            Err(_) => from = next,
        };
        for number in 0..MANY {
            if ends.load(Ordering::Relaxed) {
                say(emitter.shutdown(FAREWELL), number);
                let stats = emitter.stats();
                tell(&format!("ended {} {} {}", stats.emitted, stats.acknowledged, stats.dropped()));
                break;
            }
            if number.is_multiple_of(TOXIC) {
                continue;
            }
            let event = json!({"prompt": "numbered", "producer": producer, "number": number});
            let Value::Object(event) = event else { unreachable!("an object") };
            emitter.emit_object(event);
            if number.is_multiple_of(FLUSH_EVERY) {
                say(emitter.flush(Duration::from_millis(100)), number);
                tell(&format!("dropped {}", emitter.stats().dropped()));
            }
            thread::sleep(PACE);
        }
        Some(())
    }
}

/// At once, since the next moment may be the last.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// Such a process.
struct Application {
    child: Child,
    producer: u32,
    spool: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
    listener: thread::JoinHandle<()>,
}

impl Application {
    fn start(front: &str, service: &str, spool: &Path, producer: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--emit-to", front, "--service", service, "--producer", &producer.to_string()])
            .arg("--spool")
            .arg(spool)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, kept) = (BufReader::new(child.stdout.take().unwrap()).lines(), Arc::clone(&said));
        let listener = thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line));
        });
        Self { child, producer, spool: spool.to_owned(), said, listener }
    }

    fn dropped(&self) -> u64 {
        let said = self.said.lock().unwrap();
        let counts = said.iter().filter_map(|line| line.strip_prefix("dropped ")?.parse().ok());
        counts.max().unwrap_or_default()
    }

    /// kill -9. What was acknowledged until then, by a flush or by being in the spool.
    fn kill(mut self) -> BTreeSet<Item> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.listener.join().unwrap();
        let mut items = flushed(&self.said.lock().unwrap(), self.producer);
        items.extend(spooled(&self.spool));
        items
    }

    /// Lets it send what it has and end. What was acknowledged, with a fault if its counters do not add up.
    fn finish(mut self) -> (BTreeSet<Item>, Option<String>) {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        self.listener.join().unwrap();
        let said = self.said.lock().unwrap();
        let last = said.last().cloned().unwrap_or_default();
        let counts: Vec<u64> = last.split(' ').filter_map(|count| count.parse().ok()).collect();
        let adds_up = matches!(counts.as_slice(), [emitted, acknowledged, dropped] if
            // What a former process had spooled is acknowledged too.
            acknowledged + dropped >= *emitted);
        let fault = (!status.success() || !adds_up).then(|| format!("the application ended with {status}, {last:?}"));
        (flushed(&said, self.producer), fault)
    }
}

fn flushed(said: &[String], producer: u32) -> BTreeSet<Item> {
    let mut items = BTreeSet::new();
    for line in said.iter().filter_map(|line| line.strip_prefix("flushed ")) {
        let (from, to) = line.split_once(' ').unwrap();
        let numbers = from.parse().unwrap()..to.parse().unwrap();
        items.extend(numbers.filter(|number: &u32| !number.is_multiple_of(TOXIC)).map(|number| (producer, number)));
    }
    items
}

/// What whole records of a spool hold: length, checksum, and an event a line.
fn spooled(folder: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "spool")) {
        let bytes = fs::read(&file).unwrap();
        let mut rest = bytes.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some(lines) = behind.get(4..4 + length) else { break };
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                items.extend(crate::check::item_of(&serde_json::from_slice(line).unwrap()));
            }
            rest = &behind[4 + length..];
        }
    }
    items
}

/// kill -9 of an application while its events are on their way, or wait on disk since the front door is away.
pub async fn kill(at: &mut Installation, random: &mut Random, harm: &mut Harm) {
    let (front, spool) = (at.front().to_owned(), at.home("application").join(&harm.tag));
    let name = at.roles()[0];
    let first = Application::start(&front, &harm.tag, &spool, FIRST);
    sleep(random.millis(300, 1000)).await;
    let away = random.index(3);
    match away {
        0 => {}
        1 => at.signal(name, "-STOP"),
        _ => at.kill(name),
    }
    sleep(random.millis(300, 3000)).await;
    harm.ledger.acknowledged.extend(block_in_place(|| first.kill()));
    match away {
        0 => {}
        1 => at.signal(name, "-CONT"),
        _ => at.bring_up(name),
    }
    let second = Application::start(&front, &harm.tag, &spool, FIRST + 1);
    sleep(random.millis(500, 1500)).await;
    harm.finish(second);
}

/// The disk of the spool is full while the front door is away, and then is not.
pub async fn full_spool(at: &mut Installation, random: &mut Random, harm: &mut Harm) {
    let (front, spool) = (at.front().to_owned(), at.home("application").join(&harm.tag));
    let disk = SmallDisk::mount(&spool).expect("the fault is left out where nothing can be mounted");
    let only = Application::start(&front, &harm.tag, &spool, FIRST);
    sleep(random.millis(300, 1000)).await;
    let name = at.roles()[0];
    at.kill(name);
    disk.leave(random.below(64 << 10));
    if wait_for(async || (only.dropped() > 0).then_some(())).await.is_none() {
        harm.faults.push("the emitter says nothing of a full disk".to_owned());
    }
    disk.make_room();
    sleep(random.millis(300, 1000)).await;
    at.bring_up(name);
    sleep(random.millis(500, 1500)).await;
    harm.finish(only);
    drop(disk);
}

impl Harm {
    fn finish(&mut self, application: Application) {
        let (items, fault) = block_in_place(|| application.finish());
        self.ledger.acknowledged.extend(items);
        self.faults.extend(fault);
    }
}

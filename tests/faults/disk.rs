//! Disks that are small, full, slow or wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::check;
use crate::fault::Harm;
use crate::installation::{Bus, Installation};
use crate::load::days_ago_ms;
use crate::random::Random;
use crate::support::{files_below, wait_for};

/// What a small disk offers while it is not full.
const ROOMY: u64 = 16 << 30;

/// A file system in memory whose size can be changed while it is used.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it on a folder, which only root may.
    pub fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={ROOMY}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "lapwing-faults"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }

    /// Whether this process may mount one.
    pub fn is_possible() -> bool {
        Self::mount(tempfile::tempdir().unwrap().path()).is_some()
    }

    /// Leaves so many bytes free.
    pub fn leave(&self, free: u64) {
        // It fails when something was written since it was measured.
        let left = (0..100).any(|_| self.resize(self.used() + free));
        assert!(left, "{} is written to faster than it can be made small", self.0.display());
    }

    pub fn make_room(&self) {
        assert!(self.resize(ROOMY), "{} cannot be made larger", self.0.display());
    }

    fn used(&self) -> u64 {
        let output = Command::new("df").args(["--block-size=1", "--output=used"]).arg(&self.0).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().nth(1).unwrap().trim().parse().unwrap()
    }

    fn resize(&self, bytes: u64) -> bool {
        // Less than a page is no limit at all, and 0 means none.
        let size = format!("remount,size={}", bytes.max(4096));
        Command::new("mount").args(["-o", &size]).arg(&self.0).output().unwrap().status.success()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The disk below a part of a process's data is full for a while.
pub async fn full(at: &mut Installation, role: &'static str, part: &str, random: &mut Random, harm: &mut Harm) {
    let place = at.home(role).join(part);
    let away = place.with_extension("away");
    block_in_place(|| at.stop(role));
    fs::create_dir_all(&place).unwrap();
    fs::rename(&place, &away).unwrap();
    let disk = SmallDisk::mount(&place).expect("the fault is left out where nothing can be mounted");
    copy(&away, &place);
    at.bring_up(role);
    sleep(random.millis(200, 1500)).await;

    // From one moment to the next, within what is reserved, and down to nothing.
    disk.leave([0, 4096, 64 << 10, 1 << 20, 100 << 20][random.index(5)]);
    let said = wait_for(async || is_said(at, part).await.then_some(())).await;
    if said.is_none() {
        harm.faults.push(format!("nothing said that {part} has no room: {}", at.store().readiness().await));
    }
    sleep(random.millis(500, 3000)).await;
    let (status, answer) = at.store().get("/v1/search", &[("q", "*")]).await;
    if status != 200 {
        harm.faults.push(format!("a search was answered with {status} while {part} had no room: {answer}"));
    }

    disk.make_room();
    at.healed = Instant::now();
    let recovered = check::recovery(at, &format!("{}-room", harm.tag)).await;
    harm.recovery = recovered.map_err(|fault| harm.faults.push(fault)).ok();
    block_in_place(|| at.stop(role));
    fs::remove_dir_all(&away).unwrap();
    copy(&place, &away);
    drop(disk);
    fs::remove_dir(&place).unwrap();
    fs::rename(&away, &place).unwrap();
    at.bring_up(role);
}

/// Whether the want of room is to be seen: as an answer, as a metric, and as what is not ready.
async fn is_said(at: &Installation, part: &str) -> bool {
    let (ready, metrics) = (at.store().readiness().await, at.store().metrics().await);
    if part.ends_with("index") {
        return ready.contains("not writing") && metrics.contains("\nlapwing_store_stalled 1\n");
    }
    let answer = at.front_server().try_post("/v1/events", "application/json", r#"{"prompt":"no room"}"#).await;
    let refused = answer.is_ok_and(|(status, body)| status == 503 && body.to_string().contains("no room"));
    refused && ready.contains("no room") && metrics.contains("reason=\"no_room\"")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

/// What a power cut leaves behind a write that was not acknowledged.
pub fn torn_log(at: &mut Installation, random: &mut Random) {
    at.kill("up");
    let bus = at.home("up").join("data/bus");
    let journal = files_below(&bus)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("no journal below {}", bus.display()));
    let length = 1 + random.index(2000);
    append(&journal, &random.bytes(length));
    at.bring_up("up");
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// kill -9 while the detector wrote its state down.
pub fn half_state(at: &mut Installation, random: &mut Random) {
    at.kill("up");
    let folder = at.home("up").join("data/detector");
    fs::create_dir_all(&folder).unwrap();
    let length = random.index(5000);
    fs::write(folder.join("state.new"), random.bytes(length)).unwrap();
    at.bring_up("up");
}

/// The durability steps take their time now and then.
pub async fn slow(at: &mut Installation, random: &mut Random) {
    let role = if at.bus == Bus::Embedded { "up" } else { ["store", "detector"][random.index(2)] };
    at.kill(role);
    let steps = ["bus::commit=20%sleep(400)", "store::commit=50%sleep(2000)", "detector::save=sleep(3000)"];
    at.bring_up_with(role, &[("FAILPOINTS", &steps.join(";"))]);
    sleep(random.millis(3000, 6000)).await;
    at.kill(role);
    at.bring_up(role);
}

/// Events of the day whose partition will be damaged.
const OLD: usize = 200;

/// Bits of a file of a partition that rests turn over while the store is down.
pub async fn damage(at: &mut Installation, random: &mut Random, harm: &mut Harm) {
    let role = if at.bus == Bus::Embedded { "up" } else { "store" };
    let service = format!("{}-old", harm.tag);
    let at_ms = days_ago_ms(3 + random.below(24));
    let old = |number: usize| {
        json!({"interaction_id": format!("{service}-{number}"), "timestamp": at_ms + number as u64,
        "service": service, "prompt": "old"})
    };
    let events = serde_json::Value::from_iter((0..OLD).map(old));
    at.front_server().send(&events).await;
    at.store().find(&format!("service:{service}"), OLD).await;
    let query = "error.type:events_lost AND \"set aside\"";
    let before = check::all(at.store(), query).await.len();
    block_in_place(|| at.stop(role));

    let root = at.home(role).join("data/index/partitions");
    let day = partition_of(&root, at_ms);
    let files = files_below(&root.join(&day)).into_iter().filter(|path| is_segment(path)).collect::<Vec<_>>();
    let file = &files[random.index(files.len())];
    let mut bytes = fs::read(file).unwrap();
    // Its checksum does not cover the footer, in which much means nothing.
    let place = random.index(bytes.len() - footer(&bytes));
    bytes[place] ^= 1 << random.below(8);
    fs::write(file, bytes).unwrap();
    at.bring_up(role);

    let told = wait_for(async || {
        let named = at.last_log_of(role).contains("set aside") && at.home(role).join("data/index/quarantine").exists();
        (named && check::all(at.store(), query).await.len() > before).then_some(())
    });
    if told.await.is_none() {
        harm.faults.push(format!("damage of {} was not told", file.display()));
    }
    let left = check::all(at.store(), &format!("service:{service}")).await.len();
    if left != 0 {
        harm.faults.push(format!("{left} events of a damaged partition are still served"));
    }
    // The bus still has them, and so has whoever sent them.
    match random.one_in(2) {
        true => at.front_server().send(&events).await,
        false => {
            block_in_place(|| at.stop(role));
            at.forget_position(role);
            at.bring_up(role);
        }
    }
    at.store().find(&format!("service:{service}"), OLD).await;
}

/// Files of committed segments that are not empty. Their names are UUIDs.
fn is_segment(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.split('.').next().is_some_and(|stem| stem.len() == 32) && {
        let bytes = fs::read(path).unwrap();
        bytes.len() > footer(&bytes)
    }
}

/// How long the footer of a file of Tantivy is: its text, then that text's length and a mark.
fn footer(bytes: &[u8]) -> usize {
    let length = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    u32::from_le_bytes(length) as usize + 8
}

/// The last part of the day's partition.
fn partition_of(root: &Path, at_ms: u64) -> String {
    let day = lapwing_event::Timestamp::from_millis(i64::try_from(at_ms).unwrap()).to_string()[..10].to_owned();
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(&day))
        .collect();
    names.sort();
    names.pop().unwrap_or_else(|| panic!("no partition of {day} in {}", root.display()))
}

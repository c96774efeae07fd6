#![allow(clippy::unwrap_used)]
use std::io::Write;

use super::*;

struct Log {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        Self { folder, path }
    }

    fn write(&self, text: &str) {
        fs::OpenOptions::new().create(true).append(true).open(&self.path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn tail(&self) -> Tail {
        Tail::new(&self.path)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_501_800_000)
}

/// What comes until nothing comes, acknowledged; looks often enough for a renamed file to be left.
fn drain(tail: &mut Tail) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for _ in 0..3 * QUIET_LOOKS {
        while let Some(lines) = tail.next(now(), false).unwrap() {
            all.extend(lines.lines.iter().map(|line| (line.number, String::from_utf8(line.text.clone()).unwrap())));
            tail.acknowledge(&lines).unwrap();
        }
    }
    all
}

fn texts(tail: &mut Tail) -> Vec<String> {
    drain(tail).into_iter().map(|(_, text)| text).collect()
}

/// A line that is long enough to tell two files apart.
fn long(text: &str) -> String {
    format!("{text}{}", ".".repeat(80))
}

#[test]
fn whole_lines_come_once_and_a_half_one_waits() {
    let log = Log::new();
    let mut tail = log.tail();
    assert!(texts(&mut tail).is_empty(), "the file is not there yet");
    log.write("a\n\n b \nhal");
    assert_eq!(drain(&mut tail), [(1, "a".to_owned()), (3, "b".to_owned())]);
    log.write("f\n");
    assert_eq!(drain(&mut tail), [(4, "half".to_owned())]);
    assert_eq!(drain(&mut log.tail()), [], "another start goes on where this one was");
    log.write("c\n");
    assert_eq!(drain(&mut log.tail()), [(5, "c".to_owned())]);
}

#[test]
fn what_was_not_acknowledged_comes_again_as_it_was() {
    let log = Log::new();
    log.write("a\nb\n");
    let first = log.tail().next(now(), false).unwrap().unwrap();
    log.write("c\n");
    let mut again = log.tail();
    let second = again.next(now() + std::time::Duration::from_secs(60), false).unwrap().unwrap();
    assert_eq!((&first.lines, first.at, &first.identity), (&second.lines, second.at, &second.identity));
    again.acknowledge(&second).unwrap();
    assert_eq!(texts(&mut again), ["c"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_then_the_new_one() {
    let log = Log::new();
    let mut tail = log.tail();
    log.write(&format!("{}\n", long("a")));
    assert_eq!(texts(&mut tail).len(), 1);
    let mut writer = fs::OpenOptions::new().append(true).open(&log.path).unwrap();
    fs::rename(&log.path, log.beside("app.log.1")).unwrap();
    log.write("new\n");
    writer.write_all(b"late\nwithout an end").unwrap();
    assert_eq!(texts(&mut tail), ["late", "without an end", "new"]);
}

#[test]
fn rotations_while_nobody_looked_are_caught_up_in_order() {
    let log = Log::new();
    let mut tail = log.tail();
    log.write(&format!("{}\n", long("a")));
    assert_eq!(texts(&mut tail).len(), 1);
    log.write("b\n");
    let age = |name: &str, seconds: u64| {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + seconds);
        File::options().append(true).open(log.beside(name)).unwrap().set_modified(time).unwrap();
    };
    fs::rename(&log.path, log.beside("app.log.2")).unwrap();
    age("app.log.2", 1);
    log.write("c\n");
    fs::rename(&log.path, log.beside("app.log.1")).unwrap();
    age("app.log.1", 2);
    fs::write(log.beside("app.log.old"), "not a rotation\n").unwrap();
    log.write("d\n");
    assert_eq!(texts(&mut log.tail()), ["b", "c", "d"]);
}

#[test]
fn a_copied_and_truncated_file_loses_nothing_that_is_in_the_copy() {
    let log = Log::new();
    let mut tail = log.tail();
    log.write(&format!("{}\n", long("a")));
    assert_eq!(texts(&mut tail).len(), 1);
    log.write("unread\n");
    fs::copy(&log.path, log.beside("app.log.1")).unwrap();
    File::options().write(true).open(&log.path).unwrap().set_len(0).unwrap();
    log.write("after\n");
    assert_eq!(texts(&mut tail), ["unread", "after"]);
    File::options().write(true).open(&log.path).unwrap().set_len(0).unwrap();
    log.write(&format!("{}\n", long("without a copy, and longer than what was read")));
    assert_eq!(texts(&mut tail).len(), 1);
}

#[test]
fn an_over_long_line_is_named_and_costs_only_itself() {
    let log = Log::new();
    log.write(&format!("a\n{}\nb\n", "x".repeat(MAX_BYTES + 1)));
    let mut tail = log.tail();
    let (mut seen, mut too_long) = (Vec::new(), Vec::new());
    while let Some(lines) = tail.next(now(), false).unwrap() {
        seen.extend(lines.lines.iter().map(|line| line.number));
        too_long.extend(&lines.too_long);
        tail.acknowledge(&lines).unwrap();
    }
    assert_eq!((seen, too_long), (vec![1, 3], vec![2]));
}

#[test]
fn batches_are_bounded() {
    let log = Log::new();
    log.write(&"line\n".repeat(2 * MAX_LINES + 1));
    let mut tail = log.tail();
    let mut sizes = Vec::new();
    while let Some(lines) = tail.next(now(), false).unwrap() {
        sizes.push(lines.lines.len());
        tail.acknowledge(&lines).unwrap();
    }
    assert_eq!(sizes, [MAX_LINES, MAX_LINES, 1]);
}

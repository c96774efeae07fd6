//! A destination on a real socket that does what a test tells it, and remembers what came.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::Value;

/// How a test may go wrong at worst.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct State {
    /// Events as they came, in order; those of refused requests are not here.
    pub events: Vec<Value>,
    /// Requests, whatever the answer.
    pub requests: usize,
    /// The `authorization` header of the last request.
    pub authorization: Option<String>,
    /// Answers to give before the usual one: status, more headers, body.
    pub script: VecDeque<(u16, String, String)>,
}

#[derive(Clone, Default)]
pub struct Server {
    state: Arc<(Mutex<State>, Condvar)>,
    away: Arc<AtomicBool>,
    silent: Arc<Mutex<()>>,
}

impl Server {
    /// A server that is away: it keeps its port, and hangs up on whoever calls until it comes [back](Self::back).
    pub fn away() -> (Self, SocketAddr) {
        let server = Self::default();
        server.away.store(true, Ordering::SeqCst);
        let address = server.listen();
        (server, address)
    }

    pub fn back(&self) {
        self.away.store(false, Ordering::SeqCst);
    }

    /// While the guard is there, requests are taken and not answered.
    pub fn silence(&self) -> MutexGuard<'_, ()> {
        self.silent.lock().unwrap()
    }

    /// Listens at any port. Ends with the process.
    pub fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if server.away.load(Ordering::SeqCst) {
                    continue;
                }
                let server = server.clone();
                // A client that goes away ends its connection's thread.
                thread::spawn(move || server.serve(&stream.unwrap()));
            }
        });
        address
    }

    pub fn script(&self, status: u16, headers: &str, body: &str) {
        self.state.0.lock().unwrap().script.push_back((status, headers.to_owned(), body.to_owned()));
    }

    /// Waits until the state is as `check` wants it, and gives what it gives.
    pub fn wait<T>(&self, check: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.0.lock().unwrap();
        loop {
            if let Some(found) = check(&state) {
                return found;
            }
            let left = deadline.checked_duration_since(Instant::now()).expect("what the test waits for did not come");
            state = self.state.1.wait_timeout(state, left).unwrap().0;
        }
    }

    pub fn events(&self) -> Vec<Value> {
        self.state.0.lock().unwrap().events.clone()
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut length, mut gzipped, mut authorization) = (0, false, None);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let line = line.trim_end();
                match line.split_once(": ") {
                    Some(("content-length", value)) => length = value.parse().unwrap(),
                    Some(("content-encoding", value)) => gzipped = value == "gzip",
                    Some(("authorization", value)) => authorization = Some(value.to_owned()),
                    _ => {}
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let answer = self.take(&body, gzipped, authorization);
            drop(self.silent.lock().unwrap());
            let mut stream = stream;
            stream.write_all(answer.as_bytes()).ok()?;
        }
    }

    fn take(&self, body: &[u8], gzipped: bool, authorization: Option<String>) -> String {
        let mut text = String::new();
        match gzipped {
            true => drop(GzDecoder::new(body).read_to_string(&mut text).unwrap()),
            false => text.push_str(std::str::from_utf8(body).unwrap()),
        }
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (lock, changed) = &*self.state;
        let mut state = lock.lock().unwrap();
        state.requests += 1;
        state.authorization = authorization;
        let (status, headers, body) = state.script.pop_front().unwrap_or_else(|| {
            let body = format!(r#"{{"accepted":{},"rejected":0,"items":[]}}"#, events.len());
            (202, String::new(), body)
        });
        if status == 202 {
            state.events.extend(events);
        }
        changed.notify_all();
        format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    }
}

//! The emitter as Python sees it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use lapwing_emitter::{BuildError, DropPolicy, DropReason, EmitterBuilder, FlushError, Stats};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::process::Owned;
use crate::value::to_object;

/// Losses are told at most this often, and looked for at most once a second.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often a waiting thread looks whether somebody pressed Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// So many processes share a folder for spools at most.
const MAX_SPOOLS: u32 = 1024;

/// Sends events to an endpoint, from a thread of its own.
#[pyclass(frozen, module = "lapwing._native")]
pub(crate) struct Emitter {
    inner: Owned<lapwing_emitter::Emitter>,
    told: Mutex<Told>,
}

/// What the application's log has been told.
struct Told {
    looked: Instant,
    reported: Option<Instant>,
    dropped: u64,
    away: bool,
}

#[pymethods]
impl Emitter {
    #[new]
    #[pyo3(signature = (endpoint, service, *, api_key=None, version=None, environment=None, queue_events=None,
        queue_bytes=None, drop_oldest=false, spool=None, spool_bytes=256 << 20, sample_sessions=1.0))]
    #[expect(clippy::too_many_arguments, reason = "they are the named settings of a Python constructor")]
    fn new(
        endpoint: &str,
        service: &str,
        api_key: Option<&str>,
        version: Option<&str>,
        environment: Option<&str>,
        queue_events: Option<usize>,
        queue_bytes: Option<usize>,
        drop_oldest: bool,
        spool: Option<PathBuf>,
        spool_bytes: u64,
        sample_sessions: f64,
    ) -> PyResult<Self> {
        let builder = || {
            let policy = if drop_oldest { DropPolicy::Oldest } else { DropPolicy::Newest };
            let mut builder =
                lapwing_emitter::Emitter::builder().service(service).to_http(endpoint).drop_policy(policy);
            builder = api_key.into_iter().fold(builder, EmitterBuilder::api_key);
            builder = version.into_iter().fold(builder, EmitterBuilder::service_version);
            builder = environment.into_iter().fold(builder, EmitterBuilder::environment);
            builder = queue_events.into_iter().fold(builder, EmitterBuilder::queue_capacity);
            builder = queue_bytes.into_iter().fold(builder, EmitterBuilder::queue_bytes);
            if sample_sessions < 1.0 { builder.sample_sessions(sample_sessions) } else { builder }
        };
        let built = match &spool {
            Some(folder) => with_spool(builder, folder, spool_bytes),
            None => builder().build(),
        };
        let inner = built.map_err(|error| PyValueError::new_err(explain(&error)))?;
        let told = Told { looked: Instant::now(), reported: None, dropped: 0, away: false };
        Ok(Self { inner: Owned::new(inner), told: Mutex::new(told) })
    }

    /// Queues a dictionary. Gives a warning for the application's log where there is one.
    fn emit(&self, fields: &Bound<'_, PyDict>) -> PyResult<Option<String>> {
        let inner = self.inner()?;
        match to_object(fields) {
            Ok(object) => inner.emit_object(object),
            Err(_) => inner.count_lost(DropReason::TooLarge),
        }
        Ok(self.warning())
    }

    /// As `emit`, and raises where the dictionary is no event.
    fn emit_strict(&self, fields: &Bound<'_, PyDict>) -> PyResult<()> {
        let inner = self.inner()?;
        let events = inner.events_of(to_object(fields)?);
        events
            .map_err(|rejection| PyValueError::new_err(rejection.to_string()))?
            .into_iter()
            .for_each(|e| inner.emit(e));
        Ok(())
    }

    /// Counts something that could not be made an event.
    fn count_lost(&self) -> PyResult<()> {
        self.inner()?.count_lost(DropReason::Rejected);
        Ok(())
    }

    /// Waits until everything emitted before is acknowledged; says what is wrong if it is not.
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<String>> {
        let timeout = seconds(timeout);
        wait(py, self.inner()?.clone(), move |emitter| emitter.flush(timeout))
    }

    /// Sends what is queued, and ends; says what is wrong if something is left.
    fn shutdown(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<String>> {
        let timeout = seconds(timeout);
        wait(py, self.inner()?.clone(), move |emitter| emitter.shutdown(timeout))
    }

    /// The counters now.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner()?.stats();
        let dropped = PyDict::new(py);
        for reason in DropReason::ALL {
            dropped.set_item(reason.as_str(), stats.dropped_for(reason))?;
        }
        let all = PyDict::new(py);
        all.set_item("emitted", stats.emitted)?;
        all.set_item("acknowledged", stats.acknowledged)?;
        all.set_item("queued", stats.queued)?;
        all.set_item("spooled", stats.spooled)?;
        all.set_item("sampled_out", stats.sampled_out)?;
        all.set_item("retries", stats.retries)?;
        all.set_item("dropped", dropped)?;
        all.set_item("last_fault", stats.last_fault)?;
        Ok(all)
    }
}

impl Emitter {
    pub(crate) fn inner(&self) -> PyResult<&lapwing_emitter::Emitter> {
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("emitter belongs to the process that forked this one"))
    }

    fn warning(&self) -> Option<String> {
        let mut told = self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if told.looked.elapsed() < LOOK_INTERVAL {
            return None;
        }
        told.looked = Instant::now();
        told.warning(&self.inner.get()?.stats())
    }
}

impl Told {
    fn warning(&mut self, stats: &Stats) -> Option<String> {
        let fault = stats.last_fault.as_deref().unwrap_or("none");
        let lost = stats.dropped() - self.dropped;
        if lost > 0 && self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            (self.dropped, self.reported) = (stats.dropped(), Some(Instant::now()));
            let by_reason = DropReason::ALL.iter().map(|reason| (reason.as_str(), stats.dropped_for(*reason)));
            let total: Vec<String> =
                by_reason.filter(|(_, n)| *n > 0).map(|(reason, n)| format!("{reason} {n}")).collect();
            return Some(format!("{lost} events were dropped; in total: {}; last fault: {fault}", total.join(", ")));
        }
        if stats.retries > 0 && stats.acknowledged == 0 && !self.away {
            self.away = true;
            return Some(format!("no event was delivered so far, they wait; last fault: {fault}"));
        }
        None
    }
}

/// In a folder of its own below `folder`: the first that no other process uses. So a process that starts sends what
/// one before it had to leave.
fn with_spool(
    builder: impl Fn() -> EmitterBuilder,
    folder: &Path,
    max_bytes: u64,
) -> Result<lapwing_emitter::Emitter, BuildError> {
    let mut number = 0;
    loop {
        match builder().spool(folder.join(number.to_string()), max_bytes).build() {
            Err(BuildError::Spool(error)) if error.kind() == ErrorKind::WouldBlock && number < MAX_SPOOLS => {
                number += 1
            }
            built => return built,
        }
    }
}

fn explain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default()
}

/// Waits on a thread, so that other Python threads run meanwhile and Ctrl-C is heard.
fn wait(
    py: Python<'_>,
    emitter: lapwing_emitter::Emitter,
    work: impl FnOnce(&lapwing_emitter::Emitter) -> Result<(), FlushError> + Send + 'static,
) -> PyResult<Option<String>> {
    let (tell, mut told) = channel();
    let thread = std::thread::Builder::new().name("lapwing-flush".to_owned());
    thread.spawn(move || drop(tell.send(work(&emitter))))?;
    loop {
        let (answer, receiver) = py.detach(move || (told.recv_timeout(SIGNAL_INTERVAL), told));
        told = receiver;
        match answer {
            Ok(answer) => return Ok(answer.err().map(|error| error.to_string())),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(Some(FlushError::Closed.to_string())),
        }
    }
}

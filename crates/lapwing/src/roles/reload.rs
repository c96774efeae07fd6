//! New settings for a running detector: SIGHUP reads the configuration again. Faulty settings are told and left out.

use std::path::PathBuf;

use anyhow::{Context, Result};
use lapwing_detector::DetectorConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::process::Part;
use crate::settings::Settings;

/// Where new settings arrive; `None` until the first came.
pub type Reloaded = watch::Receiver<Option<DetectorConfig>>;

/// Listens for SIGHUP until `stop`. The future does the work.
pub fn on_hangup(
    file: Option<PathBuf>,
    stop: CancellationToken,
) -> Result<(Reloaded, impl Future<Output = Part> + Send)> {
    let mut hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let (tell, told) = watch::channel(None);
    let listen = async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return ("reload", Ok(())),
                _ = hangup.recv() => {}
            }
            match Settings::load(file.as_deref()) {
                Ok(settings) => {
                    info!("configuration read again: the detector takes it over, other parts with the next start");
                    tell.send_replace(Some(settings.detector));
                }
                Err(faults) => error!(%faults, "configuration not taken over, the old one stays in force"),
            }
        }
    };
    Ok((told, listen))
}

//! API keys: made, listed and revoked from the command line, hashed at rest, checked on every request.
//!
//! A key reads `lw_<id>_<secret>`. The file keeps the id and the SHA-256 of the whole key; the secret has 256
//! random bits, so a plain hash cannot be searched. The tenant of a request is the key's and nothing else's.
//! Without any key a server on loopback is open, as tenant `default`; on another address it does not start.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use lapwing_event::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Read events.
    Search,
    /// Give verdicts.
    Review,
    /// Everything.
    Admin,
}

impl Scope {
    /// Its name, as keys are made with it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Search => "search",
            Self::Review => "review",
            Self::Admin => "admin",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "ingest" => Self::Ingest,
            "search" => Self::Search,
            "review" => Self::Review,
            "admin" => Self::Admin,
            _ => bail!("{text:?} is no scope; choose from ingest, search, review, admin"),
        })
    }
}

/// One key, as the file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public part.
    pub id: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: String,
    /// The tenant whose data it reaches.
    pub tenant: TenantId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// What it is for.
    pub note: String,
}

impl ApiKey {
    /// Whether the key may do this now.
    pub fn allows(&self, scope: Scope, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end) && self.scopes.iter().any(|s| *s == scope || *s == Scope::Admin)
    }
}

/// The file of keys.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at this path; it need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// All keys.
    pub fn read(&self) -> Result<Vec<ApiKey>> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("read the keys in {}", self.path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("read {}", self.path.display())),
        }
    }

    /// Makes a key and returns it in full; it is not kept in full anywhere.
    pub fn create(&self, tenant: &str, scopes: &[String], days: Option<u32>, note: &str) -> Result<String> {
        let tenant = TenantId::new(tenant)?;
        let scopes = scopes.iter().map(|scope| Scope::parse(scope)).collect::<Result<Vec<_>>>()?;
        let mut random = [0; 36];
        getrandom::fill(&mut random).context("draw random bytes")?;
        let id = hex(&random[..4]);
        let key = format!("lw_{id}_{}", hex(&random[4..]));
        let created = clock::now();
        let mut keys = self.read()?;
        keys.push(ApiKey {
            id,
            sha256: hash(&key),
            tenant,
            scopes,
            created,
            expires: days.map(|days| created + Duration::from_secs(u64::from(days) * 86_400)),
            note: note.to_owned(),
        });
        self.write(&keys)?;
        Ok(key)
    }

    /// Ends a key.
    pub fn revoke(&self, id: &str) -> Result<()> {
        let mut keys = self.read()?;
        let before = keys.len();
        keys.retain(|key| key.id != id);
        if keys.len() == before {
            bail!("no key has the id {id:?}; `lapwing keys list` shows the ids");
        }
        self.write(&keys)
    }

    fn write(&self, keys: &[ApiKey]) -> Result<()> {
        write_private(&self.path, &serde_json::to_vec_pretty(keys)?)
    }
}

/// Writes a file that only its owner can read, at once or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let folder = path.parent().context("the file of keys needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// The keys in force, read again when the file changes.
#[derive(Debug)]
pub struct Keys {
    file: KeyFile,
    cached: Mutex<Cached>,
}

#[derive(Debug)]
struct Cached {
    keys: Arc<Vec<ApiKey>>,
    modified: Option<SystemTime>,
    looked: Instant,
}

/// How long a revoked key may still be taken.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

impl Keys {
    /// Reads the file.
    pub fn load(file: KeyFile) -> Result<Self> {
        let modified = modified(&file.path);
        let keys = Arc::new(file.read()?);
        Ok(Self { file, cached: Mutex::new(Cached { keys, modified, looked: Instant::now() }) })
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.current().is_empty()
    }

    /// The key with this secret, whatever it may do.
    pub fn find(&self, secret: &str) -> Option<ApiKey> {
        let id = secret.strip_prefix("lw_")?.split('_').next()?;
        let hash = hash(secret);
        let keys = self.current();
        let key = keys.iter().find(|key| key.id == id)?;
        bool::from(key.sha256.as_bytes().ct_eq(hash.as_bytes())).then(|| key.clone())
    }

    fn current(&self) -> Arc<Vec<ApiKey>> {
        let mut cached = self.cached.lock().expect("nobody panics while holding the lock");
        if cached.looked.elapsed() >= RELOAD_INTERVAL {
            cached.looked = Instant::now();
            let now = modified(&self.file.path);
            if now != cached.modified {
                match self.file.read() {
                    Ok(keys) => (cached.keys, cached.modified) = (Arc::new(keys), now),
                    Err(error) => tracing::error!(%error, "API keys not read again; those in force stay in force"),
                }
            }
        }
        Arc::clone(&cached.keys)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_opens_only_what_it_says_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        let secret = file.create("acme", &["ingest".to_owned()], Some(1), "test").unwrap();
        assert!(!fs::read_to_string(&file.path).unwrap().contains(&secret));

        let keys = Keys::load(file.clone()).unwrap();
        let key = keys.find(&secret).unwrap();
        let now = clock::now();
        assert_eq!(key.tenant.as_str(), "acme");
        assert!(key.allows(Scope::Ingest, now) && !key.allows(Scope::Search, now));
        assert!(!key.allows(Scope::Ingest, now + Duration::from_secs(90_000)));
        assert!(keys.find(&secret.replace("lw_", "lw_x")).is_none());
        assert!(keys.find(&format!("{secret}0")).is_none());

        file.revoke(&key.id).unwrap();
        assert!(file.revoke(&key.id).is_err());
        assert!(Keys::load(file).unwrap().find(&secret).is_none());
    }

    #[test]
    fn a_scope_that_does_not_exist_is_named() {
        let file = KeyFile::new(PathBuf::from("unused.json"));
        let error = file.create("acme", &["fly".to_owned()], None, "").unwrap_err();
        assert!(error.to_string().contains("\"fly\""), "{error}");
    }
}

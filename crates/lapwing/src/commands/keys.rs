//! `lapwing keys`: make, list and end API keys.

use std::io::{Write, stdout};

use anyhow::Result;

use crate::args::Keys;
use crate::auth::KeyFile;
use crate::settings::Settings;

/// Does it.
pub fn run(action: &Keys, settings: &Settings) -> Result<()> {
    let file = KeyFile::new(settings.api_keys_file());
    let mut out = stdout().lock();
    match action {
        Keys::Create { tenant, scopes, expires, note } => {
            let key = file.create(tenant, scopes, *expires, note)?;
            writeln!(out, "{key}")?;
        }
        Keys::List => {
            writeln!(out, "{:<10} {:<16} {:<28} {:<22} {:<22} note", "id", "tenant", "scopes", "created", "expires")?;
            for key in file.read()? {
                let scopes: Vec<String> = key.scopes.iter().map(|scope| format!("{scope:?}").to_lowercase()).collect();
                let expires = key.expires.map_or_else(|| "never".to_owned(), |end| seconds(&end.to_string()));
                let (scopes, created) = (scopes.join(","), seconds(&key.created.to_string()));
                writeln!(
                    out,
                    "{:<10} {:<16} {scopes:<28} {created:<22} {expires:<22} {}",
                    key.id, key.tenant, key.note
                )?;
            }
        }
        Keys::Revoke { id } => {
            file.revoke(id)?;
            writeln!(out, "revoked {id}; running servers refuse it within a second")?;
        }
    }
    Ok(())
}

/// An RFC 3339 time without its decimals.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

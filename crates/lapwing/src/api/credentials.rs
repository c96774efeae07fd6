//! The API key of a request, in each of the forms in which clients send one.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The key of `Authorization: Bearer KEY`, `ApiKey KEY`, or `Basic` with the key as the password. Elasticsearch's
/// clients send `ApiKey` with `id:secret` in base64; such a pair is the key as well, and so is one in `Basic`.
pub fn secret(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = value.split_once(' ')?;
    let credential = credential.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(credential.to_owned()),
        "apikey" if credential.starts_with("lw_") => Some(credential.to_owned()),
        "apikey" | "basic" => pair(credential),
        _ => None,
    }
}

fn pair(credential: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(credential).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(match password.starts_with("lw_") {
        true => password.to_owned(),
        false => format!("lw_{user}_{password}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_found_in_every_form() {
        let check = |value: String, expect: Option<&str>| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(secret(&headers).as_deref(), expect, "{value}");
        };
        let encoded = |scheme: &str, text: &str| format!("{scheme} {}", STANDARD.encode(text));
        check("Bearer lw_1_s".to_owned(), Some("lw_1_s"));
        check("ApiKey lw_1_s".to_owned(), Some("lw_1_s"));
        check(encoded("ApiKey", "1:s"), Some("lw_1_s"));
        check(encoded("Basic", "anybody:lw_1_s"), Some("lw_1_s"));
        check(encoded("basic", ":lw_1_s"), Some("lw_1_s"));
        check(encoded("Basic", "1:s"), Some("lw_1_s"));
        check(encoded("Basic", "without a colon"), None);
        check("Basic %".to_owned(), None);
        check("Digest lw_1_s".to_owned(), None);
        check("lw_1_s".to_owned(), None);
    }
}

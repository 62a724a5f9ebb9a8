//! How the gateway behaves towards browsers, as the configuration says. Must not know what it serves.

use gateway::{CookieKeys, Options};

use crate::config::HttpSettings;
use crate::random;

/// What stays until a restart. Without a secret of its own, cookies are sealed with one of this process.
pub(crate) fn options(http: &HttpSettings) -> anyhow::Result<Options> {
    let cookie_keys = match &http.cookie_keys {
        Some(keys) => keys.clone(),
        None => CookieKeys::new([&random::bytes::<32>()?[..]]),
    };
    Ok(Options {
        public_origin: http.public_origin.clone(),
        proxies: http.proxies.clone(),
        cookie_keys,
        ..Options::default()
    })
}

//! The files that the gateway serves to browsers, compiled in. A new asset is one line of the table.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// One file served as it stands.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its whole path.
    pub(crate) path: &'static str,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its content.
    pub(crate) content: &'static [u8],
    /// Who may load it.
    pub(crate) audience: Audience,
    /// Weak entity-tag of the content: it is the same one for the compressed form.
    pub(crate) etag: String,
}

/// Who may load an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Any page: the shop's own pages embed it.
    Everybody,
    /// Our own pages, and only in the demo.
    Demo,
}

const PAGE: &str = "text/html; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($path:literal, $content_type:expr, $audience:ident, $file:literal;)*) => {
        vec![$(Asset {
            path: $path,
            content_type: $content_type,
            content: include_bytes!(concat!("../assets/", $file)),
            audience: Audience::$audience,
            etag: format!("W/{}", etag(include_bytes!(concat!("../assets/", $file)))),
        }),*]
    };
}

/// All assets.
pub(crate) static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    assets! {
        "/widget.js", SCRIPT, Everybody, "widget.js";
        "/conversation.js", SCRIPT, Everybody, "conversation.js";
        "/", PAGE, Demo, "storefront/index.html";
        "/storefront.css", SHEET, Demo, "storefront/storefront.css";
        "/storefront.js", SCRIPT, Demo, "storefront/storefront.js";
        "/library/", PAGE, Demo, "storefront/library.html";
        "/library.css", SHEET, Demo, "storefront/library.css";
        "/library.js", SCRIPT, Demo, "storefront/library.js";
        "/bank/", PAGE, Demo, "storefront/bank.html";
        "/bank.css", SHEET, Demo, "storefront/bank.css";
        "/bank.js", SCRIPT, Demo, "storefront/bank.js";
        "/demo.css", SHEET, Demo, "storefront/demo.css";
        "/demo.js", SCRIPT, Demo, "storefront/demo.js";
    }
});

/// A strong entity-tag of the bytes (RFC 9110 §8.8.3).
pub(crate) fn etag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in digest.iter().take(16) {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    tag
}

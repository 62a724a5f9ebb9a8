//! The files that the gateway serves to browsers, compiled in. A new asset is one line of the table.

use std::borrow::Cow;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// One file; scripts are served without what only readers of their source need.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its whole path.
    pub(crate) path: &'static str,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its content.
    pub(crate) content: Cow<'static, str>,
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
    /// Our own pages for reps.
    Staff,
    /// Our own pages, and only in the demo.
    Demo,
}

const PAGE: &str = "text/html; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($path:literal, $content_type:expr, $audience:ident, $file:literal;)*) => {
        vec![$(Asset::new(
            $path,
            $content_type,
            Audience::$audience,
            include_str!(concat!("../assets/", $file)),
        )),*]
    };
}

/// All assets.
pub(crate) static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    assets! {
        "/widget.js", SCRIPT, Everybody, "widget.js";
        "/conversation.js", SCRIPT, Everybody, "conversation.js";
        "/texts/ar.js", SCRIPT, Everybody, "texts/ar.js";
        "/texts/de.js", SCRIPT, Everybody, "texts/de.js";
        "/texts/es.js", SCRIPT, Everybody, "texts/es.js";
        "/texts/fr.js", SCRIPT, Everybody, "texts/fr.js";
        "/texts/tr.js", SCRIPT, Everybody, "texts/tr.js";
        "/staff.css", SHEET, Staff, "staff/staff.css";
        "/staff.js", SCRIPT, Staff, "staff/staff.js";
        "/console/", PAGE, Staff, "staff/console.html";
        "/console/console.css", SHEET, Staff, "staff/console.css";
        "/console/console.js", SCRIPT, Staff, "staff/console.js";
        "/console/words.js", SCRIPT, Staff, "staff/words.js";
        "/console/line.js", SCRIPT, Staff, "staff/line.js";
        "/console/desk.js", SCRIPT, Staff, "staff/desk.js";
        "/console/lists.js", SCRIPT, Staff, "staff/lists.js";
        "/console/talk.js", SCRIPT, Staff, "staff/talk.js";
        "/console/alerts.js", SCRIPT, Staff, "staff/alerts.js";
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

impl Asset {
    fn new(
        path: &'static str,
        content_type: &'static str,
        audience: Audience,
        source: &'static str,
    ) -> Self {
        let content = if content_type == SCRIPT {
            Cow::Owned(lean(source))
        } else {
            Cow::Borrowed(source)
        };
        Self {
            path,
            content_type,
            etag: format!("W/{}", etag(content.as_bytes())),
            content,
            audience,
        }
    }
}

/// The script without comment lines, indentation and empty lines: a seventh of the widget's weight.
/// Only whole lines go, so a `//` in a text is safe; our templates hold no line that begins with one.
fn lean(source: &str) -> String {
    let mut lean = String::with_capacity(source.len());
    let mut is_comment = false;
    for line in source.lines().map(str::trim) {
        is_comment |= line.starts_with("/**");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            lean.push_str(line);
            lean.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    lean
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_lose_comments_and_indentation_only() {
        let check = |source: &str, expected: &str| assert_eq!(lean(source), expected);
        check("// a\n/** b */\nlet c; // d\n", "let c; // d\n");
        check("/**\n * a\n */\n\n  b();\n", "b();\n");
        check("`\n* { c: d; }\n`;\n", "`\n* { c: d; }\n`;\n");
        check("e('https://f');\n", "e('https://f');\n");
    }
}

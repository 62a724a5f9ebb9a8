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
        "/rating.js", SCRIPT, Everybody, "rating.js";
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
        "/wall/", PAGE, Staff, "staff/wall.html";
        "/wall/wall.css", SHEET, Staff, "staff/wall.css";
        "/wall/wall.js", SCRIPT, Staff, "staff/wall.js";
        "/wall/wallwords.js", SCRIPT, Staff, "staff/wallwords.js";
        "/wall/chart.js", SCRIPT, Staff, "staff/chart.js";
        "/wall/room.js", SCRIPT, Staff, "staff/room.js";
        "/", PAGE, Demo, "../../../examples/storefronts/pages/index.html";
        "/storefront.css", SHEET, Demo, "../../../examples/storefronts/pages/storefront.css";
        "/storefront.js", SCRIPT, Demo, "../../../examples/storefronts/pages/storefront.js";
        "/library/", PAGE, Demo, "../../../examples/storefronts/pages/library.html";
        "/library.css", SHEET, Demo, "../../../examples/storefronts/pages/library.css";
        "/library.js", SCRIPT, Demo, "../../../examples/storefronts/pages/library.js";
        "/bank/", PAGE, Demo, "../../../examples/storefronts/pages/bank.html";
        "/bank.css", SHEET, Demo, "../../../examples/storefronts/pages/bank.css";
        "/bank.js", SCRIPT, Demo, "../../../examples/storefronts/pages/bank.js";
        "/demo.css", SHEET, Demo, "../../../examples/storefronts/pages/demo.css";
        "/demo.js", SCRIPT, Demo, "../../../examples/storefronts/pages/demo.js";
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

/// The script without comment lines, indentation, and line feeds that mean nothing; its style sheet without spaces
/// that mean nothing. Only whole lines go, so a `//` in a text is safe; our templates hold no line that begins with one.
fn lean(source: &str) -> String {
    let mut lean = String::with_capacity(source.len());
    let mut is_comment = false;
    let mut is_sheet = false;
    // Whether what comes next may follow on the same line.
    let mut is_joined = true;
    let mut is_remarked = false;
    for line in source.lines().map(str::trim) {
        is_comment |= line.starts_with("/**");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            let is_closing =
                !is_sheet && !is_remarked && line.starts_with(['}', ')', ']', '.', '?', ':']);
            if !is_joined && !is_closing {
                lean.push('\n');
            }
            if is_sheet {
                push_rule(&mut lean, line);
            } else {
                lean.push_str(line);
            }
            is_sheet = (is_sheet || line.ends_with("replaceSync(`")) && !line.starts_with("`)");
            // A remark at the end of a line ends with it.
            is_remarked = line.contains("//");
            let is_open = line.ends_with(['{', '(', '[', ',', ';']);
            is_joined = !is_remarked && (is_open || is_sheet && line.ends_with('}'));
        }
        is_comment &= !line.ends_with("*/");
    }
    lean.push('\n');
    lean
}

/// A line of a style sheet: no space is needed after these signs, nor before a brace. One before a colon is part of a selector.
fn push_rule(lean: &mut String, line: &str) {
    let mut last = ' ';
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_idle = letter == ' '
            && (matches!(last, ';' | '{' | '}' | ':' | ',') || letters.peek() == Some(&'{'));
        if !is_idle {
            lean.push(letter);
        }
        last = letter;
    }
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
        check(
            "f(\n  g,\n  h\n)\ni();\nj()\nk()\n",
            "f(g,h)\ni();j()\nk()\n",
        );
        check("f( // g(\n  h);\n", "f( // g(\nh);\n");
        check("f(g // h\n);\n", "f(g // h\n);\n");
        check("if (a) {\n b\n}\nc;", "if (a) {b}\nc;\n");
    }

    #[test]
    fn style_sheets_lose_spaces_that_mean_nothing() {
        let sheet =
            "s.replaceSync(`\n.a :focus, b {\n  c: calc(1px + 2px) d;\n}\n`);\ne = { f: g };\n";
        let expected = "s.replaceSync(`\n.a :focus,b{c:calc(1px + 2px) d;}`);e = { f: g };\n";
        assert_eq!(lean(sheet), expected);
    }
}

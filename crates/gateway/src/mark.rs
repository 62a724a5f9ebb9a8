//! The marks that show a state by shape and colour, and text made safe for markup.
//! Must not know the page they stand on.

use std::borrow::Cow;

use crate::words::Outlook;

/// An SVG element of 12 by 12 units, drawn with attributes only: style sheets would need a policy.
pub(crate) fn svg(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::Available(_) => r##"<circle cx="6" cy="6" r="5" fill="#1a7f4b"/>"##,
        Outlook::Wait(_) => concat!(
            r##"<circle cx="6" cy="6" r="5" fill="#b3261e"/>"##,
            r##"<path d="M3.5 6h5" stroke="#fff" stroke-width="2" stroke-linecap="round"/>"##
        ),
        Outlook::Closed => {
            r##"<circle cx="6" cy="6" r="4" fill="none" stroke="#6b7382" stroke-width="2"/>"##
        }
    }
}

/// The text with every character that means something in HTML or XML written as a reference.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_does_not_become_markup() {
        assert_eq!(escaped("Lenses"), "Lenses");
        assert_eq!(
            escaped(r#"<a b="c">'&amp;"#),
            "&lt;a b=&quot;c&quot;&gt;&#39;&amp;amp;"
        );
    }
}

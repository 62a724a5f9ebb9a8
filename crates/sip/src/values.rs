//! Splits a header line at its commas, where the header is a list. Must not know the values.

use memchr::memchr3;

use crate::grammar::bytes::trim;
use crate::header_name::HeaderName;

/// The values of one line.
pub(crate) struct Values<'a> {
    rest: Option<&'a [u8]>,
    is_list: bool,
}

impl<'a> Values<'a> {
    pub(crate) const fn of(name: HeaderName, line: &'a [u8]) -> Self {
        Self {
            rest: Some(line),
            is_list: name.is_list(),
        }
    }

    /// What follows the values taken so far, without the comma before it.
    pub(crate) const fn rest(&self) -> Option<&'a [u8]> {
        self.rest
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest.take()?;
            let value = if self.is_list {
                let end = first_comma(rest);
                self.rest = rest.get(end + 1..);
                trim(rest.get(..end).unwrap_or(rest))
            } else {
                rest
            };
            // RFC 3261 §25.1: an empty Accept or Supported has no value at all.
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// Where the first value ends: at a comma outside of quotes and angle brackets, or at the end.
fn first_comma(line: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let Some(found) = memchr3(b',', b'"', b'<', rest) else {
            return line.len();
        };
        let inside = rest.get(found + 1..).unwrap_or_default();
        let length = match rest.get(found) {
            Some(b'"') => quoted_length(inside),
            Some(b'<') => memchr::memchr(b'>', inside).map(|end| end + 1),
            _ => return at + found,
        };
        let Some(length) = length else {
            return line.len();
        };
        at += found + 1 + length;
    }
}

/// Bytes up to and with the closing quote.
fn quoted_length(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = inside.get(at..)?;
        let found = memchr::memchr2(b'"', b'\\', rest)?;
        if rest.get(found) == Some(&b'"') {
            return Some(at + found + 1);
        }
        at += found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::Values;
    use crate::header_name::HeaderName;

    fn check(name: HeaderName, line: &str, expected: &[&str]) {
        let values: Vec<_> = Values::of(name, line.as_bytes())
            .map(|value| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn lists_split_at_commas_outside_quotes_and_brackets() {
        check(
            HeaderName::Allow,
            "INVITE, ACK ,BYE",
            &["INVITE", "ACK", "BYE"],
        );
        check(
            HeaderName::Contact,
            r#""Bell, A. \"G,\"" <sip:a,b@x>;q=0.5, <sip:c@x>"#,
            &[r#""Bell, A. \"G,\"" <sip:a,b@x>;q=0.5"#, "<sip:c@x>"],
        );
    }

    #[test]
    fn other_headers_keep_their_commas() {
        check(
            HeaderName::Authorization,
            "Digest a=b, c=d",
            &["Digest a=b, c=d"],
        );
        check(HeaderName::Date, "Sat, 13 Nov 2010", &["Sat, 13 Nov 2010"]);
    }

    #[test]
    fn empty_elements_are_no_values() {
        check(HeaderName::Supported, "", &[]);
        check(HeaderName::Supported, ",a,,b,", &["a", "b"]);
    }

    #[test]
    fn an_open_quote_or_bracket_ends_the_splitting() {
        check(
            HeaderName::Contact,
            r#""open, <sip:a@x>"#,
            &[r#""open, <sip:a@x>"#],
        );
        check(HeaderName::Contact, "<sip:a@x, b", &["<sip:a@x, b"]);
        check(HeaderName::Contact, "\"\\", &["\"\\"]);
    }
}

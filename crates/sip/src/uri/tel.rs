//! `tel:` URIs: telephone numbers (RFC 3966). Must not dial.

use std::fmt;

use nom::Parser;
use nom::bytes::complete::{tag_no_case, take_while1};
use nom::combinator::verify;
use nom::sequence::preceded;

use crate::grammar::Parsed;
use crate::text;
use crate::uri::params::{UriParams, uri_params};

/// A telephone number.
///
/// Deviates from RFC 3966 §3 in taking a local number without `phone-context`, because phones write those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as written, with its plus sign and separators.
    pub number: &'a [u8],
    /// The parameters.
    pub params: UriParams<'a>,
}

impl<'a> TelUri<'a> {
    /// Whether the number is whole: it starts with a plus sign and a country.
    pub fn is_global(&self) -> bool {
        self.number.starts_with(b"+")
    }

    /// The number without separators.
    pub fn digits(&self) -> String {
        digits(self.number).map(char::from).collect()
    }

    /// Where a local number can be dialled: a domain, or the beginning of a global number.
    pub fn context(&self) -> Option<&'a [u8]> {
        self.params.get("phone-context")?
    }

    /// Whether both are the same number (RFC 3966 §4).
    pub fn is_equivalent(&self, other: &TelUri<'_>) -> bool {
        self.is_global() == other.is_global()
            && same_digits(self.number, other.number)
            && self.params.iter().count() == other.params.iter().count()
            && self.params.iter().all(|(name, value)| {
                let name = text::percent_decode(name);
                let mut theirs = other.params.find(&name);
                theirs.any(|theirs| same_value(&name, value, theirs))
            })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(b"tel:");
        out.extend(self.number);
        out.extend(self.params.as_bytes());
    }
}

impl fmt::Display for TelUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// RFC 3966 §4: separators do not count in numbers, nor does case anywhere.
fn same_value(name: &[u8], one: Option<&[u8]>, two: Option<&[u8]>) -> bool {
    let (Some(one), Some(two)) = (one, two) else {
        return one == two;
    };
    let is_number = name.eq_ignore_ascii_case(b"ext")
        || name.eq_ignore_ascii_case(b"phone-context") && one.starts_with(b"+");
    if is_number {
        return same_digits(one, two);
    }
    text::percent_decode(one).eq_ignore_ascii_case(&text::percent_decode(two))
}

fn same_digits(one: &[u8], two: &[u8]) -> bool {
    digits(one).eq(digits(two))
}

/// Without separators, and letters small.
fn digits(number: &[u8]) -> impl Iterator<Item = u8> {
    number
        .iter()
        .filter(|byte| !is_separator(**byte))
        .map(u8::to_ascii_lowercase)
}

pub(super) fn tel(input: &[u8]) -> Parsed<'_, TelUri<'_>> {
    preceded(tag_no_case("tel:"), (number, uri_params))
        .map(|(number, params)| TelUri { number, params })
        .parse(input)
}

fn number(input: &[u8]) -> Parsed<'_, &[u8]> {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#');
    verify(
        take_while1(move |byte| byte == b'+' || is_digit(byte) || is_separator(byte)),
        move |number: &[u8]| match number {
            [b'+', digits @ ..] => {
                digits
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || is_separator(*byte))
                    && digits.iter().any(u8::is_ascii_digit)
            }
            local => !local.contains(&b'+') && local.iter().any(|byte| is_digit(*byte)),
        },
    )
    .parse(input)
}

/// `visual-separator`.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::TelUri;
    use crate::uri::AnyUri;

    fn tel(text: &str) -> TelUri<'_> {
        match AnyUri::parse(text.as_bytes()) {
            Ok(AnyUri::Tel(uri)) => uri,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn numbers_are_global_or_of_a_context() {
        let global = tel("TEL:+33-(0)1.44;ext=12");
        assert_eq!(
            (global.is_global(), global.digits().as_str()),
            (true, "+330144")
        );
        let local = tel("tel:*31#7042;phone-context=shop.example");
        assert_eq!(
            (local.is_global(), local.digits().as_str()),
            (false, "*31#7042")
        );
        assert_eq!(local.context(), Some(&b"shop.example"[..]));
        assert_eq!(local.to_string(), "tel:*31#7042;phone-context=shop.example");
    }

    #[test]
    fn malformed_numbers() {
        for text in [
            "tel:",
            "tel:+",
            "tel:+-",
            "tel:+12a",
            "tel:1+2",
            "tel:--",
            "tel:12 3",
            "tel:12;",
            "tel:alice",
        ] {
            assert!(AnyUri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    /// RFC 3966 §4.
    #[test]
    fn numbers_are_equal_whatever_their_separators_and_the_order_of_parameters() {
        let equal = |one: &str, two: &str| {
            let (one, two) = (tel(one), tel(two));
            assert_eq!(one.is_equivalent(&two), two.is_equivalent(&one));
            one.is_equivalent(&two)
        };
        for (one, two) in [
            ("tel:+1-201-555-0123", "TEL:+12015550123"),
            ("tel:+1;ext=1-2;a=b", "tel:+1;A=B;EXT=12"),
            (
                "tel:70-42;phone-context=Shop.Example",
                "tel:7042;phone-context=shop.example",
            ),
            (
                "tel:42;phone-context=+1-201",
                "tel:42;phone-context=+1(201)",
            ),
            (
                "tel:AB;phone-context=h.example",
                "tel:ab;phone-context=h.example",
            ),
        ] {
            assert!(equal(one, two), "{one} {two}");
        }
        for (one, two) in [
            (
                "tel:+12015550123",
                "tel:12015550123;phone-context=h.example",
            ),
            ("tel:+12015550123", "tel:+12015550124"),
            ("tel:+1;ext=12", "tel:+1"),
            ("tel:+1;ext=12", "tel:+1;ext=13"),
            (
                "tel:42;phone-context=a.example",
                "tel:42;phone-context=b.example",
            ),
            ("tel:+1;a", "tel:+1;b"),
        ] {
            assert!(!equal(one, two), "{one} {two}");
        }
    }
}

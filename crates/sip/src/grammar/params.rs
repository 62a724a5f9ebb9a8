//! Header parameters, `;name=value`, read in place. Must not know what any of them means.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use memchr::{memchr, memchr3};
use nom::Parser;
use nom::character::complete::char;
use nom::combinator::opt;
use nom::sequence::preceded;

use super::bytes::is_param_value;
use super::usual::length_of;
use super::{Parsed, blank, param_value, token};
use crate::text;

/// The parameters after a header value, in their order; a view that allocates nothing.
#[derive(Clone, Copy, Default)]
pub struct Params<'a> {
    /// Invariant: in the grammar of `*( SEMI generic-param )`.
    raw: &'a [u8],
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as written.
    pub name: &'a str,
    /// Its value as written, a quoted string with its quotes; `None` for a flag such as `;lr`.
    pub value: Option<&'a [u8]>,
}

impl<'a> Params<'a> {
    pub(crate) const fn checked(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.pieces().map(|(param, _)| param)
    }

    /// The parameters in order, each with all of its bytes, its semicolon among them.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Param<'a>, &'a [u8])> + use<'a> {
        let mut rest = self.raw;
        // By the invariant, a semicolon ends a parameter wherever none is quoted.
        let is_plain = memchr3(b'"', b' ', b'\t', rest).is_none();
        std::iter::from_fn(move || {
            if is_plain {
                let param = rest.get(1..)?;
                let end = memchr(b';', param).unwrap_or(param.len());
                let piece = rest.get(..=end)?;
                rest = rest.get(end + 1..).unwrap_or_default();
                return Some((plain_param(param.get(..end)?)?, piece));
            }
            let (after, param) = preceded((blank, char(';'), blank), param)
                .parse(rest)
                .ok()?;
            let piece = rest.get(..rest.len() - after.len())?;
            rest = after;
            Some((param, piece))
        })
    }

    /// All of their bytes.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The first parameter of this name, in any case.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        // Without quotes and blanks, one look at each byte finds the parameter or that there is none.
        let mut rest = self.raw;
        while let [b';', param @ ..] = rest {
            let (param, after) = param.split_at_checked(length_of(param, is_param_value))?;
            if !matches!(after, [] | [b';', ..]) {
                break;
            }
            let (found, value) = param.split_at_checked(name.len()).unwrap_or_default();
            if found.eq_ignore_ascii_case(name.as_bytes()) && matches!(value, [] | [b'=', ..]) {
                let name = std::str::from_utf8(found).ok()?;
                let value = value.get(1..);
                return Some(Param { name, value });
            }
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        self.iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of this name as ASCII, quotes kept.
    pub fn token(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?.value?).ok()
    }

    /// The seconds that the first parameter of this name counts.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds = super::read_all(super::delta_seconds, self.get(name)?.value?)?;
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

impl<'a> Param<'a> {
    /// The value without quotes and escapes.
    pub fn unquoted(&self) -> Option<Cow<'a, [u8]>> {
        Some(match self.value? {
            [b'"', inner @ .., b'"'] => text::unescape(inner),
            token => Cow::Borrowed(token),
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b';');
        out.extend(self.name.as_bytes());
        if let Some(value) = self.value {
            out.push(b'=');
            out.extend(value);
        }
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params<'_> {}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A parameter without quotes and blanks, of which it is known that it is one.
fn plain_param(text: &[u8]) -> Option<Param<'_>> {
    let (name, value) = match memchr(b'=', text) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let name = std::str::from_utf8(name).ok()?;
    Some(Param { name, value })
}

/// `generic-param`.
pub(super) fn param(input: &[u8]) -> Parsed<'_, Param<'_>> {
    (token, opt(preceded((blank, char('='), blank), param_value)))
        .map(|(name, value)| Param { name, value })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::super::{params, read_all};

    /// The quick way through plain parameters finds what the grammar finds, which a blank makes it ask.
    #[test]
    fn plain_parameters_are_what_the_grammar_says() {
        for text in [
            ";a",
            ";a=b",
            ";a;b=c=d;e",
            ";branch=z9hG4bK1;rport;received=[::1]",
            ";a=b:c/d=e",
            "",
        ] {
            let quick = read_all(params, text.as_bytes()).unwrap();
            let slow = format!("{text};x=\"\"");
            let slow = read_all(params, slow.as_bytes()).unwrap();
            let mut expected: Vec<_> = slow.pieces().collect();
            assert!(expected.pop().is_some_and(|(param, _)| param.name == "x"));
            assert_eq!(quick.pieces().collect::<Vec<_>>(), expected, "{text}");
        }
    }
}

//! Header parameters, `;name=value`, read in place. Must not know what any of them means.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use memchr::memchr3;
use nom::Parser;
use nom::character::complete::char;
use nom::combinator::opt;
use nom::sequence::preceded;

use super::bytes::position;
use super::{Parsed, blank, param_value, token};
use crate::text;

/// The parameters after a header value, in their order; a view that allocates nothing.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    raw: Raw<'a>,
}

/// Invariant: in the grammar of `*( SEMI generic-param )`.
#[derive(Clone, Copy)]
enum Raw<'a> {
    /// Without quotes and blanks, so that a semicolon ends a parameter wherever one stands.
    Plain(&'a str),
    Any(&'a [u8]),
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
    pub(crate) fn checked(raw: &'a [u8]) -> Self {
        match std::str::from_utf8(raw) {
            Ok(text) if memchr3(b'"', b' ', b'\t', raw).is_none() => Self::plain(text),
            Ok(_) | Err(_) => Self { raw: Raw::Any(raw) },
        }
    }

    /// What was found to be in the grammar, and to hold neither quotes nor blanks.
    pub(crate) const fn plain(raw: &'a str) -> Self {
        Self {
            raw: Raw::Plain(raw),
        }
    }

    /// Their text, where they hold neither quotes nor blanks and were read as text.
    pub(crate) const fn as_plain(&self) -> Option<&'a str> {
        match self.raw {
            Raw::Plain(raw) => Some(raw),
            Raw::Any(_) => None,
        }
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.pieces().map(|(param, _)| param)
    }

    /// The parameters in order, each with all of its bytes, its semicolon among them.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Param<'a>, &'a [u8])> + use<'a> {
        let (mut plain, mut any) = match self.raw {
            Raw::Plain(raw) => (raw, &b""[..]),
            Raw::Any(raw) => ("", raw),
        };
        std::iter::from_fn(move || {
            // By the invariant, a semicolon ends a parameter.
            if let Some(behind) = plain.get(1..) {
                let end = position(b';', behind.as_bytes()).unwrap_or(behind.len());
                let (piece, rest) = plain.split_at_checked(end + 1)?;
                plain = rest;
                return Some((plain_param(behind.get(..end)?), piece.as_bytes()));
            }
            let (after, param) = preceded((blank, char(';'), blank), param).parse(any).ok()?;
            let piece = any.get(..any.len() - after.len())?;
            any = after;
            Some((param, piece))
        })
    }

    /// Calls `found` for each parameter of one of these names, in any case, with the place of its name among them, its
    /// value and all of its bytes. A value that is no text is `Some(None)`, one that is not there `None`.
    #[inline]
    pub(crate) fn for_each_of<const N: usize>(
        &self,
        names: [&str; N],
        mut found: impl FnMut(usize, Option<Option<&'a str>>, &'a [u8]),
    ) {
        let Raw::Plain(raw) = self.raw else {
            for (param, piece) in self.pieces() {
                let is_this = |name: &&str| name.eq_ignore_ascii_case(param.name);
                if let Some(place) = names.iter().position(is_this) {
                    let value = param.value.map(|value| std::str::from_utf8(value).ok());
                    found(place, value, piece);
                }
            }
            return;
        };
        let mut rest = raw;
        while let Some(behind) = rest.get(1..) {
            let end = position(b';', behind.as_bytes()).unwrap_or(behind.len());
            let (Some(param), Some((piece, after))) =
                (behind.get(..end), rest.split_at_checked(end + 1))
            else {
                return;
            };
            rest = after;
            for (place, name) in names.iter().enumerate() {
                if let Some((_, behind)) = named(param, name) {
                    let value = behind.strip_prefix('=').map(Some);
                    found(place, value, piece.as_bytes());
                    break;
                }
            }
        }
    }

    /// All of their bytes.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        match self.raw {
            Raw::Plain(raw) => raw.as_bytes(),
            Raw::Any(raw) => raw,
        }
    }

    /// The first parameter of this name, in any case.
    #[inline]
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        match self.raw {
            Raw::Plain(raw) => {
                let (name, value) = find_plain(raw, name)?;
                let value = value.map(str::as_bytes);
                Some(Param { name, value })
            }
            Raw::Any(_) => self
                .iter()
                .find(|param| param.name.eq_ignore_ascii_case(name)),
        }
    }

    /// The value of the first parameter of this name as text, quotes kept.
    #[inline]
    pub fn token(&self, name: &str) -> Option<&'a str> {
        self.text(name)?
    }

    /// The same, told apart from a parameter whose value is none or no text.
    #[inline]
    pub(crate) fn text(&self, name: &str) -> Option<Option<&'a str>> {
        match self.raw {
            Raw::Plain(raw) => Some(find_plain(raw, name)?.1),
            Raw::Any(_) => {
                let value = self.get(name)?.value;
                Some(value.and_then(|value| std::str::from_utf8(value).ok()))
            }
        }
    }

    /// The seconds that the first parameter of this name counts.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds = super::read_all(super::delta_seconds, self.get(name)?.value?)?;
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
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

impl Default for Params<'_> {
    fn default() -> Self {
        Self::plain("")
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

/// Name and value of the first parameter of this name among plain ones.
#[inline]
fn find_plain<'a>(raw: &'a str, name: &str) -> Option<(&'a str, Option<&'a str>)> {
    let mut rest = raw;
    while let Some(param) = rest.get(1..) {
        if let Some((found, behind)) = named(param, name) {
            let value = behind.strip_prefix('=').map(|value| {
                let end = position(b';', value.as_bytes()).unwrap_or(value.len());
                value.get(..end).unwrap_or_default()
            });
            return Some((found, value));
        }
        rest = param.get(position(b';', param.as_bytes())?..)?;
    }
    None
}

/// The name of the parameter that `param` begins with, and what stands behind it, where it is this one in any case.
#[inline]
fn named<'a>(param: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (found, behind) = param.split_at_checked(name.len())?;
    let is_whole = matches!(behind.as_bytes(), [] | [b';' | b'=', ..]);
    (is_whole && found.eq_ignore_ascii_case(name)).then_some((found, behind))
}

/// A parameter without quotes and blanks, of which it is known that it is one.
fn plain_param(text: &str) -> Param<'_> {
    let equals = position(b'=', text.as_bytes()).unwrap_or(text.len());
    let (name, value) = text.split_at_checked(equals).unwrap_or((text, ""));
    Param {
        name,
        value: value.as_bytes().get(1..),
    }
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

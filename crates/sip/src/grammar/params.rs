//! Header parameters, `;name=value`, read in place. Must not know what any of them means.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use nom::Parser;
use nom::character::complete::char;
use nom::combinator::opt;
use nom::sequence::preceded;

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
        std::iter::from_fn(move || {
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

/// `generic-param`.
pub(super) fn param(input: &[u8]) -> Parsed<'_, Param<'_>> {
    (token, opt(preceded((blank, char('='), blank), param_value)))
        .map(|(name, value)| Param { name, value })
        .parse(input)
}

//! The parameters of a URI (RFC 3261 §19.1.1), read in place. Must not know what any of them means.

use nom::Parser;
use nom::bytes::complete::take_while1;
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::multi::many0_count;
use nom::sequence::preceded;

use crate::grammar::{Parsed, bytes};
use crate::text;

/// The parameters of a URI, `;name=value`; a view that allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UriParams<'a> {
    /// Invariant: in the grammar of `*( ";" uri-parameter )`.
    raw: &'a [u8],
}

impl<'a> UriParams<'a> {
    /// What was found to be in the grammar before.
    pub(crate) const fn checked(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// Names and values in order, as written.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        self.raw.split(|byte| *byte == b';').skip(1).map(|param| {
            match memchr::memchr(b'=', param) {
                Some(at) => (
                    param.get(..at).unwrap_or_default(),
                    Some(param.get(at + 1..).unwrap_or_default()),
                ),
                None => (param, None),
            }
        })
    }

    /// The parameter of this name, in any case and escaped or not: `Some(None)` for a flag such as `;lr`.
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.find(name.as_bytes()).next()
    }

    /// The values of all parameters of this name. There should be one at most.
    pub(super) fn find(&self, name: &[u8]) -> impl Iterator<Item = Option<&'a [u8]>> {
        self.iter()
            .filter(move |(found, _)| text::percent_decode(found).eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Their bytes as written, each with its semicolon.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}

/// `*( ";" uri-parameter )`.
pub(super) fn uri_params(input: &[u8]) -> Parsed<'_, UriParams<'_>> {
    recognize(many0_count((
        char(';'),
        take_while1(bytes::is_uri_param),
        opt(preceded(char('='), take_while1(bytes::is_uri_param))),
    )))
    .map(|raw| UriParams { raw })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::uri_params;

    #[test]
    fn names_are_found_in_any_case_and_escaped() {
        let (_, params) = uri_params(b";%6Cr;Transport=tcp;x=a%20b").unwrap();
        assert_eq!(params.get("lr"), Some(None));
        assert_eq!(params.get("transport"), Some(Some(&b"tcp"[..])));
        assert_eq!(params.get("X"), Some(Some(&b"a%20b"[..])));
        assert_eq!(params.get("y"), None);
    }
}

//! Authentication-Info: what a server says of a login that went well (RFC 7616 §3.5). Must not judge it.

use std::fmt;

use nom::Parser;
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, separated_pair};

use crate::error::HeaderError;
use crate::grammar::{self, Param, Parsed, blank};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// The parameters of an Authentication-Info, parted by commas; a view that allocates nothing.
#[derive(Clone, Copy)]
pub struct AuthenticationInfo<'a> {
    /// Invariant: in the grammar of a list of `name=value`.
    raw: &'a [u8],
}

impl<'a> AuthenticationInfo<'a> {
    /// Reads an Authentication-Info value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(list, value).ok_or(HeaderError::malformed(HeaderName::AuthenticationInfo))
    }

    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.raw;
        std::iter::from_fn(move || {
            let (after, param) = preceded(opt(comma), param).parse(rest).ok()?;
            rest = after;
            Some(param)
        })
    }

    /// The value of the parameter of this name, without quotes but with its escapes.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut params = self.iter();
        match params
            .find(|param| param.name.eq_ignore_ascii_case(name))?
            .value?
        {
            [b'"', inner @ .., b'"'] => Some(inner),
            token => Some(token),
        }
    }

    /// The nonce to use next.
    pub fn next_nonce(&self) -> Option<&'a [u8]> {
        self.get("nextnonce")
    }

    /// The server's proof that it knows the secret too, in hexadecimal digits.
    pub fn response_auth(&self) -> Option<&'a [u8]> {
        self.get("rspauth")
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (nth, param) in self.iter().enumerate() {
            if nth > 0 {
                out.extend(b", ");
            }
            out.extend(param.name.as_bytes());
            out.push(b'=');
            out.extend(param.value.unwrap_or_default());
        }
    }
}

impl PartialEq for AuthenticationInfo<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for AuthenticationInfo<'_> {}

impl fmt::Debug for AuthenticationInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Headers {
    /// What the server says of a login that went well, where it says something.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn authentication_info(&self) -> Result<Option<AuthenticationInfo<'_>>, HeaderError> {
        self.single(HeaderName::AuthenticationInfo)?
            .map(AuthenticationInfo::parse)
            .transpose()
    }
}

fn list(input: &[u8]) -> Parsed<'_, AuthenticationInfo<'_>> {
    recognize((param, many0_count(preceded(comma, param))))
        .map(|raw| AuthenticationInfo { raw })
        .parse(input)
}

fn comma(input: &[u8]) -> Parsed<'_, char> {
    delimited(blank, char(','), blank).parse(input)
}

fn param(input: &[u8]) -> Parsed<'_, Param<'_>> {
    separated_pair(
        grammar::token,
        delimited(blank, char('='), blank),
        grammar::param_value,
    )
    .map(|(name, value)| Param {
        name,
        value: Some(value),
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::AuthenticationInfo;

    #[test]
    fn parameters_are_found_by_name_and_without_quotes() {
        let info = AuthenticationInfo::parse(
            br#"nextnonce="47, \"a", qop = auth,rspauth="6629",nc=00000001"#,
        )
        .unwrap();
        assert_eq!(info.next_nonce(), Some(&br#"47, \"a"#[..]));
        assert_eq!(info.response_auth(), Some(&b"6629"[..]));
        assert_eq!(info.get("QOP"), Some(&b"auth"[..]));
        assert_eq!(info.iter().count(), 4);
        let mut out = Vec::new();
        info.write(&mut out);
        assert_eq!(AuthenticationInfo::parse(&out), Ok(info));
    }

    #[test]
    fn malformed_lists() {
        for text in ["", "nextnonce", "a=b c=d", "a=b,", ",a=b", "a=\"open"] {
            assert!(
                AuthenticationInfo::parse(text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }
}

//! Warning: more about a status, for people (RFC 3261 §20.43). Must not know the status.

use nom::Parser;
use nom::bytes::complete::take_while1;
use nom::combinator::{map_opt, verify};
use nom::sequence::preceded;

use crate::error::HeaderError;
use crate::grammar::{self, Parsed, blank, bytes};
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::text;

/// One warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits, such as 399 for anything.
    pub code: u16,
    /// Who warns: a host, with a port perhaps, or a name.
    pub agent: &'a str,
    /// The text as written, without its quotes but with its escapes.
    pub text: &'a [u8],
}

impl<'a> Warning<'a> {
    /// Reads one value of Warning.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(warning, value).ok_or(HeaderError::malformed(HeaderName::Warning))
    }

    /// The text; what is not UTF-8 becomes U+FFFD.
    pub fn message(&self) -> String {
        String::from_utf8_lossy(&text::unescape(self.text)).into_owned()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(format!("{:03} {} \"", self.code, self.agent).as_bytes());
        out.extend(self.text);
        out.push(b'"');
    }
}

impl Headers {
    /// The warnings, in their order.
    pub fn warnings(&self) -> impl Iterator<Item = Result<Warning<'_>, HeaderError>> {
        self.values(HeaderName::Warning).map(Warning::parse)
    }
}

fn warning(input: &[u8]) -> Parsed<'_, Warning<'_>> {
    let blanks = || verify(blank, |blanks: &[u8]| !blanks.is_empty());
    let agent = map_opt(
        take_while1(|byte| bytes::is_token(byte) || matches!(byte, b':' | b'[' | b']')),
        |agent| std::str::from_utf8(agent).ok(),
    );
    (
        three_digits,
        preceded(blanks(), agent),
        preceded(blanks(), grammar::quoted),
    )
        .map(|(code, agent, text)| Warning { code, agent, text })
        .parse(input)
}

fn three_digits(input: &[u8]) -> Parsed<'_, u16> {
    map_opt(
        verify(
            take_while1(|byte: u8| byte.is_ascii_digit()),
            |digits: &[u8]| digits.len() == 3,
        ),
        |digits| std::str::from_utf8(digits).ok()?.parse().ok(),
    )
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::Warning;

    #[test]
    fn a_warning_has_a_code_an_agent_and_a_text() {
        let warning =
            Warning::parse(br#"370 [2001:db8::1]:5060 "Insufficient \"Bandwidth\"""#).unwrap();
        assert_eq!((warning.code, warning.agent), (370, "[2001:db8::1]:5060"));
        assert_eq!(warning.message(), r#"Insufficient "Bandwidth""#);
        let mut out = Vec::new();
        warning.write(&mut out);
        assert_eq!(Warning::parse(&out), Ok(warning));
    }

    #[test]
    fn malformed_warnings() {
        for text in [
            "",
            "1812 overture \"x\"",
            "30 h \"x\"",
            "301 h x",
            "301 \"x\"",
            "301h \"x\"",
        ] {
            assert!(Warning::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

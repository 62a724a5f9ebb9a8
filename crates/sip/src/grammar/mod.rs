//! The small pieces that header grammars share (RFC 3261 §25.1), as nom parsers over bytes.
//! Blanks are SP and HTAB alone: the header index has already unfolded the lines.

pub(crate) mod bytes;
mod params;
pub(crate) mod usual;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map_opt, opt, recognize, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

pub use params::{Param, Params};

/// What a grammar yields: the rest, and what was read. The caller knows the header, so the error says nothing.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// Reads the whole of `input` with `parser`, blanks around it aside.
pub(crate) fn read_all<'a, T>(
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    input: &'a [u8],
) -> Option<T> {
    all_consuming(delimited(blank, parser, blank))
        .parse(input)
        .ok()
        .map(|(_, value)| value)
}

/// Any number of SP and HTAB.
pub(crate) fn blank(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(bytes::is_blank).parse(input)
}

/// A `token`; its bytes are ASCII.
pub(crate) fn token(input: &[u8]) -> Parsed<'_, &str> {
    map_opt(take_while1(bytes::is_token), as_ascii).parse(input)
}

/// A `word`, as in a Call-ID.
pub(crate) fn word(input: &[u8]) -> Parsed<'_, &str> {
    map_opt(take_while1(bytes::is_word), as_ascii).parse(input)
}

/// `1*DIGIT` that fits a `u32`.
pub(crate) fn number(input: &[u8]) -> Parsed<'_, u32> {
    map_opt(take_while1(|byte: u8| byte.is_ascii_digit()), |digits| {
        as_ascii(digits)?.parse().ok()
    })
    .parse(input)
}

/// `1*DIGIT`; what does not fit is the largest `u32`, as RFC 3261 §20.19 has it for delta-seconds.
pub(crate) fn delta_seconds(input: &[u8]) -> Parsed<'_, u32> {
    take_while1(|byte: u8| byte.is_ascii_digit())
        .map(|digits: &[u8]| {
            digits.iter().fold(0_u32, |sum, digit| {
                sum.saturating_mul(10)
                    .saturating_add(u32::from(digit.wrapping_sub(b'0')))
            })
        })
        .parse(input)
}

/// A `quoted-string`; yields what stands between the quotes, escapes kept.
pub(crate) fn quoted(input: &[u8]) -> Parsed<'_, &[u8]> {
    delimited(
        char('"'),
        recognize(many0_count(alt((
            take_while1(bytes::is_quoted_text),
            recognize(pair(
                char('\\'),
                verify(take_one, |byte: &[u8]| byte != b"\r" && byte != b"\n"),
            )),
        )))),
        char('"'),
    )
    .parse(input)
}

/// A `comment`, which may hold others; yields what stands between the outermost parentheses, escapes kept.
/// Counts instead of descending, so that nesting costs no stack.
pub(crate) fn comment(input: &[u8]) -> Parsed<'_, &[u8]> {
    let [b'(', inside @ ..] = input else {
        return Err(nom::Err::Error(()));
    };
    let (mut depth, mut is_quoted) = (1_usize, false);
    for (at, &byte) in inside.iter().enumerate() {
        match byte {
            _ if is_quoted => is_quoted = false,
            b'\\' => is_quoted = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            other if bytes::is_control(other) => break,
            _ => {}
        }
        if depth == 0 {
            let (text, rest) = inside.split_at(at);
            return Ok((rest.get(1..).unwrap_or_default(), text));
        }
    }
    Err(nom::Err::Error(()))
}

/// A parameter value: a token, a host, a quoted string (with its quotes), or what phones write instead.
pub(crate) fn param_value(input: &[u8]) -> Parsed<'_, &[u8]> {
    alt((recognize(quoted), take_while1(bytes::is_param_value))).parse(input)
}

/// `*( SEMI generic-param )`.
pub(crate) fn params(input: &[u8]) -> Parsed<'_, Params<'_>> {
    let value = preceded((blank, char('='), blank), param_value);
    recognize(many0_count((
        (blank, char(';'), blank),
        take_while1(bytes::is_token),
        opt(value),
    )))
    .map(Params::checked)
    .parse(input)
}

/// A port number after its colon, where there is one.
pub(crate) fn port(input: &[u8]) -> Parsed<'_, Option<u16>> {
    opt(preceded(char(':'), map_opt(number, as_port))).parse(input)
}

/// As [`port`], with the blanks that COLON allows around it in a Via.
pub(crate) fn port_between_blanks(input: &[u8]) -> Parsed<'_, Option<u16>> {
    match preceded(blank, char(':')).parse(input) {
        Ok((rest, _)) => preceded(blank, map_opt(number, as_port))
            .map(Some)
            .parse(rest),
        Err(_) => Ok((input, None)),
    }
}

/// `SIP/2.0` with the blanks RFC 3261 §25.1 allows around a slash; yields the transport.
pub(crate) fn sent_protocol(input: &[u8]) -> Parsed<'_, &str> {
    let slash = || delimited(blank, char('/'), blank);
    preceded(
        (
            nom::bytes::complete::tag_no_case("SIP"),
            slash(),
            tag("2.0"),
            slash(),
        ),
        token,
    )
    .parse(input)
}

fn take_one(input: &[u8]) -> Parsed<'_, &[u8]> {
    nom::bytes::complete::take(1_usize).parse(input)
}

fn as_port(number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

fn as_ascii(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{comment, delta_seconds, port, quoted, read_all, token};

    #[test]
    fn comments_end_at_the_parenthesis_that_closes_the_first() {
        assert_eq!(
            comment(br"(a (b) \) c) d"),
            Ok((&b" d"[..], &br"a (b) \) c"[..]))
        );
        for text in ["", "a", "(open", "(a (b)", r"(a\)", "(a\x01)"] {
            assert!(comment(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn quoted_strings_end_at_the_first_unescaped_quote() {
        assert_eq!(
            quoted(br#""a \" b"; c"#),
            Ok((&b"; c"[..], &br#"a \" b"#[..]))
        );
        assert!(quoted(br#""open"#).is_err());
        assert!(quoted(b"\"caf\xe9\"").is_ok());
    }

    #[test]
    fn numbers_saturate_only_where_the_standard_says() {
        assert_eq!(read_all(delta_seconds, b"99999999999"), Some(u32::MAX));
        assert_eq!(read_all(super::number, b"99999999999"), None);
        assert_eq!(read_all(delta_seconds, b"-1"), None);
        assert_eq!(read_all(port, b":5060"), Some(Some(5060)));
        assert_eq!(read_all(port, b":65536"), None);
        assert_eq!(read_all(port, b":0"), None);
    }

    #[test]
    fn tokens_take_the_odd_characters_of_real_branches() {
        assert_eq!(
            read_all(token, b" z9hG4bK.TG~yIcX9X "),
            Some("z9hG4bK.TG~yIcX9X")
        );
        assert_eq!(read_all(token, b"a b"), None);
    }
}

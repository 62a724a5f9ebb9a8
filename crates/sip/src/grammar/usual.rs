//! Pieces written as nearly all peers write them, read by hand in one pass. Says `None` for everything else, however
//! well-formed, which the grammar beside it then judges. Must never read a piece otherwise than the grammar does.

use std::net::Ipv4Addr;

use super::Params;
use super::bytes::{is_host, is_param_value, is_token, is_user, is_word};
use crate::host::Host;

/// The number at the beginning of `text`, of at most nine digits, and what follows it.
pub(crate) fn number(text: &str) -> Option<(u32, &str)> {
    let (mut number, mut length) = (0_u32, 0);
    for digit in text.bytes() {
        if !digit.is_ascii_digit() {
            break;
        }
        if length == 9 {
            return None;
        }
        // Nine digits fit.
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit & 15));
        length += 1;
    }
    if length == 0 {
        return None;
    }
    Some((number, text.get(length..)?))
}

/// The number that is all of `text`, as [`number`] reads it.
pub(crate) fn whole_number(text: &[u8]) -> Option<u32> {
    if !(1..=9).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit & 15))?;
        Some(number * 10 + digit)
    })
}

/// A token that is all of `text`.
pub(crate) fn token(text: &str) -> Option<&str> {
    (!text.is_empty() && length_of(text, is_token) == text.len()).then_some(text)
}

/// The token at the beginning of `text`, and what follows it.
pub(crate) fn leading_token(text: &str) -> Option<(&str, &str)> {
    let (token, rest) = text.split_at_checked(length_of(text, is_token))?;
    (!token.is_empty()).then_some((token, rest))
}

/// A word that is all of `text`.
pub(crate) fn word(text: &str) -> Option<&str> {
    (!text.is_empty() && length_of(text, is_word) == text.len()).then_some(text)
}

/// A name or an IPv4 address at the beginning of `text`, the port behind it, and what follows both.
pub(crate) fn host_and_port(text: &str) -> Option<(Host<'_>, Option<u16>, &str)> {
    let (host, rest) = text.split_at_checked(length_of(text, is_host))?;
    let host = match v4(host) {
        Some(address) => Host::V4(address),
        // Digits and dots alone are an address, or nothing.
        None if host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            return None;
        }
        None => Host::Name(host),
    };
    let Some(behind) = rest.strip_prefix(':') else {
        return Some((host, None, rest));
    };
    let (port, rest) = number(behind)?;
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    Some((host, Some(port), rest))
}

/// Four numbers below 256 with dots between, none of them with a zero before it.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut rest = text;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix('.')?;
        }
        let (number, behind) = number(rest)?;
        let digits = rest.len() - behind.len();
        if digits > 1 && rest.starts_with('0') {
            return None;
        }
        *octet = u8::try_from(number).ok()?;
        rest = behind;
    }
    rest.is_empty().then(|| Ipv4Addr::from(octets))
}

/// The user part before the first `@` of `text`, and what follows that; the whole text where there is none.
pub(crate) fn user(text: &str) -> Option<(Option<&[u8]>, &str)> {
    // An escape and a password are left to the grammar.
    let end = text
        .bytes()
        .position(|byte| !is_user(byte) || byte == b'%')
        .unwrap_or(text.len());
    let (user, rest) = text.split_at_checked(end)?;
    match rest.as_bytes() {
        _ if user.is_empty() => None,
        [b'@', ..] => Some((Some(user.as_bytes()), rest.get(1..)?)),
        // Behind a password there may be an `@` yet.
        [b':', behind @ ..] if behind.contains(&b'@') => None,
        [] | [b':', ..] => Some((None, text)),
        _ => None,
    }
}

/// Parameters without blanks and quotes that are all of `text`.
pub(crate) fn params(text: &str) -> Option<Params<'_>> {
    let mut rest = text;
    while let Some(param) = rest.strip_prefix(';') {
        let name = param
            .bytes()
            .position(|byte| !is_token(byte))
            .unwrap_or(param.len());
        if name == 0 {
            return None;
        }
        rest = param.get(name..)?;
        if let Some(value) = rest.strip_prefix('=') {
            let length = length_of(value, is_param_value);
            if length == 0 {
                return None;
            }
            rest = value.get(length..)?;
        }
    }
    rest.is_empty().then(|| Params::plain(text))
}

/// How many bytes from the beginning on may stand there.
#[inline]
fn length_of(text: &str, may_stand: impl Fn(u8) -> bool) -> usize {
    // Eight at once, as most pieces that are asked for are longer.
    let (eights, _) = text.as_bytes().as_chunks::<8>();
    let all_eight = |eight: &&[u8; 8]| eight.iter().fold(true, |all, byte| all & may_stand(*byte));
    let sure = 8 * eights.iter().take_while(all_eight).count();
    let rest = text.as_bytes().get(sure..).unwrap_or_default();
    let more = rest.iter().position(|byte| !may_stand(*byte));
    sure + more.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use nom::Parser;
    use nom::combinator::all_consuming;
    use proptest::prelude::*;

    use super::{host_and_port, number, params, token, whole_number, word};
    use crate::grammar;
    use crate::header::content_type::ContentType;
    use crate::header::cseq::CSeq;
    use crate::header::event::Event;
    use crate::header::name_addr::NameAddr;
    use crate::header::via::Via;
    use crate::header_name::HeaderName;
    use crate::uri::AnyUri;

    #[test]
    fn what_phones_write_is_usual() {
        assert_eq!(number("70"), Some((70, "")));
        assert_eq!(token("PUBLISH"), Some("PUBLISH"));
        assert!(params(";branch=z9hG4bK.TG~yIcX9X;rport").is_some());
        assert!(Via::usual("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport").is_some());
        assert!(Via::usual("SIP/2.0/TCP phone.invalid;branch=z9hG4bK1").is_some());
        assert!(name_addr("<sip:alice@shop.example>;tag=1").is_some());
        assert!(name_addr("<sip:shop.example:5060>").is_some());
        assert!(name_addr("\"Alice\" <sip:alice@shop.example>;tag=1").is_some());
        assert!(CSeq::usual("20 PUBLISH").is_some());
        assert!(Event::usual("presence").is_some());
        assert!(ContentType::usual("application/pidf+xml;charset=utf-8").is_some());
        assert!(AnyUri::usual("sip:alice@192.0.2.1").is_some());
    }

    fn name_addr(text: &str) -> Option<NameAddr<'_>> {
        NameAddr::usual(text, AnyUri::usual)
    }

    /// Where the hand says something, the grammar says the same.
    fn agree<T: PartialEq + std::fmt::Debug>(usual: Option<T>, grammar: Option<T>) {
        if usual.is_some() {
            assert_eq!(usual, grammar);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_is_read_otherwise_than_the_grammar_reads_it(
            uri in r"(sip:)?([a-z%;?&=@:.0-9]{0,8}|alice@)([a-z.0-9:\[\]-]{0,10}|192\.0\.2\.[0-9]{1,3}|h)(:[0-9]{0,6})?[;?]?[a-z=@ ]{0,3}",
            display in r#"("A" |"\\"" |"" ?|A b |[ "<a]{0,3})?"#,
            tail in r#"[>]?( ?; ?(tag|rport|branch|x|)=?([a-z0-9]{0,4}|"q"|\[::1\]|[=;?,<>: /]{0,3})){0,3} ?"#,
            sent_by in r"(SIP/2\.0/|sip/2\.0/|SIP / 2\.0 / )(UDP|T[ =]?|) {0,2}([a-z.0-9:\[\]-]{0,10}|192\.0\.2\.[0-9]{1,3})(:[0-9]{0,6})?",
            cseq in r"[0-9]{0,12} {0,2}[A-Za-z :]{0,8}",
            media in r"(text|a\+|) ?/? ?[a-z.+]{0,4}",
            hosts in r"([0-9]{1,4}\.){0,5}[0-9]{0,4}(:[0-9]{1,6})?|[a-z0-9.-]{0,20}",
            anything in r#"[<>sip:@;="\\ %?a0.\[\]]{0,12}"#,
        ) {
            let addresses = [format!("{display}<{uri}{tail}"), format!("{uri}{tail}"), anything.clone()];
            for text in &addresses {
                agree(name_addr(text), NameAddr::by_grammar(HeaderName::From, text.as_bytes()).ok());
            }
            for text in [&uri, &anything, &format!("sip:{anything}")] {
                agree(AnyUri::usual(text).map(AnyUri::Sip), AnyUri::by_grammar(text.as_bytes()).ok());
            }
            for text in [&format!("{sent_by}{tail}"), &format!("SIP/2.0/UDP {anything}"), &sent_by] {
                agree(Via::usual(text), Via::by_grammar(text.as_bytes()).ok());
            }
            agree(CSeq::usual(&cseq), CSeq::by_grammar(cseq.as_bytes()).ok());
            for text in [&format!("{media}{tail}"), &media, &anything] {
                agree(Event::usual(text), Event::parse(text.as_bytes()).ok());
                agree(ContentType::usual(text), ContentType::parse(text.as_bytes()).ok());
            }
            for text in [&tail, &anything, &hosts] {
                let bytes = text.as_bytes();
                agree(params(text), grammar::read_all(grammar::params, bytes));
                agree(token(text), grammar::read_all(grammar::token, bytes));
                agree(word(text), grammar::read_all(grammar::word, bytes));
                if let Some((host, port, rest)) = host_and_port(text) {
                    let (left, read) = (crate::host::host, grammar::port).parse(bytes).unwrap();
                    prop_assert_eq!((left, read), (rest.as_bytes(), (host, port)));
                }
            }
            let digits = cseq.trim_end_matches([' ', ':']);
            let by_grammar = all_consuming(grammar::number).parse(digits.as_bytes());
            let by_grammar = by_grammar.ok().map(|(_, number)| number);
            agree(
                number(digits).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number),
                by_grammar,
            );
            agree(whole_number(digits.as_bytes()), by_grammar);
        }
    }
}

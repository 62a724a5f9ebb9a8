//! Pieces written as nearly all peers write them, read by hand in one pass. Says `None` for everything else, however
//! well-formed, which the grammar beside it then judges. Must never read a piece otherwise than the grammar does.

use super::Params;
use super::bytes::{is_host, is_param_value, is_token, is_user};
use crate::host::Host;

/// The number at the beginning of `text`, of at most nine digits, and what follows it.
pub(crate) fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = length_of(text, |byte| byte.is_ascii_digit());
    if !(1..=9).contains(&length) {
        return None;
    }
    let (digits, rest) = text.split_at_checked(length)?;
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some((number, rest))
}

/// A token that is all of `text`.
pub(crate) fn token(text: &[u8]) -> Option<&str> {
    if text.is_empty() || !text.iter().all(|byte| is_token(*byte)) {
        return None;
    }
    std::str::from_utf8(text).ok()
}

/// A name or an IPv4 address at the beginning of `text`, the port behind it, and what follows both.
pub(crate) fn host_and_port(text: &[u8]) -> Option<(Host<'_>, Option<u16>, &[u8])> {
    let (host, rest) = text.split_at_checked(length_of(text, is_host))?;
    // Digits and dots alone are an address.
    let is_name = host
        .iter()
        .any(|byte| !byte.is_ascii_digit() && *byte != b'.');
    let host = std::str::from_utf8(host).ok()?;
    let host = if is_name {
        Host::Name(host)
    } else {
        Host::V4(host.parse().ok()?)
    };
    let [b':', behind @ ..] = rest else {
        return Some((host, None, rest));
    };
    let (port, rest) = number(behind)?;
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    Some((host, Some(port), rest))
}

/// The user part before the first `@` of `text`, and what follows that; the whole text where there is none.
pub(crate) fn user(text: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    // An escape and a password are left to the grammar.
    let length = length_of(text, |byte| is_user(byte) && byte != b'%');
    match text.split_at_checked(length)? {
        ([], _) => None,
        (user, [b'@', rest @ ..]) => Some((Some(user), rest)),
        // Behind a password there may be an `@` yet.
        (_, [b':', behind @ ..]) if behind.contains(&b'@') => None,
        (_, [] | [b':', ..]) => Some((None, text)),
        _ => None,
    }
}

/// Parameters without blanks and quotes that are all of `text`.
pub(crate) fn params(text: &[u8]) -> Option<Params<'_>> {
    let mut rest = text;
    while let [b';', param @ ..] = rest {
        let name = length_of(param, is_token);
        if name == 0 {
            return None;
        }
        rest = param.get(name..)?;
        if let [b'=', value @ ..] = rest {
            let length = length_of(value, is_param_value);
            if length == 0 {
                return None;
            }
            rest = value.get(length..)?;
        }
    }
    rest.is_empty().then(|| Params::checked(text))
}

/// How many bytes from the beginning on may stand there.
#[inline]
pub(super) fn length_of(text: &[u8], may_stand: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !may_stand(*byte));
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use nom::Parser;
    use nom::combinator::all_consuming;
    use proptest::prelude::*;

    use super::{host_and_port, number, params, token};
    use crate::grammar;
    use crate::header::cseq::CSeq;
    use crate::header::name_addr::NameAddr;
    use crate::header::via::Via;
    use crate::header_name::HeaderName;
    use crate::uri::AnyUri;

    #[test]
    fn what_phones_write_is_usual() {
        assert_eq!(number(b"70"), Some((70, &b""[..])));
        assert_eq!(token(b"PUBLISH"), Some("PUBLISH"));
        assert!(params(b";branch=z9hG4bK.TG~yIcX9X;rport").is_some());
        assert!(Via::usual(b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport").is_some());
        assert!(Via::usual(b"SIP/2.0/TCP phone.invalid;branch=z9hG4bK1").is_some());
        assert!(NameAddr::usual(b"<sip:alice@shop.example>;tag=1").is_some());
        assert!(NameAddr::usual(b"<sip:shop.example:5060>").is_some());
        assert!(NameAddr::usual(b"\"Alice\" <sip:alice@shop.example>;tag=1").is_some());
        assert!(CSeq::usual(b"20 PUBLISH").is_some());
        assert!(AnyUri::usual(b"sip:alice@192.0.2.1").is_some());
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
            anything in r#"[<>sip:@;="\\ %?a0.\[\]]{0,12}"#,
        ) {
            let addresses = [format!("{display}<{uri}{tail}"), format!("{uri}{tail}"), anything.clone()];
            for text in addresses.iter().map(|text| text.as_bytes()) {
                agree(NameAddr::usual(text), NameAddr::by_grammar(HeaderName::From, text).ok());
            }
            for text in [uri.as_bytes(), anything.as_bytes(), format!("sip:{anything}").as_bytes()] {
                agree(AnyUri::usual(text).map(AnyUri::Sip), AnyUri::by_grammar(text).ok());
            }
            for text in [format!("{sent_by}{tail}"), format!("SIP/2.0/UDP {anything}"), sent_by] {
                agree(Via::usual(text.as_bytes()), Via::by_grammar(text.as_bytes()).ok());
            }
            agree(CSeq::usual(cseq.as_bytes()), CSeq::by_grammar(cseq.as_bytes()).ok());
            for text in [&tail, &anything] {
                let text = text.as_bytes();
                agree(params(text), grammar::read_all(grammar::params, text));
                agree(token(text), grammar::read_all(grammar::token, text));
                if let Some((host, port, rest)) = host_and_port(text) {
                    let (left, read) = (crate::host::host, grammar::port).parse(text).unwrap();
                    prop_assert_eq!((left, read), (rest, (host, port)));
                }
            }
            let digits = cseq.as_bytes();
            agree(
                number(digits).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number),
                all_consuming(grammar::number).parse(digits).ok().map(|(_, number)| number),
            );
        }
    }
}

//! The list of parameters that challenges and credentials are made of (RFC 7616 §3.3 and §3.4), read in one pass.
//! Must not know what a parameter means.

use crate::grammar::bytes::{self, trim, trim_start};

/// The values of the parameters that are asked for here; of each name the first.
pub(super) struct AuthParams<'a> {
    values: [Option<&'a [u8]>; Name::COUNT],
}

/// A parameter that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Username,
    /// `username*`.
    ExtendedUsername,
    Realm,
    Nonce,
    Uri,
    Response,
    Algorithm,
    Qop,
    /// `nc`.
    NonceCount,
    /// `cnonce`.
    ClientNonce,
    Opaque,
    Stale,
}

/// The list is outside the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

const SCHEME: &[u8] = b"Digest";

impl<'a> AuthParams<'a> {
    /// Reads those that follow `Digest`; `None` where the scheme is another.
    pub(super) fn read(value: &'a [u8]) -> Option<Result<Self, Malformed>> {
        Some(Self::collect(List::of_digest(value)?))
    }

    /// Without quotes, but with its escapes.
    pub(super) fn value(&self, name: Name) -> Option<&'a [u8]> {
        *self.values.get(name as usize)?
    }

    fn collect(list: List<'a>) -> Result<Self, Malformed> {
        let mut values = [None; Name::COUNT];
        for param in list {
            let AuthParam { name, value } = param?;
            let name = name.known();
            if let Some(place) = name.and_then(|name| values.get_mut(name as usize)) {
                place.get_or_insert(value);
            }
        }
        Ok(Self { values })
    }
}

impl Name {
    const COUNT: usize = Self::Stale as usize + 1;
    /// Bytes of `username*` and `algorithm`.
    const LONGEST: usize = 9;

    /// In lower case only.
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"username" => Self::Username,
            b"username*" => Self::ExtendedUsername,
            b"realm" => Self::Realm,
            b"nonce" => Self::Nonce,
            b"uri" => Self::Uri,
            b"response" => Self::Response,
            b"algorithm" => Self::Algorithm,
            b"qop" => Self::Qop,
            b"nc" => Self::NonceCount,
            b"cnonce" => Self::ClientNonce,
            b"opaque" => Self::Opaque,
            b"stale" => Self::Stale,
            _ => return None,
        })
    }
}

/// What is still to be read of a list. After a fault there is nothing more.
struct List<'a> {
    rest: &'a [u8],
}

struct AuthParam<'a> {
    name: WrittenName<'a>,
    /// Without quotes, but with its escapes.
    value: &'a [u8],
}

enum WrittenName<'a> {
    /// In lower case and without a blank behind it, as nearly all write it.
    Usual(Name),
    /// Some token, which may be a known name written otherwise.
    Other(&'a [u8]),
}

impl<'a> WrittenName<'a> {
    fn other(name: &'a [u8]) -> Option<Self> {
        let is_token = !name.is_empty() && name.iter().copied().all(bytes::is_token);
        is_token.then_some(Self::Other(name))
    }

    fn known(&self) -> Option<Name> {
        match self {
            Self::Usual(name) => Some(*name),
            Self::Other(token) if token.len() <= Name::LONGEST => {
                Name::of(&token.to_ascii_lowercase())
            }
            Self::Other(_) => None,
        }
    }
}

impl<'a> List<'a> {
    fn of_digest(value: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = trim_start(value).split_at_checked(SCHEME.len())?;
        let is_digest = scheme.eq_ignore_ascii_case(SCHEME) && matches!(rest, [b' ' | b'\t', ..]);
        is_digest.then_some(Self { rest })
    }

    #[inline]
    fn read(&mut self) -> Option<AuthParam<'a>> {
        // No token has one in it.
        let equals = self.rest.iter().position(|byte| *byte == b'=')?;
        let (name, rest) = self.rest.split_at_checked(equals)?;
        let name = match Name::of(name) {
            Some(name) => WrittenName::Usual(name),
            None => WrittenName::other(trim(name))?,
        };
        let (_, rest) = rest.split_first()?;
        let value = match trim_start(rest) {
            [b'"', rest @ ..] => {
                let (value, rest) = rest.split_at_checked(quoted_length(rest)?)?;
                // The quote that ends it.
                (_, self.rest) = rest.split_first()?;
                value
            }
            rest => {
                let end = rest.iter().position(|byte| !bytes::is_param_value(*byte));
                let (value, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
                self.rest = rest;
                (!value.is_empty()).then_some(value)?
            }
        };
        Some(AuthParam { name, value })
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Result<AuthParam<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // RFC 7616 §3.4 parts the parameters with commas; empty elements between them are passed over, and blanks alone
        // will do.
        while let [b' ' | b'\t' | b',', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let param = self.read();
        if param.is_none() {
            self.rest = &[];
        }
        Some(param.ok_or(Malformed))
    }
}

/// How much of `text` stands before the quote that ends it.
#[inline]
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        length += plain_length(text.get(length..)?);
        match text.get(length..)? {
            [b'"', ..] => return Some(length),
            [b'\\', escaped, ..] if !matches!(escaped, b'\r' | b'\n') => length += 2,
            [other, ..] if bytes::is_quoted_text(*other) => length += 1,
            [..] => return None,
        }
    }
}

/// How many bytes from the beginning on can be neither quote, backslash nor control character. Eight are looked at at once.
fn plain_length(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest byte that is below a bound has its highest bit set here, and none below it has; so has the lowest
        // that is zero after it was compared.
        let below =
            |word: u64, bound: u8| word.wrapping_sub(bytes::ONES * u64::from(bound)) & !word;
        let is = |byte: u8| below(word ^ (bytes::ONES * u64::from(byte)), 1);
        let found = (below(word, b' ') | is(b'"') | is(b'\\') | is(0x7f)) & (bytes::ONES << 7);
        if found != 0 {
            return 8 * number + found.trailing_zeros() as usize / 8;
        }
    }
    let plain = rest.iter().position(|byte| !bytes::is_quoted_text(*byte));
    text.len() - rest.len() + plain.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use nom::Parser;
    use nom::bytes::complete::tag_no_case;
    use nom::character::complete::char;
    use nom::combinator::{recognize, verify};
    use nom::multi::many0_count;
    use nom::sequence::{delimited, preceded, separated_pair};
    use proptest::prelude::*;

    use super::{AuthParams, List, Malformed, Name, WrittenName};
    use crate::grammar::{self, Parsed, blank};

    /// The names that are known, or the others as written, and the values; `None` where the list is outside the grammar.
    type Read<'a> = Option<Vec<(Result<Name, &'a [u8]>, &'a [u8])>>;

    fn read(value: &[u8]) -> Option<Read<'_>> {
        let read: Result<Vec<_>, Malformed> = List::of_digest(value)?
            .map(|param| {
                let param = param?;
                let name = match (&param.name, param.name.known()) {
                    (_, Some(name)) => Ok(name),
                    (WrittenName::Usual(name), None) => panic!("{name:?} is known"),
                    (WrittenName::Other(token), None) => Err(*token),
                };
                Ok((name, param.value))
            })
            .collect();
        Some(read.ok())
    }

    /// As the grammar has it.
    fn by_grammar(value: &[u8]) -> Option<Read<'_>> {
        let scheme = verify(blank, |blanks: &[u8]| !blanks.is_empty());
        let scheme: Parsed<'_, _> =
            delimited(blank, tag_no_case(&b"Digest"[..]), scheme).parse(value);
        let (mut rest, _) = scheme.ok()?;
        let mut params = Vec::new();
        while let Ok((after, (name, value))) = listed_param(rest) {
            let plain = match value {
                [b'"', plain @ .., b'"'] => plain,
                token => token,
            };
            let name = Name::of(&name.to_ascii_lowercase().into_bytes()).ok_or(name.as_bytes());
            params.push((name, plain));
            rest = after;
        }
        let rest = grammar::read_all(|it| recognize(many0_count(separator)).parse(it), rest);
        Some(rest.map(|_| params))
    }

    fn listed_param(input: &[u8]) -> Parsed<'_, (&str, &[u8])> {
        let equals = delimited(blank, char('='), blank);
        let param = separated_pair(
            preceded(blank, grammar::token),
            equals,
            grammar::param_value,
        );
        preceded(many0_count(separator), param).parse(input)
    }

    fn separator(input: &[u8]) -> Parsed<'_, char> {
        delimited(blank, char(','), blank).parse(input)
    }

    /// Pieces of lists, whole and broken.
    fn list() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just(&b"realm=\"shop.example, all of it\""[..]),
            2 => Just(&b"nonce = \"0123456789abcdef0123456789\""[..]),
            2 => Just(&b"qop=auth"[..]),
            1 => Just(&b"cNonce=c, xcnonce=d"[..]),
            2 => Just(&b", "[..]),
            2 => Just(&b","[..]),
            1 => Just(&b"\t"[..]),
            1 => Just(&b"="[..]),
            1 => Just(&b"\""[..]),
            1 => Just(&b"a=\"b\\\"c\\\\\""[..]),
            1 => Just(&b"a=\"b\tc\\\td\""[..]),
            1 => Just(&b"a=\"b\x7f12345678\""[..]),
            1 => Just(&b"a=\"b\x0112345678\""[..]),
            1 => Just(&b"a=\"\xc3\xa9\xff\x80\xa0\xfd\""[..]),
            1 => Just(&b"a=\"b\\\r\""[..]),
            1 => Just(&b"b=[::1]/x?"[..]),
            1 => Just(&b"username*=UTF-8''J%C3%A4"[..]),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_the_grammar_has_it(list in list(), odd: Vec<u8>) {
            for value in [
                [b"Digest ", &list[..]].concat(),
                [b" diGest\t", &list[..], &odd].concat(),
                [b"Digest", &list[..]].concat(),
                list,
                odd,
            ] {
                prop_assert_eq!(read(&value), by_grammar(&value));
            }
        }

        #[test]
        fn each_byte_may_stand_where_the_grammar_has_it(byte: u8, before in 0..20_usize, after in 0..20_usize) {
            let [before, after] = [before, after].map(|length| vec![b'x'; length]);
            for (open, close) in [(&b"a=\""[..], &b"\""[..]), (b"a=", b""), (b"", b"=b")] {
                let value = [b"Digest ", open, &before[..], &[byte], &after[..], close].concat();
                prop_assert_eq!(read(&value), by_grammar(&value));
            }
        }
    }

    #[test]
    fn the_first_of_each_name_counts_in_any_case() {
        let params = AuthParams::read(b"Digest NC=1, nc=2, x=3, uri=\"4\"").unwrap();
        let params = params.unwrap();
        assert_eq!(params.value(Name::NonceCount), Some(&b"1"[..]));
        assert_eq!(params.value(Name::Uri), Some(&b"4"[..]));
        assert_eq!(params.value(Name::Stale), None);
    }

    #[test]
    fn a_list_outside_the_grammar_has_no_more_behind_its_fault() {
        let list = List::of_digest(b"Digest a=b, c, d=e").unwrap();
        let faults: Vec<bool> = list.map(|param| param.is_err()).collect();
        assert_eq!(faults, [false, true]);
    }
}

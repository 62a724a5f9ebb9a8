//! Which byte may stand where (RFC 3261 §25.1), one table for all questions.
//! Must not know any header.

const TOKEN: u8 = 1;
const WORD: u8 = 2;
const USER: u8 = 4;
const HOST: u8 = 8;
const PARAM_VALUE: u8 = 16;
const URI_PARAM: u8 = 32;
const CONTROL: u8 = 64;
const URI: u8 = 128;

/// `token`.
pub(crate) fn is_token(byte: u8) -> bool {
    class(byte) & TOKEN != 0
}

/// `word`, with the `@` that joins the two words of a Call-ID.
pub(crate) fn is_word(byte: u8) -> bool {
    class(byte) & WORD != 0
}

/// `user` and `password`; `#` and bytes above ASCII are tolerated.
pub(crate) fn is_user(byte: u8) -> bool {
    class(byte) & USER != 0
}

/// `hostname`, with the underscore that real networks use.
pub(crate) fn is_host(byte: u8) -> bool {
    class(byte) & HOST != 0
}

/// An unquoted header parameter value, wider than `token` so that IPv6 references and bare URIs pass.
pub(crate) fn is_param_value(byte: u8) -> bool {
    class(byte) & PARAM_VALUE != 0
}

/// `paramchar` and the characters of a URI header, escapes included.
pub(crate) fn is_uri_param(byte: u8) -> bool {
    class(byte) & URI_PARAM != 0
}

/// Any byte a URI may hold.
pub(crate) fn is_uri(byte: u8) -> bool {
    class(byte) & URI != 0
}

/// A control character other than HTAB.
pub(crate) fn is_control(byte: u8) -> bool {
    class(byte) & CONTROL != 0
}

/// SP or HTAB, and no other control character (a Kamailio lesson: CVE-2020-28361).
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `qdtext`: all but the quote, the backslash and control characters; Latin-1 is tolerated.
pub(crate) fn is_quoted_text(byte: u8) -> bool {
    byte != b'"' && byte != b'\\' && !is_control(byte)
}

/// The bytes without blanks at either end.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The bytes without blanks before them.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where `byte` stands first; quicker than a vector search where that is a dozen or two bytes away.
#[inline]
pub(crate) fn position(byte: u8, text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let within = first_in(byte, u64::from_le_bytes(*word));
        if within < 8 {
            return Some(8 * number + within);
        }
    }
    let found = rest.iter().position(|other| *other == byte)?;
    Some(text.len() - rest.len() + found)
}

/// The same, where it is further away.
#[inline]
pub(crate) fn position_far(byte: u8, text: &[u8]) -> Option<usize> {
    let (pieces, rest) = text.as_chunks::<16>();
    for (number, piece) in pieces.iter().enumerate() {
        // One comparison of all sixteen.
        if piece
            .iter()
            .fold(false, |any, other| any | (*other == byte))
        {
            let [low, high] = words_of(piece);
            let within = match first_in(byte, low) {
                8 => 8 + first_in(byte, high),
                within => within,
            };
            return Some(16 * number + within);
        }
    }
    Some(text.len() - rest.len() + position(byte, rest)?)
}

/// Sixteen bytes as two numbers, the first byte the lowest.
pub(crate) const fn words_of(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

/// How many bytes of `word` stand below the lowest one that is `byte`; 8 where there is none.
pub(crate) const fn first_in(byte: u8, word: u64) -> usize {
    // The lowest byte that is the sought one has its highest bit set here, and none below it has.
    let difference = word ^ (ONES * byte as u64);
    let found = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
    (found.trailing_zeros() / 8) as usize
}

/// Whether all of `text` is ASCII; quicker than the standard library's question, as it looks at the result but once.
pub(crate) fn is_ascii(text: &[u8]) -> bool {
    let (pieces, rest) = text.as_chunks::<64>();
    let mut seen = [0_u8; 64];
    for piece in pieces {
        for (seen, byte) in seen.iter_mut().zip(piece) {
            *seen |= byte;
        }
    }
    let (words, rest) = rest.as_chunks::<8>();
    let words = words
        .iter()
        .fold(0, |all, word| all | u64::from_ne_bytes(*word));
    let rest = rest.iter().fold(0, |all, byte| all | byte);
    seen.is_ascii() && rest.is_ascii() && words & (ONES << 7) == 0
}

/// A one in each of eight bytes.
pub(crate) const ONES: u64 = u64::from_le_bytes([1; 8]);

#[expect(
    clippy::indexing_slicing,
    reason = "a byte cannot exceed a table of 256"
)]
fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time only, over 0..256"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        let mut class = 0;
        if byte.is_ascii_alphanumeric() {
            class |= TOKEN | WORD | USER | HOST | URI_PARAM;
        }
        if matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        ) {
            class |= TOKEN | WORD;
        }
        if matches!(
            byte,
            b'(' | b')'
                | b'<'
                | b'>'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'{'
                | b'}'
                | b'@'
        ) {
            class |= WORD;
        }
        // mark, escaped, user-unreserved
        if matches!(
            byte,
            b'-' | b'_'
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'%'
                | b'&'
                | b'='
                | b'+'
                | b'$'
                | b','
                | b';'
                | b'?'
                | b'/'
                | b'#'
        ) || byte >= 0x80
        {
            class |= USER;
        }
        if matches!(byte, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        // mark, escaped, param-unreserved
        if matches!(
            byte,
            b'-' | b'_'
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'%'
                | b'['
                | b']'
                | b'/'
                | b':'
                | b'&'
                | b'+'
                | b'$'
        ) {
            class |= URI_PARAM;
        }
        if byte > 0x20 && byte != 0x7f && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>' | b'?') {
            class |= PARAM_VALUE;
        }
        if byte > 0x20 && byte != 0x7f && !matches!(byte, b'"' | b'<' | b'>') {
            class |= URI;
        }
        if (byte < 0x20 && byte != b'\t') || byte == 0x7f {
            class |= CONTROL;
        }
        table[n] = class;
        n += 1;
    }
    table
}

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

/// Where `byte` stands first; quicker than a vector search where that is a few dozen bytes away.
#[inline]
pub(crate) fn position(byte: u8, text: &[u8]) -> Option<usize> {
    let sought = ONES.wrapping_mul(u64::from(byte));
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        // The lowest byte that is the sought one has its highest bit set here, and none below it has.
        let difference = u64::from_le_bytes(*word) ^ sought;
        let found = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
        if found != 0 {
            return Some(8 * number + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|other| *other == byte)?;
    Some(text.len() - rest.len() + found)
}

/// The same, where it may be far away, too.
#[inline]
pub(crate) fn position_far(byte: u8, text: &[u8]) -> Option<usize> {
    const NEAR: usize = 64;
    match text.split_at_checked(NEAR) {
        Some((near, far)) => {
            position(byte, near).or_else(|| Some(NEAR + memchr::memchr(byte, far)?))
        }
        None => position(byte, text),
    }
}

/// Whether all of `text` is ASCII; quicker than the standard library's question where the length is no multiple of 64.
pub(crate) fn is_ascii(text: &[u8]) -> bool {
    let (pieces, rest) = text.as_chunks::<32>();
    let (words, rest) = rest.as_chunks::<8>();
    let high = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | byte);
    let pieces = pieces.iter().fold(0, |all, piece| all | high(piece));
    let words = words
        .iter()
        .fold(0, |all, word| all | u64::from_ne_bytes(*word));
    (pieces | high(rest)).is_ascii() && words & (ONES << 7) == 0
}

const ONES: u64 = u64::from_le_bytes([1; 8]);

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

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

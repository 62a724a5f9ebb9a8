//! Quoting and escaping of text, both ways. Must not know which header it stands in.

use std::borrow::Cow;

/// What a quoted string means: `\x` is `x` (RFC 3261 §25.1, quoted-pair).
pub(crate) fn unescape(inner: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// The hexadecimal digit of a number below 16.
pub(crate) const fn hex_digit(value: u8) -> u8 {
    // Without a branch, so that many are made at once.
    let beyond_nine = (value > 9) as u8;
    b'0' + (value & 15) + beyond_nine * (b'a' - b'9' - 1)
}

/// The text as a quoted string with its quotes; characters that could end a line become blanks.
pub(crate) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\r' | b'\n' | 0 => out.push(b' '),
            other => out.push(other),
        }
    }
    out.push(b'"');
}

/// What `%HH` escapes mean; an escape that is none stands for itself.
pub(crate) fn percent_decode(escaped: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', escaped).is_none() {
        return Cow::Borrowed(escaped);
    }
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    loop {
        match rest {
            [] => return Cow::Owned(plain),
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                plain.push(hex_value(*high) << 4 | hex_value(*low));
                rest = after;
            }
            [byte, after @ ..] => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{percent_decode, quote, unescape};

    #[test]
    fn quoting_and_unescaping_are_inverse() {
        for text in ["", "Bob", r#"a "quoted" \ name"#, "caf\u{e9}"] {
            let mut quoted = Vec::new();
            quote(text.as_bytes(), &mut quoted);
            let inner = quoted.get(1..quoted.len() - 1).unwrap();
            assert_eq!(unescape(inner).as_ref(), text.as_bytes());
        }
    }

    #[test]
    fn line_ends_do_not_survive_quoting() {
        let mut quoted = Vec::new();
        quote(b"a\r\nVia: b", &mut quoted);
        assert_eq!(quoted, b"\"a  Via: b\"");
    }

    #[test]
    fn percent_escapes_decode_and_stray_signs_stay() {
        assert_eq!(
            percent_decode(b"a%2Eb%c3%A9").as_ref(),
            "a.b\u{e9}".as_bytes()
        );
        assert_eq!(percent_decode(b"100%").as_ref(), b"100%");
        assert_eq!(percent_decode(b"%zz").as_ref(), b"%zz");
    }
}

//! Whether control characters stand only where they may: CRLF at line ends and folds, HTAB, and whatever a
//! backslash quotes inside a quoted string (RFC 3261 §25.1). Must not know lines or headers.

use crate::grammar::bytes::is_control;

/// Whether `bytes`, all of whose `feeds` line feeds follow a return, hold no other control character, a HTAB aside.
/// May say no for what [`is_clean`] and [`is_clean_value`] find sound.
pub(crate) fn is_surely_clean(bytes: &[u8], feeds: usize) -> bool {
    // With no more of them than the line ends have, nothing is left to look at.
    controls(bytes) == 2 * feeds
}

/// Whether all control characters are HTABs, or CRLFs.
pub(crate) fn is_clean(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, &byte)| match byte {
        b'\r' => bytes.get(at + 1) == Some(&b'\n'),
        b'\n' => follows_return(bytes, at),
        other => !is_control(other),
    })
}

/// The same for a header's value, where a quoted pair may hold any other control character.
pub(crate) fn is_clean_value(value: &[u8]) -> bool {
    let mut place = Place::Outside;
    value.iter().enumerate().all(|(at, &byte)| {
        let is_quoted = place == Place::BehindBackslash;
        place = match (place, byte) {
            (Place::Outside, b'"') | (Place::BehindBackslash, _) => Place::InQuotes,
            (Place::InQuotes, b'"') | (Place::Outside, _) => Place::Outside,
            (Place::InQuotes, b'\\') => Place::BehindBackslash,
            (Place::InQuotes, _) => Place::InQuotes,
        };
        match byte {
            b'\r' => !is_quoted && value.get(at + 1) == Some(&b'\n'),
            b'\n' => !is_quoted && follows_return(value, at),
            other => is_quoted || !is_control(other),
        }
    })
}

/// Whether the byte before `at` is a return.
pub(crate) fn follows_return(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\r')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    InQuotes,
    BehindBackslash,
}

/// Counts the bytes below SP and DEL, in pieces whose count fits a byte and that vectors divide without a rest.
fn controls(bytes: &[u8]) -> usize {
    let (pieces, rest) = bytes.as_chunks::<64>();
    pieces.iter().map(|piece| controls_in(piece)).sum::<usize>() + controls_in(rest)
}

#[inline]
fn controls_in(piece: &[u8]) -> usize {
    let controls = piece
        .iter()
        .map(|byte| u8::from(*byte < b' ') + u8::from(*byte == 0x7f));
    usize::from(controls.fold(0_u8, u8::wrapping_add))
}

#[cfg(test)]
mod tests {
    use super::{is_clean, is_clean_value, is_surely_clean};

    #[test]
    fn line_ends_are_pairs() {
        assert!(is_clean(b"a\r\n b\tc\r\n"));
        for text in ["a\n", "a\r", "a\rb\n", "\n", "\r\r\n", "a\0", "a\x7f"] {
            assert!(!is_clean(text.as_bytes()), "{text:?}");
        }
        assert!(is_surely_clean(b"a\r\nb\r\n", 2));
        assert!(!is_surely_clean(b"a\r\n\0b\r\n", 2));
        assert!(!is_surely_clean(b"a\x7f\r\n", 1));
    }

    #[test]
    fn a_backslash_quotes_inside_quotes_alone() {
        for text in [
            "\"\\\0\"",
            "\"a\\\x07b\" <x>",
            "\"\\\\\\\x7f\"",
            "\"a\r\n b\"",
        ] {
            assert!(is_clean_value(text.as_bytes()), "{text:?}");
        }
        for text in [
            "\\\0",
            "\"\0\"",
            "\"\\\\\0\"",
            "\"a\" \\\0",
            "\"\\\r\n\"",
            "\"\\\n\"",
            "\"a\" \"\x01\"",
        ] {
            assert!(!is_clean_value(text.as_bytes()), "{text:?}");
        }
    }
}

//! Content-Length (RFC 3261 §20.14): read wide, so that no number is cut to a smaller one.

use crate::error::HeaderError;
use crate::header_name::HeaderName;
use crate::headers::Headers;

impl Headers {
    /// The announced length of the body, in bytes; equal repetitions count as one.
    ///
    /// # Errors
    /// Where it is not plain digits, does not fit, or is there twice with different numbers.
    pub fn content_length(&self) -> Result<Option<usize>, HeaderError> {
        agreed(self.headers(HeaderName::ContentLength))
    }
}

/// The one length that all lines agree on.
pub(crate) fn agreed<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<usize>, HeaderError> {
    let Some(first) = lines.next().map(parse).transpose()? else {
        return Ok(None);
    };
    for other in lines {
        if parse(other)? != first {
            return Err(HeaderError::repeated(HeaderName::ContentLength));
        }
    }
    Ok(Some(first))
}

fn parse(value: &[u8]) -> Result<usize, HeaderError> {
    let malformed = HeaderError::malformed(HeaderName::ContentLength);
    let length = value.iter().try_fold(0_u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    });
    match length.map(usize::try_from) {
        Some(Ok(length)) if !value.is_empty() => Ok(length),
        Some(_) | None => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_plain_digits_that_fit_are_lengths() {
        assert_eq!(parse(b"0"), Ok(0));
        assert_eq!(parse(b"00553"), Ok(553));
        assert_eq!(parse(b"4294967328"), Ok(4_294_967_328));
        for text in ["", "-1", "+5", "0x10", "1 2", "18446744073709551616", "5,5"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

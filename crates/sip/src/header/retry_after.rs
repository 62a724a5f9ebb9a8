//! Retry-After: when to try again (RFC 3261 §20.33). Must not know what was tried.

use std::time::Duration;

use nom::Parser;
use nom::combinator::opt;
use nom::sequence::preceded;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed, blank};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// How long to wait.
    pub delay: Duration,
    /// What stands in parentheses, with its escapes.
    pub comment: Option<&'a [u8]>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads a Retry-After value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(retry_after, value).ok_or(HeaderError::malformed(HeaderName::RetryAfter))
    }

    /// For how long the peer will be there then.
    pub fn duration(&self) -> Option<Duration> {
        self.params.seconds("duration")
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.delay.as_secs().to_string().as_bytes());
        if let Some(comment) = self.comment {
            out.extend(b" (");
            out.extend(comment);
            out.push(b')');
        }
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// When to try again, where that is said.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn retry_after(&self) -> Result<Option<RetryAfter<'_>>, HeaderError> {
        self.single(HeaderName::RetryAfter)?
            .map(RetryAfter::parse)
            .transpose()
    }
}

fn retry_after(input: &[u8]) -> Parsed<'_, RetryAfter<'_>> {
    (
        grammar::delta_seconds,
        opt(preceded(blank, grammar::comment)),
        grammar::params,
    )
        .map(|(seconds, comment, params)| RetryAfter {
            delay: Duration::from_secs(u64::from(seconds)),
            comment,
            params,
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::RetryAfter;

    #[test]
    fn a_delay_may_have_a_comment_and_a_duration() {
        let retry = RetryAfter::parse(b"120 (in a (short) meeting) ; duration=3600").unwrap();
        assert_eq!(retry.delay, Duration::from_secs(120));
        assert_eq!(retry.comment, Some(&b"in a (short) meeting"[..]));
        assert_eq!(retry.duration(), Some(Duration::from_secs(3600)));
        assert_eq!(RetryAfter::parse(b"5").unwrap().duration(), None);
    }

    #[test]
    fn malformed_delays() {
        for text in ["", "-1", "soon", "5 (open", "5 x", "5;"] {
            assert!(RetryAfter::parse(text.as_bytes()).is_err(), "{text}");
        }
        let huge = RetryAfter::parse(b"949302838503028349304023988").unwrap();
        assert_eq!(huge.delay, Duration::from_secs(u64::from(u32::MAX)));
    }
}

//! `pres:` and `im:` URIs: where presence is, and where instant messages go, whatever the protocol (RFC 3859 §3,
//! RFC 3860 §3). Must not know which protocol that is.

use std::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag_no_case;
use nom::character::complete::char;
use nom::combinator::{opt, value};
use nom::sequence::{preceded, separated_pair};

use crate::grammar::Parsed;
use crate::host::{Host, host};
use crate::text;
use crate::uri::equality::same_headers;
use crate::uri::{headers, user};

/// A mailbox for presence or for instant messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxUri<'a> {
    /// `pres` or `im`.
    pub scheme: MailboxScheme,
    /// The user part as written, escapes kept.
    pub user: &'a [u8],
    /// The domain.
    pub host: Host<'a>,
    /// What follows the question mark, as written.
    pub headers: Option<&'a [u8]>,
}

/// What a mailbox is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailboxScheme {
    /// `pres`: presence.
    Presence,
    /// `im`: instant messages.
    InstantMessages,
}

impl MailboxUri<'_> {
    /// Whether both are the same mailbox: the domain is compared without case, the user with it.
    pub fn is_equivalent(&self, other: &MailboxUri<'_>) -> bool {
        self.scheme == other.scheme
            && text::percent_decode(self.user) == text::percent_decode(other.user)
            && self.host == other.host
            && same_headers(self.headers, other.headers)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.scheme.to_string().as_bytes());
        out.push(b':');
        out.extend(self.user);
        out.push(b'@');
        out.extend(self.host.to_string().as_bytes());
        if let Some(headers) = self.headers {
            out.push(b'?');
            out.extend(headers);
        }
    }
}

impl fmt::Display for MailboxScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Presence => "pres",
            Self::InstantMessages => "im",
        })
    }
}

impl fmt::Display for MailboxUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

pub(super) fn mailbox(input: &[u8]) -> Parsed<'_, MailboxUri<'_>> {
    let scheme = alt((
        value(MailboxScheme::Presence, tag_no_case("pres:")),
        value(MailboxScheme::InstantMessages, tag_no_case("im:")),
    ));
    (
        scheme,
        separated_pair(user, char('@'), host),
        opt(preceded(char('?'), headers)),
    )
        .map(|(scheme, (user, host), headers)| MailboxUri {
            scheme,
            user,
            host,
            headers,
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::{MailboxScheme, MailboxUri};
    use crate::uri::AnyUri;

    fn mailbox(text: &str) -> MailboxUri<'_> {
        match AnyUri::parse(text.as_bytes()) {
            Ok(AnyUri::Mailbox(uri)) => uri,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn mailboxes_print_what_they_read() {
        for text in [
            "pres:alice@shop.example",
            "im:a.b+c%20d@[2001:db8::1]?Subject=hi",
        ] {
            assert_eq!(mailbox(text).to_string(), text);
        }
        assert_eq!(mailbox("IM:a@h").scheme, MailboxScheme::InstantMessages);
    }

    #[test]
    fn mailboxes_are_equal_by_scheme_user_and_domain() {
        let equal = |one: &str, two: &str| mailbox(one).is_equivalent(&mailbox(two));
        assert!(equal(
            "pres:alice@Shop.Example",
            "PRES:%61lice@shop.example"
        ));
        for (one, two) in [
            ("pres:alice@h", "im:alice@h"),
            ("pres:alice@h", "pres:Alice@h"),
            ("pres:alice@h", "pres:alice@i"),
            ("pres:alice@h", "pres:alice@h?a=b"),
        ] {
            assert!(!equal(one, two), "{one} {two}");
        }
    }
}

//! Which SIP URIs name the same resource (RFC 3261 §19.1.4). Must not resolve anything.

use crate::text;
use crate::uri::params::UriParams;
use crate::uri::{AnyUri, Uri};

impl Uri<'_> {
    /// Whether both name the same resource (RFC 3261 §19.1.4). Not transitive: a parameter that one of them lacks
    /// is no difference.
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        self.scheme == other.scheme
            && self.user.map(unescaped) == other.user.map(unescaped)
            && self.password.map(unescaped) == other.password.map(unescaped)
            && self.host == other.host
            && self.port == other.port
            && params_agree(&self.params, &other.params)
            && same_headers(self.headers, other.headers)
    }
}

impl AnyUri<'_> {
    /// Whether both name the same resource by the rules of their scheme; byte by byte where it is an unknown one.
    pub fn is_equivalent(&self, other: &AnyUri<'_>) -> bool {
        match (self, other) {
            (Self::Sip(one), AnyUri::Sip(two)) => one.is_equivalent(two),
            (Self::Tel(one), AnyUri::Tel(two)) => one.is_equivalent(two),
            (Self::Mailbox(one), AnyUri::Mailbox(two)) => one.is_equivalent(two),
            (Self::Other(one), AnyUri::Other(two)) => one == two,
            (Self::Sip(_) | Self::Tel(_) | Self::Mailbox(_) | Self::Other(_), _) => false,
        }
    }
}

fn params_agree(one: &UriParams<'_>, two: &UriParams<'_>) -> bool {
    // These count even when only one side has them.
    const DECISIVE: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];
    DECISIVE
        .iter()
        .all(|name| one.get(name).is_some() == two.get(name).is_some())
        && one.iter().all(|(name, value)| {
            let name = text::percent_decode(name);
            let mut theirs = two.find(&name).peekable();
            theirs.peek().is_none() || theirs.any(|theirs| same_value(value, theirs))
        })
}

fn same_value(one: Option<&[u8]>, two: Option<&[u8]>) -> bool {
    match (one, two) {
        (None, None) => true,
        (Some(one), Some(two)) => unescaped(one).eq_ignore_ascii_case(&unescaped(two)),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Headers always count, in any order.
pub(super) fn same_headers(one: Option<&[u8]>, two: Option<&[u8]>) -> bool {
    let sorted = |headers: Option<&[u8]>| {
        let mut pairs: Vec<Vec<u8>> = headers
            .unwrap_or_default()
            .split(|byte| *byte == b'&')
            .map(|pair| unescaped(pair).to_ascii_lowercase())
            .collect();
        pairs.sort();
        pairs
    };
    one == two || sorted(one) == sorted(two)
}

/// With the escapes undone of all but the reserved characters of RFC 2396 §2.2 and the percent sign: those mean
/// something else escaped. What stays escaped is written in one way.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let escape = rest.get(..3).filter(|_| *byte == b'%');
        match escape.map(text::percent_decode).as_deref() {
            Some([meant]) if is_reserved(*meant) => {
                plain.extend(escape.unwrap_or_default().to_ascii_uppercase());
                rest = rest.get(3..).unwrap_or_default();
            }
            Some([meant]) => {
                plain.push(*meant);
                rest = rest.get(3..).unwrap_or_default();
            }
            Some(_) | None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

const fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'%'
    )
}

#[cfg(test)]
mod tests {
    use crate::uri::AnyUri;

    #[track_caller]
    fn are_equal(one: &str, two: &str) -> bool {
        let parse = |text: &'static str| AnyUri::parse(text.as_bytes()).unwrap();
        let (first, second) = (parse(one.to_owned().leak()), parse(two.to_owned().leak()));
        assert_eq!(
            first.is_equivalent(&second),
            second.is_equivalent(&first),
            "{one} {two}"
        );
        assert!(first.is_equivalent(&first) && second.is_equivalent(&second));
        first.is_equivalent(&second)
    }

    /// After the examples of RFC 3261 §19.1.4.
    #[test]
    fn what_names_the_same_resource() {
        for (one, two) in [
            // Escapes of letters, and the case of hosts, parameters and schemes, do not count.
            (
                "sip:%62ob@Shop.Example;transport=TCP",
                "SIP:bob@shop.example;Transport=tcp",
            ),
            // A parameter that only one has does not count, unless it is one of five.
            ("sip:dave@shop.example", "sip:dave@shop.example;fresh=5"),
            (
                "sip:dave@shop.example;lock=on",
                "sip:dave@shop.example;fresh=5",
            ),
            (
                "sip:dave@shop.example;%66resh=5",
                "sip:dave@shop.example;fresh=%35",
            ),
            // The order of parameters and of headers does not count.
            (
                "sip:shop.example;transport=tcp;method=REGISTER?to=sip:dave%40shop.example",
                "sip:shop.example;method=REGISTER;transport=tcp?to=sip:dave%40shop.example",
            ),
            (
                "sip:bob@shop.example?subject=plan%20b&priority=urgent",
                "sip:bob@shop.example?priority=urgent&subject=plan%20b",
            ),
            ("sip:bob@[2001:DB8::1]", "sip:bob@[2001:db8:0::1]"),
            ("sip:a%3bb@h", "sip:a%3Bb@h"),
            ("urn:service:sos", "urn:service:sos"),
            // What should not be, a parameter twice, is still equal to itself.
            ("sip:h;a=1;a=2", "sip:h;a=2;a=1"),
        ] {
            assert!(are_equal(one, two), "{one} {two}");
        }
    }

    #[test]
    fn what_does_not() {
        for (one, two) in [
            // Users have letter cases.
            (
                "SIP:BOB@Shop.Example;Transport=udp",
                "sip:bob@Shop.Example;Transport=UDP",
            ),
            // A port and a transport that are the default are not the same as none.
            ("sip:bob@shop.example", "sip:bob@shop.example:5060"),
            ("sip:bob@shop.example", "sip:bob@shop.example;transport=udp"),
            (
                "sip:bob@shop.example;transport=udp",
                "sip:bob@shop.example:6000;transport=tcp",
            ),
            ("sip:bob@shop.example", "sip:bob@shop.example;user=phone"),
            (
                "sip:bob@shop.example",
                "sip:bob@shop.example;maddr=192.0.2.1",
            ),
            ("sip:bob@shop.example", "sip:bob@shop.example;ttl=15"),
            // Headers always count.
            (
                "sip:dave@shop.example",
                "sip:dave@shop.example?Subject=the%20plan",
            ),
            ("sip:dave@shop.example?a=b", "sip:dave@shop.example?a=c"),
            // A name is not its address.
            ("sip:bob@phone21.shop.example", "sip:bob@192.0.2.4"),
            (
                "sip:dave@shop.example;lock=on",
                "sip:dave@shop.example;lock=off",
            ),
            ("sip:dave@shop.example", "sips:dave@shop.example"),
            ("sip:dave@shop.example", "sip:shop.example"),
            ("sip:dave:a@shop.example", "sip:dave:b@shop.example"),
            ("sip:dave:a@shop.example", "sip:dave@shop.example"),
            // A reserved character means something else when it is escaped.
            ("sip:a%3Bb@h", "sip:a;b@h"),
            ("sip:a%2541@h", "sip:a%41@h"),
            ("tel:+331", "sip:+331@shop.example;user=phone"),
            ("urn:service:sos", "urn:service:SOS"),
        ] {
            assert!(!are_equal(one, two), "{one} {two}");
        }
    }
}

//! Header names: case-insensitive, with their compact forms, as one byte.
//! Must not know the grammar of any value.

use std::fmt;

macro_rules! header_names {
    ($($variant:ident $long:literal $($compact:literal)?;)*) => {
        /// A header this crate knows by name; all others are extension headers, found by their text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(
                #[doc = concat!("`", $long, "`.")]
                $variant,
            )*
        }

        impl HeaderName {
            /// Every known header.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The long form, spelled as in the standard that defines it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $long,)*
                }
            }

            /// The one-letter form, where there is one (RFC 3261 §7.3.3).
            pub const fn compact(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => header_names!(@compact $($compact)?),)*
                }
            }
        }
    };
    (@compact) => { None };
    (@compact $compact:literal) => { Some($compact) };
}

header_names! {
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AllowEvents "Allow-Events" "u";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallId "Call-ID" "i";
    CallInfo "Call-Info";
    Contact "Contact" "m";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" "e";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    CSeq "CSeq";
    Date "Date";
    ErrorInfo "Error-Info";
    Event "Event" "o";
    Expires "Expires";
    From "From" "f";
    InReplyTo "In-Reply-To";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAssertedIdentity "P-Asserted-Identity";
    Path "Path";
    Priority "Priority";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    Reason "Reason";
    RecordRoute "Record-Route";
    RAck "RAck";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    ReplyTo "Reply-To";
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    Server "Server";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires" "x";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    Subject "Subject" "s";
    SubscriptionState "Subscription-State";
    Supported "Supported" "k";
    SuppressIfMatch "Suppress-If-Match";
    Timestamp "Timestamp";
    To "To" "t";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    Via "Via" "v";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

impl HeaderName {
    /// The known header of this name, long or compact, in any case.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        let mut slot = slot_of(name);
        loop {
            let (spelling, known) = TABLE.get(slot).copied().flatten()?;
            // Nearly all peers spell names as the standards do, and equality is the quicker question.
            if name == spelling || name.eq_ignore_ascii_case(spelling) {
                return Some(known);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// Whether commas part several values on one line (RFC 3261 §7.3.1).
    pub const fn is_list(self) -> bool {
        match self {
            Self::Accept
            | Self::AcceptEncoding
            | Self::AcceptLanguage
            | Self::AlertInfo
            | Self::Allow
            | Self::AllowEvents
            | Self::CallInfo
            | Self::Contact
            | Self::ContentEncoding
            | Self::ContentLanguage
            | Self::ErrorInfo
            | Self::InReplyTo
            | Self::PAssertedIdentity
            | Self::Path
            | Self::ProxyRequire
            | Self::Reason
            | Self::RecordRoute
            | Self::Require
            | Self::Route
            | Self::ServiceRoute
            | Self::Supported
            | Self::Unsupported
            | Self::Via
            | Self::Warning => true,
            // RFC 3261 §7.3.1: the four authentication headers hold commas that part parameters.
            Self::AuthenticationInfo
            | Self::Authorization
            | Self::ProxyAuthenticate
            | Self::ProxyAuthorization
            | Self::WwwAuthenticate
            | Self::CallId
            | Self::ContentDisposition
            | Self::ContentLength
            | Self::ContentType
            | Self::CSeq
            | Self::Date
            | Self::Event
            | Self::Expires
            | Self::From
            | Self::MaxForwards
            | Self::MimeVersion
            | Self::MinExpires
            | Self::MinSe
            | Self::Organization
            | Self::Priority
            | Self::RAck
            | Self::ReferTo
            | Self::ReferredBy
            | Self::ReplyTo
            | Self::RetryAfter
            | Self::RSeq
            | Self::Server
            | Self::SessionExpires
            | Self::SipEtag
            | Self::SipIfMatch
            | Self::Subject
            | Self::SubscriptionState
            | Self::SuppressIfMatch
            | Self::Timestamp
            | Self::To
            | Self::UserAgent => false,
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type Slot = Option<(&'static [u8], HeaderName)>;

/// A power of two, several times the number of spellings, so that most have a slot to themselves.
const SLOTS: usize = 512;

/// Every spelling, by open addressing with linear probing; filled at compile time.
static TABLE: [Slot; SLOTS] = filled_table();

const fn slot_of(name: &[u8]) -> usize {
    let (first, last) = match name {
        [] => (0, 0),
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    };
    let hash = (name.len().wrapping_mul(37))
        .wrapping_add((first | 0x20) as usize * 11)
        .wrapping_add((last | 0x20) as usize * 101);
    hash % SLOTS
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time only, and bounded by the loop's condition"
)]
const fn filled_table() -> [Slot; SLOTS] {
    let mut table = [None; SLOTS];
    let mut n = 0;
    while n < HeaderName::ALL.len() {
        let name = HeaderName::ALL[n];
        put(&mut table, name.as_str().as_bytes(), name);
        if let Some(compact) = name.compact() {
            put(&mut table, compact.as_bytes(), name);
        }
        n += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time only, and the slot is reduced by SLOTS"
)]
const fn put(table: &mut [Slot; SLOTS], spelling: &'static [u8], name: HeaderName) {
    let mut slot = slot_of(spelling);
    while table[slot].is_some() {
        slot = (slot + 1) % SLOTS;
    }
    table[slot] = Some((spelling, name));
}

#[cfg(test)]
mod tests {
    use super::HeaderName;

    #[test]
    fn every_name_is_found_in_any_case_and_in_its_compact_form() {
        for &name in HeaderName::ALL {
            for text in [
                name.as_str().to_owned(),
                name.as_str().to_uppercase(),
                name.as_str().to_lowercase(),
            ] {
                assert_eq!(HeaderName::from_bytes(text.as_bytes()), Some(name));
            }
            if let Some(compact) = name.compact() {
                assert_eq!(HeaderName::from_bytes(compact.as_bytes()), Some(name));
                assert_eq!(
                    HeaderName::from_bytes(compact.to_uppercase().as_bytes()),
                    Some(name)
                );
            }
        }
    }

    #[test]
    fn names_one_byte_off_are_unknown() {
        for text in [
            "",
            "X-Custom",
            "Vi",
            "Viaa",
            "Content_Length",
            "C\u{53}eqs",
            "z",
        ] {
            assert_eq!(HeaderName::from_bytes(text.as_bytes()), None, "{text}");
        }
    }
}

//! Header names: case-insensitive, with their compact forms, as one byte.
//! Must not know the grammar of any value.

use std::fmt;

use crate::grammar::bytes::{first_in, words_of};

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

    /// The known header whose name, in its usual spelling, `line` begins with, and the length of that name; a colon is
    /// right behind it. Says `None` for whatever is written otherwise, for names of more than 15 bytes, and for lines of
    /// less than 16.
    pub(crate) fn before_colon(line: &[u8]) -> Option<(Self, usize)> {
        let [low, high] = words_of(line.first_chunk()?);
        let (spelling, length) = match (first_in(b':', low), first_in(b':', high)) {
            (8, 8) => return None,
            (8, more) => ([low, high & ones(more)], 8 + more),
            (length, _) => ([low & ones(length), 0], length),
        };
        let word = WORDS.get(word_slot(spelling))?;
        // A name that ends with NUL is the same numbers as one without.
        if word.spelling != spelling || word.length != length {
            return None;
        }
        Some((word.known?, length))
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

/// The names of up to 15 bytes, each in the slot that [`word_slot`] says; filled at compile time.
static WORDS: [Word; WORD_SLOTS] = words();

/// A power of two, with few bits.
const WORD_SLOTS: usize = 256;

/// A name of up to 15 bytes, as the numbers its bytes are; nothing is known of what fills an empty slot.
#[derive(Clone, Copy)]
struct Word {
    spelling: [u64; 2],
    length: usize,
    known: Option<HeaderName>,
}

/// As many bytes of ones, fewer than eight, from the lowest on.
const fn ones(bytes: usize) -> u64 {
    !(u64::MAX.wrapping_shl(8 * bytes as u32))
}

/// The factor is one of few with which no two names share a slot.
const fn word_slot(spelling: [u64; 2]) -> usize {
    let [low, high] = spelling;
    ((low ^ high).wrapping_mul(0x99bd_19e7_c8c6_dbb3) >> (u64::BITS - WORD_SLOTS.ilog2())) as usize
}

const fn slot_of(name: &[u8]) -> usize {
    let (first, last) = match name {
        [] => (0, 0),
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    };
    let hash = (name.len().wrapping_mul(121))
        .wrapping_add((first | 0x20) as usize * 445)
        .wrapping_add((last | 0x20) as usize * 484);
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

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time only, and bounded by the loops' conditions"
)]
const fn words() -> [Word; WORD_SLOTS] {
    let nothing = Word {
        spelling: [0; 2],
        length: 0,
        known: None,
    };
    let mut words = [nothing; WORD_SLOTS];
    let mut at = 0;
    while at < SLOTS {
        if let Some((spelling, name)) = TABLE[at]
            && spelling.len() < 16
        {
            let mut bytes = [0; 16];
            let mut n = 0;
            while n < spelling.len() {
                bytes[n] = spelling[n];
                n += 1;
            }
            let numbers = words_of(&bytes);
            let slot = word_slot(numbers);
            assert!(words[slot].known.is_none(), "another factor is needed");
            words[slot] = Word {
                spelling: numbers,
                length: spelling.len(),
                known: Some(name),
            };
        }
        at += 1;
    }
    words
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
    fn every_name_of_up_to_15_bytes_is_known_at_a_glance() {
        for &name in HeaderName::ALL {
            for spelling in [Some(name.as_str()), name.compact()].into_iter().flatten() {
                let line = format!("{spelling}: a value that is long enough");
                let found = HeaderName::before_colon(line.as_bytes());
                let expected = (spelling.len() < 16).then_some((name, spelling.len()));
                assert_eq!(found, expected, "{spelling}");
            }
        }
    }

    #[test]
    fn a_glance_takes_nothing_for_what_it_is_not() {
        for line in [
            "Via : a value that is long enough",
            "via: a value that is long enough",
            "Vib: a value that is long enough",
            "Vi\0: a value that is long enough",
            "Via\0: a value that is long enough",
            ": a value that is long enough",
            "no colon near the beginning of it",
            "Proxy-Authenticate: Digest",
            "Accept-Encoding : a",
            "Via: short",
            "",
        ] {
            assert_eq!(HeaderName::before_colon(line.as_bytes()), None, "{line:?}");
        }
        // What stands behind the colon does not count.
        for rest in [
            "::::::::::::::::",
            "\u{ff};\u{3b}:::::::::::::::",
            "\0\x01;:9\u{ba}::::::::::",
        ] {
            let line = format!("From:{rest}");
            assert_eq!(
                HeaderName::before_colon(line.as_bytes()),
                Some((HeaderName::From, 4))
            );
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

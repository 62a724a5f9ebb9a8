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

    /// The known header whose name, in its usual spelling, `line` begins with, and the length of that name; a colon is
    /// right behind it. Says `None` for whatever is written otherwise, for names of more than 15 bytes, and for lines of
    /// less than 16.
    pub(crate) fn before_colon(line: &[u8]) -> Option<(Self, usize)> {
        let [low, high] = words_of(line.first_chunk()?);
        let (bits_low, bits_high) = match bits_before_colon(low) {
            64 => (64, bits_before_colon(high)),
            bits => (bits, 0),
        };
        if bits_high == 64 {
            return None;
        }
        let name = [low & ones(bits_low), high & ones(bits_high)];
        let length = (bits_low + bits_high) as usize / 8;
        let last = *line.get(length.wrapping_sub(1))?;
        let slot = slot(length, low as u8, last);
        let Word { spelling, known } = WORDS.get(slot)?.as_ref()?;
        // A name that ends with NUL is the same number as one without.
        (*spelling == name && last != 0).then_some((*known, length))
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

/// The names of up to 15 bytes, in the slots of [`TABLE`].
static WORDS: [Option<Word>; SLOTS] = words();

/// A name of up to 15 bytes, as the numbers its bytes are.
#[derive(Clone, Copy)]
struct Word {
    spelling: [u64; 2],
    known: HeaderName,
}

const fn words_of(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

/// How many bits stand below the lowest byte that is a colon; all 64 where there is none.
const fn bits_before_colon(word: u64) -> u32 {
    const ONES: u64 = u64::MAX / 255;
    // The lowest byte that is a colon has its highest bit set here, and none below it has.
    let difference = word ^ (ONES * b':' as u64);
    let colons = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
    colons.trailing_zeros() & !7
}

/// As many ones, from the lowest bit on.
const fn ones(bits: u32) -> u64 {
    match u64::MAX.checked_shl(bits) {
        Some(zeros) => !zeros,
        None => u64::MAX,
    }
}

const fn slot_of(name: &[u8]) -> usize {
    match name {
        [] => slot(0, 0, 0),
        [only] => slot(1, *only, *only),
        [first, .., last] => slot(name.len(), *first, *last),
    }
}

const fn slot(length: usize, first: u8, last: u8) -> usize {
    let hash = (length.wrapping_mul(121))
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
const fn words() -> [Option<Word>; SLOTS] {
    let mut words = [None; SLOTS];
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
            words[at] = Some(Word {
                spelling: words_of(&bytes),
                known: name,
            });
        }
        at += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{HeaderName, TABLE, slot_of};

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

    /// The quick look is allowed to miss a name that is not in its own slot, but should not have to.
    #[test]
    fn every_name_of_up_to_15_bytes_is_known_at_a_glance() {
        for &name in HeaderName::ALL {
            for spelling in [Some(name.as_str()), name.compact()].into_iter().flatten() {
                let line = format!("{spelling}: a value that is long enough");
                let found = HeaderName::before_colon(line.as_bytes());
                let alone = TABLE[slot_of(spelling.as_bytes())].map(|(_, name)| name) == Some(name);
                let expected = (spelling.len() < 16 && alone).then_some((name, spelling.len()));
                assert_eq!(found, expected, "{spelling}");
            }
        }
        for name in [
            HeaderName::Via,
            HeaderName::ContentLength,
            HeaderName::SipIfMatch,
        ] {
            let line = format!("{name}: a value that is long enough");
            assert!(
                HeaderName::before_colon(line.as_bytes()).is_some(),
                "{name}"
            );
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

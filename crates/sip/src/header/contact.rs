//! Contact (RFC 3261 §20.10). Must not know registrations.

use std::borrow::Cow;
use std::time::Duration;

use crate::error::HeaderError;
use crate::grammar;
use crate::header::name_addr::NameAddr;
use crate::header::quality::Quality;
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// One Contact value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: every contact of the address of record (RFC 3261 §10.2.2).
    Any,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one Contact value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        match value {
            b"*" => Ok(Self::Any),
            address => Ok(Self::Address(NameAddr::parse(
                HeaderName::Contact,
                address,
            )?)),
        }
    }

    /// The address, unless it is `*`.
    pub const fn address(&self) -> Option<&NameAddr<'a>> {
        match self {
            Self::Any => None,
            Self::Address(address) => Some(address),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Any => out.push(b'*'),
            Self::Address(address) => address.write(out),
        }
    }

    /// The `expires` parameter. A malformed one counts as an hour, as RFC 3261 §20.10 has it.
    pub fn expires(&self) -> Option<Duration> {
        let value = self.address()?.params.get("expires")?.value;
        let seconds = value.and_then(|value| grammar::read_all(grammar::delta_seconds, value));
        Some(Duration::from_secs(seconds.map_or(3600, u64::from)))
    }

    /// How this contact ranks among the others; `None` where that is malformed.
    pub fn quality(&self) -> Option<Quality> {
        match self.address() {
            Some(address) => Quality::of(&address.params),
            None => Some(Quality::FULL),
        }
    }

    /// The URN of the device, without the angle brackets around it (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<Cow<'a, str>> {
        let value = self.address()?.params.get("+sip.instance")?.unquoted()?;
        match value {
            Cow::Borrowed([b'<', urn @ .., b'>']) => {
                std::str::from_utf8(urn).ok().map(Cow::Borrowed)
            }
            Cow::Borrowed(_) => None,
            Cow::Owned(escaped) => {
                let text = String::from_utf8(escaped).ok()?;
                let urn = text.strip_prefix('<')?.strip_suffix('>')?;
                Some(Cow::Owned(urn.to_owned()))
            }
        }
    }

    /// Which of the device's ways this is, from 1 on (RFC 5626 §4.2).
    pub fn reg_id(&self) -> Option<u32> {
        let text = self.address()?.params.get("reg-id")?.value?;
        grammar::read_all(grammar::number, text).filter(|id| *id > 0)
    }
}

impl Headers {
    /// All contacts, in their order.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, HeaderError>> {
        self.values(HeaderName::Contact).map(Contact::parse)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Contact;

    #[test]
    fn contacts_of_real_phones() {
        let contact = Contact::parse(
            br#"<sip:alice-0x55e0@127.0.0.1:5091>;expires=30;+sip.instance="<urn:uuid:6ff4b1ae>""#,
        )
        .unwrap();
        assert_eq!(contact.expires(), Some(Duration::from_secs(30)));
        let address = contact.address().unwrap();
        let instance = address
            .params
            .get("+sip.instance")
            .unwrap()
            .unquoted()
            .unwrap();
        assert_eq!(instance.as_ref(), b"<urn:uuid:6ff4b1ae>");
    }

    #[test]
    fn the_star_stands_alone() {
        assert_eq!(Contact::parse(b"*"), Ok(Contact::Any));
        assert!(Contact::parse(b"*;expires=0").is_err());
    }

    #[test]
    fn a_malformed_expires_counts_as_an_hour() {
        let expires = |text: &str| Contact::parse(text.as_bytes()).unwrap().expires();
        assert_eq!(expires("<sip:a@h>"), None);
        assert_eq!(
            expires("<sip:a@h>;expires=soon"),
            Some(Duration::from_secs(3600))
        );
        assert_eq!(expires("<sip:a@h>;expires=0"), Some(Duration::ZERO));
    }

    #[test]
    fn outbound_phones_name_their_device_and_way() {
        let contact = Contact::parse(
            br#"<sip:alice@192.0.2.1>;reg-id=2;+sip.instance="<urn:uuid:6ff4b1ae>";q=0.7"#,
        )
        .unwrap();
        assert_eq!(contact.instance().as_deref(), Some("urn:uuid:6ff4b1ae"));
        assert_eq!(contact.reg_id(), Some(2));
        assert_eq!(
            contact.quality().map(|quality| quality.thousandths()),
            Some(700)
        );
        let plain =
            Contact::parse(b"<sip:alice@192.0.2.1>;reg-id=0;q=7;+sip.instance=\"urn:x\"").unwrap();
        assert_eq!(
            (plain.instance(), plain.reg_id(), plain.quality()),
            (None, None, None)
        );
    }
}

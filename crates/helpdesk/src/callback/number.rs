//! A telephone number that may be dialled: E.164 digits and nothing else (ITU-T E.164 §6).
//! Must not know who may be called.

use std::fmt;
use std::sync::Arc;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type, country};
use thiserror::Error;

/// The longest text that is looked at, in bytes.
const LONGEST_TEXT: usize = 40;

/// Country codes that lead to satellites and to services that are paid by the minute everywhere
/// (ITU-T E.164 annex: 808, 870, 878, 881 to 883, 888, 979).
const COSTLY_CODES: [u16; 8] = [808, 870, 878, 881, 882, 883, 888, 979];

/// A number in E.164: `+` and 7 to 15 digits. Nothing else can be one, so that nothing else is ever dialled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(Arc<str>);

/// A country, by whose plan numbers without a country code are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Country(country::Id);

/// Why a text is no number that may be dialled. Each text fits "failed to read the number: {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// It holds something else than digits and what people put between them.
    #[error("it may hold digits, spaces and + - . / ( ) only")]
    Signs,
    /// No country has such a number.
    #[error(
        "it is no telephone number of that country; write it with its country code, like +33 1 23 45 67 89"
    )]
    NoNumber,
    /// It has no country code, and no country is configured.
    #[error("it needs its country code, like +33 1 23 45 67 89")]
    NoCountry,
    /// Whoever calls it pays its owner, or a satellite.
    #[error("numbers of this kind are never called: premium, shared-cost or satellite")]
    Costly,
}

impl PhoneNumber {
    /// Reads a number as people write it; without a country code it is one of `home`.
    pub fn read(text: &str, home: Option<Country>) -> Result<Self, NumberError> {
        let text = text.trim();
        let is_sign = |byte: u8| byte.is_ascii_digit() || b" -./()+".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_TEXT || !text.bytes().all(is_sign) {
            return Err(NumberError::Signs);
        }
        // RFC 3966 §5.1.4: only a leading + makes a number global.
        if text.get(1..).is_some_and(|rest| rest.contains('+')) {
            return Err(NumberError::Signs);
        }
        let international = text.starts_with('+') || text.starts_with("00");
        if !international && home.is_none() {
            return Err(NumberError::NoCountry);
        }
        let text = match text.strip_prefix("00") {
            // The prefix of most countries for calls abroad; those who have another write +.
            Some(rest) => format!("+{rest}"),
            None => text.to_owned(),
        };
        let home = home.map(|country| country.0);
        let number = phonenumber::parse(home, &text).map_err(|_| NumberError::NoNumber)?;
        if COSTLY_CODES.contains(&number.code().value()) {
            return Err(NumberError::Costly);
        }
        match number.number_type(&DATABASE) {
            Type::PremiumRate | Type::SharedCost | Type::Pager => {
                return Err(NumberError::Costly);
            }
            Type::FixedLine
            | Type::Mobile
            | Type::FixedLineOrMobile
            | Type::TollFree
            | Type::Voip
            | Type::PersonalNumber
            | Type::Uan
            | Type::Emergency
            | Type::Voicemail
            | Type::ShortCode
            | Type::StandardRate
            | Type::Carrier
            | Type::NoInternational
            | Type::Unknown => {}
        }
        if !number.is_valid() {
            return Err(NumberError::NoNumber);
        }
        Self::from_e164(&number.format().mode(Mode::E164).to_string()).ok_or(NumberError::NoNumber)
    }

    /// Takes `+` and 7 to 15 digits, as they were written down before; `None` of anything else.
    pub fn from_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(Arc::from(text)))
    }

    /// `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number for eyes that need not know it: its beginning and its last two digits.
    pub fn masked(&self) -> String {
        let (head, rest) = self.0.split_at(3);
        let (hidden, tail) = rest.split_at(rest.len() - 2);
        format!("{head}{}{tail}", "•".repeat(hidden.len()))
    }
}

impl Country {
    /// Takes an ISO 3166-1 alpha-2 code, such as `FR`.
    pub fn read(code: &str) -> Option<Self> {
        code.to_ascii_uppercase().parse().ok().map(Self)
    }
}

impl fmt::Debug for PhoneNumber {
    /// A number in a log is a masked one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({})", self.0.as_ref())
    }
}

//! Date: when a message was sent, in GMT alone (RFC 3261 §20.17). Must not ask what time it is.

use std::fmt;

use nom::Parser;
use nom::bytes::complete::tag;
use nom::character::complete::char;
use nom::combinator::{map_opt, verify};
use nom::sequence::{preceded, terminated};

use crate::error::HeaderError;
use crate::grammar::{self, Parsed, blank};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// A second of a day, such as `Sat, 13 Nov 2010 23:29:00 GMT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00:00 GMT. Invariant: before the year 10000.
    seconds: u64,
}

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: u64 = 86_400;
/// The first second of the year 10000.
const END: u64 = 253_402_300_800;

impl Date {
    /// The second so many seconds after the beginning of 1970; `None` from the year 10000 on.
    pub const fn from_unix(seconds: u64) -> Option<Self> {
        if seconds < END {
            Some(Self { seconds })
        } else {
            None
        }
    }

    /// Seconds since the beginning of 1970.
    pub const fn to_unix(self) -> u64 {
        self.seconds
    }

    /// Reads a Date value. The weekday must be one, but need not be that of the day.
    ///
    /// # Errors
    /// Where it is outside the grammar, of another zone than GMT, before 1970, or no day of the calendar.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        grammar::read_all(date, value).ok_or(HeaderError::malformed(HeaderName::Date))
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend(self.to_string().as_bytes());
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / DAY, self.seconds % DAY);
        let (year, month, day) = calendar_day(days);
        let name = |names: &[&'static str], at: u64| {
            let at = usize::try_from(at).unwrap_or_default();
            names.get(at).copied().unwrap_or_default()
        };
        write!(
            f,
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            name(&WEEKDAYS, days % 7),
            name(&MONTHS, month),
            second / 3600,
            second / 60 % 60,
            second % 60,
        )
    }
}

impl Headers {
    /// When the message was sent, where it says so.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn date(&self) -> Result<Option<Date>, HeaderError> {
        self.single(HeaderName::Date)?.map(Date::parse).transpose()
    }
}

fn date(input: &[u8]) -> Parsed<'_, Date> {
    let time = (
        terminated(digits(2), char(':')),
        terminated(digits(2), char(':')),
        digits(2),
    );
    let parts = (
        terminated(name_of(&WEEKDAYS), (char(','), blanks)),
        terminated(digits(2), blanks),
        terminated(name_of(&MONTHS), blanks),
        terminated(digits(4), blanks),
        terminated(time, blanks),
        tag("GMT"),
    );
    map_opt(parts, |(_, day, month, year, (hour, minute, second), _)| {
        let days = days_before(year, month)? + day.checked_sub(1)?;
        // RFC 3339 §5.7: a minute of 61 seconds happens.
        let is_time = hour < 24 && minute < 60 && second <= 60;
        let is_day = calendar_day(days) == (year, month, day);
        let seconds = days * DAY + hour * 3600 + minute * 60 + second.min(59);
        (is_time && is_day)
            .then(|| Date::from_unix(seconds))
            .flatten()
    })
    .parse(input)
}

fn blanks(input: &[u8]) -> Parsed<'_, &[u8]> {
    verify(blank, |blanks: &[u8]| !blanks.is_empty()).parse(input)
}

/// Exactly so many digits.
fn digits<'a>(count: usize) -> impl Parser<&'a [u8], Output = u64, Error = ()> {
    map_opt(nom::bytes::complete::take(count), |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok()?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok())?
    })
}

/// Which of the names it is; RFC 3261 §20.17 has them case-sensitive.
fn name_of<'a>(names: &'static [&'static str]) -> impl Parser<&'a [u8], Output = u64, Error = ()> {
    map_opt(
        preceded(blank, nom::bytes::complete::take(3_usize)),
        move |text: &[u8]| {
            let at = names.iter().position(|name| name.as_bytes() == text)?;
            u64::try_from(at).ok()
        },
    )
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

/// Days of the months of `year`.
const fn month_lengths(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// Days from the beginning of 1970 to that of the month; `None` before 1970.
fn days_before(year: u64, month: u64) -> Option<u64> {
    let past = year.checked_sub(1970)?;
    // Leap years in front of a year, counted from year 1.
    let leaps = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let days = past * 365 + leaps(year) - leaps(1970);
    let months = usize::try_from(month).ok()?;
    Some(days + month_lengths(year).iter().take(months).sum::<u64>())
}

/// Year, month from 0, and day from 1 of the day so many days after the first of 1970.
fn calendar_day(days: u64) -> (u64, u64, u64) {
    // A year never has more than 366 days, so this is never too late, and a few years too early at most.
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 0).is_some_and(|next| next <= days) {
        year += 1;
    }
    let mut rest = days - days_before(year, 0).unwrap_or_default();
    let mut month = 0;
    for length in month_lengths(year) {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::{Date, END};

    #[test]
    fn dates_print_and_read() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (END - 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let date = Date::from_unix(seconds).unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(Date::parse(text.as_bytes()), Ok(date));
        }
        assert_eq!(Date::from_unix(END), None);
    }

    #[test]
    fn malformed_dates() {
        for text in [
            "",
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 01 Jan 2010 16:00:00",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "fri, 01 jan 2010 16:00:00 GMT",
            "Fri, 29 Feb 2100 16:00:00 GMT",
            "Fri, 00 Jan 2010 16:00:00 GMT",
            "Fri, 31 Apr 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 01 Jan 2010 16:60:00 GMT",
            "Fri, 01 Jan 1969 16:00:00 GMT",
            "Fri, 01 Jan +201 16:00:00 GMT",
        ] {
            assert!(Date::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

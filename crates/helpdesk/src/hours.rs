//! Opening hours as OpenStreetMap writes them, in a time zone, with a country's public holidays.
//! Must not know what is open, nor what time it is: times are arguments.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use opening_hours::localization::Country;
use opening_hours::{Context, OpeningHours};
use thiserror::Error;

/// Changes further ahead than this are not looked for.
const HORIZON: TimeDelta = TimeDelta::days(400);
const MINUTE_MS: i64 = 60_000;

/// When something is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    expression: OpeningHours,
    zone: TimeZone,
}

/// Why a text says no hours. Each text fits "failed to read the hours: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoursError {
    /// It is not in the syntax.
    #[error("{0:?} is not in OpenStreetMap's syntax; write it like \"Mo-Fr 09:00-18:00; PH off\"")]
    Syntax(String),
    /// No such country, or its holidays are not known.
    #[error("no holidays are known of country {0:?}; write its two letters, such as \"FR\"")]
    Country(String),
}

impl Hours {
    /// Reads an expression; `PH` in it means the public holidays of the country (ISO 3166-1, two letters).
    pub fn read(text: &str, zone: TimeZone, country: Option<&str>) -> Result<Self, HoursError> {
        let mut context = Context::default().approx_bound_interval_size(HORIZON);
        if let Some(code) = country {
            let country: Country = code
                .parse()
                .map_err(|_| HoursError::Country(code.to_owned()))?;
            context = context.with_holidays(country.holidays());
        }
        let expression =
            OpeningHours::from_str(text).map_err(|_| HoursError::Syntax(text.to_owned()))?;
        Ok(Self {
            expression: expression.with_context(context),
            zone,
        })
    }

    /// Whether it is open at this time, in milliseconds since the Unix epoch.
    pub fn is_open(&self, unix_ms: i64) -> bool {
        self.local(unix_ms)
            .is_some_and(|local| self.expression.is_open(local))
    }

    /// When it next opens or closes after this time; `None` when it does not within a year.
    pub fn next_change(&self, unix_ms: i64) -> Option<i64> {
        let mut local = self.local(unix_ms)?;
        let was_open = self.expression.is_open(local);
        // The expression also tells of changes that change nothing but a comment.
        for _ in 0..100 {
            local = self.expression.next_change(local)?;
            if self.expression.is_open(local) != was_open {
                return self.instant(local, unix_ms);
            }
        }
        None
    }

    fn local(&self, unix_ms: i64) -> Option<NaiveDateTime> {
        let timestamp = Timestamp::from_millisecond(unix_ms).ok()?;
        let local = self.zone.to_datetime(timestamp);
        let date = NaiveDate::from_ymd_opt(
            i32::from(local.year()),
            u32::try_from(local.month()).ok()?,
            u32::try_from(local.day()).ok()?,
        )?;
        date.and_hms_opt(
            u32::try_from(local.hour()).ok()?,
            u32::try_from(local.minute()).ok()?,
            u32::try_from(local.second()).ok()?,
        )
    }

    /// The first instant after `after` at which clocks show this time, or would if they did not skip it.
    fn instant(&self, local: NaiveDateTime, after: i64) -> Option<i64> {
        let civil = DateTime::new(
            i16::try_from(local.year()).ok()?,
            i8::try_from(local.month()).ok()?,
            i8::try_from(local.day()).ok()?,
            i8::try_from(local.hour()).ok()?,
            i8::try_from(local.minute()).ok()?,
            i8::try_from(local.second()).ok()?,
            0,
        )
        .ok()?;
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let earlier = ambiguous.compatible().ok()?.as_millisecond();
        if earlier > after {
            return Some(earlier);
        }
        // Clocks set back show some times twice.
        let later = ambiguous.later().ok()?.as_millisecond();
        Some(later.max(after.saturating_add(MINUTE_MS)))
    }
}

/// Whether several hours are all open, and how long that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Openness {
    pub(crate) is_open: bool,
    /// When it is open again, in milliseconds since the Unix epoch, if it is not.
    pub(crate) opens: Option<i64>,
    /// Until when this holds.
    pub(crate) until: Option<i64>,
}

impl Openness {
    /// Of what has no hours.
    pub(crate) const ALWAYS: Self = Self {
        is_open: true,
        opens: None,
        until: None,
    };

    /// Of hours that have all to be open at once.
    pub(crate) fn of(all: &[&Hours], now: i64) -> Self {
        let is_open = |at: i64| all.iter().all(|hours| hours.is_open(at));
        let next = |at: i64| all.iter().filter_map(|hours| hours.next_change(at)).min();
        let open = is_open(now);
        let mut opens = None;
        if !open {
            let mut at = now;
            for _ in 0..100 {
                let Some(change) = next(at) else { break };
                if is_open(change) {
                    opens = Some(change);
                    break;
                }
                at = change;
            }
        }
        Self {
            is_open: open,
            opens,
            until: next(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn ms(time: &str) -> i64 {
        time.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn hours(text: &str) -> Hours {
        Hours::read(text, paris(), Some("FR")).unwrap()
    }

    #[track_caller]
    fn check(text: &str, now: &str, is_open: bool, change: Option<&str>) {
        let hours = hours(text);
        assert_eq!(hours.is_open(ms(now)), is_open, "{text} at {now}");
        let next = hours.next_change(ms(now));
        let next = next.map(|next| Timestamp::from_millisecond(next).unwrap().to_string());
        assert_eq!(next.as_deref(), change, "{text} at {now}");
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        let text = "Mo-Fr 09:00-18:00";
        // A Wednesday in winter: an hour before Greenwich; one in summer: two.
        check(
            text,
            "2026-01-07T07:59:59Z",
            false,
            Some("2026-01-07T08:00:00Z"),
        );
        check(
            text,
            "2026-01-07T08:00:00Z",
            true,
            Some("2026-01-07T17:00:00Z"),
        );
        check(
            text,
            "2026-07-08T07:00:00Z",
            true,
            Some("2026-07-08T16:00:00Z"),
        );
        check(
            text,
            "2026-01-09T17:00:00Z",
            false,
            Some("2026-01-12T08:00:00Z"),
        );
    }

    #[test]
    fn public_holidays_are_those_of_the_country() {
        let text = "Mo-Fr 09:00-18:00; PH off";
        // The fourteenth of July 2026 is a Tuesday.
        check(
            text,
            "2026-07-14T10:00:00Z",
            false,
            Some("2026-07-15T07:00:00Z"),
        );
        check(
            "Mo-Fr 09:00-18:00",
            "2026-07-14T10:00:00Z",
            true,
            Some("2026-07-14T16:00:00Z"),
        );
    }

    #[test]
    fn clocks_set_back_or_forward_lose_no_hour() {
        // On 25 October 2026 clocks go from 3:00 back to 2:00, at 1:00 of Greenwich.
        let night = "Su 02:30-02:45";
        check(
            night,
            "2026-10-25T00:20:00Z",
            false,
            Some("2026-10-25T00:30:00Z"),
        );
        check(
            night,
            "2026-10-25T01:20:00Z",
            false,
            Some("2026-10-25T01:30:00Z"),
        );
        // On 29 March 2026 they go from 2:00 to 3:00.
        check(
            "Su 02:30-05:00",
            "2026-03-29T00:50:00Z",
            false,
            Some("2026-03-29T01:30:00Z"),
        );
    }

    #[test]
    fn always_and_never_do_not_change() {
        check("24/7", "2026-01-07T08:00:00Z", true, None);
        check("off", "2026-01-07T08:00:00Z", false, None);
    }

    #[test]
    fn hours_that_have_all_to_be_open_open_together() {
        let (site, skill) = (hours("Mo-Fr 09:00-18:00"), hours("Tu,Sa 08:00-12:00"));
        // A Monday noon.
        let now = ms("2026-01-05T11:00:00Z");
        let openness = Openness::of(&[&site, &skill], now);
        assert!(!openness.is_open);
        assert_eq!(openness.opens, Some(ms("2026-01-06T08:00:00Z")));
        assert_eq!(openness.until, Some(ms("2026-01-05T17:00:00Z")));
        assert!(Openness::of(&[], now).is_open);
    }

    #[test]
    fn what_says_no_hours_is_refused() {
        for text in ["Mo-Fr 9 to 5", "", "Mo-Fr 25:00-30:00 bananas"] {
            assert_eq!(
                Hours::read(text, paris(), None),
                Err(HoursError::Syntax(text.to_owned())),
            );
        }
        assert_eq!(
            Hours::read("24/7", paris(), Some("Utopia")),
            Err(HoursError::Country("Utopia".to_owned()))
        );
    }
}

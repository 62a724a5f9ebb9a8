//! What a rep's text means: a line, or a command with what follows it.
//! Must not know what becomes of it.

use std::time::Duration;

use crate::io::PauseFor;

/// A pause that is longer is no pause; who leaves for longer says so without an end.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a rep says in a conversation, or of an offer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Line(&'a str),
    Decline,
    End,
    HandOn(&'a str),
    Callback,
    /// A call by hand was made.
    Called,
    Who,
    Help,
    Unknown(&'a str),
}

/// What a rep says of being there at all, in whatever conversation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PauseCommand {
    Pause(PauseFor),
    /// A pause of a length that nobody understands.
    Unclear,
    Resume,
}

impl<'a> Said<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        if !text.starts_with('/') {
            return Self::Line(text);
        }
        let (command, rest) = split(text);
        let is = |known: &str| command.eq_ignore_ascii_case(known);
        if is("/no") {
            Self::Decline
        } else if is("/end") {
            Self::End
        } else if is("/to") {
            Self::HandOn(rest.trim())
        } else if is("/phone") {
            Self::Callback
        } else if is("/done") {
            Self::Called
        } else if is("/who") {
            Self::Who
        } else if is("/help") {
            Self::Help
        } else {
            Self::Unknown(command)
        }
    }
}

impl PauseCommand {
    /// `None` of every text that is about something else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (command, rest) = split(text);
        if command.eq_ignore_ascii_case("/pause") {
            Some(read_pause(rest).map_or(Self::Unclear, Self::Pause))
        } else {
            let is_end = command.eq_ignore_ascii_case("/resume");
            is_end.then_some(Self::Resume)
        }
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// `15` and `15 min` are minutes, `90 s` seconds, `2h` hours; nothing is a pause without an end.
fn read_pause(text: &str) -> Option<PauseFor> {
    let text = text.trim();
    if text.is_empty() {
        return Some(PauseFor::Good);
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "s" | "sec" => 1,
        "" | "m" | "min" => 60,
        "h" => 60 * 60,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    let time = Duration::from_secs(seconds);
    (!time.is_zero() && time <= LONGEST_PAUSE).then_some(PauseFor::Time(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<PauseFor>) {
        let expected = expected.map_or(PauseCommand::Unclear, PauseCommand::Pause);
        assert_eq!(PauseCommand::read(text), Some(expected), "{text:?}");
    }

    fn seconds(seconds: u64) -> Option<PauseFor> {
        Some(PauseFor::Time(Duration::from_secs(seconds)))
    }

    #[test]
    fn a_pause_is_in_minutes_unless_it_says_otherwise() {
        check("/pause", Some(PauseFor::Good));
        check("/PAUSE  ", Some(PauseFor::Good));
        check("/pause 15", seconds(900));
        check("/pause 15 min", seconds(900));
        check("/pause 5m", seconds(300));
        check("/pause 90s", seconds(90));
        check("/pause 2 h", seconds(7_200));
        check("/pause 24h", seconds(86_400));
    }

    #[test]
    fn what_only_begins_like_a_pause_is_none() {
        for text in ["pause", "/paused", "/pause15", "let us /pause"] {
            assert_eq!(PauseCommand::read(text), None, "{text:?}");
        }
        assert_eq!(
            PauseCommand::read("/Resume now"),
            Some(PauseCommand::Resume)
        );
    }

    #[test]
    fn a_pause_of_no_sensible_length_is_none() {
        for length in [
            "0",
            "-5",
            "25h",
            "lunch",
            "5 apples",
            "1.5h",
            "18446744073709551615h",
            "99999999999999999999",
            "٣",
        ] {
            check(&format!("/pause {length}"), None);
        }
    }
}

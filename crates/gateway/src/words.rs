//! What a group's state is called in plain words: short, active, rounded as people say times.
//! Must not know how the words are shown.

use helpdesk::{GroupSnapshot, GroupState, Wait};

use crate::language::Language;

/// The state of one or more groups, as a shopper would ask for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outlook {
    /// So many people can help now.
    Available(u32),
    /// Somebody will; when, if it is known.
    Wait(Option<Wait>),
    /// Nobody is on duty.
    Closed,
}

impl Outlook {
    /// The best that the groups offer together.
    pub(crate) fn of<'a>(groups: impl Iterator<Item = &'a GroupSnapshot>) -> Self {
        groups.map(Self::of_group).fold(Self::Closed, Self::better)
    }

    fn of_group(group: &GroupSnapshot) -> Self {
        match group.state {
            GroupState::Available => Self::Available(group.available),
            GroupState::Wait => Self::Wait(group.wait),
            GroupState::Closed => Self::Closed,
        }
    }

    fn better(self, other: Self) -> Self {
        match (self, other) {
            // One rep may be in both groups, so the larger number is all that is sure.
            (Self::Available(here), Self::Available(there)) => Self::Available(here.max(there)),
            (Self::Available(count), _) | (_, Self::Available(count)) => Self::Available(count),
            (Self::Wait(Some(here)), Self::Wait(Some(there))) => {
                let shorter = if there.seconds < here.seconds {
                    there
                } else {
                    here
                };
                Self::Wait(Some(shorter))
            }
            (Self::Wait(wait), Self::Wait(None)) | (Self::Wait(None), Self::Wait(wait)) => {
                Self::Wait(wait)
            }
            (Self::Wait(wait), Self::Closed) | (Self::Closed, Self::Wait(wait)) => Self::Wait(wait),
            (Self::Closed, Self::Closed) => Self::Closed,
        }
    }

    /// The word for the state.
    pub(crate) fn state(self) -> &'static str {
        match self {
            Self::Available(_) => "available",
            Self::Wait(_) => "wait",
            Self::Closed => "closed",
        }
    }

    /// One line of at most 40 characters.
    pub(crate) fn line(self, language: Language) -> String {
        match self {
            Self::Available(0 | 1) => language.someone().to_owned(),
            Self::Available(count) => language.people(count),
            Self::Wait(Some(wait)) if wait.seconds < 60 => language.under_a_minute().to_owned(),
            Self::Wait(Some(wait)) => language.about(round_up(wait.seconds)),
            Self::Wait(None) => language.unknown().to_owned(),
            Self::Closed => language.closed().to_owned(),
        }
    }

    /// The range behind the line, where there is one.
    pub(crate) fn range(self, language: Language) -> Option<String> {
        let Self::Wait(Some(wait)) = self else {
            return None;
        };
        let low = round_down(wait.low);
        let high = wait.high.div_ceil(60).max(1);
        let range = match low {
            0 => language.up_to(high),
            // One word for both where both are told in minutes.
            _ if high < 60 && high != 30 && high > 1 => {
                language.between(&low.to_string(), &language.duration(high))
            }
            _ => language.between(&language.duration(low), &language.duration(high)),
        };
        let odds = format!("{:.0}", (wait.confidence * 10.0).clamp(0.0, 10.0));
        Some(format!(
            "{range}{}{}",
            language.comma(),
            language.odds(&odds)
        ))
    }
}

/// Minutes as people say them, never less than promised.
fn round_up(seconds: u32) -> u32 {
    let minutes = seconds.div_ceil(60);
    [1, 2, 3, 5, 10, 15, 30, 60]
        .into_iter()
        .find(|step| minutes <= *step)
        .unwrap_or(minutes)
}

/// Whole minutes, and from an hour on whole hours.
fn round_down(seconds: u32) -> u32 {
    let minutes = seconds / 60;
    if minutes > 60 {
        minutes / 60 * 60
    } else {
        minutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(seconds: u32) -> Outlook {
        Outlook::Wait(Some(Wait {
            seconds,
            low: seconds / 2,
            high: seconds * 2,
            confidence: 0.8,
        }))
    }

    fn check(outlook: Outlook, line: &str, range: Option<&str>) {
        assert_eq!(outlook.line(Language::English), line);
        assert!(line.chars().count() <= 40);
        assert_eq!(outlook.range(Language::English).as_deref(), range);
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        check(Outlook::Available(1), "Someone can help now", None);
        check(Outlook::Available(3), "3 people can help now", None);
        check(Outlook::Closed, "Nobody is here just now", None);
        check(Outlook::Wait(None), "We can't tell how long yet", None);
        let range = |text| Some(text);
        check(
            wait(30),
            "Under a minute",
            range("Up to a minute, 8 times out of 10"),
        );
        check(
            wait(60),
            "About a minute",
            range("Up to 2 minutes, 8 times out of 10"),
        );
        check(
            wait(240),
            "About 5 minutes",
            range("2 to 8 minutes, 8 times out of 10"),
        );
        check(
            wait(1700),
            "About half an hour",
            range("14 to 57 minutes, 8 times out of 10"),
        );
        check(
            wait(7000),
            "About 2 hours",
            range("58 minutes to 4 hours, 8 times out of 10"),
        );
        check(
            wait(900),
            "About 15 minutes",
            range("7 minutes to half an hour, 8 times out of 10"),
        );
        check(
            wait(15_000),
            "About 5 hours",
            range("2 hours to 9 hours, 8 times out of 10"),
        );
    }

    #[test]
    fn the_best_group_speaks_for_all() {
        assert_eq!(
            Outlook::Closed
                .better(Outlook::Available(2))
                .better(wait(10)),
            Outlook::Available(2)
        );
        assert_eq!(wait(300).better(wait(60)), wait(60));
        assert_eq!(Outlook::Wait(None).better(wait(60)), wait(60));
        assert_eq!(Outlook::Closed.better(wait(60)), wait(60));
        assert_eq!(
            Outlook::Available(2).better(Outlook::Available(3)),
            Outlook::Available(3)
        );
    }
}

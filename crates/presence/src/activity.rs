//! What a person is doing, in the words of RFC 4480 (RPID), and what each word means for a click.
//! Must not know XML.

use std::{fmt, sync::Arc};

use crate::availability::Availability;

/// An activity of RFC 4480 §3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// Talking on the telephone.
    OnThePhone,
    /// In a meeting with other people.
    Meeting,
    /// Giving a presentation.
    Presentation,
    /// Has a calendar appointment.
    Appointment,
    /// Busy, no more is said.
    Busy,
    /// Driving a vehicle.
    Steering,
    /// Away from the desk, no more is said.
    Away,
    /// Eating.
    Meal,
    /// Having breakfast.
    Breakfast,
    /// Having dinner.
    Dinner,
    /// Asleep.
    Sleeping,
    /// On the way between places.
    InTransit,
    /// On a journey.
    Travel,
    /// On vacation.
    Vacation,
    /// A public holiday.
    Holiday,
    /// Will not come back.
    PermanentAbsence,
    /// At a performance.
    Performance,
    /// Watching sports.
    Spectator,
    /// Playing a game.
    Playing,
    /// Shopping.
    Shopping,
    /// Watching television.
    Television,
    /// At worship.
    Worship,
    /// At work.
    Working,
    /// Looking for work.
    LookingForWork,
    /// The phone says that it does not know.
    Unknown,
    /// Anything else: the text of `<other>`, or the name of an element that RFC 4480 does not have.
    Other(Arc<str>),
}

/// Every activity that is a bare element, by its name in RFC 4480 §3.2.
const BY_NAME: [(&str, Activity); 25] = [
    ("on-the-phone", Activity::OnThePhone),
    ("meeting", Activity::Meeting),
    ("presentation", Activity::Presentation),
    ("appointment", Activity::Appointment),
    ("busy", Activity::Busy),
    ("steering", Activity::Steering),
    ("away", Activity::Away),
    ("meal", Activity::Meal),
    ("breakfast", Activity::Breakfast),
    ("dinner", Activity::Dinner),
    ("sleeping", Activity::Sleeping),
    ("in-transit", Activity::InTransit),
    ("travel", Activity::Travel),
    ("vacation", Activity::Vacation),
    ("holiday", Activity::Holiday),
    ("permanent-absence", Activity::PermanentAbsence),
    ("performance", Activity::Performance),
    ("spectator", Activity::Spectator),
    ("playing", Activity::Playing),
    ("shopping", Activity::Shopping),
    ("tv", Activity::Television),
    ("worship", Activity::Worship),
    ("working", Activity::Working),
    ("looking-for-work", Activity::LookingForWork),
    ("unknown", Activity::Unknown),
];

impl Activity {
    /// The activity of an RPID element: its local name and the text it holds, which only `<other>` needs.
    pub fn from_element(name: &str, text: &str) -> Self {
        if let Some((_, activity)) = BY_NAME.iter().find(|(known, _)| *known == name) {
            return activity.clone();
        }
        let text = text.trim();
        if name == "other" && !text.is_empty() {
            Self::Other(text.into())
        } else {
            Self::Other(name.into())
        }
    }

    /// The name of the RPID element.
    pub fn element(&self) -> &'static str {
        BY_NAME
            .iter()
            .find(|(_, activity)| activity == self)
            .map_or("other", |(name, _)| name)
    }

    /// Whether it is one of the words by which phones say that nobody wants to be asked. RFC 4480 has none.
    pub fn is_do_not_disturb(&self) -> bool {
        let Self::Other(text) = self else {
            return false;
        };
        ["dnd", "do not disturb", "do-not-disturb", "donotdisturb"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
    }

    /// What the activity alone makes of a person who is otherwise reachable.
    pub fn availability(&self) -> Availability {
        match self {
            Self::OnThePhone
            | Self::Meeting
            | Self::Presentation
            | Self::Appointment
            | Self::Busy
            | Self::Steering => Availability::Busy,
            Self::Away
            | Self::Meal
            | Self::Breakfast
            | Self::Dinner
            | Self::Sleeping
            | Self::InTransit
            | Self::Travel
            | Self::Vacation
            | Self::Holiday
            | Self::PermanentAbsence
            | Self::Performance
            | Self::Spectator
            | Self::Playing
            | Self::Shopping
            | Self::Television
            | Self::Worship => Availability::Away,
            // Working at a help desk is being there for others; the rest says nothing about the desk.
            Self::Working | Self::LookingForWork | Self::Unknown | Self::Other(_) => {
                Availability::Available
            }
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::OnThePhone
            | Self::Meeting
            | Self::Presentation
            | Self::Appointment
            | Self::Busy
            | Self::Steering
            | Self::Away
            | Self::Meal
            | Self::Breakfast
            | Self::Dinner
            | Self::Sleeping
            | Self::InTransit
            | Self::Travel
            | Self::Vacation
            | Self::Holiday
            | Self::PermanentAbsence
            | Self::Performance
            | Self::Spectator
            | Self::Playing
            | Self::Shopping
            | Self::Television
            | Self::Worship
            | Self::Working
            | Self::LookingForWork
            | Self::Unknown => f.write_str(self.element()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, BY_NAME};
    use crate::availability::Availability;

    #[test]
    fn every_name_reads_back_as_itself() {
        for (name, activity) in &BY_NAME {
            assert_eq!(Activity::from_element(name, "ignored"), *activity);
            assert_eq!(activity.element(), *name);
        }
    }

    #[test]
    fn other_keeps_its_text_and_strangers_their_name() {
        assert_eq!(
            Activity::from_element("other", " Thinking "),
            Activity::Other("Thinking".into())
        );
        assert_eq!(
            Activity::from_element("juggling", ""),
            Activity::Other("juggling".into())
        );
        assert_eq!(Activity::Other("juggling".into()).element(), "other");
    }

    #[test]
    fn phones_spell_do_not_disturb_in_several_ways() {
        for text in ["DND", "Do not disturb"] {
            assert!(Activity::from_element("other", text).is_do_not_disturb());
        }
        assert!(Activity::from_element("dnd", "").is_do_not_disturb());
        assert!(!Activity::from_element("other", "disturb").is_do_not_disturb());
        assert!(!Activity::Busy.is_do_not_disturb());
    }

    #[test]
    fn only_what_keeps_from_answering_is_busy() {
        let of = |name: &str| Activity::from_element(name, "").availability();
        assert_eq!(of("on-the-phone"), Availability::Busy);
        assert_eq!(of("meal"), Availability::Away);
        assert_eq!(of("working"), Availability::Available);
        assert_eq!(of("juggling"), Availability::Available);
    }
}

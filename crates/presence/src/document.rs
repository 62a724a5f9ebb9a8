//! What one publication says about its presentity, apart from how it was written down.
//! Must not know XML; `pidf` reads and writes it.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{activity::Activity, availability::Availability, composed::Source, dialog_info::Line};

/// Whether a communication address takes anything: `<basic>` of RFC 3863 §4.1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basic {
    /// Ready.
    Open,
    /// Not ready.
    Closed,
}

/// Whether somebody touches keyboard or keypad: `<user-input>` of RFC 4480 §3.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserInput {
    /// Used a moment ago.
    Active,
    /// Not touched for a while.
    Idle,
}

/// One presence document. [`Document::read_pidf`] makes it from the bytes of a PUBLISH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Open if any tuple is open, closed if all that say anything are closed.
    pub basic: Option<Basic>,
    /// Each activity once, in the order of the document.
    pub activities: SmallVec<[Activity; 1]>,
    /// The note about the person, else the one of a tuple, else the one of the whole document.
    pub note: Option<Arc<str>>,
    /// The use of the computer; idle only if no device of the document is in use.
    pub user_input: Option<UserInput>,
    /// What the telephone line does, where the document is about a line.
    pub line: Option<Line>,
    /// When the phone wrote it, as it wrote it: phones' clocks are shown, never compared with ours.
    pub timestamp: Option<Box<str>>,
}

impl Document {
    /// The one word of this document.
    ///
    /// `closed` outweighs every activity. Linphone publishes "do not disturb" as closed and away: the phone
    /// could be reached, but its owner does not want to be asked, so that nobody is routed there.
    pub fn availability(&self) -> Availability {
        self.statement().0
    }

    /// What kind of source the document's word comes from.
    pub fn source(&self) -> Source {
        self.statement().2
    }

    /// The activity that makes the document's word what it is; the first one if none does.
    pub fn activity(&self) -> Option<&Activity> {
        self.statement().1
    }

    /// True if both say the same; when they were written does not matter.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.basic == other.basic
            && self.activities == other.activities
            && self.note == other.note
            && self.user_input == other.user_input
            && self.line == other.line
    }

    fn statement(&self) -> (Availability, Option<&Activity>, Source) {
        let doing = |availability: Availability| {
            self.activities
                .iter()
                .find(|activity| activity.availability() == availability)
        };
        match self.basic {
            Some(Basic::Closed) => return (Availability::Offline, None, Source::Hand),
            // RFC 3863 §4.1.4 lets <basic> be absent: then only what is said of the person counts.
            None if self.activities.is_empty() && self.user_input.is_none() => {
                return (Availability::Offline, None, Source::Hand);
            }
            Some(Basic::Open) | None => {}
        }
        if let Some(phone) = self
            .activities
            .iter()
            .find(|activity| **activity == Activity::OnThePhone)
        {
            return (Availability::Busy, Some(phone), Source::Line);
        }
        if let Some(busy) = doing(Availability::Busy) {
            return (Availability::Busy, Some(busy), Source::Hand);
        }
        if let Some(away) = doing(Availability::Away) {
            return (Availability::Away, Some(away), Source::Hand);
        }
        if self.user_input == Some(UserInput::Idle) {
            return (Availability::Away, None, Source::Computer);
        }
        (
            Availability::Available,
            self.activities.first(),
            Source::Hand,
        )
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::{Basic, Document, UserInput};
    use crate::{activity::Activity, availability::Availability, composed::Source};

    fn check(
        document: &Document,
        availability: Availability,
        activity: Option<Activity>,
        source: Source,
    ) {
        assert_eq!(document.availability(), availability, "{document:?}");
        assert_eq!(document.activity().cloned(), activity, "{document:?}");
        assert_eq!(document.source(), source, "{document:?}");
    }

    #[test]
    fn closed_outweighs_every_activity() {
        for activity in [Activity::Away, Activity::OnThePhone, Activity::Working] {
            let document = Document {
                basic: Some(Basic::Closed),
                activities: smallvec![activity],
                ..Document::default()
            };
            check(&document, Availability::Offline, None, Source::Hand);
        }
    }

    #[test]
    fn the_phone_outweighs_other_activities_in_any_order() {
        let document = Document {
            basic: Some(Basic::Open),
            activities: smallvec![Activity::Meal, Activity::Busy, Activity::OnThePhone],
            user_input: Some(UserInput::Idle),
            ..Document::default()
        };
        check(
            &document,
            Availability::Busy,
            Some(Activity::OnThePhone),
            Source::Line,
        );
    }

    #[test]
    fn an_idle_computer_makes_away_unless_the_hand_says_more() {
        let mut document = Document {
            basic: Some(Basic::Open),
            user_input: Some(UserInput::Idle),
            ..Document::default()
        };
        check(&document, Availability::Away, None, Source::Computer);
        document.activities = smallvec![Activity::Meeting];
        check(
            &document,
            Availability::Busy,
            Some(Activity::Meeting),
            Source::Hand,
        );
    }

    #[test]
    fn a_document_that_says_nothing_is_offline() {
        check(
            &Document::default(),
            Availability::Offline,
            None,
            Source::Hand,
        );
    }

    #[test]
    fn a_person_without_a_tuple_is_what_the_person_does() {
        let document = Document {
            activities: smallvec![Activity::Busy],
            ..Document::default()
        };
        check(
            &document,
            Availability::Busy,
            Some(Activity::Busy),
            Source::Hand,
        );
        let document = Document {
            user_input: Some(UserInput::Active),
            ..Document::default()
        };
        check(&document, Availability::Available, None, Source::Hand);
    }
}

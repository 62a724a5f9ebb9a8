//! What one publication says about its presentity, apart from how it was written down.
//! Must not know XML; `pidf` reads and writes it.

use std::sync::Arc;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::{
    activity::Activity,
    availability::Availability,
    card::Card,
    dialog_info::Line,
    source::{Precedence, Rule, Source},
};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
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
    pub timestamp: Option<SmolStr>,
    /// Contact information, as the phone wrote it.
    pub card: Option<Box<Card>>,
    /// The document as a text, where patches to it may follow (RFC 5264).
    pub text: Option<Arc<str>>,
}

impl Document {
    /// The one word of this document, if it is all there is and the default precedence decides.
    ///
    /// `closed` outweighs every activity. Linphone publishes "do not disturb" as closed and away: the phone
    /// could be reached, but its owner does not want to be asked, so that nobody is routed there.
    pub fn availability(&self) -> Availability {
        self.weightiest()
            .map_or(Availability::Offline, |statement| {
                statement.rule.availability()
            })
    }

    /// What kind of source the document's word comes from.
    pub fn source(&self) -> Source {
        self.weightiest()
            .map_or(Source::Nothing, |statement| statement.source)
    }

    /// The activity that makes the document's word what it is; the first one if none does.
    pub fn activity(&self) -> Option<&Activity> {
        self.weightiest().and_then(|statement| statement.activity)
    }

    /// What the document says, at most one thing for each kind of source.
    pub fn statements(&self) -> SmallVec<[Statement<'_>; 3]> {
        [self.by_hand(), self.by_line(), self.by_computer()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// True if both say the same; when they were written, and by whom, does not matter.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.basic == other.basic
            && self.activities == other.activities
            && self.note == other.note
            && self.user_input == other.user_input
            && self.line == other.line
    }

    fn weightiest(&self) -> Option<Statement<'_>> {
        let precedence = Precedence::default();
        self.statements()
            .into_iter()
            .min_by_key(|statement| precedence.rank(statement.rule))
    }

    fn by_hand(&self) -> Option<Statement<'_>> {
        let says = |rule, activity| {
            Some(Statement {
                source: Source::Hand,
                rule,
                activity,
            })
        };
        let by_hand = || {
            self.activities
                .iter()
                .filter(|activity| **activity != Activity::OnThePhone)
        };
        let doing =
            |rule: Rule| by_hand().find(|activity| activity.availability() == rule.availability());
        if self.basic == Some(Basic::Closed) {
            return says(Rule::Closed, None);
        }
        if let Some(dnd) = by_hand().find(|activity| activity.is_do_not_disturb()) {
            return says(Rule::Closed, Some(dnd));
        }
        if let Some(busy) = doing(Rule::Busy) {
            return says(Rule::Busy, Some(busy));
        }
        if let Some(away) = doing(Rule::Away) {
            return says(Rule::Away, Some(away));
        }
        // RFC 3863 §4.1.4 lets <basic> be absent: then only what is said of the person counts.
        match (self.basic, by_hand().next()) {
            (None, None) => None,
            (_, activity) => says(Rule::Available, activity),
        }
    }

    fn by_line(&self) -> Option<Statement<'_>> {
        let on_the_phone = self
            .activities
            .iter()
            .find(|activity| **activity == Activity::OnThePhone);
        let says = |activity| {
            Some(Statement {
                source: Source::Line,
                rule: Rule::OnThePhone,
                activity,
            })
        };
        match (self.line, on_the_phone) {
            (_, Some(activity)) => says(Some(activity)),
            // Nobody can be asked whose phone rings.
            (Some(Line::Ringing | Line::Talking), None) => says(Some(&Activity::OnThePhone)),
            (Some(Line::Idle) | None, None) => None,
        }
    }

    fn by_computer(&self) -> Option<Statement<'_>> {
        let rule = match self.user_input? {
            UserInput::Active => Rule::Available,
            UserInput::Idle => Rule::Idle,
        };
        Some(Statement {
            source: Source::Computer,
            rule,
            activity: None,
        })
    }
}

/// One thing that a document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// For which kind of source it speaks.
    pub source: Source,
    /// What it says.
    pub rule: Rule,
    /// The activity that says it.
    pub activity: Option<&'a Activity>,
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::{Basic, Document, UserInput};
    use crate::{activity::Activity, availability::Availability, source::Source};

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
            Source::Nothing,
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
        check(&document, Availability::Available, None, Source::Computer);
    }
}

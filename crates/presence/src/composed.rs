//! One state made of everything that is said about a presentity, and the precedence that decides.
//! Must not know how publications are stored.

use std::{cmp::Reverse, sync::Arc, time::Instant};

use smallvec::SmallVec;

use crate::{
    activity::Activity,
    availability::Availability,
    document::{Statement, UserInput},
    own::{Known, OwnKnowledge},
    publication::Publication,
    source::{Precedence, Rule, Source},
};

/// The state of a presentity, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The one word.
    pub availability: Availability,
    /// What the person is doing, where the deciding publication says so.
    pub activity: Option<Activity>,
    /// Free text of the deciding publication.
    pub note: Option<Arc<str>>,
    /// What kind of source decided.
    pub source: Source,
    /// The rule of the precedence that decided; `None` if nothing is published.
    pub rule: Option<Rule>,
    /// Since when the longest-standing source of the same availability has said so; `None` if nothing is published.
    pub since: Option<Instant>,
}

impl Composed {
    /// The state of a presentity about whom nothing is published.
    pub const NOTHING: Self = Self {
        availability: Availability::Offline,
        activity: None,
        note: None,
        source: Source::Nothing,
        rule: None,
        since: None,
    };

    /// True if a watcher would see no difference; since when it holds does not matter.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.availability == other.availability
            && self.activity == other.activity
            && self.note == other.note
            && self.source == other.source
    }
}

/// Composes what is published about a presentity and what the help desk knows of it (RFC 4479 §4.1 leaves the policy
/// to the server). The one place where sources are weighed against each other.
///
/// | precedence, weightiest first | says so | for example | makes the presentity |
/// |---|---|---|---|
/// | `closed` | the hand | a softphone set to offline, "do not disturb" | offline |
/// | `on-the-phone` | the line, the desk | `<rpid:on-the-phone/>`, dialog-info, a callback | busy |
/// | `full` | the desk | three conversations of three, resting after one | busy |
/// | `busy` | the hand | meeting, busy | busy |
/// | `away` | the hand, the desk | away, meal; offers that went unanswered | away |
/// | `idle` | the computer | every computer that is heard of is idle | away |
/// | `available` | the hand, the computer | a softphone that is just running | available |
/// | | nobody | nothing is published | offline |
///
/// A document may speak for several sources at once: Linphone's `closed` with `<rpid:on-the-phone/>` is a word of the
/// hand and a word of the line. Whoever touches one computer is idle at none. The desk alone makes nobody appear.
/// A publication that its phone has forgotten, or whose connection has gone, does not count.
///
/// Within one rule the publication that changed last lends activity and note; the result does not depend on the
/// order of `publications`.
pub fn compose(
    publications: &[Publication],
    known: Option<(&OwnKnowledge, Instant)>,
    precedence: &Precedence,
) -> Composed {
    let mut all = Said::by(publications);
    let desk = known.into_iter().flat_map(|(knowledge, since)| {
        knowledge.rules().map(move |rule| Said {
            statement: Statement {
                source: Source::Desk,
                rule,
                activity: None,
            },
            note: None,
            since,
        })
    });
    if !all.is_empty() {
        all.extend(desk);
    }
    let weight = |said: &Said<'_>| {
        let Statement { source, rule, .. } = said.statement;
        (precedence.rank(rule), source, Reverse(said.since))
    };
    let deciding = all.iter().min_by(|one, other| {
        let by_weight = weight(one).cmp(&weight(other));
        by_weight
            .then_with(|| one.statement.activity.cmp(&other.statement.activity))
            .then_with(|| one.note.cmp(&other.note))
    });
    let Some(deciding) = deciding else {
        return Composed::NOTHING;
    };
    let rule = deciding.statement.rule;
    let availability = rule.availability();
    Composed {
        availability,
        activity: deciding.statement.activity.cloned(),
        note: deciding.note.cloned(),
        source: deciding.statement.source,
        rule: Some(rule),
        since: all
            .iter()
            .filter(|said| said.statement.rule.availability() == availability)
            .map(|said| said.since)
            .min(),
    }
}

/// Composes with what the store keeps of the desk.
pub(crate) fn compose_known(
    publications: &[Publication],
    known: Option<&Known>,
    precedence: &Precedence,
) -> Composed {
    let known = known.map(|known| (&known.knowledge, known.since));
    compose(publications, known, precedence)
}

/// One thing that is said, with what goes with it.
struct Said<'a> {
    statement: Statement<'a>,
    note: Option<&'a Arc<str>>,
    since: Instant,
}

impl<'a> Said<'a> {
    /// What the publications that count say, without the idle computers of somebody who uses another one.
    fn by(publications: &'a [Publication]) -> SmallVec<[Self; 6]> {
        let is_active = publications.iter().any(|publication| {
            publication.document.user_input == Some(UserInput::Active) && publication.counts()
        });
        let mut all = SmallVec::new();
        for publication in publications {
            if !publication.counts() {
                continue;
            }
            for statement in publication.document.statements() {
                if is_active && statement.rule == Rule::Idle {
                    continue;
                }
                all.push(Self {
                    statement,
                    note: publication.document.note.as_ref(),
                    since: publication.since,
                });
            }
        }
        all
    }
}

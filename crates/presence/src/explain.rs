//! Why a presentity is what it is: every source with what it says, and the one that decides.
//! Must not know who asks, or how it is shown.

use std::{sync::Arc, time::Instant};

use crate::{
    activity::Activity,
    availability::Availability,
    composed::Composed,
    dialog_info::Line,
    document::{Basic, Statement, UserInput},
    entity_tag::EntityTag,
    own::OwnKnowledge,
    presentity::Presentity,
    publication::{Publication, Standing},
    source::{Precedence, Rule, Source},
};

/// A composed state with everything it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The state; its `rule` is the line of the precedence that decided, its `since` the age.
    pub composed: Composed,
    /// The state without the help desk's own knowledge.
    pub published: Composed,
    /// Until when the state is good if nobody says another word; `None` if it has no end.
    pub good_until: Option<Instant>,
    /// Everybody who says anything, the weightiest first.
    pub sources: Vec<SourceAccount>,
    /// What the help desk itself knows.
    pub own_knowledge: Option<OwnKnowledge>,
    /// The order in which sources are heard.
    pub precedence: Precedence,
}

/// One source, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAccount {
    /// Its kind.
    pub source: Source,
    /// What it says; `None` for a source that is heard of and says nothing that makes a state, such as an idle line.
    pub rule: Option<Rule>,
    /// The activity that says it.
    pub activity: Option<Activity>,
    /// Since when it has said that.
    pub since: Instant,
    /// When it ends by itself; `None` if it does not.
    pub good_until: Option<Instant>,
    /// Whether it is believed.
    pub trust: Trust,
    /// Whether it decides the state.
    pub part: Part,
    /// The publication it comes from; `None` for the help desk.
    pub publication: Option<PublicationSummary>,
}

/// Whether a source is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is.
    Believed,
    /// It is until then: its connection is gone.
    BelievedUntil(Instant),
    /// It is not: its connection is gone, and nobody has spoken of it since.
    Doubted,
    /// It is not: its phone has started another publication and not spoken of this one again.
    Forgotten,
}

/// What a source has to do with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its word is the state.
    Decides,
    /// A weightier word hides it, or it is not believed, or it says nothing.
    Hidden,
}

/// A publication in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationSummary {
    /// Its present name.
    pub entity_tag: EntityTag,
    /// Open or closed.
    pub basic: Option<Basic>,
    /// Each activity.
    pub activities: Vec<Activity>,
    /// The use of the computer.
    pub user_input: Option<UserInput>,
    /// The state of the line.
    pub line: Option<Line>,
    /// Free text.
    pub note: Option<Arc<str>>,
    /// When the phone says it was written.
    pub timestamp: Option<Box<str>>,
    /// When it lapses unless it is refreshed.
    pub expires_at: Instant,
}

/// Tells why `presentity` is what it is. `precedence` is the one its store was given.
pub fn explain(presentity: &Presentity, precedence: &Precedence) -> Explanation {
    let composed = presentity.composed();
    let published = presentity.publications().iter().flat_map(accounts);
    let desk = presentity.known().into_iter().flat_map(|known| {
        let knowledge = known.knowledge;
        knowledge.rules().map(move |rule| SourceAccount {
            source: Source::Desk,
            rule: Some(rule),
            activity: None,
            since: known.since,
            good_until: knowledge.end_of(rule),
            trust: Trust::Believed,
            part: Part::Hidden,
            publication: None,
        })
    });
    let mut sources: Vec<SourceAccount> = published.chain(desk).collect();
    sources.sort_by_key(|account| {
        let rank = account.rule.map(|rule| precedence.rank(rule));
        (rank.unwrap_or(usize::MAX), account.source, account.since)
    });
    for account in &mut sources {
        let believed = match account.trust {
            Trust::Believed | Trust::BelievedUntil(_) => true,
            Trust::Doubted | Trust::Forgotten => false,
        };
        let decides = believed
            && account.rule.is_some()
            && account.rule == composed.rule
            && account.source == composed.source;
        if decides {
            account.part = Part::Decides;
        }
    }
    Explanation {
        composed: composed.clone(),
        published: presentity.published().clone(),
        good_until: presentity.valid_until(),
        sources,
        own_knowledge: presentity.own_knowledge().copied(),
        precedence: *precedence,
    }
}

/// What one publication says, for each kind of source that it speaks for.
fn accounts(publication: &Publication) -> Vec<SourceAccount> {
    let document = publication.document();
    let account = |source, statement: Option<Statement<'_>>| SourceAccount {
        source,
        rule: statement.map(|statement| statement.rule),
        activity: statement.and_then(|statement| statement.activity.cloned()),
        since: publication.since(),
        good_until: Some(publication.good_until()),
        trust: match publication.standing {
            Standing::Counts => Trust::Believed,
            Standing::CountsUntil(until) => Trust::BelievedUntil(until),
            Standing::Doubted => Trust::Doubted,
            Standing::Forgotten => Trust::Forgotten,
        },
        part: Part::Hidden,
        publication: Some(PublicationSummary {
            entity_tag: publication.entity_tag(),
            basic: document.basic,
            activities: document.activities.to_vec(),
            user_input: document.user_input,
            line: document.line,
            note: document.note.clone(),
            timestamp: document.timestamp.clone(),
            expires_at: publication.expires_at(),
        }),
    };
    let statements = document.statements();
    if statements.is_empty() {
        let source = if document.line.is_some() {
            Source::Line
        } else {
            Source::Hand
        };
        return vec![account(source, None)];
    }
    statements
        .into_iter()
        .map(|statement| account(statement.source, Some(statement)))
        .collect()
}

impl Explanation {
    /// The state of somebody about whom nothing is published or known.
    pub fn of_nothing(precedence: &Precedence) -> Self {
        Self {
            composed: Composed::NOTHING,
            published: Composed::NOTHING,
            good_until: None,
            sources: Vec::new(),
            own_knowledge: None,
            precedence: *precedence,
        }
    }

    /// One sentence for people.
    pub fn sentence(&self) -> String {
        let availability = self.composed.availability;
        match (self.composed.rule, self.composed.source) {
            (Some(rule), source) => {
                let others = self.sources.len().saturating_sub(1);
                format!("{availability}: {rule} by {source} outweighs {others} other sources")
            }
            (None, _) if availability == Availability::Offline && self.sources.is_empty() => {
                "offline: nothing is published".to_owned()
            }
            (None, _) => format!("{availability}: no source says anything that is believed"),
        }
    }
}

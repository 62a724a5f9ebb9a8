//! The frames between the desk and a rep's console. Must not know how a frame travels.

use std::collections::HashMap;
use std::time::Instant;

use helpdesk::{
    InHand, Line, LineId, PauseEnd, RepId, RepReport, RepText, SeatView, ShopperEvent, Speaker,
    Stand, TicketId,
};
use jiff::Timestamp;
use presence::{Explanation, Part};
use serde::{Deserialize, Serialize};

use crate::admin::word;
use crate::config::Config;
use crate::console::{ConsoleFace, Hand};
use crate::problem::{Document, Problem};
use crate::wire::earlier::EarlierDocument;
use crate::wire::presence::rfc_3339;
use crate::wire::ticket::state_word;
use crate::wire::wait::WaitDocument;

/// What a console sends.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum FromConsole {
    /// The first frame: which page this is, and what it has from before.
    Open {
        /// The page's own name, kept over reloads.
        page: String,
        /// The state set by hand, where the page remembers one.
        hand: Option<HandWord>,
        /// The last line of each conversation that the page has.
        #[serde(default)]
        after: HashMap<String, u64>,
    },
    /// Says a line, or a command, in a conversation.
    Say {
        /// Which.
        ticket: String,
        /// The page's name for the line.
        id: String,
        /// The text.
        text: String,
    },
    /// Takes an offer without a word.
    Take {
        /// Which.
        ticket: String,
        /// The page's name for the taking.
        id: String,
    },
    /// Writes down what whoever helps the shopper next should know.
    Note {
        /// Of which conversation, which may have ended.
        ticket: String,
        /// The page's name for the note.
        id: String,
        /// The words; empty takes back what was written.
        text: String,
    },
    /// Asks what the shopper of a ticket in hand had before.
    Past {
        /// Which.
        ticket: String,
    },
    /// The rep is typing.
    Typing {
        /// In which conversation.
        ticket: String,
    },
    /// The rep is there after all.
    Here {},
    /// The rep needs no more rest.
    Ready {},
    /// The rep's pause is over.
    Resume {},
    /// A state set by hand.
    Hand {
        /// Which.
        state: HandWord,
    },
    /// A sign of life, with the use of the computer; answered by a pulse.
    Use {
        /// Nobody touches it.
        idle: bool,
    },
    /// A letter is on the page.
    Got {
        /// Which.
        delivery: u64,
    },
}

impl FromConsole {
    /// The word that names the frame.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Say { .. } => "say",
            Self::Take { .. } => "take",
            Self::Note { .. } => "note",
            Self::Past { .. } => "past",
            Self::Typing { .. } => "typing",
            Self::Here {} => "here",
            Self::Ready {} => "ready",
            Self::Resume {} => "resume",
            Self::Hand { .. } => "hand",
            Self::Use { .. } => "use",
            Self::Got { .. } => "got",
        }
    }

    /// The page's name for what it wants done.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Say { id, .. } | Self::Take { id, .. } | Self::Note { id, .. } => Some(id),
            Self::Open { .. }
            | Self::Past { .. }
            | Self::Typing { .. }
            | Self::Here {}
            | Self::Ready {}
            | Self::Resume {}
            | Self::Hand { .. }
            | Self::Use { .. }
            | Self::Got { .. } => None,
        }
    }
}

/// The words for a state set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HandWord {
    Available,
    Busy,
    Away,
    Off,
}

impl From<HandWord> for Hand {
    fn from(word: HandWord) -> Self {
        match word {
            HandWord::Available => Self::Available,
            HandWord::Busy => Self::Busy,
            HandWord::Away => Self::Away,
            HandWord::Off => Self::Off,
        }
    }
}

impl From<Hand> for HandWord {
    fn from(hand: Hand) -> Self {
        match hand {
            Hand::Available => Self::Available,
            Hand::Busy => Self::Busy,
            Hand::Away => Self::Away,
            Hand::Off => Self::Off,
        }
    }
}

/// What a console is sent.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ToConsole<'a> {
    /// The first frame: what does not change while the page is open.
    Hello {
        rep: &'a str,
        name: &'a str,
        supervisor: bool,
        /// After so long without a touch the computer counts as idle.
        idle_after_s: u64,
        skills: Vec<Named<'a>>,
        canned: Vec<Canned<'a>>,
    },
    /// What the rep has in hand.
    Seat(SeatFrame<'a>),
    /// The rep's composed state, and why.
    Presence(PresenceFrame),
    /// Colleagues, to hand on to.
    Team { reps: Vec<Colleague<'a>> },
    /// A line of a conversation.
    Line {
        ticket: &'a str,
        seq: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        from: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        text: &'a str,
        at: String,
    },
    /// What the shopper of a ticket had before.
    Past {
        ticket: &'a str,
        /// The newest first.
        conversations: Vec<EarlierDocument>,
    },
    /// Where a ticket stands, as its shopper is told.
    State {
        ticket: &'a str,
        state: &'static str,
    },
    /// The shopper is typing.
    Typing { ticket: &'a str },
    /// A text that went to the rep's phone too, where there is one.
    Letter {
        delivery: u64,
        ticket: &'a str,
        kind: &'static str,
        text: &'a str,
    },
    /// The state set by hand, here or on another page.
    Hand { state: HandWord },
    /// The answer to a sign of life: the connection is whole.
    Pulse { now: i64 },
    /// What was wanted is done and on record.
    Done { id: &'a str },
    /// A frame was not taken: the members of a problem document beside its type.
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        title: &'a str,
        status: u16,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
}

/// A thing with the name people call it by.
#[derive(Debug, Serialize)]
pub(crate) struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

/// A sentence that a rep need not type.
#[derive(Debug, Serialize)]
pub(crate) struct Canned<'a> {
    name: &'a str,
    text: &'a str,
}

/// A colleague, as far as handing on to them goes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Colleague<'a> {
    rep: &'a str,
    name: &'a str,
    state: &'static str,
    /// A click that fits would be offered at once.
    free: bool,
    skills: Vec<&'a str>,
}

/// What a rep has in hand. Times are in milliseconds since the Unix epoch, by the server's clock.
#[derive(Debug, Serialize)]
pub(crate) struct SeatFrame<'a> {
    now: i64,
    state: &'static str,
    free: bool,
    capacity: u32,
    on_calls: u32,
    paused: bool,
    paused_until: Option<i64>,
    doubted_until: Option<i64>,
    wrap_ups: &'a [i64],
    tickets: Vec<TicketFrame<'a>>,
}

/// One ticket in hand, with the shopper's card.
#[derive(Debug, Serialize)]
struct TicketFrame<'a> {
    ticket: &'a str,
    /// `offered`, `lapsed` or `open`.
    stand: &'static str,
    /// When an offer goes to another.
    until: Option<i64>,
    /// When the conversation began.
    since: Option<i64>,
    site: &'a str,
    skills: Vec<Named<'a>>,
    tier: &'a str,
    name: Option<&'a str>,
    case: Option<&'a str>,
    phone: Option<&'a str>,
    page: Option<&'a str>,
    lang: Option<&'a str>,
    /// How many conversations the shopper had before.
    earlier: usize,
    /// What else the site's form asked for: each with its label.
    details: Vec<(&'a str, &'a str)>,
    asked_at: i64,
    /// The wait first promised.
    promised: Option<WaitDocument>,
    handed_on_by: Option<&'a str>,
    /// The last line that the shopper's page has shown.
    seen: u64,
    /// Since when a shopper in conversation is out of reach.
    gone: Option<i64>,
}

/// A composed state and its reason.
#[derive(Debug, Serialize)]
pub(crate) struct PresenceFrame {
    state: &'static str,
    /// `hand`, `line`, `computer`, `desk` or `nothing`.
    decided_by: &'static str,
    rule: Option<&'static str>,
    activity: Option<String>,
    /// When it began, in milliseconds since the Unix epoch.
    since: Option<i64>,
    /// Sources that say something weightless at the moment.
    others: usize,
}

impl<'a> ToConsole<'a> {
    /// The greeting of a rep.
    pub(crate) fn hello(rep: &'a RepId, console: &'a ConsoleFace, config: &'a Config) -> Self {
        let name = console.names_by_rep.get(rep);
        Self::Hello {
            rep: rep.as_str(),
            name: name.map_or(rep.as_str(), String::as_str),
            supervisor: console.supervisors.contains(rep),
            idle_after_s: console.idle_after.as_secs(),
            skills: config
                .skills
                .iter()
                .map(|(id, name)| Named {
                    id: id.as_str(),
                    name,
                })
                .collect(),
            canned: console
                .canned
                .iter()
                .map(|answer| Canned {
                    name: &answer.name,
                    text: &answer.text,
                })
                .collect(),
        }
    }

    /// What is in hand.
    pub(crate) fn seat(view: &'a SeatView, config: &'a Config) -> Self {
        let (paused, paused_until) = match view.pause {
            None => (false, None),
            Some(PauseEnd::At(end)) => (true, Some(end)),
            Some(PauseEnd::WhenResumed) => (true, None),
        };
        Self::Seat(SeatFrame {
            now: Timestamp::now().as_millisecond(),
            state: word(view.availability),
            free: view.is_free,
            capacity: view.capacity,
            on_calls: view.on_calls,
            paused,
            paused_until,
            doubted_until: view.doubted_until_unix_ms,
            wrap_ups: &view.wrap_ups_unix_ms,
            tickets: view
                .in_hand
                .iter()
                .map(|ticket| TicketFrame::new(ticket, config))
                .collect(),
        })
    }

    /// Why the rep is shown as available, busy or away.
    pub(crate) fn presence(explanation: &Explanation) -> Self {
        let composed = &explanation.composed;
        let now = Instant::now();
        let since = composed.since.map(|since| {
            let age = now.saturating_duration_since(since).as_millis();
            Timestamp::now()
                .as_millisecond()
                .saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
        });
        let hidden = |part: Part| part == Part::Hidden;
        Self::Presence(PresenceFrame {
            state: word(composed.availability),
            decided_by: composed.source.as_str(),
            rule: composed.rule.map(|rule| rule.as_str()),
            activity: composed.activity.as_ref().map(ToString::to_string),
            since,
            others: explanation
                .sources
                .iter()
                .filter(|source| hidden(source.part))
                .count(),
        })
    }

    /// Everybody but the rep.
    pub(crate) fn team(reports: &'a [RepReport], but: &str) -> Self {
        Self::Team {
            reps: reports
                .iter()
                .filter(|report| report.rep.as_str() != but)
                .map(|report| Colleague {
                    rep: report.rep.as_str(),
                    name: &report.name,
                    state: word(report.availability),
                    free: report.is_free,
                    skills: report
                        .skills
                        .iter()
                        .map(|(skill, _)| skill.as_str())
                        .collect(),
                })
                .collect(),
        }
    }

    /// What happens in a conversation; the rep's own typing is known to the rep.
    pub(crate) fn of_event(ticket: &'a TicketId, event: &'a ShopperEvent) -> Option<Self> {
        let ticket = ticket.as_str();
        match event {
            ShopperEvent::Line(line) => Some(Self::of_line(ticket, line)),
            ShopperEvent::RepTyping => None,
            ShopperEvent::State(view) => Some(Self::State {
                ticket,
                state: state_word(view.state),
            }),
        }
    }

    /// The frame that says why one was not taken.
    pub(crate) fn of_problem(
        problem: &'a Problem,
        about: Option<&'static str>,
        id: Option<&'a str>,
    ) -> Self {
        let Document {
            title,
            status,
            detail,
            retry_after,
            ..
        } = problem.document();
        Self::Error {
            about,
            id,
            title,
            status,
            detail,
            retry_after,
        }
    }

    /// The answer to a sign of life.
    pub(crate) fn pulse() -> Self {
        Self::Pulse {
            now: Timestamp::now().as_millisecond(),
        }
    }

    /// The frame as text.
    pub(crate) fn text(&self) -> String {
        // Only a map with keys that are no strings or a failing Serialize could fail; there is neither.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn of_line(ticket: &'a str, line: &'a Line) -> Self {
        Self::Line {
            ticket,
            seq: line.seq.0,
            id: line.id.as_ref().map(LineId::as_str),
            from: match line.from {
                Speaker::Shopper => "shopper",
                Speaker::Rep => "rep",
                Speaker::System => "system",
            },
            name: line.name.as_deref(),
            text: &line.text,
            at: rfc_3339(line.at_unix_ms),
        }
    }
}

impl<'a> TicketFrame<'a> {
    fn new(in_hand: &'a InHand, config: &'a Config) -> Self {
        let (stand, until, since) = match in_hand.stand {
            Stand::Offered { until_unix_ms } => ("offered", Some(until_unix_ms), None),
            Stand::Lapsed => ("lapsed", None, None),
            Stand::Open { since_unix_ms } => ("open", None, Some(since_unix_ms)),
        };
        let site = config.site(in_hand.site.as_str());
        Self {
            ticket: in_hand.ticket.as_str(),
            stand,
            until,
            since,
            site: site.map_or(in_hand.site.as_str(), |site| &site.name),
            skills: in_hand
                .skills
                .iter()
                .map(|skill| Named {
                    id: skill.as_str(),
                    name: config.skill_name(skill),
                })
                .collect(),
            tier: in_hand.tier.as_str(),
            name: in_hand.name.as_deref(),
            case: in_hand.case.as_deref(),
            phone: in_hand.phone.as_deref(),
            page: in_hand.page.as_deref(),
            lang: in_hand.language.as_deref(),
            earlier: in_hand.earlier.len(),
            details: in_hand
                .details
                .iter()
                .map(|detail| (detail.label.as_str(), detail.answer.as_str()))
                .collect(),
            asked_at: in_hand.asked_at_unix_ms,
            promised: in_hand.promised.map(WaitDocument::from),
            handed_on_by: in_hand.handed_on_by.as_ref().map(|rep| rep.as_str()),
            seen: in_hand.seen.0,
            gone: in_hand.gone_since_unix_ms,
        }
    }
}

/// The word for a kind of text.
pub(crate) fn kind_word(kind: RepText) -> &'static str {
    match kind {
        RepText::Offer => "offer",
        RepText::Line => "line",
        RepText::Note => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<FromConsole>) {
        assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
    }

    #[test]
    fn frames_are_read_to_the_letter() {
        check(
            r#"{"type":"open","page":"p","hand":"off","after":{"t":3}}"#,
            Some(FromConsole::Open {
                page: "p".to_owned(),
                hand: Some(HandWord::Off),
                after: HashMap::from([("t".to_owned(), 3)]),
            }),
        );
        check(
            r#"{"type":"say","ticket":"t","id":"1","text":"x"}"#,
            Some(FromConsole::Say {
                ticket: "t".to_owned(),
                id: "1".to_owned(),
                text: "x".to_owned(),
            }),
        );
        check(
            r#"{"type":"use","idle":true}"#,
            Some(FromConsole::Use { idle: true }),
        );
        check(r#"{"type":"ready"}"#, Some(FromConsole::Ready {}));
        for wrong in [
            r#"{"type":"open"}"#,
            r#"{"type":"hand","state":"asleep"}"#,
            r#"{"type":"got","delivery":-1}"#,
            r#"{"type":"ready","rep":"alice"}"#,
            r#"{"type":"say","ticket":"t","text":"x"}"#,
        ] {
            check(wrong, None);
        }
    }
}

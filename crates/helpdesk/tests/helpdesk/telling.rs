//! What comes out of a help room, in the words of its trace.
//! Must not know why anything came out.

use std::fmt::Write as _;

use helpdesk::{CallbackFact, Case, CaseState, Record, Speaker, TicketView, Wait};

/// Shows a character that would not show.
pub(crate) fn visible(c: char) -> String {
    let hidden = c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    if hidden {
        c.escape_unicode().to_string()
    } else {
        c.to_string()
    }
}

pub(crate) fn state(view: &TicketView) -> String {
    let mut text = format!("{:?}", view.state).to_lowercase();
    if let Some(position) = view.position {
        write!(text, " at {position}").unwrap();
    }
    text.push_str(&wait(view.wait));
    if let Some(rep) = &view.rep {
        write!(text, " {rep}").unwrap();
    }
    if let Some(why) = &view.why {
        write!(text, ", because {why}").unwrap();
    }
    if let Some(callback) = &view.callback {
        write!(text, ", {:?} {}", callback.stage, callback.number).unwrap();
        if callback.again_unix_ms.is_some() {
            text.push_str(" again");
        }
    }
    if let Some(seq) = view.delivered {
        write!(text, ", delivered to {}", seq.0).unwrap();
    }
    text
}

pub(crate) fn wait(wait: Option<Wait>) -> String {
    wait.map_or_else(String::new, |wait| {
        format!(", {} s ({} to {})", wait.seconds, wait.low, wait.high)
    })
}

pub(crate) fn line_text(line: &helpdesk::Line) -> String {
    let who = match line.from {
        Speaker::Shopper => "shopper",
        Speaker::Rep => line.name.as_deref().unwrap(),
        Speaker::System => "-",
    };
    format!("{who}: {}", line.text)
}

pub(crate) fn case_text(case: &Case) -> String {
    let state = match &case.state {
        CaseState::Open => "open",
        CaseState::Closed { .. } => "closed",
    };
    let rep = case.rep.as_ref().map_or("nobody", |rep| rep.as_str());
    let words = case.words.as_deref().unwrap_or("-");
    format!("case {} {state}, known to {rep}: {words}", case.id)
}

/// What a script is shown of a record; lessons, scores and decisions are looked at in tests of their own.
pub(crate) fn record_text(record: &Record) -> Option<String> {
    Some(match record {
        Record::Opened { ask, .. } => format!("opened {}", ask.ticket),
        Record::Line { ticket, line } => format!("line {ticket} {}", line.seq.0),
        Record::Offered { ticket, rep, .. } => format!("offered {ticket} {rep}"),
        Record::Callback { ticket, fact, .. } => match fact {
            CallbackFact::Wanted { number, by } => {
                format!("call wanted {ticket} {} {by:?}", number.as_str())
            }
            CallbackFact::Withdrawn => format!("call unwanted {ticket}"),
            CallbackFact::Tripped { why } => format!("calls stop after {ticket}: {why}"),
        },
        Record::OfferEnded {
            ticket, rep, why, ..
        } => format!("offer ended {ticket} {rep}: {why}"),
        Record::Accepted { ticket, rep, .. } => format!("accepted {ticket} {rep}"),
        Record::Transferred {
            ticket,
            from,
            skills,
            to,
            ..
        } => format!("transferred {ticket} from {from}, {skills:?}, {to:?}"),
        Record::Closed { ticket, reason, .. } => format!("closed {ticket} {reason:?}"),
        Record::Rated { ticket, stars, .. } => format!("rated {ticket} {stars}"),
        Record::Noted {
            ticket, rep, text, ..
        } => format!("noted {ticket} {rep}: {text}"),
        Record::Case(case) => case_text(case),
        Record::Paused { rep, pause, .. } => format!("paused {rep} {pause:?}"),
        Record::Promised { .. }
        | Record::Decided(_)
        | Record::Learnt(_)
        | Record::Scored { .. } => return None,
    })
}

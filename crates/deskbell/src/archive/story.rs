//! A ticket's story as people and scripts read it: a row, a CSV row, JSON. Must not know where it comes from.

use helpdesk::ticket::CloseReason;
use helpdesk::{Ask, CallbackFact, Record, Speaker};
use jiff::Timestamp;
use serde_json::{Value, json};
use storage::Story;

pub(super) const HEADER: &str = "opened                    ticket                            site        rep         lines  end        rating";

pub(super) const CSV_HEADER: &str =
    "ticket,site,tier,skills,opened,ended,end,rep,offers,lines,rating,comment";

/// What a story comes to.
#[derive(Default)]
struct Summary<'a> {
    ask: Option<&'a Ask>,
    rep: Option<&'a str>,
    offers: u64,
    lines: u64,
    end: Option<&'static str>,
    rating: Option<u8>,
    comment: Option<&'a str>,
    /// What reps wrote down for whoever helps next: of each the newest word.
    notes: Vec<(&'a str, &'a str)>,
    /// Where the shopper was to be called.
    numbers: Vec<&'a str>,
}

impl<'a> Summary<'a> {
    fn of(story: &'a Story) -> Self {
        let mut summary = Self::default();
        for record in &story.records {
            match record {
                Record::Opened { ask, .. } => summary.ask = Some(ask),
                Record::Line { .. } => summary.lines += 1,
                Record::Offered { .. } => summary.offers += 1,
                Record::Noted { rep, text, .. } => {
                    summary.notes.retain(|(noter, _)| *noter != rep.as_str());
                    if !text.is_empty() {
                        summary.notes.push((rep.as_str(), text));
                    }
                }
                Record::OfferEnded { .. }
                | Record::Transferred { .. }
                | Record::Callback {
                    fact: CallbackFact::Withdrawn | CallbackFact::Tripped { .. },
                    ..
                }
                | Record::Promised { .. }
                | Record::Decided(_)
                | Record::Case(_)
                | Record::Paused { .. }
                | Record::Learnt(_)
                | Record::Scored { .. } => {}
                Record::Callback {
                    fact: CallbackFact::Wanted { number, .. },
                    ..
                } => {
                    if !summary.numbers.contains(&number.as_str()) {
                        summary.numbers.push(number.as_str());
                    }
                }
                Record::Accepted { rep, .. } => summary.rep = Some(rep.as_str()),
                Record::Closed { reason, .. } => summary.end = Some(end(*reason)),
                Record::Rated { stars, comment, .. } => {
                    summary.rating = Some(*stars);
                    summary.comment = comment.as_deref();
                }
            }
        }
        summary
    }
}

/// One line for people.
pub(super) fn row(story: &Story) -> String {
    let summary = Summary::of(story);
    format!(
        "{:<25} {:<33} {:<11} {:<11} {:>5}  {:<10} {}",
        time(story.opened_at_unix_ms),
        story.ticket.as_str(),
        summary.ask.map_or("", |ask| ask.site.as_str()),
        summary.rep.unwrap_or("-"),
        summary.lines,
        summary.end.unwrap_or("-"),
        summary
            .rating
            .map_or("-".to_owned(), |stars| stars.to_string()),
    )
}

/// One line for spreadsheets (RFC 4180).
pub(super) fn csv_row(story: &Story) -> String {
    let summary = Summary::of(story);
    let cells = [
        story.ticket.as_str().to_owned(),
        summary.ask.map_or("", |ask| ask.site.as_str()).to_owned(),
        summary.ask.map_or("", |ask| ask.tier.as_str()).to_owned(),
        skills(summary.ask).join(" "),
        time(story.opened_at_unix_ms),
        story.ended_at_unix_ms.map(time).unwrap_or_default(),
        summary.end.unwrap_or_default().to_owned(),
        summary.rep.unwrap_or_default().to_owned(),
        summary.offers.to_string(),
        summary.lines.to_string(),
        summary
            .rating
            .map(|stars| stars.to_string())
            .unwrap_or_default(),
        summary.comment.unwrap_or_default().to_owned(),
    ];
    cells.map(|text| cell(&text)).join(",")
}

/// What a script wants to know of a ticket.
pub(super) fn summary(story: &Story) -> Value {
    let summary = Summary::of(story);
    json!({
        "id": story.ticket.as_str(),
        "site": summary.ask.map(|ask| ask.site.as_str()),
        "tier": summary.ask.map(|ask| ask.tier.as_str()),
        "skills": skills(summary.ask),
        "opened": time(story.opened_at_unix_ms),
        "ended": story.ended_at_unix_ms.map(time),
        "end": summary.end,
        "rep": summary.rep,
        "offers": summary.offers,
        "lines": summary.lines,
        "rating": summary.rating,
        "comment": summary.comment,
    })
}

/// All that is kept of a ticket.
pub(super) fn whole(story: &Story) -> Value {
    let mut whole = summary(story);
    let summary = Summary::of(story);
    let lines: Vec<Value> = story
        .records
        .iter()
        .filter_map(|record| {
            let Record::Line { line, .. } = record else {
                return None;
            };
            Some(json!({
                "seq": line.seq.0,
                "from": speaker(line.from),
                "name": line.name.as_deref(),
                "text": &*line.text,
                "at": time(line.at_unix_ms),
            }))
        })
        .collect();
    let asked = summary.ask.map(|ask| {
        json!({
            "name": ask.name,
            "phone": ask.phone,
            "message": ask.message,
            "page": ask.page,
            "language": ask.language,
            "rep": ask.rep.as_ref().map(helpdesk::RepId::as_str),
            "case": ask.case,
            "im": ask.im,
            "details": details(ask),
        })
    });
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("asked".to_owned(), json!(asked));
        fields.insert("lines".to_owned(), Value::Array(lines));
        fields.insert("numbers".to_owned(), json!(summary.numbers));
        let notes = summary.notes.iter();
        let notes = notes.map(|(rep, text)| json!({ "rep": rep, "text": text }));
        fields.insert("notes".to_owned(), notes.collect());
    }
    whole
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let dangerous = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if dangerous {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn skills(ask: Option<&Ask>) -> Vec<&str> {
    ask.map(|ask| ask.skills.iter().map(helpdesk::SkillId::as_str).collect())
        .unwrap_or_default()
}

fn details(ask: &Ask) -> Vec<Value> {
    let details = ask.details.iter();
    details
        .map(|detail| json!({ "label": detail.label, "answer": detail.answer }))
        .collect()
}

pub(super) fn time(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).map_or_else(|_| unix_ms.to_string(), |at| at.to_string())
}

fn end(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Shopper => "shopper",
        CloseReason::Rep => "rep",
        CloseReason::Abandoned => "abandoned",
        CloseReason::Called => "called",
        CloseReason::Unreached => "unreached",
    }
}

fn speaker(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Shopper => "shopper",
        Speaker::Rep => "rep",
        Speaker::System => "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security row C13.
    #[test]
    fn no_cell_is_taken_for_a_formula() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let payload = format!("{start}HYPERLINK(\"http://evil\",\"x\")");
            let read = cell(&payload).trim_start_matches('"').to_owned();
            assert!(read.starts_with('\''), "{read}");
        }
        assert_eq!(cell("kind, \"very\"\nso"), "\"kind, \"\"very\"\"\nso\"");
        assert_eq!(cell("plain"), "plain");
    }
}

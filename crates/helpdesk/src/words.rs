//! The sentences Deskbell says to reps and shoppers, and the cleaning of what others say.
//! Must not know why a sentence is due.

use std::borrow::Cow;
use std::time::Duration;

use crate::ask::{Ask, Detail};
use crate::conversation::{Line, Speaker};
use crate::tickets::Briefing;

/// What a rep can type.
pub(crate) const HELP: &str = "Reply to take an offer, or to talk. \
    /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, \
    /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until \
    /resume, /help shows this.";

/// Lines of the conversation so far that an offer shows.
const OFFER_LINES: usize = 5;
/// Room that most offers do with.
const OFFER_BYTES: usize = 192;
/// Characters of each of them.
const OFFER_LINE_CHARS: usize = 300;
const NAME_CHARS: usize = 80;
const PAGE_CHARS: usize = 300;

/// The text of an offer, and whether it tells all that was said so far.
pub(crate) fn offer<'a>(
    ask: &Ask,
    skills: &str,
    said: impl Iterator<Item = &'a Line>,
    timeout: Duration,
) -> (String, Briefing) {
    let spoken: Vec<&Line> = said.filter(|line| line.from != Speaker::System).collect();
    let left_out = spoken.len().saturating_sub(OFFER_LINES);
    let mut briefing = match left_out {
        0 => Briefing::Whole,
        _ => Briefing::Cut,
    };
    let mut shown = Vec::new();
    for line in spoken.iter().skip(left_out) {
        let short = cut(one_line(&line.text), OFFER_LINE_CHARS);
        if short != plain(&line.text).trim() {
            briefing = Briefing::Cut;
        }
        shown.push((*line, short));
    }
    let mut offer = String::with_capacity(OFFER_BYTES);
    offer.extend([
        &*shopper(ask),
        " (",
        &*one_line(ask.tier.as_str()),
        ") asks for help with ",
        &*one_line(skills),
    ]);
    match shown.as_slice() {
        [] => offer.push('.'),
        [(_, only)] => {
            offer.extend([": \"", &**only, "\""]);
        }
        lines => {
            offer.push_str(". Said so far:");
            if left_out > 0 {
                offer.extend([" (", &*left_out.to_string(), " earlier)"]);
            }
            for (line, text) in lines {
                offer.extend(["\n", &*speaker(ask, line), ": ", &**text]);
            }
        }
    }
    for detail in &ask.details {
        offer.extend(["\n", &*said_of(detail)]);
    }
    if let Some(page) = &ask.page {
        offer.extend(["\nPage: ", &*cut(one_line(page), PAGE_CHARS)]);
    }
    let seconds = timeout.as_secs().to_string();
    offer.extend(["\nReply to take it, /no to pass (", &*seconds, " s)."]);
    (offer, briefing)
}

/// One line of the conversation so far, for a rep who comes later.
pub(crate) fn quoted(ask: &Ask, line: &Line) -> String {
    format!("{}: {}", speaker(ask, line), plain(&line.text))
}

/// The skills required, with their least levels.
pub(crate) fn wanted(ask: &Ask) -> String {
    let wanted = ask
        .skills
        .iter()
        .map(|skill| match ask.wishes.least_level(skill) {
            Some(level) => format!("{skill} of level {}", level.value()),
            None => skill.to_string(),
        });
    wanted.collect::<Vec<_>>().join(" and ")
}

/// What a rep may know of a shopper.
pub(crate) fn card(ask: &Ask, skills: &str, waited: Duration, seen_all: Seen) -> String {
    let mut card = format!(
        "{} ({}), {}, asked {} ago.",
        shopper(ask),
        one_line(ask.tier.as_str()),
        one_line(skills),
        ago(waited)
    );
    let facts = [
        ("Case", &ask.case),
        ("Page", &ask.page),
        ("Phone", &ask.phone),
        ("Language", &ask.language),
    ];
    for (label, fact) in facts {
        if let Some(fact) = fact {
            card.extend(["\n", label, ": ", &*cut(one_line(fact), PAGE_CHARS)]);
        }
    }
    for detail in &ask.details {
        card.extend(["\n", &*said_of(detail)]);
    }
    card.push_str(match seen_all {
        Seen::All => "\nThe page has shown every line.",
        Seen::NotAll => "\nThe page has not shown the last lines yet.",
    });
    card
}

/// Whether the shopper's page has shown every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    All,
    NotAll,
}

/// What a rep's phone shows of a call to come.
pub(crate) fn call_display(ask: &Ask, skills: &str) -> String {
    format!("{} wants a call: {}", shopper(ask), one_line(skills))
}

/// The shopper's name for people, to begin a sentence with.
pub(crate) fn shopper(ask: &Ask) -> String {
    name(ask).unwrap_or_else(|| "A shopper".to_owned())
}

/// A length of time in the greatest unit that loses nothing.
pub(crate) fn length(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// Which of several conversations a message went to.
pub(crate) fn went_to(ask: &Ask, skills: &str) -> String {
    let whom = name(ask).unwrap_or_else(|| "a shopper".to_owned());
    format!("This went to {whom} ({skills}).")
}

/// The text without control characters; line feeds stay.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if is_printable(text) {
        return Cow::Borrowed(text);
    }
    let cleaned = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            '\r' => '\n',
            _ => c,
        })
        .filter(|&c| c == '\n' || !is_hidden(c))
        .collect();
    Cow::Owned(cleaned)
}

/// The text as one line, so that a name or a page cannot pose as a line of ours.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if is_printable(text) && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
    {
        return Cow::Borrowed(text);
    }
    let plain = plain(text);
    let words: Vec<&str> = plain.split_whitespace().collect();
    Cow::Owned(words.join(" "))
}

/// Whether there is nothing to clean: most texts are of this kind.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Control characters, and those that turn the direction of the text round them.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn name(ask: &Ask) -> Option<String> {
    let name = one_line(ask.name.as_deref()?);
    (!name.is_empty()).then(|| cut(name, NAME_CHARS).into_owned())
}

fn said_of(detail: &Detail) -> String {
    let Detail { label, answer } = detail;
    format!(
        "{}: {}",
        cut(one_line(label), NAME_CHARS),
        cut(one_line(answer), PAGE_CHARS)
    )
}

fn cut(text: Cow<'_, str>, chars: usize) -> Cow<'_, str> {
    // No character is shorter than a byte.
    if text.len() <= chars {
        return text;
    }
    let end = text.char_indices().nth(chars);
    match end {
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default().trim_end();
            Cow::Owned(format!("{kept}…"))
        }
        None => text,
    }
}

fn speaker(ask: &Ask, line: &Line) -> String {
    match line.from {
        Speaker::Shopper => shopper(ask),
        Speaker::Rep | Speaker::System => match &line.name {
            Some(name) => one_line(name).into_owned(),
            None => "Deskbell".to_owned(),
        },
    }
}

fn ago(waited: Duration) -> String {
    match waited.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

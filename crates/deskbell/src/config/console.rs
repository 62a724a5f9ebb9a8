//! `[console]`: sentences that reps need not type, and when a computer is idle; and who of the reps sees the wall.
//! Must not know how a console looks.

use std::collections::HashSet;
use std::time::Duration;

use gateway::CannedAnswer;
use helpdesk::RepId;

use super::document::Section;
use super::settings::ConsoleSettings;

/// The key of `[[rep]]` that lets a rep look at the wall.
pub(super) const REP_KEY: &str = "supervisor";

const KEYS: [&str; 2] = ["canned", "idle_after"];

/// The longest sentence, in bytes: a line of a conversation.
const SENTENCE_BYTES: usize = 8 * 1024;

/// When a computer counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(300);

/// A longer time without a touch is no longer a pause.
const LONGEST_IDLE: Duration = Duration::from_secs(4 * 60 * 60);

/// What reps say everywhere, where the configuration names nothing.
const USUAL: [(&str, &str); 4] = [
    ("One moment", "One moment, I am looking it up for you."),
    (
        "Which one",
        "Which one do you mean? A link or the article's number helps me find it.",
    ),
    (
        "Anything else",
        "Is there anything else I can help you with?",
    ),
    (
        "Goodbye",
        "You are welcome. Come back any time; a good day to you!",
    ),
];

/// The settings of consoles.
pub(super) fn read(root: &Section<'_>, reps: &[Section<'_>]) -> ConsoleSettings {
    let supervisors: HashSet<RepId> = reps
        .iter()
        .filter(|rep| rep.value(REP_KEY).and_then(|value| value.truth()) == Some(true))
        .filter_map(|rep| Some(RepId::new(rep.value("id")?.text()?)))
        .collect();
    let usual = || {
        let canned = |(name, text): (&str, &str)| CannedAnswer {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        USUAL.into_iter().map(canned).collect()
    };
    let Some(table) = root.table("console", "[console]", &KEYS) else {
        return ConsoleSettings {
            supervisors,
            canned: usual(),
            idle_after: IDLE_AFTER,
        };
    };
    let idle_after = table
        .value("idle_after")
        .and_then(|value| value.duration(Duration::from_secs(10)..=LONGEST_IDLE));
    let canned = table.value("canned").map(|value| {
        let entries = value.open_table().map(|canned| {
            canned
                .entries()
                .into_iter()
                .filter_map(|(name, value)| {
                    let text = value.text()?;
                    if text.trim().is_empty() || text.len() > SENTENCE_BYTES {
                        value.mistake("must have between one and 8192 bytes".to_owned());
                    }
                    Some(CannedAnswer {
                        name: name.to_owned(),
                        text: text.to_owned(),
                    })
                })
                .collect()
        });
        entries.unwrap_or_default()
    });
    ConsoleSettings {
        supervisors,
        canned: canned.unwrap_or_else(usual),
        idle_after: idle_after.unwrap_or(IDLE_AFTER),
    }
}

//! What real clients sent, and what each PUBLISH among it states. Must not parse SIP.

use crate::file::{Fixture, names_in, read};

/// What a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A SIP message.
    Message,
    /// Line ends that keep a way open.
    KeepAlive,
    /// The HTTP request that opens a WebSocket.
    WebSocketHandshake,
}

/// What a PUBLISH states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The state published before, for longer.
    Refresh,
    /// No state any more.
    Removal,
    /// A document.
    Document {
        /// The basic status.
        basic: Basic,
        /// The RPID activity, by its element's name.
        activity: Option<String>,
        /// The first note.
        note: Option<String>,
    },
}

/// The basic status of RFC 3863.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basic {
    /// Ready to be reached.
    Open,
    /// Not to be reached.
    Closed,
}

/// Every capture, by client and in the order it was taken.
pub fn phones() -> Vec<Fixture> {
    const CLIENTS: [&str; 8] = [
        "baresip", "jssip", "linphone", "pjsua2", "sipjs", "sipp", "sipsak", "twinkle",
    ];
    CLIENTS
        .into_iter()
        .flat_map(|client| {
            names_in(&format!("phones/{client}"))
                .into_iter()
                .map(move |name| phone(&format!("{client}/{name}")))
        })
        .collect()
}

/// One capture by its name, such as `baresip/03-PUBLISH`.
pub fn phone(name: &str) -> Fixture {
    read("phones", name)
}

/// A PUBLISH of 892 bytes with a PIDF and RPID body: the measure of the parsing benchmark.
pub fn publish_892() -> Fixture {
    read("made", "publish-892")
}

/// Every captured PUBLISH with what it states, as `phones/README.md` has it.
pub fn expected_states() -> Vec<(Fixture, State)> {
    README
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (file, _, state) = (cells.next()?, cells.next()?, cells.next()?);
            let name = file.strip_suffix(".sip")?;
            Some((phone(name), read_state(state)?))
        })
        .collect()
}

impl Fixture {
    /// What this capture is.
    pub fn kind(&self) -> Kind {
        if self.name.ends_with("-KEEPALIVE") {
            Kind::KeepAlive
        } else if self.name.ends_with("-WS-HANDSHAKE") {
            Kind::WebSocketHandshake
        } else {
            Kind::Message
        }
    }
}

const README: &str = include_str!("../phones/README.md");

fn read_state(cell: &str) -> Option<State> {
    let (words, note) = match cell.split_once('"') {
        Some((words, note)) => (words.trim(), Some(note.trim_end_matches('"').to_owned())),
        None => (cell, None),
    };
    let (first, activity) = match words.split_once(' ') {
        Some((first, activity)) => (first, Some(activity.to_owned())),
        None => (words, None),
    };
    let basic = match first {
        "refresh" => return Some(State::Refresh),
        "remove" => return Some(State::Removal),
        "open" => Basic::Open,
        "closed" => Basic::Closed,
        _ => return None,
    };
    Some(State::Document {
        basic,
        activity,
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::{Basic, Kind, README, State, expected_states, phones, publish_892};

    #[test]
    fn all_99_captures_are_there_and_described() {
        let phones = phones();
        assert_eq!(phones.len(), 99);
        for fixture in phones {
            assert!(
                README.contains(&format!("| {}.sip |", fixture.name)),
                "{}",
                fixture.name
            );
        }
    }

    #[test]
    fn every_publish_has_a_state_and_nothing_else_has() {
        let with_state: Vec<_> = expected_states()
            .into_iter()
            .map(|(fixture, _)| fixture.name)
            .collect();
        let mut publishes: Vec<_> = phones()
            .into_iter()
            .map(|fixture| fixture.name)
            .filter(|name| name.ends_with("-PUBLISH"))
            .collect();
        let mut sorted = with_state.clone();
        sorted.sort();
        publishes.sort();
        assert_eq!(sorted, publishes);
    }

    #[test]
    fn states_stand_in_the_bodies_they_describe() {
        for (fixture, state) in expected_states() {
            let text = String::from_utf8_lossy(&fixture.bytes).into_owned();
            let State::Document {
                basic,
                activity,
                note,
            } = state
            else {
                assert!(!text.contains("<presence"), "{}", fixture.name);
                continue;
            };
            let basic = match basic {
                Basic::Open => "<basic>open</basic>",
                Basic::Closed => "<basic>closed</basic>",
            };
            assert!(text.contains(basic), "{}", fixture.name);
            match activity {
                Some(activity) => assert!(
                    text.contains(&format!("<rpid:{activity}")),
                    "{}",
                    fixture.name
                ),
                None => assert!(!text.contains("<rpid:activities>"), "{}", fixture.name),
            }
            match note {
                Some(note) => assert!(
                    text.contains(&format!(">{note}</note>")),
                    "{}",
                    fixture.name
                ),
                None => assert!(!text.contains("</note>"), "{}", fixture.name),
            }
        }
    }

    #[test]
    fn four_captures_are_no_messages() {
        let others: Vec<_> = phones()
            .into_iter()
            .filter(|fixture| fixture.kind() != Kind::Message)
            .map(|fixture| fixture.name)
            .collect();
        assert_eq!(
            others,
            [
                "linphone/21-KEEPALIVE",
                "pjsua2/16-KEEPALIVE",
                "sipjs/01-WS-HANDSHAKE",
                "sipjs/13-KEEPALIVE"
            ]
        );
    }

    #[test]
    fn the_measured_publish_has_892_bytes() {
        assert_eq!(publish_892().bytes.len(), 892);
    }
}

//! The publications of one presentity as a journal keeps them, and their way back. A form, once released, is only
//! ever added to. Must not know the journal.

use std::num::NonZeroU64;
use std::sync::Arc;

use helpdesk::Clock;
use presence::{
    Activity, Basic, Card, Document, EntityTag, KeptPublication, Line, Presentity, Publication,
    Publisher, PublisherMemory, UserInput,
};
use serde::{Deserialize, Serialize};
use storage::SoftValue;

use crate::unix_time::{to_instant, to_unix_ms};

/// The newest form.
const VERSION: u32 = 1;

/// The publications of a presentity; `None` if it has none.
pub(super) fn write(presentity: &Presentity, clock: Clock) -> Option<SoftValue> {
    let kept: Vec<PublicationV1> = presentity
        .publications()
        .iter()
        .map(|publication| PublicationV1::from_publication(publication, clock))
        .collect();
    let expires_at_unix_ms = kept.iter().map(|kept| kept.expires_at).max()?;
    let mut body = Vec::with_capacity(kept.len() * ROOM);
    serde_json::to_writer(&mut body, &kept)
        .inspect_err(|error| tracing::error!(%error, "publications cannot be written down"))
        .ok()?;
    Some(SoftValue {
        version: VERSION,
        expires_at_unix_ms,
        body: String::from_utf8(body)
            .inspect_err(|error| tracing::error!(%error, "publications cannot be written down"))
            .ok()?,
    })
}

/// Bytes that most publications take.
const ROOM: usize = 320;

/// What was kept, without what has lapsed by `clock`; `Err` says what is wrong with it.
pub(super) fn read(value: &SoftValue, clock: Clock) -> Result<Vec<KeptPublication>, String> {
    if value.version != VERSION {
        return Err(format!("version {} is not known", value.version));
    }
    let kept: Vec<PublicationV1> =
        serde_json::from_str(&value.body).map_err(|error| error.to_string())?;
    kept.into_iter()
        .filter(|kept| kept.expires_at > clock.unix_ms)
        .map(|kept| kept.into_kept(clock))
        .collect()
}

#[derive(Serialize, Deserialize)]
struct PublicationV1 {
    tag: String,
    document: DocumentV1,
    /// Unix milliseconds, as every time here.
    since: i64,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publisher: Option<u64>,
    #[serde(default, skip_serializing_if = "is_remembered")]
    memory: MemoryV1,
}

#[derive(Serialize, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum MemoryV1 {
    #[default]
    Remembered,
    Forgotten,
}

fn is_remembered(memory: &MemoryV1) -> bool {
    *memory == MemoryV1::Remembered
}

impl PublicationV1 {
    fn from_publication(publication: &Publication, clock: Clock) -> Self {
        let KeptPublication {
            entity_tag,
            document,
            since,
            expires_at,
            publisher,
            memory,
        } = publication.kept();
        Self {
            tag: entity_tag.to_string(),
            document: DocumentV1::from_document(&document),
            since: to_unix_ms(since, clock),
            expires_at: to_unix_ms(expires_at, clock),
            publisher: publisher.map(|publisher| publisher.0.get()),
            memory: match memory {
                PublisherMemory::Remembered => MemoryV1::Remembered,
                PublisherMemory::Forgotten => MemoryV1::Forgotten,
            },
        }
    }

    fn into_kept(self, clock: Clock) -> Result<KeptPublication, String> {
        Ok(KeptPublication {
            entity_tag: EntityTag::read(&self.tag).ok_or("an entity-tag is damaged")?,
            document: Arc::new(self.document.into_document()),
            since: to_instant(self.since, clock),
            expires_at: to_instant(self.expires_at, clock),
            publisher: self.publisher.and_then(NonZeroU64::new).map(Publisher),
            memory: match self.memory {
                MemoryV1::Remembered => PublisherMemory::Remembered,
                MemoryV1::Forgotten => PublisherMemory::Forgotten,
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct DocumentV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basic: Option<BasicV1>,
    /// Names of elements; of those that are none, the text after `other:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    activities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_input: Option<UserInputV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<LineV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<Box<CardV1>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct CardV1 {
    display_name: Option<Box<str>>,
    card: Option<Box<str>>,
    homepage: Option<Box<str>>,
    icon: Option<Box<str>>,
    map: Option<Box<str>>,
    sound: Option<Box<str>>,
}

impl CardV1 {
    fn from_card(card: &Card) -> Self {
        let Card {
            display_name,
            card,
            homepage,
            icon,
            map,
            sound,
        } = card.clone();
        Self {
            display_name,
            card,
            homepage,
            icon,
            map,
            sound,
        }
    }

    fn into_card(self) -> Card {
        Card {
            display_name: self.display_name,
            card: self.card,
            homepage: self.homepage,
            icon: self.icon,
            map: self.map,
            sound: self.sound,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BasicV1 {
    Open,
    Closed,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UserInputV1 {
    Active,
    Idle,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LineV1 {
    Idle,
    Ringing,
    Talking,
}

/// Stands before the text of an activity that is no element of RFC 4480.
const OTHER: &str = "other:";

impl DocumentV1 {
    fn from_document(document: &Document) -> Self {
        // Named one by one, so that whoever adds to a document comes by here.
        let Document {
            basic,
            activities,
            note,
            user_input,
            line,
            timestamp,
            text,
            card,
        } = document;
        Self {
            basic: basic.map(|basic| match basic {
                Basic::Open => BasicV1::Open,
                Basic::Closed => BasicV1::Closed,
            }),
            activities: activities
                .iter()
                .map(|activity| match activity {
                    Activity::Other(text) => format!("{OTHER}{text}"),
                    known => known.element().to_owned(),
                })
                .collect(),
            note: note.clone(),
            user_input: user_input.map(|input| match input {
                UserInput::Active => UserInputV1::Active,
                UserInput::Idle => UserInputV1::Idle,
            }),
            line: line.map(|line| match line {
                Line::Idle => LineV1::Idle,
                Line::Ringing => LineV1::Ringing,
                Line::Talking => LineV1::Talking,
            }),
            timestamp: timestamp.as_deref().map(Into::into),
            text: text.clone(),
            card: card
                .as_deref()
                .map(|card| Box::new(CardV1::from_card(card))),
        }
    }

    fn into_document(self) -> Document {
        Document {
            basic: self.basic.map(|basic| match basic {
                BasicV1::Open => Basic::Open,
                BasicV1::Closed => Basic::Closed,
            }),
            activities: self
                .activities
                .iter()
                .map(|name| match name.strip_prefix(OTHER) {
                    Some(text) => Activity::Other(text.into()),
                    None => Activity::from_element(name, ""),
                })
                .collect(),
            note: self.note,
            user_input: self.user_input.map(|input| match input {
                UserInputV1::Active => UserInput::Active,
                UserInputV1::Idle => UserInput::Idle,
            }),
            line: self.line.map(|line| match line {
                LineV1::Idle => Line::Idle,
                LineV1::Ringing => Line::Ringing,
                LineV1::Talking => Line::Talking,
            }),
            timestamp: self.timestamp.as_deref().map(Into::into),
            text: self.text,
            card: self.card.map(|card| Box::new(card.into_card())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use presence::{PresentityId, Publish, Store, StoreConfig};

    use super::*;

    fn clock() -> Clock {
        Clock {
            at: Instant::now(),
            unix_ms: 1_700_000_000_000,
        }
    }

    fn full() -> Document {
        Document {
            basic: Some(Basic::Open),
            activities: [Activity::Meeting, Activity::Other("juggling".into())]
                .into_iter()
                .collect(),
            note: Some("back \0 at <two>".into()),
            user_input: Some(UserInput::Idle),
            line: Some(Line::Ringing),
            timestamp: Some("2026-01-01T12:00:00Z".into()),
            text: Some("<presence/>".into()),
            card: Some(Box::new(Card {
                display_name: Some("Alice".into()),
                ..Card::default()
            })),
        }
    }

    #[test]
    fn a_document_comes_back_as_it_was_kept() {
        for document in [full(), Document::default()] {
            let kept = serde_json::to_string(&DocumentV1::from_document(&document)).unwrap();
            let back: DocumentV1 = serde_json::from_str(&kept).unwrap();
            assert_eq!(back.into_document(), document);
        }
    }

    /// The phone refreshes by the tag it has; another server gives that tag to nobody.
    #[test]
    fn a_restarted_store_knows_the_old_tag_until_the_old_expiry() {
        let (alice, clock) = (PresentityId::new("alice"), clock());
        let before = Store::new(StoreConfig::new([1; 16])).with_edits();
        let initial = Publish::Initial {
            document: full(),
            lifetime: Some(Duration::from_secs(60)),
            publisher: NonZeroU64::new(7).map(Publisher),
        };
        let published = before.publish(&alice, initial, clock.at).unwrap();
        assert_eq!(before.poll_edited(), Some(alice.clone()));
        let value = write(&before.presentity(&alice).unwrap(), clock).unwrap();
        assert_eq!(value.expires_at_unix_ms, clock.unix_ms + 60_000);

        let tag = published.entity_tag.to_string();
        let refresh = || Publish::Refresh {
            entity_tag: &tag,
            lifetime: Some(Duration::from_secs(60)),
            publisher: NonZeroU64::new(7).map(Publisher),
        };
        let restart = |after: Duration| {
            let later = Clock {
                at: clock.at + after,
                unix_ms: clock.unix_ms + i64::try_from(after.as_millis()).unwrap(),
            };
            let store = Store::new(StoreConfig::new([2; 16])).with_edits();
            let kept = read(&value, later).unwrap();
            store.restore(&alice, kept, later.at).unwrap();
            (store, later)
        };
        let (store, later) = restart(Duration::from_secs(59));
        assert_eq!(
            store.presentity(&alice).unwrap().composed().note,
            full().note
        );
        store.publish(&alice, refresh(), later.at).unwrap();
        assert!(store.publish(&alice, refresh(), later.at).is_err());
        let (store, later) = restart(Duration::from_secs(60));
        assert!(store.presentity(&alice).is_none());
        assert!(store.publish(&alice, refresh(), later.at).is_err());
    }

    #[test]
    fn what_lapses_is_told_to_the_journal() {
        let (alice, clock) = (PresentityId::new("alice"), clock());
        let store = Store::new(StoreConfig::new([1; 16])).with_edits();
        let initial = Publish::Initial {
            document: full(),
            lifetime: Some(Duration::from_secs(60)),
            publisher: None,
        };
        store.publish(&alice, initial, clock.at).unwrap();
        store.poll_edited().unwrap();
        store.expire(clock.at + Duration::from_secs(61));
        assert_eq!(store.poll_edited(), Some(alice.clone()));
        assert!(store.presentity(&alice).is_none());
    }

    #[test]
    fn what_is_damaged_or_newer_is_named() {
        let value = |version, body: &str| SoftValue {
            version,
            expires_at_unix_ms: i64::MAX,
            body: body.to_owned(),
        };
        assert!(read(&value(2, "[]"), clock()).is_err());
        assert!(read(&value(1, "{"), clock()).is_err());
        let damaged = r#"[{"tag":"x","document":{},"since":0,"expires_at":9000000000000}]"#;
        assert!(read(&value(1, damaged), clock()).is_err());
    }
}

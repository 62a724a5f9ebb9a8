//! Reads records back, whichever database holds them. Must not know the writer.

use std::collections::BTreeMap;
use std::path::Path;

use helpdesk::{Case, Record, TicketId};
use tokio::sync::mpsc;

use crate::aside::{StoredAside, read_word};
use crate::changes::{StoredChanges, words_of};
use crate::error::LoadError;
use crate::intent::{Intent, IntentKind};
use crate::outbox::{OutboxChoice, OutboxCounts, OutboxEntry};
use crate::row::StoredRow;
use crate::seal::Keyring;
use crate::soft::{SoftKind, SoftPage, SoftValue, StoredState};
use crate::{postgres, sqlite};

/// Which records are read, in the order of commitment.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// Of the tickets that have not ended, or ended at this moment or later.
    Since(i64),
    /// Of these tickets, one after the other.
    Tickets(Vec<String>),
}

/// A row of the table `tickets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TicketRow {
    pub(crate) id: String,
    pub(crate) site: String,
    pub(crate) tier: String,
    pub(crate) opened_at_unix_ms: i64,
    pub(crate) ended_at_unix_ms: Option<i64>,
    pub(crate) records: i64,
    pub(crate) chain: Vec<u8>,
}

/// A row of the table `tickets`, and its records in the order of commitment.
pub(crate) type WholeTicket = (TicketRow, Vec<StoredRow>);

/// One ticket with its whole story.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Which ticket.
    pub ticket: TicketId,
    /// Milliseconds since the Unix epoch.
    pub opened_at_unix_ms: i64,
    /// When it ended, if it has.
    pub ended_at_unix_ms: Option<i64>,
    /// In the order of commitment.
    pub records: Vec<Record>,
}

/// Soft state of one kind, page by page in the order of its names: the next page is read while one is being used.
#[derive(Debug)]
pub struct SoftPages {
    pages: mpsc::Receiver<Result<Vec<(String, SoftValue)>, LoadError>>,
}

impl SoftPages {
    /// The next page; nothing behind the last one, and nothing behind an error.
    pub async fn next(&mut self) -> Option<Result<Vec<(String, SoftValue)>, LoadError>> {
        self.pages.recv().await
    }
}

/// Things in one page of soft state.
const SOFT_PAGE: u32 = 4_096;

/// Where a page of stories begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// When the last ticket of the page before was opened.
    pub opened_at_unix_ms: i64,
    /// Which it was.
    pub ticket: TicketId,
}

/// A connection that reads, and the keys to what it reads.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) source: Source,
    keyring: Keyring,
}

#[derive(Clone)]
pub(crate) enum Source {
    Sqlite(sqlite::Reader),
    Postgres(postgres::Reader),
}

impl Reader {
    pub(crate) fn new(source: Source, keyring: Keyring) -> Self {
        Self { source, keyring }
    }

    /// See [`Journal::load`](crate::Journal::load).
    pub(crate) async fn load(&self, since_unix_ms: i64) -> Result<Vec<Record>, LoadError> {
        let mut records: Vec<Record> = self.cases().await?.into_iter().map(wrapped).collect();
        // What was learnt comes again, and a pause is said again: what is damaged of them is told and passed over.
        for kind in [SoftKind::Pause, SoftKind::Score] {
            let words = self.soft(kind, since_unix_ms).await?;
            let words = words
                .iter()
                .map(|(name, value)| read_word(kind, name, value));
            records.extend(words.filter_map(|word| {
                word.inspect_err(|why| tracing::error!(kind = kind.as_str(), why, "{UNREADABLE}"))
                    .ok()
            }));
        }
        let asides = match &self.source {
            Source::Sqlite(reader) => reader.lessons().await?,
            Source::Postgres(reader) => reader.lessons().await?,
        };
        records.extend(asides.into_iter().filter_map(readable));
        for row in self.rows(Choice::Since(since_unix_ms)).await? {
            records.push(self.record(row)?);
        }
        let asides = match &self.source {
            Source::Sqlite(reader) => reader.decisions_since(since_unix_ms).await?,
            Source::Postgres(reader) => reader.decisions_since(since_unix_ms).await?,
        };
        records.extend(asides.into_iter().filter_map(readable));
        Ok(records)
    }

    /// See [`Journal::history`](crate::Journal::history).
    pub(crate) async fn history(&self, ticket: &TicketId) -> Result<Vec<Record>, LoadError> {
        let ticket = ticket.as_str().to_owned();
        let rows = self.rows(Choice::Tickets(vec![ticket.clone()])).await?;
        let mut records: Vec<Record> = rows
            .into_iter()
            .map(|row| self.record(row))
            .collect::<Result<_, _>>()?;
        let asides = match &self.source {
            Source::Sqlite(reader) => reader.decisions_on(ticket).await?,
            Source::Postgres(reader) => reader.decisions_on(ticket).await?,
        };
        for aside in asides {
            records.push(aside.into_record()?);
        }
        Ok(records)
    }

    /// Every case, open or closed.
    pub(crate) async fn cases(&self) -> Result<Vec<Case>, LoadError> {
        let kind = SoftKind::Case;
        let mut cases = Vec::new();
        let (mut rows, mut after) = (Vec::new(), Some(Vec::new()));
        while let Some(name) = after.take() {
            let page = self.soft_rows(kind, name, 0).await?;
            let is_full = page.len() >= SOFT_PAGE as usize;
            after = page.last().filter(|_| is_full).map(|row| row.name.clone());
            rows.extend(page);
        }
        for row in rows {
            let name = row.name();
            let told = format!("case {name}");
            if !row.is_sound() {
                return Err(LoadError::Damaged(told));
            }
            let SoftValue {
                version,
                expires_at_unix_ms,
                body,
            } = row.value;
            let opened = self.keyring.open(body, &soft_place(kind, &name));
            let read = opened.map_err(|error| error.to_string()).and_then(|body| {
                let value = SoftValue {
                    version,
                    expires_at_unix_ms,
                    body,
                };
                read_word(kind, &name, &value)
            });
            match read {
                Ok(Record::Case(case)) => cases.push(*case),
                Ok(_) => {}
                Err(why) => return Err(LoadError::Sealed { name: told, why }),
            }
        }
        Ok(cases)
    }

    pub(crate) async fn stories(
        &self,
        since_unix_ms: i64,
        after: Option<After>,
        at_most: u32,
    ) -> Result<Vec<Story>, LoadError> {
        let after = after.map(|after| (after.opened_at_unix_ms, after.ticket.as_str().to_owned()));
        let tickets = self.tickets(since_unix_ms, after, at_most).await?;
        let ids = tickets.iter().map(|ticket| ticket.id.clone()).collect();
        let mut rows = self
            .rows(Choice::Tickets(ids))
            .await?
            .into_iter()
            .peekable();
        let mut stories = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let mut records = Vec::new();
            while let Some(row) = rows.next_if(|row| row.ticket == ticket.id) {
                records.push(self.record(row)?);
            }
            stories.push(Story {
                ticket: TicketId::new(&ticket.id),
                opened_at_unix_ms: ticket.opened_at_unix_ms,
                ended_at_unix_ms: ticket.ended_at_unix_ms,
                records,
            });
        }
        Ok(stories)
    }

    pub(crate) async fn soft(
        &self,
        kind: SoftKind,
        now_unix_ms: i64,
    ) -> Result<Vec<(String, SoftValue)>, LoadError> {
        let mut pages = self.soft_pages(kind, now_unix_ms);
        let mut soft = Vec::new();
        while let Some(page) = pages.next().await {
            soft.extend(page?);
        }
        Ok(soft)
    }

    /// See [`Journal::soft_pages`](crate::Journal::soft_pages).
    pub(crate) fn soft_pages(&self, kind: SoftKind, now_unix_ms: i64) -> SoftPages {
        let (pages_in, pages) = mpsc::channel(1);
        let reader = self.clone();
        tokio::spawn(async move {
            let (mut after, mut newer) = (Vec::new(), None);
            loop {
                let page = reader.soft_page(kind, after, now_unix_ms, &mut newer).await;
                let (page, last) = match page {
                    Ok((page, last)) => (Ok(page), last),
                    Err(error) => (Err(error), None),
                };
                // Whoever read them may have stopped.
                if pages_in.send(page).await.is_err() {
                    return;
                }
                let Some(last) = last else {
                    return;
                };
                after = last;
            }
        });
        SoftPages { pages }
    }

    /// One page, and the name of its last row where there may be more. What `changes` says is read before the first
    /// page: what is brought into `state` meanwhile is then in both.
    async fn soft_page(
        &self,
        kind: SoftKind,
        after: Vec<u8>,
        now_unix_ms: i64,
        newer: &mut Option<Words>,
    ) -> Result<(Vec<(String, SoftValue)>, Option<Vec<u8>>), LoadError> {
        let newer = match newer {
            Some(newer) => newer,
            None => newer.insert(self.words_of_changes(kind).await?),
        };
        let rows = self.soft_rows(kind, after, now_unix_ms).await?;
        let is_full = rows.len() >= SOFT_PAGE as usize;
        let last = rows.last().filter(|_| is_full).map(|row| row.name.clone());
        let later = match &last {
            Some(last) => newer.split_off(&[&last[..], &[0]].concat()),
            None => Words::new(),
        };
        let newer = std::mem::replace(newer, later);
        let rows = with_words(rows, newer).filter(|row| row.value.expires_at_unix_ms > now_unix_ms);
        let open = |row| open_soft(&self.keyring, kind, row);
        Ok((rows.filter_map(open).collect(), last))
    }

    /// What `changes` says of a kind.
    async fn words_of_changes(&self, kind: SoftKind) -> Result<Words, LoadError> {
        let (mut words, mut after) = (Words::new(), i64::MIN);
        while let Some(row) = self.next_changes(after).await? {
            after = row.number;
            words.extend(words_of(kind, &row));
        }
        Ok(words)
    }

    /// The row of `changes` behind one of them.
    pub(crate) async fn next_changes(
        &self,
        after: i64,
    ) -> Result<Option<StoredChanges>, LoadError> {
        match &self.source {
            Source::Sqlite(reader) => reader.next_changes(after).await,
            Source::Postgres(reader) => reader.next_changes(after).await,
        }
    }

    async fn soft_rows(
        &self,
        kind: SoftKind,
        after: Vec<u8>,
        now_unix_ms: i64,
    ) -> Result<Vec<StoredState>, LoadError> {
        let page = SoftPage {
            kind,
            after,
            now_unix_ms,
            at_most: SOFT_PAGE,
        };
        match &self.source {
            Source::Sqlite(reader) => reader.soft(page).await,
            Source::Postgres(reader) => reader.soft(page).await,
        }
    }

    pub(crate) async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<Intent>, LoadError> {
        let rows = match &self.source {
            Source::Sqlite(reader) => reader.intents(kind, since_unix_ms).await?,
            Source::Postgres(reader) => reader.intents(kind, since_unix_ms).await?,
        };
        rows.into_iter()
            .map(|(intent, digest)| {
                let name = format!("intent {} {}", kind.as_str(), intent.id);
                if digest != intent.digest() {
                    return Err(LoadError::Damaged(name));
                }
                let opened = intent.opened(&self.keyring);
                opened.map_err(|why| LoadError::Sealed { name, why })
            })
            .collect()
    }

    pub(crate) async fn outbox(
        &self,
        choice: OutboxChoice,
        at_most: u32,
    ) -> Result<Vec<OutboxEntry>, LoadError> {
        let rows = match &self.source {
            Source::Sqlite(reader) => reader.outbox(choice, at_most).await?,
            Source::Postgres(reader) => reader.outbox(choice, at_most).await?,
        };
        rows.into_iter()
            .map(|(entry, digest)| {
                let name = format!("outbox entry {}", entry.id);
                if digest != entry.digest() {
                    return Err(LoadError::Damaged(name));
                }
                let opened = entry.opened(&self.keyring);
                opened.map_err(|why| LoadError::Sealed { name, why })
            })
            .collect()
    }

    pub(crate) async fn outbox_counts(&self) -> Result<OutboxCounts, LoadError> {
        match &self.source {
            Source::Sqlite(reader) => reader.outbox_counts().await,
            Source::Postgres(reader) => reader.outbox_counts().await,
        }
    }

    /// Copies an SQLite database; `Ok(false)` where the database has tools of its own for that.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<bool, LoadError> {
        match &self.source {
            Source::Sqlite(reader) => reader.back_up(to).await.map(|()| true),
            Source::Postgres(_) => Ok(false),
        }
    }

    pub(crate) async fn rows(&self, choice: Choice) -> Result<Vec<StoredRow>, LoadError> {
        match &self.source {
            Source::Sqlite(reader) => reader.rows(choice).await,
            Source::Postgres(reader) => reader.rows(choice).await,
        }
    }

    pub(crate) async fn tickets(
        &self,
        since_unix_ms: i64,
        after: Option<(i64, String)>,
        at_most: u32,
    ) -> Result<Vec<TicketRow>, LoadError> {
        match &self.source {
            Source::Sqlite(reader) => reader.tickets(since_unix_ms, after, at_most).await,
            Source::Postgres(reader) => reader.tickets(since_unix_ms, after, at_most).await,
        }
    }

    /// Tickets with records that do not begin with this, in the order of their ids, after one of them.
    pub(crate) async fn tickets_not_marked(
        &self,
        mark: &str,
        after: &str,
        at_most: u32,
    ) -> Result<Vec<String>, LoadError> {
        let (mark, after) = (mark.to_owned(), after.to_owned());
        match &self.source {
            Source::Sqlite(reader) => reader.tickets_not_marked(mark, after, at_most).await,
            Source::Postgres(reader) => reader.tickets_not_marked(mark, after, at_most).await,
        }
    }

    pub(crate) fn record(&self, row: StoredRow) -> Result<Record, LoadError> {
        let (position, kind, version) = (row.position, row.kind.clone(), row.version);
        row.opened(&self.keyring)
            .and_then(StoredRow::into_record)
            .map_err(|why| LoadError::Unreadable {
                position,
                kind,
                version,
                why,
            })
    }
}

/// What `changes` says of one kind, by name; `None` of what is gone.
type Words = BTreeMap<Vec<u8>, Option<StoredState>>;

/// Rows of `state` with newer words in their places, in the order of their names.
fn with_words(rows: Vec<StoredState>, newer: Words) -> impl Iterator<Item = StoredState> {
    let mut words: Words = rows
        .into_iter()
        .map(|row| (row.name.clone(), Some(row)))
        .collect();
    words.extend(newer);
    words.into_values().flatten()
}

fn wrapped(case: Case) -> Record {
    Record::Case(Box::new(case))
}

fn readable(aside: StoredAside) -> Option<Record> {
    aside
        .into_record()
        .inspect_err(|error| tracing::error!(%error, "{UNREADABLE}"))
        .ok()
}

const UNREADABLE: &str = "something of the journal is passed over; run deskbell verify";

/// Soft state comes again by itself: what is damaged or cannot be opened is told and passed over.
fn open_soft(keyring: &Keyring, kind: SoftKind, row: StoredState) -> Option<(String, SoftValue)> {
    if !row.is_sound() {
        tracing::error!(
            kind = row.kind,
            "a row of soft state is not what was written"
        );
        return None;
    }
    let (name, mut value) = (row.name(), row.value);
    match keyring.open(value.body, &soft_place(kind, &name)) {
        Ok(body) => {
            value.body = body;
            Some((name, value))
        }
        Err(error) => {
            tracing::warn!(kind = kind.as_str(), %error, "soft state cannot be opened");
            None
        }
    }
}

/// The value with its body sealed by the newest key; `None` where no key opens it, or it is not what was written.
pub(crate) fn resealed_soft(row: &StoredState, keyring: &Keyring) -> Option<SoftValue> {
    if !row.is_sound() {
        return None;
    }
    let place = soft_place_as(&row.kind, &row.name());
    let mut value = row.value.clone();
    let body = keyring.open(value.body, &place).ok()?;
    value.body = keyring.seal(&body, &place).ok()?.unwrap_or(body);
    Some(value)
}

/// What a sealed body of soft state belongs to: it opens nowhere else.
pub(crate) fn soft_place(kind: SoftKind, name: &str) -> String {
    soft_place_as(kind.as_str(), name)
}

fn soft_place_as(kind: &str, name: &str) -> String {
    format!("state {kind} {name}")
}

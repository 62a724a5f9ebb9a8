//! The journal's face: open, commit, load, history, close.
//!
//! Facts are rows of one append-only table, in the order of their commitment, each with its ticket, kind,
//! version and a JSON body; `tickets` keeps one row a ticket to choose by. See below for why.

// One table instead of one per kind: a restart needs the facts in one order, a new kind of fact needs no
// migration, and the body's version says how to read it. What retention, erasure and people choose by
// (ticket, site, tier, times, line) are columns; erasing a ticket is one DELETE, which takes its records
// along; the view `story` shows it all to people. JSON bodies carry over to PostgreSQL as they are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use helpdesk::{Case, CaseId, Record, TicketId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task;

use crate::aside::Kept;
use crate::backend::{Backend, Batch, Part, Removal, Resealed, Resealing};
use crate::error::{CommitError, LoadError, OpenError};
use crate::health::Health;
use crate::intent::{Intent, IntentChange, IntentKind};
use crate::location::Location;
use crate::outbox::{OutboxChange, OutboxChoice, OutboxEntry};
use crate::postgres::{self, PostgresBackend};
use crate::reader::{After, Reader, SoftPages, Source, Story, soft_place};
use crate::row::Row;
use crate::seal::Keyring;
use crate::soft::{SoftChange, SoftKey, SoftKind, SoftValue};
use crate::space::Space;
use crate::sqlite::{self, Database, SqliteBackend};
use crate::verify::{LooseFrom, Verdict};
use crate::writer::{Request, Shared, Writer};

/// The journal of one deskbell; clones share it.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    reader: Reader,
    keyring: Keyring,
    shared: Arc<Shared>,
    outlives_process: bool,
}

/// What is committed together, all or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    /// Facts of tickets' stories, in their order.
    pub records: Vec<Record>,
    /// Newest words.
    pub soft: Vec<SoftChange>,
    /// What is intended outside, and how far it has come.
    pub intents: Vec<IntentChange>,
    /// What is to be told outside, and what has become of it.
    pub outbox: Vec<OutboxChange>,
}

impl Work {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        let Self {
            records,
            soft,
            intents,
            outbox,
        } = self;
        records.is_empty() && soft.is_empty() && intents.is_empty() && outbox.is_empty()
    }
}

/// What a journal has committed since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Transactions, each with one sync of the disk.
    pub transactions: u64,
    /// Calls of [`Journal::commit`] and [`Journal::keep`] that succeeded.
    pub batches: u64,
    /// Records kept by them, repetitions included.
    pub records: u64,
    /// Changes of soft state kept by them.
    pub soft_changes: u64,
}

/// Where a journal's records are.
enum Keeps {
    InMemory,
    /// With the room there, where that is ours to look after.
    OnDisk(Option<Space>),
}

/// Rows taken out in one transaction.
const ROWS_AT_ONCE: u32 = 2_000;

/// Batches that may wait for the writer; [`Journal::commit`] waits for a place beyond them.
const QUEUE_LIMIT: usize = 1024;

impl Journal {
    /// Opens `sqlite:PATH`, creating it if absent, `sqlite::memory:`, which ends with the journal, or
    /// `postgres://…`; bodies are kept as they are.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_sealed(url, Keyring::default()).await
    }

    /// Opens a journal whose bodies are sealed with the newest of these keys.
    pub async fn open_sealed(url: &str, keyring: Keyring) -> Result<Self, OpenError> {
        let location = Location::read(url)?;
        let opening = task::spawn_blocking(move || Self::open_blocking(location, keyring));
        opening
            .await
            .map_err(|error| OpenError::Writer(io::Error::other(error)))?
    }

    /// Whether what is kept is there for the next process: not in `sqlite::memory:`, where soft state, which a
    /// running process never reads back, is not worth keeping.
    pub const fn outlives_process(&self) -> bool {
        self.outlives_process
    }

    fn open_blocking(location: Location, keyring: Keyring) -> Result<Self, OpenError> {
        let (database, path, keeps) = match location {
            Location::File(path) => {
                let space = Space::of(&path);
                (
                    Database::open_file(&path)?,
                    path,
                    Keeps::OnDisk(Some(space)),
                )
            }
            Location::Memory => {
                let path = PathBuf::from(":memory:");
                (Database::open_memory()?, path, Keeps::InMemory)
            }
            Location::Postgres(url) => {
                let settings = postgres::Settings::read(url.expose())?;
                let backend = PostgresBackend::open(settings.clone(), keyring.clone())?;
                let source = Source::Postgres(postgres::Reader::new(settings));
                return Self::start(backend, source, keyring, Keeps::OnDisk(None));
            }
        };
        let backend = SqliteBackend::new(database.writer, database.lock, keyring.clone())
            .map_err(|source| OpenError::Database { path, source })?;
        let source = Source::Sqlite(sqlite::Reader::new(database.reader));
        Self::start(backend, source, keyring, keeps)
    }

    fn start(
        backend: impl Backend + Send + 'static,
        source: Source,
        keyring: Keyring,
        keeps: Keeps,
    ) -> Result<Self, OpenError> {
        let (outlives_process, space) = match keeps {
            Keeps::InMemory => (false, None),
            Keeps::OnDisk(space) => (true, space),
        };
        let looks_after_space = space.is_some();
        let shared = Arc::new(Shared::with(space));
        if looks_after_space {
            let shared = Arc::downgrade(&shared);
            thread::Builder::new()
                .name("journal-space".to_owned())
                .spawn(move || Shared::look_after_space(&shared))
                .map_err(OpenError::Writer)?;
        }
        let (requests, waiting) = mpsc::channel(QUEUE_LIMIT);
        let mut writer = Writer::new(backend, Arc::clone(&shared));
        // Here, so that a restart finds what it reads in one place.
        writer.settle_all(&waiting);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(waiting))
            .map_err(OpenError::Writer)?;
        Ok(Self {
            requests,
            reader: Reader::new(source, keyring.clone()),
            keyring,
            shared,
            outlives_process,
        })
    }

    /// Keeps the records, all or none, and returns once they are on disk. Batches that wait at the same time
    /// share one transaction; batches of one caller keep their order. While the database cannot take them
    /// ([`health`](Self::health) says why) this waits.
    ///
    /// A line or an opening repeated word for word is kept once. Dropping the future does not undo the commit.
    pub async fn commit(&self, records: Vec<Record>) -> Result<(), CommitError> {
        self.write(Work {
            records,
            ..Work::default()
        })
        .await
    }

    /// Keeps the newest word about each of these things, and returns once it is on disk.
    pub async fn keep(&self, soft: Vec<SoftChange>) -> Result<(), CommitError> {
        self.write(Work {
            soft,
            ..Work::default()
        })
        .await
    }

    /// Keeps all of this or none, like [`commit`](Self::commit): what is to be told outside together with the records
    /// it tells of, an intent together with what allows it. Records come first.
    pub async fn write(&self, work: Work) -> Result<(), CommitError> {
        if work.is_empty() {
            return Ok(());
        }
        let batch = self
            .sealed(work)
            .map_err(|why| CommitError::Unwritable(Arc::from(why)))?;
        self.ask(|reply| Request::Commit { batch, reply }).await
    }

    fn sealed(&self, work: Work) -> Result<Batch, String> {
        let Work {
            records,
            mut soft,
            mut intents,
            mut outbox,
        } = work;
        let mut rows = Vec::with_capacity(records.len());
        let mut asides = Vec::new();
        for record in &records {
            let row = Row::from_record(record).map_err(|error| error.to_string())?;
            if let Some(mut row) = row {
                row.seal(&self.keyring)?;
                rows.push(row);
                continue;
            }
            match Kept::from_record(record).map_err(|error| error.to_string())? {
                Some(Kept::Aside(aside)) => asides.push(aside),
                Some(Kept::Word(word)) => soft.push(word),
                None => return Err("a record has no place".to_owned()),
            }
        }
        for change in &mut soft {
            let Some(value) = &mut change.value else {
                continue;
            };
            let place = soft_place(change.key.kind, &change.key.name);
            let sealed = self.keyring.seal(&value.body, &place);
            if let Some(sealed) = sealed.map_err(|error| error.to_string())? {
                value.body = sealed;
            }
        }
        for change in &mut intents {
            change.seal(&self.keyring)?;
        }
        for change in &mut outbox {
            change.seal(&self.keyring)?;
        }
        Ok(Batch {
            rows,
            asides,
            soft,
            intents,
            outbox,
        })
    }

    /// What a restart needs: the newest words about cases, pauses and promises, the lessons, and in the order of
    /// commitment every record of the tickets that have not ended or ended at `since_unix_ms` (milliseconds since the
    /// Unix epoch) or later, with the decisions on them behind.
    pub async fn load(&self, since_unix_ms: i64) -> Result<Vec<Record>, LoadError> {
        self.reader.load(since_unix_ms).await
    }

    /// The newest word about each thing of a kind that has not lapsed by now, with its name.
    pub async fn load_soft(
        &self,
        kind: SoftKind,
        now_unix_ms: i64,
    ) -> Result<Vec<(String, SoftValue)>, LoadError> {
        self.reader.soft(kind, now_unix_ms).await
    }

    /// The same page by page, for what may be much. What is written meanwhile may or may not be in it.
    pub fn soft_pages(&self, kind: SoftKind, now_unix_ms: i64) -> SoftPages {
        self.reader.soft_pages(kind, now_unix_ms)
    }

    /// Every record of a ticket, in the order of commitment, and the decisions on it behind; none for an unknown
    /// ticket.
    pub async fn history(&self, ticket: &TicketId) -> Result<Vec<Record>, LoadError> {
        self.reader.history(ticket).await
    }

    /// Tickets opened at `since_unix_ms` or later with their stories, the oldest first: a page of `at_most`.
    pub async fn stories(
        &self,
        since_unix_ms: i64,
        after: Option<After>,
        at_most: u32,
    ) -> Result<Vec<Story>, LoadError> {
        self.reader.stories(since_unix_ms, after, at_most).await
    }

    /// Takes tickets out for good, whether they have ended or not; says how many there were. What is still
    /// recorded of them is not kept. While the database cannot do it this does not wait, and neither do the purges
    /// and [`reseal`](Self::reseal): [`CommitError::Unavailable`], and whoever wants it tries again.
    pub async fn erase(
        &self,
        tickets: Vec<TicketId>,
        now_unix_ms: i64,
    ) -> Result<u64, CommitError> {
        let removal = Removal::Tickets(tickets);
        self.remove(removal, now_unix_ms).await
    }

    /// Takes `at_most` tickets of a site out that ended before this moment; says how many there were.
    pub async fn purge(
        &self,
        site: &str,
        before_unix_ms: i64,
        at_most: u32,
        now_unix_ms: i64,
    ) -> Result<u64, CommitError> {
        let removal = Removal::Ended {
            site: site.to_owned(),
            before_unix_ms,
            at_most,
        };
        self.remove(removal, now_unix_ms).await
    }

    /// Every case, open or closed.
    pub async fn cases(&self) -> Result<Vec<Case>, LoadError> {
        self.reader.cases().await
    }

    /// Takes cases out for good; what is still said of them is kept again.
    pub async fn erase_cases(&self, cases: Vec<CaseId>) -> Result<(), CommitError> {
        let gone = cases.iter().map(|case| SoftChange {
            key: SoftKey {
                kind: SoftKind::Case,
                name: case.as_str().to_owned(),
            },
            value: None,
        });
        self.keep(gone.collect()).await
    }

    /// Takes soft state out that has lapsed; says how many things it was about.
    pub async fn purge_lapsed(&self, now_unix_ms: i64) -> Result<u64, CommitError> {
        let at_most = ROWS_AT_ONCE;
        self.remove_all(Removal::LapsedState { at_most }, now_unix_ms)
            .await
    }

    /// Takes intents out that ended before this moment; says how many.
    pub async fn purge_intents(&self, before_unix_ms: i64) -> Result<u64, CommitError> {
        let at_most = ROWS_AT_ONCE;
        self.remove_all(Removal::EndedIntents { at_most }, before_unix_ms)
            .await
    }

    /// Forgets the names of tickets that were erased before this moment, of which nobody can have anything left to say;
    /// says how many.
    pub async fn purge_erased(&self, before_unix_ms: i64) -> Result<u64, CommitError> {
        let at_most = ROWS_AT_ONCE;
        self.remove_all(Removal::NamesOfErased { at_most }, before_unix_ms)
            .await
    }

    /// Seals with the newest key what another one sealed, or none, `at_once` tickets or rows in a transaction; says of
    /// how many tickets and rows something was. What no key opens is passed over.
    pub async fn reseal(&self, at_once: u32) -> Result<u64, CommitError> {
        let Some(mark) = self.keyring.newest_mark() else {
            return Ok(0);
        };
        let (mut resealed, mut after) = (0, String::new());
        loop {
            // Every record is looked at for it, which may take long: not while the writer waits.
            let tickets = self.reader.tickets_not_marked(&mark, &after, at_once).await;
            let tickets =
                tickets.map_err(|error| CommitError::Unavailable(Arc::from(error.to_string())))?;
            let Some(last) = tickets.last() else {
                break;
            };
            after = last.clone();
            resealed += self.reseal_part(Part::Tickets(tickets)).await?.count;
        }
        let mut from = Some(LooseFrom::first());
        while let Some(place) = from.take() {
            let part = Part::Loose {
                from: place,
                at_most: at_once,
            };
            let Resealed { count, next } = self.reseal_part(part).await?;
            resealed += count;
            from = next;
        }
        Ok(resealed)
    }

    async fn reseal_part(&self, part: Part) -> Result<Resealed, CommitError> {
        let resealing = Resealing {
            keyring: self.keyring.clone(),
            part,
        };
        self.ask(|reply| Request::Reseal { resealing, reply }).await
    }

    /// Reads everything and compares it with its digests and chains.
    pub async fn verify(&self) -> Result<Verdict, LoadError> {
        self.reader.verify().await
    }

    /// Whether records can be committed at this moment, and each change of that.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// What was committed since the journal was opened.
    pub fn totals(&self) -> Totals {
        Totals {
            transactions: self.shared.transactions.load(Ordering::Relaxed),
            batches: self.shared.batches.load(Ordering::Relaxed),
            records: self.shared.records.load(Ordering::Relaxed),
            soft_changes: self.shared.soft_changes.load(Ordering::Relaxed),
        }
    }

    /// Commits what waits, unless that takes longer than a few seconds, and closes the database; clones answer
    /// [`CommitError::Closed`] from then on.
    pub async fn close(self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        let (reply, closed) = oneshot::channel();
        if self.requests.send(Request::Close { reply }).await.is_ok() {
            // An error means that the writer is gone, which is what was asked.
            let _ = closed.await;
        }
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// As often as there is something left: each transaction is short, so that lines get in between.
    async fn remove_all(&self, removal: Removal, now_unix_ms: i64) -> Result<u64, CommitError> {
        let mut removed = 0;
        loop {
            let gone = self.remove(removal.clone(), now_unix_ms).await?;
            removed += gone;
            if gone < u64::from(ROWS_AT_ONCE) {
                return Ok(removed);
            }
        }
    }

    async fn remove(&self, removal: Removal, now_unix_ms: i64) -> Result<u64, CommitError> {
        self.ask(|reply| Request::Remove {
            removal,
            now_unix_ms,
            reply,
        })
        .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, CommitError>>) -> Request,
    ) -> Result<T, CommitError> {
        let (reply, outcome) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| CommitError::Closed)?;
        outcome.await.unwrap_or(Err(CommitError::Closed))
    }
}

/// A journal that is only read, beside a server that may be writing it.
#[derive(Clone)]
pub struct Archive {
    reader: Reader,
    location: Location,
}

impl Archive {
    /// Opens an existing journal of this program's schema.
    pub async fn open(url: &str, keyring: Keyring) -> Result<Self, OpenError> {
        let location = Location::read(url)?;
        let source = match location.clone() {
            Location::File(path) => {
                let opening = task::spawn_blocking(move || sqlite::open_archive(&path));
                let connection = opening
                    .await
                    .map_err(|error| OpenError::Writer(io::Error::other(error)))??;
                Source::Sqlite(sqlite::Reader::new(connection))
            }
            Location::Memory => {
                return Err(OpenError::BadUrl {
                    url: url.to_owned(),
                });
            }
            Location::Postgres(url) => {
                let settings = postgres::Settings::read(url.expose())?;
                let reader = postgres::Reader::patient(settings);
                reader.examine().await?;
                Source::Postgres(reader)
            }
        };
        Ok(Self {
            reader: Reader::new(source, keyring),
            location,
        })
    }

    /// See [`Journal::erase`] and [`Journal::erase_cases`]; a server that is running learns of it when it next hears of
    /// one of the tickets. Says how many tickets and cases went.
    pub async fn erase(
        &self,
        tickets: Vec<TicketId>,
        cases: Vec<CaseId>,
        now_unix_ms: i64,
    ) -> Result<u64, OpenError> {
        match self.location.clone() {
            Location::File(path) => {
                let erase = move || sqlite::erase_beside(&path, &tickets, &cases, now_unix_ms);
                task::spawn_blocking(erase)
                    .await
                    .map_err(|error| OpenError::Writer(io::Error::other(error)))?
            }
            Location::Memory => Ok(0),
            Location::Postgres(url) => {
                let settings = postgres::Settings::read(url.expose())?;
                Ok(postgres::erase_beside(&settings, tickets, &cases, now_unix_ms).await?)
            }
        }
    }

    /// See [`Journal::stories`].
    pub async fn stories(
        &self,
        since_unix_ms: i64,
        after: Option<After>,
        at_most: u32,
    ) -> Result<Vec<Story>, LoadError> {
        self.reader.stories(since_unix_ms, after, at_most).await
    }

    /// See [`Journal::verify`].
    pub async fn verify(&self) -> Result<Verdict, LoadError> {
        self.reader.verify().await
    }

    /// See [`Journal::cases`].
    pub async fn cases(&self) -> Result<Vec<Case>, LoadError> {
        self.reader.cases().await
    }

    /// See [`Journal::history`].
    pub async fn history(&self, ticket: &TicketId) -> Result<Vec<Record>, LoadError> {
        self.reader.history(ticket).await
    }

    /// See [`Journal::load_soft`].
    pub async fn load_soft(
        &self,
        kind: SoftKind,
        now_unix_ms: i64,
    ) -> Result<Vec<(String, SoftValue)>, LoadError> {
        self.reader.soft(kind, now_unix_ms).await
    }

    /// See [`Journal::intents`].
    pub async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<Intent>, LoadError> {
        self.reader.intents(kind, since_unix_ms).await
    }

    /// See [`Journal::outbox_due`].
    pub async fn outbox_due(
        &self,
        by_unix_ms: i64,
        at_most: u32,
    ) -> Result<Vec<OutboxEntry>, LoadError> {
        let choice = OutboxChoice::DueBy(by_unix_ms);
        self.reader.outbox(choice, at_most).await
    }

    /// Copies an SQLite journal as of one moment into a new file, which stands alone. `false`, and nothing is
    /// copied, for PostgreSQL, which has tools of its own.
    pub async fn back_up(&self, to: &Path) -> Result<bool, LoadError> {
        self.reader.back_up(to).await
    }
}

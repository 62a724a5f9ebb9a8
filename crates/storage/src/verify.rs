//! Reads everything and compares it with its digests, its chains and itself: whether the journal is what was written.
//! Must not know which database holds it.

use helpdesk::Record;

use crate::aside::{AsideTable, StoredAside};
use crate::chain::{Digest, Link};
use crate::error::LoadError;
use crate::intent::Intent;
use crate::outbox::OutboxEntry;
use crate::reader::{Choice, Reader, Source, TicketRow};
use crate::row::StoredRow;
use crate::soft::StoredState;

/// What is found by reading everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Tickets read.
    pub tickets: u64,
    /// Records read.
    pub records: u64,
    /// What is wrong, one sentence each; empty where all is sound.
    pub wrong: Vec<String>,
}

/// Rows read at once where all are read.
pub(crate) const PAGE: u32 = 500;

/// Faults told; more are not looked for.
const MOST_FAULTS: usize = 100;

/// A page of the rows that belong to no chain, whichever table they are of.
pub(crate) struct LooseRows {
    /// What is wrong with some of them.
    pub(crate) wrong: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub(crate) next: Option<LooseFrom>,
}

/// Where a page of such rows begins: after a row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LooseFrom {
    State { kind: String, name: Vec<u8> },
    Intents { kind: String, id: String },
    Outbox { id: String },
    Asides { table: AsideTable, position: i64 },
}

impl LooseFrom {
    /// Where the first page begins.
    pub(crate) fn first() -> Self {
        Self::State {
            kind: String::new(),
            name: Vec::new(),
        }
    }

    /// Behind a page of at most so many rows of the table `state`.
    pub(crate) fn after_state(rows: &[StoredState], at_most: u32) -> Self {
        match rows.last() {
            Some(last) if rows.len() >= at_most as usize => Self::State {
                kind: last.kind.clone(),
                name: last.name.clone(),
            },
            Some(_) | None => Self::Intents {
                kind: String::new(),
                id: String::new(),
            },
        }
    }

    /// Behind a page of at most so many intents.
    pub(crate) fn after_intents(rows: &[(Intent, Vec<u8>)], at_most: u32) -> Self {
        match rows.last() {
            Some((last, _)) if rows.len() >= at_most as usize => Self::Intents {
                kind: last.kind.as_str().to_owned(),
                id: last.id.clone(),
            },
            Some(_) | None => Self::Outbox { id: String::new() },
        }
    }

    /// Behind a page of at most so many entries of the outbox.
    pub(crate) fn after_outbox(rows: &[(OutboxEntry, Vec<u8>)], at_most: u32) -> Self {
        match rows.last() {
            Some((last, _)) if rows.len() >= at_most as usize => Self::Outbox {
                id: last.id.clone(),
            },
            Some(_) | None => Self::Asides {
                table: AsideTable::Decisions,
                position: i64::MIN,
            },
        }
    }
}

impl LooseRows {
    /// A page of the table `state`, whose pages have at most [`PAGE`] rows.
    pub(crate) fn of_state(rows: &[StoredState]) -> Self {
        let wrong = rows.iter().filter(|row| !row.is_sound());
        let wrong = wrong.map(|row| {
            let (kind, name) = (&row.kind, row.name());
            format!("what is known of {kind} {name:?} is not what was written")
        });
        let next = LooseFrom::after_state(rows, PAGE);
        Self {
            wrong: wrong.collect(),
            next: Some(next),
        }
    }

    pub(crate) fn of_intents(rows: &[(Intent, Vec<u8>)]) -> Self {
        let wrong = rows
            .iter()
            .filter(|(intent, digest)| intent.digest() != digest[..])
            .map(|(intent, _)| format!("intent {} is not what was written", intent.id));
        let next = LooseFrom::after_intents(rows, PAGE);
        Self {
            wrong: wrong.collect(),
            next: Some(next),
        }
    }

    pub(crate) fn of_outbox(rows: &[(OutboxEntry, Vec<u8>)]) -> Self {
        let wrong = rows
            .iter()
            .filter(|(entry, digest)| entry.digest() != digest[..])
            .map(|(entry, _)| format!("outbox entry {} is not what was written", entry.id));
        let next = Some(LooseFrom::after_outbox(rows, PAGE));
        Self {
            wrong: wrong.collect(),
            next,
        }
    }

    pub(crate) fn of_asides(rows: &[StoredAside], table: AsideTable) -> Self {
        let wrong = rows.iter().filter(|row| !row.is_sound()).map(|row| {
            let position = row.position;
            format!(
                "row {position} of {} is not what was written",
                table.as_str()
            )
        });
        let next = match (rows.last(), table) {
            (Some(last), table) if rows.len() >= PAGE as usize => Some(LooseFrom::Asides {
                table,
                position: last.position,
            }),
            (Some(_) | None, AsideTable::Decisions) => Some(LooseFrom::Asides {
                table: AsideTable::Lessons,
                position: i64::MIN,
            }),
            (Some(_) | None, AsideTable::Lessons) => None,
        };
        Self {
            wrong: wrong.collect(),
            next,
        }
    }
}

impl Reader {
    /// Reads everything and compares it with its digests and chains.
    pub(crate) async fn verify(&self) -> Result<Verdict, LoadError> {
        let (records, wrong) = match &self.source {
            Source::Sqlite(reader) => reader.examine().await?,
            Source::Postgres(reader) => (reader.count().await?, Vec::new()),
        };
        let mut verdict = Verdict {
            wrong,
            ..Verdict::default()
        };
        self.verify_tickets(&mut verdict).await?;
        // A server may have written meanwhile, so that more is no fault.
        if verdict.wrong.is_empty() && verdict.records < records.unsigned_abs() {
            verdict.wrong.push(format!(
                "{} records belong to no ticket",
                records.unsigned_abs() - verdict.records
            ));
        }
        let mut from = Some(LooseFrom::first());
        while let Some(place) = from.take().filter(|_| verdict.wrong.len() < MOST_FAULTS) {
            let page = match &self.source {
                Source::Sqlite(reader) => reader.loose_rows(place).await?,
                Source::Postgres(reader) => reader.loose_rows(place).await?,
            };
            verdict.wrong.extend(page.wrong);
            from = page.next;
        }
        let mut after = i64::MIN;
        while let Some(row) = self
            .next_changes(after)
            .await?
            .filter(|_| verdict.wrong.len() < MOST_FAULTS)
        {
            after = row.number;
            if row.read().is_none() {
                verdict
                    .wrong
                    .push(format!("row {after} of changes is not what was written"));
            }
        }
        Ok(verdict)
    }

    async fn verify_tickets(&self, verdict: &mut Verdict) -> Result<(), LoadError> {
        let mut after = None;
        loop {
            let tickets = self.tickets(i64::MIN, after.clone(), PAGE).await?;
            if tickets.is_empty() {
                return Ok(());
            }
            let ids = tickets.iter().map(|ticket| ticket.id.clone()).collect();
            let rows = self.rows(Choice::Tickets(ids)).await?;
            let mut rows = rows.into_iter().peekable();
            for ticket in tickets {
                let own = std::iter::from_fn(|| rows.next_if(|row| row.ticket == ticket.id));
                let (mut records, mut wrong) = self.examine(&ticket, own);
                if !wrong.is_empty() {
                    (records, wrong) = self.examine_at_once(&ticket.id).await?;
                }
                verdict.tickets += 1;
                verdict.records += records;
                verdict.wrong.extend(wrong);
                after = Some((ticket.opened_at_unix_ms, ticket.id));
                if verdict.wrong.len() >= MOST_FAULTS {
                    return Ok(());
                }
            }
        }
    }

    /// The same for one ticket. What pages are read for is read one after the other, and a server may write in between:
    /// what is wrong as of one moment is.
    async fn examine_at_once(&self, id: &str) -> Result<(u64, Vec<String>), LoadError> {
        let id = id.to_owned();
        let story = match &self.source {
            Source::Sqlite(reader) => reader.story(id).await?,
            Source::Postgres(reader) => reader.story(id).await?,
        };
        Ok(match story {
            Some((ticket, rows)) => self.examine(&ticket, rows.into_iter()),
            // It was erased meanwhile.
            None => (0, Vec::new()),
        })
    }

    /// How many records a ticket has, and what is wrong with them and with it.
    fn examine(
        &self,
        ticket: &TicketRow,
        rows: impl Iterator<Item = StoredRow>,
    ) -> (u64, Vec<String>) {
        let (mut link, mut told) = (Link::default(), Told::default());
        let (mut records, mut wrong) = (0, Vec::new());
        for row in rows {
            records += 1;
            let digest: Digest = row.columns().digest();
            link = link.followed_by(&digest);
            if row.digest != digest {
                wrong.push(format!("record {} is not what was written", row.position));
                continue;
            }
            match self.record(row) {
                Ok(record) => told.hear(&record),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        if ticket.records != link.records || ticket.chain != link.chain {
            wrong.push(format!(
                "ticket {} has {} records that fit together, and {} were written",
                ticket.id, link.records, ticket.records
            ));
        } else if !told.fits(ticket) {
            wrong.push(format!(
                "ticket {} is not listed as its records tell",
                ticket.id
            ));
        }
        (records, wrong)
    }
}

/// What a ticket's records say of what its row says too.
#[derive(Default)]
struct Told {
    opened: Option<(String, String, i64)>,
    ended_at_unix_ms: Option<i64>,
}

impl Told {
    fn hear(&mut self, record: &Record) {
        if let Record::Opened { ask, at_unix_ms } = record {
            let (site, tier) = (ask.site.as_str().to_owned(), ask.tier.as_str().to_owned());
            self.opened = Some((site, tier, *at_unix_ms));
        }
        if let Record::Closed { at_unix_ms, .. } = record {
            self.ended_at_unix_ms = Some(*at_unix_ms);
        }
    }

    fn fits(&self, ticket: &TicketRow) -> bool {
        let opened = (
            ticket.site.clone(),
            ticket.tier.clone(),
            ticket.opened_at_unix_ms,
        );
        // A record that cannot be read has been told of already.
        self.opened.as_ref().is_none_or(|told| *told == opened)
            && self.ended_at_unix_ms == ticket.ended_at_unix_ms
    }
}

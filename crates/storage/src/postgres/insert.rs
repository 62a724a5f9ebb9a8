//! Writes a group of batches inside an open transaction: all together in a few statements, or one by one where a batch
//! may be at fault. Must not know connections or how a transaction is numbered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use helpdesk::TicketId;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::connect::{ANSWER_TIMEOUT, describe, within};
use super::write::Session;
use super::{asides, changes, errands};
use crate::backend::Batch;
use crate::chain::{Columns, Digest, Link, Links};
use crate::changes::Appended;
use crate::error::{CommitError, PostgresError};
use crate::health::Health;
use crate::row::{Kind, Row};
use crate::seal::Keyring;
use crate::soft::{SoftChange, SoftKey, SoftValue};

/// Why a transaction was left.
#[derive(Debug)]
pub(super) enum Left {
    /// The database is at fault; the connection is given up.
    Passing(Health),
    /// Nothing will ever be committed again.
    Lasting(String),
    /// A batch may be at fault: the group is taken apart.
    ByItsContent,
}

/// Awaits an answer for as long as one may take, and judges a refusal.
pub(super) async fn answer<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Left> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(|error| judge(&error)),
        Err(_) => {
            let why = Arc::from("it does not answer");
            Err(Left::Passing(Health::Unreachable(why)))
        }
    }
}

fn judge(error: &tokio_postgres::Error) -> Left {
    let why = describe(error);
    let Some(state) = error.code() else {
        let cause = std::error::Error::source(error);
        let is_broken = error.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>());
        return if is_broken {
            Left::Passing(Health::Unreachable(Arc::from(why)))
        } else {
            // Values or answers of another kind than the tables': a bug, or a server that is none.
            Left::Lasting(why)
        };
    };
    if *state == SqlState::DISK_FULL {
        return Left::Passing(Health::Full);
    }
    match state.code().get(..2) {
        // Values that no column takes; a ticket that is not there, a place that is taken; too long for an index.
        Some("22" | "23" | "54") => Left::ByItsContent,
        // Connection, transaction state and rollback, resources, object state (locks), operator, system; a
        // server that became a standby says 25. What was sent after a failure in the same transaction says 25 too.
        Some("08" | "25" | "40" | "53" | "55" | "57" | "58") => {
            Left::Passing(Health::Unreachable(Arc::from(why)))
        }
        _ => Left::Lasting(format!("{why} ({})", state.code())),
    }
}

/// What is prepared once on each connection.
pub(super) struct Statements {
    pub(super) claim: Statement,
    links: Statement,
    tickets: Statement,
    records: Statement,
    chains: Statement,
    ends: Statement,
    keep: Statement,
    forget: Statement,
    pub(super) append: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, PostgresError> {
        let prepare = |sql: &'static str| within(client.prepare(sql));
        Ok(Self {
            claim: prepare("UPDATE head SET operation = $1 WHERE epoch = $2 AND operation = $1::BIGINT - 1")
                .await?,
            links: prepare("SELECT id, records, chain FROM tickets WHERE id = ANY($1)").await?,
            tickets: prepare(
                "INSERT INTO tickets (id, site, tier, opened_at) \
                 SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[]) ON CONFLICT DO NOTHING",
            )
            .await?,
            // In the order given: positions rise with it.
            records: prepare(
                "INSERT INTO records (ticket, kind, version, at, line, line_id, body, digest) \
                 SELECT ticket, kind, version, at, line, line_id, body, digest FROM unnest($1::TEXT[], $2::TEXT[], \
                 $3::INTEGER[], $4::BIGINT[], $5::BIGINT[], $6::BYTEA[], $7::TEXT[], $8::BYTEA[]) WITH ORDINALITY \
                 AS given (ticket, kind, version, at, line, line_id, body, digest, number) ORDER BY number \
                 ON CONFLICT DO NOTHING",
            )
            .await?,
            chains: prepare(
                "UPDATE tickets SET records = given.records, chain = given.chain \
                 FROM unnest($1::TEXT[], $2::BIGINT[], $3::BYTEA[]) AS given (id, records, chain) \
                 WHERE tickets.id = given.id",
            )
            .await?,
            ends: prepare(
                "UPDATE tickets SET ended_at = given.at FROM unnest($1::TEXT[], $2::BIGINT[]) AS given (id, at) \
                 WHERE tickets.id = given.id",
            )
            .await?,
            keep: prepare(
                "INSERT INTO state (kind, key, version, expires_at, body, digest) SELECT * FROM unnest($1::TEXT[], \
                 $2::BYTEA[], $3::INTEGER[], $4::BIGINT[], $5::TEXT[], $6::BYTEA[]) \
                 ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, \
                 expires_at = excluded.expires_at, body = excluded.body, digest = excluded.digest",
            )
            .await?,
            forget: prepare(
                "DELETE FROM state USING unnest($1::TEXT[], $2::BYTEA[]) AS given (kind, key) \
                 WHERE state.kind = given.kind AND state.key = given.key",
            )
            .await?,
            append: changes::prepare(client).await?,
        })
    }
}

/// All rows at once. Anything unexpected leaves the transaction for [`insert_apart`] to find out about.
pub(super) async fn insert_together(
    session: &Session,
    group: &[Batch],
    links: &mut Links,
) -> Result<Option<AppendedRow>, Left> {
    let mut rows = Rows::default();
    rows.fill(session, group, links).await?;
    rows.write(session).await?;
    for (ticket, link) in rows.links {
        links.remember(ticket, link);
    }
    let client = &session.connection.client;
    asides::insert(client, group.iter().flat_map(|batch| &batch.asides)).await?;
    let appended = write_soft(session, group.iter().flat_map(|batch| &batch.soft)).await?;
    for batch in group {
        if write_errands(session, batch).await?.is_err() {
            return Err(Left::ByItsContent);
        }
    }
    Ok(appended)
}

/// A row of `changes` as it was appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct AppendedRow {
    pub(super) number: i64,
    pub(super) bytes: usize,
}

/// `Ok(Err(…))` is a refusal of the batch, whose savepoint takes back what was written before it.
async fn write_errands(session: &Session, batch: &Batch) -> Result<Result<(), CommitError>, Left> {
    let client = &session.connection.client;
    for change in &batch.intents {
        if let Err(refusal) = errands::change_intent(client, change).await? {
            return Ok(Err(refusal));
        }
    }
    for change in &batch.outbox {
        errands::change_outbox(client, change).await?;
    }
    Ok(Ok(()))
}

/// Batch by batch, each in a savepoint; one that is at fault is refused for itself.
pub(super) async fn insert_apart(
    session: &Session,
    group: &[Batch],
    keyring: &Keyring,
) -> Result<Vec<Result<(), CommitError>>, Left> {
    let client = &session.connection.client;
    let mut outcomes = Vec::with_capacity(group.len());
    for batch in group {
        answer(client.batch_execute("SAVEPOINT batch")).await?;
        let inserted = match insert_batch(session, batch, keyring).await {
            Ok(()) => answer(client.batch_execute("RELEASE batch"))
                .await
                .map(|()| Ok(())),
            Err(At::Batch(refusal)) => answer(client.batch_execute("ROLLBACK TO batch"))
                .await
                .map(|()| Err(refusal)),
            Err(At::Database(left)) => Err(left),
        };
        outcomes.push(inserted?);
    }
    Ok(outcomes)
}

/// Who is at fault.
enum At {
    Batch(CommitError),
    Database(Left),
}

impl From<Left> for At {
    fn from(left: Left) -> Self {
        Self::Database(left)
    }
}

async fn insert_batch(session: &Session, batch: &Batch, keyring: &Keyring) -> Result<(), At> {
    let mut links = Links::default();
    for row in &batch.rows {
        let client = &session.connection.client;
        let single = std::slice::from_ref(row);
        let known = known_links(session, std::iter::once(&row.ticket)).await?;
        if let Some(link) = known.get(&row.ticket) {
            links.remember(&row.ticket, *link);
        } else if !matches!(row.kind, Kind::Opened { .. }) {
            let sql = "SELECT EXISTS (SELECT 1 FROM erased WHERE ticket = $1)";
            let erased = answer(client.query_one(sql, &[&row.ticket.as_str()])).await?;
            if erased.try_get(0).unwrap_or(false) {
                continue;
            }
            return Err(At::Batch(CommitError::UnknownTicket(row.ticket.clone())));
        }
        // A record that stands already is no second one, and its ticket's chain stays.
        if is_kept(client, row, keyring).await? {
            continue;
        }
        if matches!(row.kind, Kind::Opened { .. }) && known.contains_key(&row.ticket) {
            return Err(At::Batch(CommitError::Conflict(row.ticket.clone())));
        }
        answer(client.batch_execute("SAVEPOINT row")).await?;
        let mut rows = Rows::default();
        let filled = rows.fill_with(session, single.iter(), &mut links).await;
        let written = match filled {
            Ok(()) => rows.write(session).await,
            Err(left) => Err(left),
        };
        match written {
            Ok(()) => answer(client.batch_execute("RELEASE row")).await?,
            Err(Left::ByItsContent) => {
                return Err(At::Batch(CommitError::Conflict(row.ticket.clone())));
            }
            Err(left) => return Err(At::Database(left)),
        }
    }
    asides::insert(&session.connection.client, batch.asides.iter())
        .await
        .map_err(unwritable)?;
    write_soft(session, batch.soft.iter())
        .await
        .map_err(unwritable)?;
    write_errands(session, batch)
        .await
        .map_err(unwritable)?
        .map_err(At::Batch)
}

/// Alone in its savepoint, what does not fit the tables is the batch's own.
fn unwritable(left: Left) -> At {
    match left {
        Left::ByItsContent => At::Batch(CommitError::Unwritable(Arc::from(
            "it does not fit the tables",
        ))),
        left @ (Left::Passing(_) | Left::Lasting(_)) => At::Database(left),
    }
}

/// Whether this record is in the journal word for word.
async fn is_kept(client: &Client, row: &Row, keyring: &Keyring) -> Result<bool, Left> {
    let repeatable = row.line.is_some() || matches!(row.kind, Kind::Opened { .. });
    let Some(columns) = row.columns().filter(|_| repeatable) else {
        return Ok(false);
    };
    let sql = "SELECT body FROM records WHERE ticket = $1 AND kind = $2 AND version = $3 AND at = $4 \
               AND line IS NOT DISTINCT FROM $5 AND line_id IS NOT DISTINCT FROM $6";
    let rows = answer(client.query(
        sql,
        &[
            &columns.ticket,
            &columns.kind,
            &version(&columns),
            &columns.at_unix_ms,
            &columns.line,
            &columns.line_id.map(str::as_bytes),
        ],
    ))
    .await?;
    Ok(rows.iter().any(|found| {
        found
            .try_get::<_, String>(0)
            .is_ok_and(|body| row.says(body, keyring))
    }))
}

async fn known_links<'a>(
    session: &Session,
    tickets: impl Iterator<Item = &'a TicketId>,
) -> Result<BTreeMap<TicketId, Link>, Left> {
    let ids: Vec<&str> = tickets.map(TicketId::as_str).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = &session.connection.client;
    let rows = answer(client.query(&session.statements.links, &[&ids])).await?;
    let link = |row: &tokio_postgres::Row| {
        let chain: Vec<u8> = row.try_get(2)?;
        let link = Link {
            records: row.try_get(1)?,
            chain: Digest::try_from(&chain[..]).unwrap_or_default(),
        };
        Ok((TicketId::new(row.try_get(0)?), link))
    };
    let links: Result<_, tokio_postgres::Error> = rows.iter().map(link).collect();
    links.map_err(|error| Left::Lasting(describe(&error)))
}

/// Rows as columns, in which PostgreSQL takes many at once.
#[derive(Default)]
struct Rows<'a> {
    opened: (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>, Vec<i64>),
    ended: (Vec<&'a str>, Vec<i64>),
    tickets: Vec<&'a str>,
    kinds: Vec<&'a str>,
    versions: Vec<i32>,
    times: Vec<i64>,
    lines: Vec<Option<i64>>,
    line_ids: Vec<Option<&'a [u8]>>,
    bodies: Vec<&'a str>,
    digests: Vec<Vec<u8>>,
    links: BTreeMap<&'a TicketId, Link>,
}

impl<'a> Rows<'a> {
    async fn fill(
        &mut self,
        session: &Session,
        group: &'a [Batch],
        links: &mut Links,
    ) -> Result<(), Left> {
        let rows = group.iter().flat_map(|batch| &batch.rows);
        self.fill_with(session, rows, links).await
    }

    async fn fill_with(
        &mut self,
        session: &Session,
        rows: impl Iterator<Item = &'a Row> + Clone,
        links: &mut Links,
    ) -> Result<(), Left> {
        let opened: BTreeSet<_> = rows
            .clone()
            .filter(|row| matches!(row.kind, Kind::Opened { .. }))
            .map(|row| &row.ticket)
            .collect();
        let unknown: BTreeSet<_> = rows
            .clone()
            .map(|row| &row.ticket)
            .filter(|ticket| links.of(ticket).is_none() && !opened.contains(ticket))
            .collect();
        for (ticket, link) in known_links(session, unknown.into_iter()).await? {
            links.remember(&ticket, link);
        }
        for row in rows {
            let columns = row.columns().ok_or(Left::ByItsContent)?;
            match &row.kind {
                Kind::Opened { site, tier } => {
                    self.opened.0.push(columns.ticket);
                    self.opened.1.push(site.as_str());
                    self.opened.2.push(tier.as_str());
                    self.opened.3.push(columns.at_unix_ms);
                    self.links.insert(&row.ticket, Link::default());
                }
                Kind::Closed => {
                    self.ended.0.push(columns.ticket);
                    self.ended.1.push(columns.at_unix_ms);
                }
                Kind::Line
                | Kind::Offered
                | Kind::OfferEnded
                | Kind::Accepted
                | Kind::Transferred
                | Kind::Callback
                | Kind::Rated
                | Kind::Noted
                | Kind::Promised => {}
            }
            let link = self
                .links
                .get(&row.ticket)
                .copied()
                .or_else(|| links.of(&row.ticket))
                .ok_or(Left::ByItsContent)?;
            let digest = columns.digest();
            self.links.insert(&row.ticket, link.followed_by(&digest));
            self.tickets.push(columns.ticket);
            self.kinds.push(columns.kind);
            self.versions.push(version(&columns));
            self.times.push(columns.at_unix_ms);
            self.lines.push(columns.line);
            self.line_ids.push(columns.line_id.map(str::as_bytes));
            self.bodies.push(columns.body);
            self.digests.push(digest.to_vec());
        }
        Ok(())
    }

    async fn write(&self, session: &Session) -> Result<(), Left> {
        if self.tickets.is_empty() {
            return Ok(());
        }
        let (client, statements) = (&session.connection.client, &session.statements);
        let (ids, sites, tiers, times) = &self.opened;
        if !ids.is_empty() {
            let opened: [&(dyn ToSql + Sync); 4] = [ids, sites, tiers, times];
            let opened = answer(client.execute(&statements.tickets, &opened)).await?;
            expect_all(opened, ids.len())?;
        }
        let chained: Vec<&str> = self.links.keys().map(|ticket| ticket.as_str()).collect();
        let counts: Vec<i64> = self.links.values().map(|link| link.records).collect();
        let chains: Vec<&[u8]> = self.links.values().map(|link| &link.chain[..]).collect();
        // Sent one after the other without waiting for the first one's answer.
        let records: [&(dyn ToSql + Sync); 8] = [
            &self.tickets,
            &self.kinds,
            &self.versions,
            &self.times,
            &self.lines,
            &self.line_ids,
            &self.bodies,
            &self.digests,
        ];
        let links: [&(dyn ToSql + Sync); 3] = [&chained, &counts, &chains];
        let (inserted, updated) = tokio::join!(
            answer(client.execute(&statements.records, &records)),
            answer(client.execute(&statements.chains, &links)),
        );
        expect_all(inserted?, self.tickets.len())?;
        expect_all(updated?, chained.len())?;
        let (ids, times) = &self.ended;
        if !ids.is_empty() {
            answer(client.execute(&statements.ends, &[ids, times])).await?;
        }
        Ok(())
    }
}

/// Appends what comes by the thousand, and writes of the rest the newest word of each key, whichever batch it stands in.
async fn write_soft<'a>(
    session: &Session,
    changes: impl Iterator<Item = &'a SoftChange> + Clone,
) -> Result<Option<AppendedRow>, Left> {
    let others = changes.clone().filter(|change| !change.key.is_appended());
    let newest: BTreeMap<&SoftKey, &Option<SoftValue>> =
        others.map(|change| (&change.key, &change.value)).collect();
    write_words(session, newest).await?;
    let Some(row) = Appended::of(changes) else {
        return Ok(None);
    };
    let number = changes::append(session, &row).await?;
    let bytes = row.body.len();
    Ok(Some(AppendedRow { number, bytes }))
}

/// Puts newest words into `state`, or takes them away there.
pub(super) async fn write_words<'a>(
    session: &Session,
    words: impl IntoIterator<Item = (&'a SoftKey, &'a Option<SoftValue>)>,
) -> Result<(), Left> {
    let (client, statements) = (&session.connection.client, &session.statements);
    let (mut kinds, mut keys, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut expiries, mut bodies, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gone_kinds, mut gone_keys) = (Vec::new(), Vec::new());
    for (key, value) in words {
        match value {
            Some(value) => {
                kinds.push(key.kind.as_str());
                keys.push(key.name.as_bytes());
                versions.push(i32::try_from(value.version).unwrap_or(i32::MAX));
                expiries.push(value.expires_at_unix_ms);
                bodies.push(value.body.as_str());
                digests.push(value.digest(key).to_vec());
            }
            None => {
                gone_kinds.push(key.kind.as_str());
                gone_keys.push(key.name.as_bytes());
            }
        }
    }
    if !keys.is_empty() {
        let kept: [&(dyn ToSql + Sync); 6] =
            [&kinds, &keys, &versions, &expiries, &bodies, &digests];
        answer(client.execute(&statements.keep, &kept)).await?;
    }
    if !gone_keys.is_empty() {
        answer(client.execute(&statements.forget, &[&gone_kinds, &gone_keys])).await?;
    }
    Ok(())
}

fn expect_all(done: u64, asked: usize) -> Result<(), Left> {
    if done == asked as u64 {
        Ok(())
    } else {
        Err(Left::ByItsContent)
    }
}

fn version(columns: &Columns<'_>) -> i32 {
    i32::try_from(columns.version).unwrap_or(i32::MAX)
}

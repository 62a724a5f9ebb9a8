//! Digests of records and the chain over the digests of one ticket, by which a record that was changed, taken away,
//! added or moved shows. Must not know the database.

use std::collections::HashMap;

use helpdesk::TicketId;
use sha2::{Digest as _, Sha256};

use crate::row::StoredRow;

/// The digest of one record, or of a chain of them.
pub(crate) type Digest = [u8; 16];

/// The end of a ticket's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Link {
    /// Records so far.
    pub(crate) records: i64,
    /// Over their digests.
    pub(crate) chain: Digest,
}

impl Link {
    /// The chain of a ticket's rows; `None` where one of them is not what was written.
    pub(crate) fn over(rows: &[StoredRow]) -> Option<Self> {
        rows.iter().try_fold(Self::default(), |link, row| {
            let digest = row.columns().digest();
            (row.digest == digest).then(|| link.followed_by(&digest))
        })
    }

    /// The chain with one more record.
    pub(crate) fn followed_by(self, digest: &Digest) -> Self {
        let hash = Sha256::new()
            .chain_update(self.chain)
            .chain_update(digest)
            .finalize();
        Self {
            records: self.records + 1,
            chain: shortened(&hash),
        }
    }
}

/// What a record's digest is made of: every column but its position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) ticket: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) version: u32,
    pub(crate) at_unix_ms: i64,
    pub(crate) line: Option<i64>,
    pub(crate) line_id: Option<&'a str>,
    pub(crate) body: &'a str,
}

impl Columns<'_> {
    pub(crate) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // Each part says its length, so that no byte can move to its neighbour unseen.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(self.ticket.as_bytes());
        part(self.kind.as_bytes());
        part(&self.version.to_be_bytes());
        part(&self.at_unix_ms.to_be_bytes());
        part(&self.line.map(i64::to_be_bytes).unwrap_or_default());
        part(&[u8::from(self.line.is_some())]);
        part(self.line_id.unwrap_or_default().as_bytes());
        part(&[u8::from(self.line_id.is_some())]);
        part(self.body.as_bytes());
        shortened(&hash.finalize())
    }
}

/// The digest of a row that belongs to no chain: of its parts, each with its length.
pub(crate) fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    shortened(&hash.finalize())
}

/// The chains' ends as the writer knows them, so that a record costs no look-up.
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_ticket: HashMap<TicketId, Link>,
}

/// Tickets whose end is remembered; beyond it all are forgotten and read again.
const REMEMBERED: usize = 20_000;

impl Links {
    pub(crate) fn of(&self, ticket: &TicketId) -> Option<Link> {
        self.by_ticket.get(ticket).copied()
    }

    pub(crate) fn remember(&mut self, ticket: &TicketId, link: Link) {
        if self.by_ticket.len() >= REMEMBERED {
            self.by_ticket.clear();
        }
        self.by_ticket.insert(ticket.clone(), link);
    }

    /// After a transaction that did not happen, or that was not the writer's.
    pub(crate) fn forget_all(&mut self) {
        self.by_ticket.clear();
    }
}

fn shortened(hash: &[u8]) -> Digest {
    let mut digest = Digest::default();
    for (to, from) in digest.iter_mut().zip(hash) {
        *to = *from;
    }
    digest
}

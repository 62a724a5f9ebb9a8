//! What is known already of nonces that are used again and again, so that each use costs half. Must not know how often
//! one was used: this proves nothing.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::PoisonError;

use foldhash::fast::FixedState;

use crate::digest::nonce::Stamp;
use crate::digest::secret::{Ha1, Prepared};

/// The nonces used again lately, in a table of fixed size: where a place is taken, the newer nonce has it.
///
/// Only what was proven gets into it, so a stranger can neither fill it nor find anything in it that was not his.
#[derive(Debug)]
pub(crate) struct ReusedNonces {
    shards: [Shard; SHARDS],
}

#[expect(
    clippy::disallowed_types,
    reason = "held for a comparison and a copy; no reader of presence meets it"
)]
type Shard = std::sync::Mutex<Vec<Option<Box<Reused>>>>;

/// What a use of a nonce has in common with those before, if there were any.
#[derive(Clone, Copy)]
pub(crate) struct Reuse<'a> {
    pub(crate) nonce: &'a [u8],
    pub(crate) source: IpAddr,
    /// Another one after the password was changed.
    pub(crate) secret: &'a Ha1,
    pub(crate) method: &'a [u8],
    pub(crate) uri: &'a [u8],
}

#[derive(Debug)]
struct Reused {
    nonce: Box<[u8]>,
    source: IpAddr,
    secret: Ha1,
    method: Box<[u8]>,
    uri: Box<[u8]>,
    stamp: Stamp,
    prepared: Prepared,
}

/// Many requests of many users meet here.
const SHARDS: usize = 16;
/// Of each shard; a nonce takes about 500 bytes.
const PLACES: usize = 1_024;
/// Longer ones find no place.
const LONGEST_URI: usize = 256;

impl ReusedNonces {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
        }
    }

    /// What was kept of such a use: the nonce as it was read, which is ours and was given to this source.
    pub(crate) fn find(&self, reuse: &Reuse<'_>) -> Option<(Stamp, Prepared)> {
        let (shard, place) = self.place(reuse.nonce)?;
        let places = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = places.get(place)?.as_ref()?;
        let is_same = *kept.nonce == *reuse.nonce
            && kept.source == reuse.source
            && *kept.uri == *reuse.uri
            && *kept.method == *reuse.method
            && kept.secret == *reuse.secret;
        is_same.then(|| (kept.stamp, kept.prepared.clone()))
    }

    /// Keeps what was prepared for a use that was good, for the next one.
    pub(crate) fn keep(&self, reuse: &Reuse<'_>, stamp: Stamp, prepared: Prepared) {
        if reuse.uri.len() > LONGEST_URI {
            return;
        }
        let Some((shard, place)) = self.place(reuse.nonce) else {
            return;
        };
        let kept = Box::new(Reused {
            nonce: reuse.nonce.into(),
            source: reuse.source,
            secret: reuse.secret.clone(),
            method: reuse.method.into(),
            uri: reuse.uri.into(),
            stamp,
            prepared,
        });
        let mut places = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            places.resize_with(PLACES, || None);
        }
        if let Some(place) = places.get_mut(place) {
            *place = Some(kept);
        }
    }

    fn place(&self, nonce: &[u8]) -> Option<(&Shard, usize)> {
        // Where nonces meet in a place, nothing but time is lost.
        let hash = FixedState::default().hash_one(nonce) as usize;
        Some((self.shards.get(hash % SHARDS)?, hash / SHARDS % PLACES))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Instant;

    use super::{LONGEST_URI, PLACES, Reuse, ReusedNonces, SHARDS};
    use crate::digest::nonce::NonceKeeper;
    use crate::digest::secret::Prepared;
    use crate::digest::{Algorithm, Ha1};

    fn reuse<'a>(nonce: &'a str, secret: &'a Ha1, uri: &'a str) -> Reuse<'a> {
        Reuse {
            nonce: nonce.as_bytes(),
            source: Ipv4Addr::LOCALHOST.into(),
            secret,
            method: b"PUBLISH",
            uri: uri.as_bytes(),
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock, and time does not matter here"
    )]
    fn the_newest_are_kept_in_a_table_that_does_not_grow() {
        let now = Instant::now();
        let (keeper, table) = (NonceKeeper::new([7; 32], now), ReusedNonces::new());
        let secret = Ha1::derive(Algorithm::Md5, "alice", "shop.example", "wonder");
        let source = Ipv4Addr::LOCALHOST.into();
        let issued = keeper.issue(source, 1, now);
        let stamp = keeper.read(issued.as_bytes(), source).unwrap();
        let prepared = Prepared::new(&reuse(&issued, &secret, "sip:alice@shop.example"));
        for number in 0..2 * SHARDS * PLACES {
            let nonce = number.to_string();
            let reuse = reuse(&nonce, &secret, "sip:alice@shop.example");
            table.keep(&reuse, stamp, prepared.clone());
            assert!(table.find(&reuse).is_some());
        }
        let kept: Vec<usize> = table
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().iter().flatten().count())
            .collect();
        assert!(kept.iter().all(|kept| *kept <= PLACES));
        assert!(kept.iter().sum::<usize>() > SHARDS * PLACES / 2);
        let uri = "u".repeat(LONGEST_URI + 1);
        let long = reuse(&issued, &secret, &uri);
        table.keep(&long, stamp, prepared);
        assert!(table.find(&long).is_none());
    }
}

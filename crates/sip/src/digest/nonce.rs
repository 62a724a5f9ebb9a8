//! Nonces that prove their own age and origin, and the count of their uses.
//! Must not know users. Time and randomness are arguments.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::digest::algorithm::hex_digit;

/// Issues nonces without remembering them; remembers only those that were answered rightly.
///
/// A nonce is its age, a random salt and an HMAC over both, so a flood of unauthenticated
/// requests costs no memory.
#[derive(Debug)]
pub struct NonceKeeper {
    key: NonceKey,
    started: Instant,
    lifetime: Duration,
    uses: [Shard; SHARDS],
}

#[expect(
    clippy::disallowed_types,
    reason = "held for some arithmetic by requests that proved themselves; no reader of presence meets it"
)]
type Shard = std::sync::Mutex<Uses>;

/// What a count says of a nonce that answered rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Ours, young enough, and not counted before.
    Fresh,
    /// Not ours, too old, or counted before: a new nonce is due.
    Stale,
}

/// Many requests of many users meet here, and each holds a lock for some hundred nanoseconds.
const SHARDS: usize = 16;
/// Nonces remembered in a shard.
const REMEMBERED: usize = 4096;
/// How far a count may lag behind the highest one, as requests overtake each other on UDP.
const WINDOW: u32 = 64;
/// Bytes of the age, the salt and the cut HMAC.
const AGE: usize = 8;
const SALT: usize = 8;
const PROOF: usize = 16;

impl NonceKeeper {
    /// A keeper whose nonces live for `lifetime`. `key` is random, and new at each start.
    pub fn new(key: [u8; 32], lifetime: Duration, now: Instant) -> Self {
        Self {
            key: NonceKey(key),
            started: now,
            lifetime,
            uses: std::array::from_fn(|_| Shard::default()),
        }
    }

    /// A new nonce. `salt` is random; two equal ones at the same moment would share their count.
    pub fn issue(&self, salt: u64, now: Instant) -> String {
        let mut stamp = [0; AGE + SALT];
        let (age, salt_place) = stamp.split_at_mut(AGE);
        age.copy_from_slice(&self.age(now).to_be_bytes());
        salt_place.copy_from_slice(&salt.to_be_bytes());
        let proof = self.key.prove(&stamp);
        stamp
            .into_iter()
            .chain(proof)
            .flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)])
            .map(char::from)
            .collect()
    }

    /// Counts one use of a nonce that came with a right response. Without a count (RFC 2617) the
    /// nonce serves once.
    pub(crate) fn count(&self, nonce: &[u8], count: Option<u32>, now: Instant) -> Use {
        let Some(stamp) = self.read(nonce) else {
            return Use::Stale;
        };
        let issued = issued_at(&stamp);
        let age = self.age(now).saturating_sub(issued);
        if u128::from(age) > self.lifetime.as_millis() {
            return Use::Stale;
        }
        let [.., last] = stamp;
        let Some(uses) = self.uses.get(usize::from(last) % SHARDS) else {
            return Use::Stale;
        };
        // A panic elsewhere cannot leave a half-made count: the lock is held for plain arithmetic.
        let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.count(stamp, count.unwrap_or(1))
    }

    fn read(&self, nonce: &[u8]) -> Option<[u8; AGE + SALT]> {
        let mut bytes = [0; AGE + SALT + PROOF];
        if nonce.len() != bytes.len() * 2 || !nonce.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(nonce.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let (stamp, proof) = bytes.split_first_chunk::<{ AGE + SALT }>()?;
        self.key.is_proof_of(stamp, proof).then_some(*stamp)
    }

    /// Milliseconds since the start.
    fn age(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The key of the HMAC; not shown.
struct NonceKey([u8; 32]);

impl NonceKey {
    fn prove(&self, stamp: &[u8]) -> impl Iterator<Item = u8> {
        self.mac(stamp)
            .finalize()
            .into_bytes()
            .into_iter()
            .take(PROOF)
    }

    /// Takes the same time wherever the two differ.
    fn is_proof_of(&self, stamp: &[u8], proof: &[u8]) -> bool {
        proof.len() == PROOF && self.mac(stamp).verify_truncated_left(proof).is_ok()
    }

    fn mac(&self, stamp: &[u8]) -> Hmac<Sha256> {
        // RFC 2104 §2: a key shorter than the block is filled up with zeros.
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(self.0) {
            *place = byte;
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(stamp);
        mac
    }
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey")
    }
}

/// The counts of one shard.
///
/// Invariant: `in_order` holds each stamp of `counts` once, in the order of their first use.
#[derive(Debug, Default)]
struct Uses {
    counts: HashMap<[u8; AGE + SALT], Counted>,
    in_order: VecDeque<[u8; AGE + SALT]>,
    /// Nonces issued up to here and not in `counts` may have been forgotten: they are stale.
    forgotten_until: Option<u64>,
}

/// Which counts of a nonce were seen: the highest, and the `WINDOW` up to it as bits.
#[derive(Debug)]
struct Counted {
    highest: u32,
    seen: u64,
}

impl Uses {
    fn count(&mut self, stamp: [u8; AGE + SALT], count: u32) -> Use {
        if let Some(counted) = self.counts.get_mut(&stamp) {
            return counted.count(count);
        }
        if count == 0
            || self
                .forgotten_until
                .is_some_and(|until| issued_at(&stamp) <= until)
        {
            return Use::Stale;
        }
        if self.in_order.len() >= REMEMBERED
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.counts.remove(&oldest);
            self.forgotten_until = self.forgotten_until.max(Some(issued_at(&oldest)));
        }
        self.in_order.push_back(stamp);
        self.counts.insert(
            stamp,
            Counted {
                highest: count,
                seen: 1,
            },
        );
        Use::Fresh
    }
}

impl Counted {
    fn count(&mut self, count: u32) -> Use {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Use::Fresh;
        }
        let behind = self.highest - count;
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if behind >= WINDOW || count == 0 || self.seen & bit != 0 {
            return Use::Stale;
        }
        self.seen |= bit;
        Use::Fresh
    }
}

fn issued_at(stamp: &[u8; AGE + SALT]) -> u64 {
    stamp
        .first_chunk::<AGE>()
        .map_or(0, |age| u64::from_be_bytes(*age))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{NonceKeeper, REMEMBERED, SHARDS, Use};

    const LIFETIME: Duration = Duration::from_secs(60);

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests move it by hand"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn keeper(now: Instant) -> NonceKeeper {
        NonceKeeper::new([7; 32], LIFETIME, now)
    }

    #[test]
    fn a_nonce_lives_for_its_lifetime() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(1, now + Duration::from_secs(5));
        let count = |count, seconds| {
            keeper.count(
                nonce.as_bytes(),
                Some(count),
                now + Duration::from_secs(seconds),
            )
        };
        assert_eq!(count(1, 5), Use::Fresh);
        assert_eq!(count(2, 65), Use::Fresh);
        assert_eq!(count(3, 66), Use::Stale);
    }

    #[test]
    fn each_count_serves_once_and_may_overtake_within_the_window() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(1, now);
        let count = |count| keeper.count(nonce.as_bytes(), Some(count), now);
        assert_eq!(count(1), Use::Fresh);
        assert_eq!(count(1), Use::Stale);
        assert_eq!(count(3), Use::Fresh);
        assert_eq!(count(2), Use::Fresh);
        assert_eq!(count(2), Use::Stale);
        assert_eq!(count(100), Use::Fresh);
        assert_eq!(count(37), Use::Fresh);
        assert_eq!(count(36), Use::Stale);
        assert_eq!(count(0), Use::Stale);
        assert_eq!(count(u32::MAX), Use::Fresh);
        assert_eq!(count(u32::MAX), Use::Stale);
    }

    #[test]
    fn without_a_count_a_nonce_serves_once() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(1, now);
        assert_eq!(keeper.count(nonce.as_bytes(), None, now), Use::Fresh);
        assert_eq!(keeper.count(nonce.as_bytes(), None, now), Use::Stale);
    }

    #[test]
    fn foreign_and_altered_nonces_are_stale() {
        let now = start();
        let keeper = keeper(now);
        let other = NonceKeeper::new([8; 32], LIFETIME, now);
        let nonce = keeper.issue(1, now);
        assert_eq!(other.count(nonce.as_bytes(), Some(1), now), Use::Stale);
        for at in 0..nonce.len() {
            let mut altered = nonce.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(keeper.count(&altered, Some(1), now), Use::Stale, "{at}");
        }
        for odd in [
            &b""[..],
            b"abc57649975",
            "\u{e9}".repeat(32).as_bytes(),
            &[b'+'; 64],
        ] {
            assert_eq!(keeper.count(odd, Some(1), now), Use::Stale);
        }
        assert_eq!(keeper.count(nonce.as_bytes(), Some(1), now), Use::Fresh);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_never_fresh_again() {
        let now = start();
        let keeper = keeper(now);
        let nonces: Vec<_> = (0..(SHARDS * REMEMBERED + SHARDS * 10) as u64)
            .map(|salt| keeper.issue(salt, now + Duration::from_millis(salt / 100)))
            .collect();
        let later = now + Duration::from_secs(1);
        let fresh = |nonce: &String| keeper.count(nonce.as_bytes(), Some(1), later) == Use::Fresh;
        assert!(nonces.iter().all(fresh));
        assert!(!nonces.iter().any(fresh));
        for shard in &keeper.uses {
            let uses = shard.lock().unwrap();
            assert_eq!(
                (uses.counts.len(), uses.in_order.len()),
                (REMEMBERED, REMEMBERED)
            );
        }
    }
}

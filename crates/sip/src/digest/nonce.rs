//! Nonces that prove their own age and origin, and the count of their uses.
//! Must not know users. Time and randomness are arguments.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::fast::FixedState;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Issues nonces without remembering them; remembers only those that were answered rightly.
///
/// A nonce is its age, a random salt and an HMAC over both and the address it was given to, so a flood of
/// unauthenticated requests costs no memory.
#[derive(Debug)]
pub struct NonceKeeper {
    key: NonceKey,
    started: Instant,
    uses: [Shard; SHARDS],
    /// Nonces remembered in a shard.
    remembered: usize,
}

#[expect(
    clippy::disallowed_types,
    reason = "held for some arithmetic by requests that proved themselves; no reader of presence meets it"
)]
type Shard = std::sync::Mutex<Uses>;

/// What tells one nonce from all others: when it was issued, and its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp([u8; AGE + SALT]);

/// What a count says of a nonce that answered rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Ours, young enough, and not counted before.
    Fresh {
        /// Since it was issued.
        age: Duration,
    },
    /// Not ours, given to another address, too old, or counted before: a new nonce is due.
    Stale,
}

/// Many requests of many users meet here, and each holds a lock for some hundred nanoseconds.
const SHARDS: usize = 16;
/// Nonces remembered in a shard, about 100 bytes each. One that is forgotten takes all with it that were issued in the same
/// step of time: in one step, fewer users than can be remembered may log in with nonces of their own.
const REMEMBERED: usize = 16_384;
/// How far a count may lag behind the highest one, as requests overtake each other on UDP.
const WINDOW: u32 = 64;
/// Bytes of the age, the salt and the cut HMAC.
const AGE: usize = 8;
const SALT: usize = 8;
const PROOF: usize = 16;
/// Bytes of the age that stay zero for nine thousand years, and are not written: a challenge goes to whoever seems to
/// have asked, and must not be much longer than what was asked.
const UNWRITTEN: usize = 2;

impl NonceKeeper {
    /// A keeper that has issued nothing. `key` is random, and new at each start.
    pub fn new(key: [u8; 32], now: Instant) -> Self {
        Self {
            key: NonceKey::new(key),
            started: now,
            uses: std::array::from_fn(|_| Shard::default()),
            remembered: REMEMBERED,
        }
    }

    /// A new nonce for whoever asks from `source`. `salt` is random; two equal ones at the same moment would share
    /// their count.
    pub fn issue(&self, source: IpAddr, salt: u64, now: Instant) -> String {
        let mut stamp = [0; AGE + SALT];
        let (age, salt_place) = stamp.split_at_mut(AGE);
        age.copy_from_slice(&self.age(now).to_be_bytes());
        salt_place.copy_from_slice(&salt.to_be_bytes());
        let proof = self.key.prove(&stamp, source);
        let mut bytes = [0; AGE + SALT + PROOF];
        for (place, byte) in bytes.iter_mut().zip(stamp.into_iter().chain(proof)) {
            *place = byte;
        }
        let (_, written) = bytes.split_at(UNWRITTEN);
        URL_SAFE_NO_PAD.encode(written)
    }

    /// A new nonce for whoever used the one of this stamp, its count included; no two uses get the same.
    pub(crate) fn renew(&self, stamp: Stamp, count: u32, source: IpAddr, now: Instant) -> String {
        let salt = stamp.salt().wrapping_add(u64::from(count));
        self.issue(source, salt, now)
    }

    /// Counts one use of a nonce that was read and came with a right response. `count` is none in RFC 2617, and makes it
    /// serve once; `lifetime` is how old it may be.
    pub(crate) fn count(
        &self,
        stamp: Stamp,
        count: Option<u32>,
        lifetime: Duration,
        now: Instant,
    ) -> Use {
        let age = self.age(now).saturating_sub(stamp.issued_at());
        if u128::from(age) > lifetime.as_millis() {
            return Use::Stale;
        }
        let Stamp([.., last]) = stamp;
        let Some(uses) = self.uses.get(usize::from(last) % SHARDS) else {
            return Use::Stale;
        };
        // A panic elsewhere cannot leave a half-made count: the lock is held for plain arithmetic.
        let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.count(stamp, count.unwrap_or(1), self.remembered) {
            let age = Duration::from_millis(age);
            Use::Fresh { age }
        } else {
            Use::Stale
        }
    }

    /// What a nonce says, where it is ours and was given to this address.
    pub(crate) fn read(&self, nonce: &[u8], source: IpAddr) -> Option<Stamp> {
        let mut bytes = [0; AGE + SALT + PROOF];
        let (_, written) = bytes.split_at_mut(UNWRITTEN);
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, written).ok()?;
        if length != written.len() {
            return None;
        }
        let (stamp, proof) = bytes.split_first_chunk::<{ AGE + SALT }>()?;
        let is_ours = self.key.is_proof_of(stamp, source, proof);
        is_ours.then_some(Stamp(*stamp))
    }

    /// Milliseconds since the start.
    fn age(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// An HMAC that has taken in its key, which is half of its work; not shown.
struct NonceKey(Hmac<Sha256>);

impl NonceKey {
    fn new(key: [u8; 32]) -> Self {
        // RFC 2104 §2: a key shorter than the block is filled up with zeros.
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = byte;
        }
        Self(<Hmac<Sha256> as KeyInit>::new(&block.into()))
    }

    fn prove(&self, stamp: &[u8], source: IpAddr) -> impl Iterator<Item = u8> + use<> {
        self.mac(stamp, source)
            .finalize()
            .into_bytes()
            .into_iter()
            .take(PROOF)
    }

    /// Takes the same time wherever the two differ.
    fn is_proof_of(&self, stamp: &[u8], source: IpAddr, proof: &[u8]) -> bool {
        proof.len() == PROOF && self.mac(stamp, source).verify_truncated_left(proof).is_ok()
    }

    fn mac(&self, stamp: &[u8], source: IpAddr) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(stamp);
        // An IPv4 address that came through an IPv6 socket is the same address.
        match source.to_canonical() {
            IpAddr::V4(address) => mac.update(&address.octets()),
            IpAddr::V6(address) => mac.update(&address.octets()),
        }
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
    /// Nobody chooses a stamp: half of it is a salt.
    counts: HashMap<Stamp, Counted, FixedState>,
    in_order: VecDeque<Stamp>,
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
    /// Whether this use is the first with its count.
    fn count(&mut self, stamp: Stamp, count: u32, remembered: usize) -> bool {
        if let Some(counted) = self.counts.get_mut(&stamp) {
            return counted.count(count);
        }
        if count == 0
            || self
                .forgotten_until
                .is_some_and(|until| stamp.issued_at() <= until)
        {
            return false;
        }
        if self.in_order.len() >= remembered
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.counts.remove(&oldest);
            self.forgotten_until = self.forgotten_until.max(Some(oldest.issued_at()));
        }
        self.in_order.push_back(stamp);
        self.counts.insert(
            stamp,
            Counted {
                highest: count,
                seen: 1,
            },
        );
        true
    }
}

impl Counted {
    fn count(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if behind >= WINDOW || count == 0 || self.seen & bit != 0 {
            return false;
        }
        self.seen |= bit;
        true
    }
}

impl Stamp {
    /// Milliseconds since the start.
    fn issued_at(&self) -> u64 {
        let age = self.0.first_chunk::<AGE>();
        age.map_or(0, |age| u64::from_be_bytes(*age))
    }

    fn salt(&self) -> u64 {
        let salt = self.0.last_chunk::<SALT>();
        salt.map_or(0, |salt| u64::from_be_bytes(*salt))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::{Duration, Instant};

    use super::{NonceKeeper, SHARDS, Use};

    const LIFETIME: Duration = Duration::from_secs(60);
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests move it by hand"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn keeper(now: Instant) -> NonceKeeper {
        NonceKeeper::new([7; 32], now)
    }

    /// A nonce that came with a right response, and how it came.
    #[derive(Clone, Copy)]
    struct Used<'a> {
        nonce: &'a [u8],
        count: Option<u32>,
        source: IpAddr,
    }

    fn used(nonce: &[u8], count: Option<u32>) -> Used<'_> {
        Used {
            nonce,
            count,
            source: HERE,
        }
    }

    fn count(keeper: &NonceKeeper, used: Used<'_>, now: Instant) -> Use {
        let stamp = keeper.read(used.nonce, used.source);
        stamp.map_or(Use::Stale, |stamp| {
            keeper.count(stamp, used.count, LIFETIME, now)
        })
    }

    fn is_fresh(keeper: &NonceKeeper, used: Used<'_>, now: Instant) -> bool {
        matches!(count(keeper, used, now), Use::Fresh { .. })
    }

    #[test]
    fn a_nonce_lives_for_its_lifetime() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(HERE, 1, now + Duration::from_secs(5));
        let count = |number, seconds| {
            let used = used(nonce.as_bytes(), Some(number));
            count(&keeper, used, now + Duration::from_secs(seconds))
        };
        let age = |seconds| Use::Fresh {
            age: Duration::from_secs(seconds),
        };
        assert_eq!(count(1, 5), age(0));
        assert_eq!(count(2, 65), age(60));
        assert_eq!(count(3, 66), Use::Stale);
    }

    #[test]
    fn each_count_serves_once_and_may_overtake_within_the_window() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(HERE, 1, now);
        for (count, fresh) in [
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (100, true),
            (37, true),
            (36, false),
            (0, false),
            (u32::MAX, true),
            (u32::MAX, false),
        ] {
            let used = used(nonce.as_bytes(), Some(count));
            assert_eq!(is_fresh(&keeper, used, now), fresh, "{count}");
        }
    }

    #[test]
    fn without_a_count_a_nonce_serves_once() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(HERE, 1, now);
        assert!(is_fresh(&keeper, used(nonce.as_bytes(), None), now));
        assert!(!is_fresh(&keeper, used(nonce.as_bytes(), None), now));
    }

    #[test]
    fn a_nonce_serves_the_address_it_was_given_to() {
        let now = start();
        let keeper = keeper(now);
        let nonce = keeper.issue(HERE, 1, now);
        let from = |source: IpAddr| Used {
            source,
            ..used(nonce.as_bytes(), Some(1))
        };
        for other in ["127.0.0.2", "::1", "::ffff:127.0.0.2", "10.0.0.1"] {
            assert!(!is_fresh(&keeper, from(other.parse().unwrap()), now));
        }
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert!(is_fresh(&keeper, from(mapped.into()), now));
        let six = keeper.issue(Ipv6Addr::LOCALHOST.into(), 1, now);
        assert!(!is_fresh(&keeper, used(six.as_bytes(), Some(1)), now));
    }

    #[test]
    fn foreign_and_altered_nonces_are_stale() {
        let now = start();
        let keeper = keeper(now);
        let other = NonceKeeper::new([8; 32], now);
        let nonce = keeper.issue(HERE, 1, now);
        assert!(!is_fresh(&other, used(nonce.as_bytes(), Some(1)), now));
        for at in 0..nonce.len() {
            let mut altered = nonce.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            assert!(!is_fresh(&keeper, used(&altered, Some(1)), now), "{at}");
        }
        for odd in [
            &b""[..],
            b"abc57649975",
            "\u{e9}".repeat(32).as_bytes(),
            &[b'+'; 64],
        ] {
            assert!(!is_fresh(&keeper, used(odd, Some(1)), now));
        }
        assert!(is_fresh(&keeper, used(nonce.as_bytes(), Some(1)), now));
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_never_fresh_again() {
        let now = start();
        let remembered = 256;
        let keeper = NonceKeeper {
            remembered,
            ..keeper(now)
        };
        let nonces: Vec<_> = (0..(SHARDS * remembered + SHARDS * 10) as u64)
            .map(|salt| keeper.issue(HERE, salt, now + Duration::from_millis(salt / 100)))
            .collect();
        let later = now + Duration::from_secs(1);
        let fresh = |nonce: &String| is_fresh(&keeper, used(nonce.as_bytes(), Some(1)), later);
        assert!(nonces.iter().all(fresh));
        assert!(!nonces.iter().any(fresh));
        for shard in &keeper.uses {
            let uses = shard.lock().unwrap();
            assert_eq!(
                (uses.counts.len(), uses.in_order.len()),
                (remembered, remembered)
            );
        }
    }

    #[test]
    fn as_many_as_are_remembered_may_come_in_one_moment() {
        let now = start();
        let keeper = NonceKeeper {
            remembered: 256,
            ..keeper(now)
        };
        let nonces: Vec<_> = (0..(SHARDS * 256) as u64)
            .map(|salt| keeper.issue(HERE, salt, now))
            .collect();
        let is_fresh = |nonce: &String| is_fresh(&keeper, used(nonce.as_bytes(), Some(1)), now);
        assert!(nonces.iter().all(is_fresh));
        // One more, and none of that moment is taken that was not counted before.
        let [more, late] = [1 << 20, 2 << 20].map(|salt| keeper.issue(HERE, salt, now));
        assert!(is_fresh(&more) && !is_fresh(&late));
    }
}

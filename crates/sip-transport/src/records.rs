//! What is known of each source that has shown something, in a table that never grows.
//! Must not know why a source is treated as it is.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::budget::KEYS;

/// What is known of [`KEYS`] sources at most. Where a source finds no place, whoever was seen first gives up its own,
/// and only the silent stay.
#[derive(Debug)]
pub(crate) struct Records {
    started: Instant,
    hasher: RandomState,
    sets: Box<[Mutex<Set>]>,
}

/// The sources whose hashes begin alike, each with the whole hash.
type Set = [Option<(u64, Record)>; PLACES];

const PLACES: usize = 8;

/// What is known of one source. Kept small, there are many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// A bit for each user named and not proven; several users may share one.
    users: [u64; 2],
    pub(crate) since: Moment,
    pub(crate) struck_at: Moment,
    pub(crate) silent_until: Moment,
    /// Seconds in which it sent more than a slowed source gets answers to.
    pub(crate) strikes: u16,
    pub(crate) guesses: Guesses,
}

/// Whether a source has sent too many wrong passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guesses {
    Few,
    TooMany,
}

/// Tenths of a second since an hour before the start, so that [`Moment::NEVER`] is long past: a quarter of an `Instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u32);

/// How long a source is remembered that names users.
pub(crate) const MEMORY: Duration = Duration::from_secs(10 * 60);
/// Of the moments: an hour.
const START: Moment = Moment(36_000);

impl Records {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            hasher: RandomState::new(),
            sets: std::iter::repeat_with(Mutex::default)
                .take(KEYS / PLACES)
                .collect(),
        }
    }

    pub(crate) fn moment(&self, now: Instant) -> Moment {
        START.after(now.saturating_duration_since(self.started))
    }

    /// What is known of a source.
    pub(crate) fn of(&self, source: IpAddr) -> Option<Record> {
        let hash = self.hasher.hash_one(source);
        let set = self.set(hash)?;
        set.iter()
            .flatten()
            .find(|(found, _)| *found == hash)
            .map(|(_, record)| *record)
    }

    /// Changes what is known of a source, if anything is.
    pub(crate) fn change_known(&self, source: IpAddr, change: impl FnOnce(&mut Record)) {
        let hash = self.hasher.hash_one(source);
        let Some(mut set) = self.set(hash) else {
            return;
        };
        let known = set.iter_mut().flatten().find(|(found, _)| *found == hash);
        if let Some((_, record)) = known {
            change(record);
        }
    }

    /// Changes what is known of a source; of a new one nothing is known before.
    pub(crate) fn change(&self, source: IpAddr, now: Instant, change: impl FnOnce(&mut Record)) {
        let (hash, now) = (self.hasher.hash_one(source), self.moment(now));
        let Some(mut set) = self.set(hash) else {
            return;
        };
        let is_known =
            |place: &Option<(u64, Record)>| place.is_some_and(|(found, _)| found == hash);
        if !set.iter().any(is_known) {
            let may_go = |place: &&mut Option<(u64, Record)>| {
                place.is_none_or(|(_, record)| !record.is_silent(now))
            };
            let places = set.iter_mut().filter(may_go);
            let Some(place) = places.min_by_key(|place| place.map(|(_, record)| record.since))
            else {
                return;
            };
            *place = Some((hash, Record::new(now)));
        }
        let known = set.iter_mut().flatten().find(|(found, _)| *found == hash);
        if let Some((_, record)) = known {
            if record.is_over(now) {
                *record = Record::new(now);
            }
            change(record);
        }
    }

    /// Keeps those of which `is_kept`.
    pub(crate) fn retain(&self, is_kept: impl Fn(&Record) -> bool) {
        for set in &self.sets {
            for place in &mut *lock(set) {
                *place = place.take_if(|(_, record)| is_kept(record));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sets
            .iter()
            .map(|set| lock(set).iter().flatten().count())
            .sum()
    }

    fn set(&self, hash: u64) -> Option<MutexGuard<'_, Set>> {
        let place = hash as usize % self.sets.len().max(1);
        self.sets.get(place).map(lock)
    }
}

fn lock(set: &Mutex<Set>) -> MutexGuard<'_, Set> {
    // A panic elsewhere cannot leave a half-made change: what is done under the lock is plain arithmetic.
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Moment {
    const NEVER: Self = Self(0);

    /// So long after.
    pub(crate) fn after(self, duration: Duration) -> Self {
        let tenths = u32::try_from(duration.as_millis() / 100).unwrap_or(u32::MAX);
        Self(self.0.saturating_add(tenths))
    }
}

impl Record {
    const fn new(now: Moment) -> Self {
        Self {
            users: [0; 2],
            since: now,
            struck_at: Moment::NEVER,
            silent_until: Moment::NEVER,
            strikes: 0,
            guesses: Guesses::Few,
        }
    }

    pub(crate) fn users_named(&self) -> u32 {
        self.users.iter().map(|bits| bits.count_ones()).sum()
    }

    pub(crate) fn name(&mut self, user: u64) {
        let (half, bit) = bit(user);
        if let Some(bits) = self.users.get_mut(half) {
            *bits |= bit;
        }
    }

    /// As if it had named more users than anybody may.
    pub(crate) const fn name_all(&mut self) {
        self.users = [u64::MAX; 2];
    }

    pub(crate) fn forgive(&mut self, user: u64) {
        let (half, bit) = bit(user);
        if let Some(bits) = self.users.get_mut(half) {
            *bits &= !bit;
        }
    }

    pub(crate) fn is_silent(&self, now: Moment) -> bool {
        self.silent_until > now
    }

    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now > self.since.after(MEMORY) && !self.is_silent(now)
    }
}

/// The half and the bit of a user's hash.
const fn bit(user: u64) -> (usize, u64) {
    ((user >> 6 & 1) as usize, 1 << (user & 63))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    use super::{KEYS, MEMORY, Records};

    #[test]
    fn the_table_takes_no_more_room_than_it_had_at_first_and_the_silent_stay() {
        let now = Instant::now();
        let records = Records::new(now);
        let silenced = Ipv4Addr::LOCALHOST.into();
        let until = records.moment(now).after(Duration::from_secs(60));
        records.change(silenced, now, |record| record.silent_until = until);
        for n in 0..4 * KEYS {
            let source = Ipv4Addr::from_bits(0x0a00_0000 + n as u32).into();
            records.change(source, now, |record| record.name(n as u64));
            assert_eq!(records.of(source).map(|it| it.users_named()), Some(1));
        }
        assert!(records.len() <= KEYS);
        assert!(
            records
                .of(silenced)
                .is_some_and(|it| it.is_silent(records.moment(now)))
        );
        assert!(size_of_val(&*records.sets) <= 3 * 1024 * 1024);
        records.retain(|record| record.users_named() == 0);
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn what_is_over_begins_anew() {
        let now = Instant::now();
        let records = Records::new(now);
        let source = Ipv4Addr::LOCALHOST.into();
        records.change(source, now, |record| record.name(1));
        records.change(source, now + MEMORY, |record| record.name(2));
        assert_eq!(records.of(source).map(|it| it.users_named()), Some(2));
        let later = now + MEMORY + Duration::from_secs(1);
        records.change(source, later, |record| record.name(3));
        assert_eq!(records.of(source).map(|it| it.users_named()), Some(1));
    }
}

//! What each source has shown of itself: who has logged in there, and for how many users it could not.
//! Scanners are slowed, then hear nothing. Must not know requests.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::Add;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::budget::{Budget, KEYS};
use crate::limits::{Limits, LimitsInForce};
use crate::urgency::Standing;

/// Every source that has shown something, in tables of fixed size.
#[derive(Debug)]
pub(crate) struct Strangers {
    limits: LimitsInForce,
    started: Instant,
    keys: RandomState,
    /// Until when a login vouches for its source. Only a login adds to it, so that no flood can fill it.
    proven_by_source: DashMap<IpAddr, Instant>,
    /// By the hash of the source, by a key that nobody knows.
    records_by_source: DashMap<SourceKey, Record>,
    wrong_passwords: ArcSwap<Budget<IpAddr>>,
    slow: Budget<IpAddr>,
    swept_at: Mutex<Option<Instant>>,
}

/// A source's address, hashed.
type SourceKey = u64;

/// Tenths of a second since an hour before the start, so that [`Moment::NEVER`] is long past: a quarter of an `Instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u32);

/// What is known of one source. Kept small, there are many.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// A bit for each user named and not proven; several users may share one.
    users: [u64; 2],
    since: Moment,
    struck_at: Moment,
    silent_until: Moment,
    /// Seconds in which it sent more than a slowed source gets answers to.
    strikes: u16,
    guesses: Guesses,
}

/// Whether a source has sent too many wrong passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guesses {
    Few,
    TooMany,
}

/// What a request has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bears {
    Nothing,
    /// Right or wrong.
    Credentials,
}

/// How a source is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    Served,
    /// It may be answered, for once.
    Slowed,
    /// It is not answered.
    Ignored,
}

/// How long a source is remembered that names users.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// The same where it has named a few.
const HARMLESS_MEMORY: Duration = Duration::from_secs(30);
/// How long a login vouches: longer than a registration lasts.
const VOUCHED: Duration = Duration::from_secs(2 * 3600);
/// How often records are forgotten when there are too many.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Answers of a slowed source.
const SLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Seconds for which a slowed source may go on before it hears nothing: phones have logged in by then.
const STRIKES: u16 = 10;
/// What one request of a scanner that names itself counts.
const NAMED_STRIKES: u16 = 2;

impl Strangers {
    pub(crate) fn new(limits: LimitsInForce, now: Instant) -> Self {
        let wrong_passwords = wrong_passwords(&limits.load(), now);
        Self {
            limits,
            started: now,
            keys: RandomState::new(),
            proven_by_source: DashMap::new(),
            records_by_source: DashMap::new(),
            wrong_passwords: ArcSwap::from_pointee(wrong_passwords),
            slow: Budget::every(SLOW_INTERVAL, 1, now),
            swept_at: Mutex::new(None),
        }
    }

    /// Other limits are in force; what is known of each source stays.
    pub(crate) fn handle_limits(&self, limits: &Limits, now: Instant) {
        let next = wrong_passwords(limits, now);
        if !next.is_like(&self.wrong_passwords.load()) {
            self.wrong_passwords.store(Arc::new(next));
        }
    }

    pub(crate) fn standing(&self, source: IpAddr, now: Instant) -> Standing {
        match self.proven_by_source.get(&source) {
            Some(until) if *until > now => Standing::Proven,
            Some(_) | None => Standing::Stranger,
        }
    }

    /// Whether nothing of this source is looked at.
    pub(crate) fn is_silent(&self, source: IpAddr, now: Instant) -> bool {
        let record = self.records_by_source.get(&self.key(source));
        record.is_some_and(|record| record.is_silent(self.moment(now)))
    }

    /// How a request of this source is treated.
    pub(crate) fn treat(&self, source: IpAddr, bears: Bears, now: Instant) -> Treatment {
        let record = self.records_by_source.get(&self.key(source));
        let Some(record) = record.map(|record| *record) else {
            return Treatment::Served;
        };
        let moment = self.moment(now);
        let is_suspect =
            record.users_named() > self.limits.load().users_per_stranger && !record.is_over(moment);
        // Many phones behind one address are all challenged before the first of them logs in.
        let may_log_in = bears == Bears::Credentials
            && (record.guesses == Guesses::Few || self.standing(source, now) == Standing::Proven);
        if !is_suspect || may_log_in {
            return Treatment::Served;
        }
        if self.slow.take(source, now) {
            return Treatment::Slowed;
        }
        if moment >= record.struck_at + SLOW_INTERVAL {
            self.strike(source, 1, now);
        }
        Treatment::Ignored
    }

    /// A request of a scanner that says it is one.
    pub(crate) fn note_scanner(&self, source: IpAddr, now: Instant) -> Treatment {
        self.change(source, now, |record| record.users = [u64::MAX; 2]);
        self.strike(source, NAMED_STRIKES, now);
        if self.slow.take(source, now) {
            Treatment::Slowed
        } else {
            Treatment::Ignored
        }
    }

    /// The source has named a user and proven nothing.
    pub(crate) fn note_user(&self, source: IpAddr, user: &[u8], now: Instant) {
        let bit = self.bit(user);
        self.change(source, now, |record| record.name(bit));
    }

    /// The source has named a user with a wrong password.
    pub(crate) fn note_wrong_password(&self, source: IpAddr, user: &[u8], now: Instant) {
        let is_within = self.wrong_passwords.load().take(source, now);
        let bit = self.bit(user);
        self.change(source, now, |record| {
            record.name(bit);
            if !is_within {
                record.users = [u64::MAX; 2];
                record.guesses = Guesses::TooMany;
            }
        });
    }

    /// Somebody has logged in.
    pub(crate) fn note_login(&self, source: IpAddr, user: &[u8], now: Instant) {
        if self.proven_by_source.len() >= KEYS {
            self.proven_by_source.retain(|_, until| *until > now);
        }
        if self.proven_by_source.len() < KEYS || self.proven_by_source.contains_key(&source) {
            self.proven_by_source.insert(source, now + VOUCHED);
        }
        let bit = self.bit(user);
        if let Some(mut record) = self.records_by_source.get_mut(&self.key(source)) {
            record.forgive(bit);
            record.strikes = 0;
        }
    }

    /// Forgets what is over, and gives back the room of a flood.
    pub(crate) fn sweep(&self, now: Instant) {
        self.proven_by_source.retain(|_, until| *until > now);
        let (moment, users_limit) = (self.moment(now), self.limits.load().users_per_stranger);
        self.records_by_source.retain(|_, record| {
            // Who has named a few users and stopped is no scanner.
            let is_harmless = record.users_named() * 4 <= users_limit
                && record.strikes == 0
                && moment > record.since + HARMLESS_MEMORY;
            !record.is_over(moment) && (!is_harmless || record.is_silent(moment))
        });
        if self.records_by_source.len() < self.records_by_source.capacity() / 4 {
            self.records_by_source.shrink_to_fit();
        }
        self.wrong_passwords.load().sweep(now);
        self.slow.sweep(now);
    }

    fn strike(&self, source: IpAddr, strikes: u16, now: Instant) {
        // One address may be that of a whole shop: where reps have logged in, a scanner is slowed and no more.
        if self.standing(source, now) == Standing::Proven {
            return;
        }
        let moment = self.moment(now);
        self.change(source, now, |record| {
            record.strikes = record.strikes.saturating_add(strikes);
            record.struck_at = moment;
            if record.strikes > STRIKES {
                record.strikes = 0;
                record.silent_until = moment + self.limits.load().silence_time;
            }
        });
    }

    fn change(&self, source: IpAddr, now: Instant, change: impl FnOnce(&mut Record)) {
        let (key, moment) = (self.key(source), self.moment(now));
        if let Some(mut record) = self.records_by_source.get_mut(&key) {
            if record.is_over(moment) {
                *record = Record::new(moment);
            }
            return change(&mut record);
        }
        if self.has_room(now) {
            let mut record = Record::new(moment);
            change(&mut record);
            self.records_by_source.insert(key, record);
        }
    }

    fn has_room(&self, now: Instant) -> bool {
        if self.records_by_source.len() < KEYS {
            return true;
        }
        // Somebody else is sweeping, or was just now.
        let Ok(mut swept_at) = self.swept_at.try_lock() else {
            return false;
        };
        if swept_at.is_some_and(|swept_at| now < swept_at + SWEEP_INTERVAL) {
            return false;
        }
        *swept_at = Some(now);
        // A flood of forged sources may push out whoever was seen before it; only the silent stay.
        let (mut places, moment) = (KEYS / 4, self.moment(now));
        self.records_by_source.retain(|_, record| {
            let goes = !record.is_silent(moment) && places > 0;
            places -= usize::from(goes);
            !goes
        });
        self.records_by_source.len() < KEYS
    }

    fn bit(&self, user: &[u8]) -> [u64; 2] {
        let hash = self.keys.hash_one(user.to_ascii_lowercase());
        let bit = 1 << (hash % 64);
        if hash & 64 == 0 { [bit, 0] } else { [0, bit] }
    }

    fn key(&self, source: IpAddr) -> SourceKey {
        self.keys.hash_one(source)
    }

    fn moment(&self, now: Instant) -> Moment {
        Moment(START) + now.saturating_duration_since(self.started)
    }
}

fn wrong_passwords(limits: &Limits, now: Instant) -> Budget<IpAddr> {
    let limit = limits.wrong_passwords_per_source.max(1);
    Budget::every(Duration::from_secs(60) / limit, limit, now)
}

/// An hour.
const START: u32 = 36_000;

impl Moment {
    const NEVER: Self = Self(0);
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
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

    fn users_named(&self) -> u32 {
        self.users.iter().map(|bits| bits.count_ones()).sum()
    }

    fn name(&mut self, user: [u64; 2]) {
        for (bits, bit) in self.users.iter_mut().zip(user) {
            *bits |= bit;
        }
    }

    fn forgive(&mut self, user: [u64; 2]) {
        for (bits, bit) in self.users.iter_mut().zip(user) {
            *bits &= !bit;
        }
    }

    fn is_silent(&self, now: Moment) -> bool {
        self.silent_until > now
    }

    fn is_over(&self, now: Moment) -> bool {
        now > self.since + MEMORY && !self.is_silent(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use arc_swap::ArcSwap;

    use super::{Bears, MEMORY, Strangers, Treatment};
    use crate::budget::KEYS;
    use crate::limits::Limits;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn strangers() -> Strangers {
        let limits = Limits {
            users_per_stranger: 10,
            ..Limits::default()
        };
        Strangers::new(Arc::new(ArcSwap::from_pointee(limits)), Instant::now())
    }

    fn name_users(strangers: &Strangers, count: usize, now: Instant) {
        for n in 0..count {
            strangers.note_user(HERE, format!("user{n}").as_bytes(), now);
        }
    }

    #[test]
    fn whoever_names_many_users_is_slowed_then_hears_nothing_for_a_while() {
        let (strangers, now) = (strangers(), Instant::now());
        name_users(&strangers, 5, now);
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Served
        );
        name_users(&strangers, 40, now);
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Slowed
        );
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Ignored
        );
        let later = now + Duration::from_millis(1500);
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, later),
            Treatment::Slowed
        );
        assert!(!strangers.is_silent(HERE, later));
        // A burst alone does not do it: it may be a shop whose router was off.
        for _ in 0..1000 {
            strangers.treat(HERE, Bears::Nothing, later);
        }
        assert!(!strangers.is_silent(HERE, later));
        let mut later = later;
        for _ in 0..10 {
            later += Duration::from_secs(1);
            strangers.treat(HERE, Bears::Nothing, later);
            strangers.treat(HERE, Bears::Nothing, later);
        }
        assert!(strangers.is_silent(HERE, later));
        assert!(!strangers.is_silent(HERE, later + Duration::from_secs(301)));
        let forgotten = now + MEMORY + Duration::from_secs(1);
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, forgotten),
            Treatment::Served
        );
    }

    #[test]
    fn a_shop_behind_one_address_logs_in_and_is_served() {
        let (strangers, now) = (strangers(), Instant::now());
        name_users(&strangers, 40, now);
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Slowed
        );
        assert_eq!(
            strangers.treat(HERE, Bears::Credentials, now),
            Treatment::Served
        );
        for n in 0..40 {
            strangers.note_login(HERE, format!("USER{n}").as_bytes(), now);
        }
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Served
        );
    }

    #[test]
    fn where_somebody_has_logged_in_a_scanner_is_slowed_and_no_more() {
        let (strangers, now) = (strangers(), Instant::now());
        strangers.note_login(HERE, b"alice", now);
        for _ in 0..1000 {
            strangers.note_scanner(HERE, now);
        }
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Ignored
        );
        assert!(!strangers.is_silent(HERE, now));
    }

    #[test]
    fn a_scanner_that_names_itself_hears_nothing_after_some_requests() {
        let (strangers, now) = (strangers(), Instant::now());
        assert_eq!(strangers.note_scanner(HERE, now), Treatment::Slowed);
        for _ in 0..6 {
            strangers.note_scanner(HERE, now);
        }
        assert!(strangers.is_silent(HERE, now));
    }

    #[test]
    fn wrong_passwords_for_one_user_make_a_scanner_too() {
        let (strangers, now) = (strangers(), Instant::now());
        for _ in 0..30 {
            strangers.note_wrong_password(HERE, b"alice", now);
        }
        assert_eq!(
            strangers.treat(HERE, Bears::Nothing, now),
            Treatment::Served
        );
        strangers.note_wrong_password(HERE, b"alice", now);
        assert_eq!(
            strangers.treat(HERE, Bears::Credentials, now),
            Treatment::Slowed
        );
        assert_eq!(
            strangers.treat(HERE, Bears::Credentials, now),
            Treatment::Ignored
        );
    }

    #[test]
    fn forged_sources_cost_a_fixed_amount_of_memory_and_silence_stays() {
        let (strangers, now) = (strangers(), Instant::now());
        for _ in 0..7 {
            strangers.note_scanner(HERE, now);
        }
        for n in 0..2 * KEYS {
            let forged = Ipv4Addr::from_bits(0x0a00_0000 + n as u32);
            strangers.note_user(forged.into(), b"alice", now);
        }
        assert!(strangers.records_by_source.len() <= KEYS);
        assert!(size_of::<(super::SourceKey, super::Record)>() <= 40);
        assert!(strangers.is_silent(HERE, now));
        let later = now + Duration::from_secs(31);
        strangers.sweep(later);
        assert!(strangers.is_silent(HERE, later));
        assert_eq!(strangers.records_by_source.len(), 1);
        assert!(strangers.records_by_source.capacity() < KEYS / 4);
    }
}

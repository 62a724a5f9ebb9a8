//! What each source has shown of itself: who has logged in there, and for how many users it could not.
//! Scanners are slowed, then hear nothing. Must not know requests.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::budget::{Budget, KEYS};
use crate::limits::{Limits, LimitsInForce};
use crate::records::{Guesses, Record, Records};
use crate::urgency::Standing;

/// Every source that has shown something, in tables of fixed size.
#[derive(Debug)]
pub(crate) struct Strangers {
    limits: LimitsInForce,
    keys: RandomState,
    /// Until when a login vouches for its source. Only a login adds to it, so that no flood can fill it.
    proven_by_source: DashMap<IpAddr, Instant>,
    records: Records,
    wrong_passwords: ArcSwap<Budget<IpAddr>>,
    slow: Budget<IpAddr>,
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

/// How long a source is remembered that has named a few users.
const HARMLESS_MEMORY: Duration = Duration::from_secs(30);
/// How long a login vouches: longer than a registration lasts.
const VOUCHED: Duration = Duration::from_secs(2 * 3600);
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
            keys: RandomState::new(),
            proven_by_source: DashMap::new(),
            records: Records::new(now),
            wrong_passwords: ArcSwap::from_pointee(wrong_passwords),
            slow: Budget::every(SLOW_INTERVAL, 1, now),
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
        let record = self.records.of(source);
        record.is_some_and(|record| record.is_silent(self.records.moment(now)))
    }

    /// How a request of this source is treated.
    pub(crate) fn treat(&self, source: IpAddr, bears: Bears, now: Instant) -> Treatment {
        let Some(record) = self.records.of(source) else {
            return Treatment::Served;
        };
        let moment = self.records.moment(now);
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
        if moment >= record.struck_at.after(SLOW_INTERVAL) {
            self.strike(source, 1, now);
        }
        Treatment::Ignored
    }

    /// A request of a scanner that says it is one.
    pub(crate) fn note_scanner(&self, source: IpAddr, now: Instant) -> Treatment {
        self.records.change(source, now, Record::name_all);
        self.strike(source, NAMED_STRIKES, now);
        if self.slow.take(source, now) {
            Treatment::Slowed
        } else {
            Treatment::Ignored
        }
    }

    /// The source has named a user and proven nothing.
    pub(crate) fn note_user(&self, source: IpAddr, user: &[u8], now: Instant) {
        let user = self.user(user);
        self.records.change(source, now, |record| record.name(user));
    }

    /// The source has named a user with a wrong password.
    pub(crate) fn note_wrong_password(&self, source: IpAddr, user: &[u8], now: Instant) {
        let is_within = self.wrong_passwords.load().take(source, now);
        let user = self.user(user);
        self.records.change(source, now, |record| {
            record.name(user);
            if !is_within {
                record.name_all();
                record.guesses = Guesses::TooMany;
            }
        });
    }

    /// Somebody has logged in.
    pub(crate) fn note_login(&self, source: IpAddr, user: &[u8], now: Instant) {
        let until = now + VOUCHED;
        let known = self.proven_by_source.get_mut(&source);
        // Nearly every login; its lock is let go of at once.
        if known.map(|mut known| *known = until).is_none() {
            if self.proven_by_source.len() >= KEYS {
                self.proven_by_source.retain(|_, until| *until > now);
            }
            if self.proven_by_source.len() < KEYS {
                self.proven_by_source.insert(source, until);
            }
        }
        self.records.change_known(source, |record| {
            record.forgive(self.user(user));
            record.strikes = 0;
        });
    }

    /// Forgets what is over.
    pub(crate) fn sweep(&self, now: Instant) {
        self.proven_by_source.retain(|_, until| *until > now);
        let (moment, users_limit) = (
            self.records.moment(now),
            self.limits.load().users_per_stranger,
        );
        self.records.retain(|record| {
            // Who has named a few users and stopped is no scanner.
            let is_harmless = record.users_named() * 4 <= users_limit
                && record.strikes == 0
                && moment > record.since.after(HARMLESS_MEMORY);
            !record.is_over(moment) && (!is_harmless || record.is_silent(moment))
        });
        self.wrong_passwords.load().sweep(now);
        self.slow.sweep(now);
    }

    fn strike(&self, source: IpAddr, strikes: u16, now: Instant) {
        // One address may be that of a whole shop: where reps have logged in, a scanner is slowed and no more.
        if self.standing(source, now) == Standing::Proven {
            return;
        }
        let moment = self.records.moment(now);
        self.records.change(source, now, |record| {
            record.strikes = record.strikes.saturating_add(strikes);
            record.struck_at = moment;
            if record.strikes > STRIKES {
                record.strikes = 0;
                record.silent_until = moment.after(self.limits.load().silence_time);
            }
        });
    }

    fn user(&self, user: &[u8]) -> u64 {
        self.keys.hash_one(user.to_ascii_lowercase())
    }
}

fn wrong_passwords(limits: &Limits, now: Instant) -> Budget<IpAddr> {
    let limit = limits.wrong_passwords_per_source.max(1);
    Budget::every(Duration::from_secs(60) / limit, limit, now)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use arc_swap::ArcSwap;

    use super::{Bears, Strangers, Treatment};
    use crate::budget::KEYS;
    use crate::limits::Limits;
    use crate::records::MEMORY;

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
        assert!(strangers.records.len() <= KEYS);
        assert!(strangers.is_silent(HERE, now));
        let later = now + Duration::from_secs(31);
        strangers.sweep(later);
        assert!(strangers.is_silent(HERE, later));
        assert_eq!(strangers.records.len(), 1);
    }
}

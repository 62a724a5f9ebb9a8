//! How often a password may be wrong: limits by user and source, by user alone, and none that a stranger could use
//! to keep a rep out (security row S9). Must not know what a password is.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::FixedState;
use sip::Flow;

use super::proven::{Acquaintance, ProvenPlaces};

/// Wrong tries are forgotten after this long.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A user's wrong tries from strange places are paid off one by one, each in this time. So many may be open at once
/// as one source may have; with the default of five, ten in any minute are the most.
const PER_TRY: Duration = Duration::from_secs(30);

/// So many more may be open for sources that came to no limit yet: phones that come for the first time while
/// somebody guesses from many places.
const FOR_NEWCOMERS: u32 = 3;

/// A source that was put off so often is a suspect, as one is that came to its own limit.
const PATIENCE: u32 = 3;

/// A suspect is one until this long after its last doubtful try.
const SUSPECTED_FOR: Duration = Duration::from_secs(10 * 60);

/// Entries of each table; a flood of names and sources finds no room beyond it and is put off.
const ENTRIES: usize = 65_536;

/// How often a full table is searched for what can be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// A user's name, hashed by a key that nobody knows, as a stranger may choose long ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UserKey(u64);

/// Whether a try is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is.
    Granted,
    /// It is not: this source has been wrong too often.
    Refused,
    /// It is not yet: too many strangers have been wrong about this user.
    Postponed {
        /// A good moment for another try.
        until: Instant,
    },
}

/// Counts wrong tries.
pub(super) struct Tries {
    limit: u32,
    keys: RandomState,
    started: Instant,
    /// How often a source was wrong about a user, in one minute.
    by_pair: DashMap<(UserKey, IpAddr), Count>,
    /// Until when a user's wrong tries from strange places are paid off.
    debts_by_user: DashMap<UserKey, Instant, FixedState>,
    /// How often a source came to a limit, and when for the last time.
    suspicions_by_source: DashMap<IpAddr, Count>,
    proven: ProvenPlaces,
    /// Milliseconds since the start.
    swept_at: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    count: u32,
    since: Instant,
}

impl Tries {
    /// No tries; `limit` wrong ones from one source are looked at.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            keys: RandomState::new(),
            started: Instant::now(),
            by_pair: DashMap::new(),
            debts_by_user: DashMap::default(),
            suspicions_by_source: DashMap::new(),
            proven: ProvenPlaces::default(),
            swept_at: AtomicU64::new(0),
        }
    }

    /// What stands for a user's name, in any case.
    pub(super) fn key(&self, user: &str) -> UserKey {
        match user.bytes().any(|byte| byte.is_ascii_uppercase()) {
            false => UserKey(self.keys.hash_one(user)),
            true => UserKey(self.keys.hash_one(user.to_ascii_lowercase())),
        }
    }

    /// Whether credentials for `user` that came by `flow` are looked at, right or wrong.
    pub(super) fn admit(&self, user: UserKey, flow: Flow, now: Instant) -> Admission {
        let source = neighbourhood(flow.remote.ip());
        let acquaintance = self.proven.acquaintance(user, flow, now);
        if acquaintance == Acquaintance::Flow {
            return Admission::Granted;
        }
        let wrong = self.by_pair.get(&(user, source)).map(|count| *count);
        if wrong.is_some_and(|wrong| wrong.within(REMEMBERED, now) >= self.limit) {
            return Admission::Refused;
        }
        if acquaintance == Acquaintance::Source {
            return Admission::Granted;
        }
        if wrong.is_none() && self.is_full(now) {
            return Admission::Postponed { until: now + SWEEP };
        }
        let debt = self.debts_by_user.get(&user).map(|until| *until);
        let debt = debt.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let is_suspect = self.is_suspect(source, now);
        let at_once = match is_suspect {
            true => self.limit,
            false => self.limit.saturating_add(FOR_NEWCOMERS),
        };
        let credit = PER_TRY.saturating_mul(at_once);
        if debt + PER_TRY <= credit {
            return Admission::Granted;
        }
        self.suspect(source, 1, now);
        if is_suspect {
            return Admission::Refused;
        }
        Admission::Postponed {
            until: now + (debt + PER_TRY).saturating_sub(credit),
        }
    }

    /// An admitted try was wrong.
    pub(super) fn handle_wrong(&self, user: UserKey, flow: Flow, now: Instant) {
        let source = neighbourhood(flow.remote.ip());
        self.proven.forget(user, flow);
        let first = Count {
            count: 0,
            since: now,
        };
        let mut wrong = self.by_pair.entry((user, source)).or_insert(first);
        if wrong.within(REMEMBERED, now) == 0 {
            *wrong = first;
        }
        wrong.count = wrong.count.saturating_add(1);
        let is_too_often = wrong.count >= self.limit;
        drop(wrong);
        if is_too_often {
            self.suspect(source, PATIENCE, now);
        }
        let mut debt = self.debts_by_user.entry(user).or_insert(now);
        *debt = (*debt).max(now) + PER_TRY;
    }

    /// An admitted try was right.
    pub(super) fn handle_right(&self, user: UserKey, flow: Flow, now: Instant) {
        self.proven.add(user, flow, now);
    }

    fn is_suspect(&self, source: IpAddr, now: Instant) -> bool {
        let suspicion = self.suspicions_by_source.get(&source);
        suspicion.is_some_and(|suspicion| suspicion.within(SUSPECTED_FOR, now) >= PATIENCE)
    }

    fn suspect(&self, source: IpAddr, weight: u32, now: Instant) {
        if self.suspicions_by_source.len() < ENTRIES {
            let nothing = Count {
                count: 0,
                since: now,
            };
            let mut count = self.suspicions_by_source.entry(source).or_insert(nothing);
            *count = Count {
                count: count.within(SUSPECTED_FOR, now).saturating_add(weight),
                since: now,
            };
        }
    }

    /// Whether a table has no room, after forgetting what can be forgotten.
    fn is_full(&self, now: Instant) -> bool {
        let full = || {
            [
                self.by_pair.len(),
                self.debts_by_user.len(),
                self.suspicions_by_source.len(),
            ]
            .into_iter()
            .any(|length| length >= ENTRIES)
        };
        if !full() {
            return false;
        }
        let since_start = now.saturating_duration_since(self.started).as_millis();
        let since_start = u64::try_from(since_start).unwrap_or(u64::MAX);
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let is_due = u128::from(since_start - swept_at.min(since_start)) >= SWEEP.as_millis();
        let is_ours = is_due
            && self
                .swept_at
                .compare_exchange(swept_at, since_start, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            self.by_pair
                .retain(|_, count| count.within(REMEMBERED, now) > 0);
            self.debts_by_user.retain(|_, until| *until > now);
            self.suspicions_by_source
                .retain(|_, count| count.within(SUSPECTED_FOR, now) > 0);
        }
        full()
    }
}

impl Count {
    fn within(self, memory: Duration, now: Instant) -> u32 {
        if now < self.since + memory {
            self.count
        } else {
            0
        }
    }
}

/// All addresses that one stranger may have at will: in IPv6 a /64.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use sip::Protocol;

    use super::*;

    /// From 127.0.0.`host`, by a flow of its own.
    fn flow(host: u8, port: u16) -> Flow {
        Flow {
            transport: Protocol::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: ([127, 0, 0, host], port).into(),
            id: 1,
        }
    }

    /// One wrong try, if it is looked at.
    fn guess(tries: &Tries, user: &str, flow: Flow, now: Instant) -> Admission {
        let admission = tries.admit(tries.key(user), flow, now);
        if admission == Admission::Granted {
            tries.handle_wrong(tries.key(user), flow, now);
        }
        admission
    }

    #[test]
    fn a_source_is_refused_after_its_wrong_tries_for_a_minute() {
        let (tries, now) = (Tries::new(2), Instant::now());
        for port in [1, 2] {
            assert_eq!(
                guess(&tries, "alice", flow(9, port), now),
                Admission::Granted
            );
        }
        assert_eq!(guess(&tries, "Alice", flow(9, 3), now), Admission::Refused);
        assert_eq!(guess(&tries, "bob", flow(9, 3), now), Admission::Granted);
        let later = now + REMEMBERED;
        assert_eq!(
            guess(&tries, "alice", flow(9, 3), later),
            Admission::Granted
        );
    }

    #[test]
    fn the_phone_that_has_proven_itself_is_never_kept_out() {
        let (tries, now) = (Tries::new(5), Instant::now());
        let (phone, restarted) = (flow(1, 5091), flow(1, 5092));
        let admitted = |from| tries.admit(tries.key("alice"), from, now);
        tries.handle_right(tries.key("alice"), phone, now);
        for host in 2..200 {
            guess(&tries, "alice", flow(host, 1), now);
        }
        assert_eq!(admitted(phone), Admission::Granted);
        assert_eq!(admitted(restarted), Admission::Granted);
        // Somebody at the same address, say behind the same NAT.
        for port in 1..20 {
            guess(&tries, "alice", flow(1, port), now);
        }
        assert_eq!(admitted(phone), Admission::Granted);
        assert_eq!(admitted(restarted), Admission::Refused);
        tries.handle_wrong(tries.key("alice"), phone, now);
        assert_eq!(admitted(phone), Admission::Refused);
    }

    /// Security row S9: 500 guesses a second from 50 sources.
    #[test]
    fn ten_guesses_a_minute_are_looked_at_and_a_new_phone_gets_in() {
        let (tries, start) = (Tries::new(5), Instant::now());
        let mut granted = Vec::new();
        for n in 0..100_000_u64 {
            let now = start + Duration::from_millis(2 * n);
            let source = flow(u8::try_from(n % 50).unwrap() + 10, 1000);
            if guess(&tries, "alice", source, now) == Admission::Granted {
                granted.push(now);
            }
            // Some time into it a phone of alice's comes up somewhere new, and later another.
            if n % 20_000 == 19_999 {
                let phone = flow(u8::try_from(n / 20_000).unwrap() + 100, 5060);
                assert_eq!(
                    tries.admit(tries.key("alice"), phone, now),
                    Admission::Granted,
                    "{n}"
                );
            }
        }
        for first in &granted {
            let in_a_minute = granted
                .iter()
                .filter(|at| **at >= *first && **at < *first + Duration::from_secs(60));
            assert!(in_a_minute.count() <= 10);
        }
        // Nobody else is touched.
        assert_eq!(
            tries.admit(tries.key("bob"), flow(10, 1), start + REMEMBERED),
            Admission::Granted
        );
    }

    #[test]
    fn who_is_wrong_about_one_user_may_be_as_wrong_about_another() {
        let (tries, now) = (Tries::new(5), Instant::now());
        for user in ["nobody", "alice"] {
            for port in 0..5 {
                let admission = guess(&tries, user, flow(9, port), now);
                assert_eq!(admission, Admission::Granted, "{user} {port}");
            }
            let admission = guess(&tries, user, flow(9, 9), now);
            assert_eq!(admission, Admission::Refused, "{user}");
        }
    }

    #[test]
    fn a_flood_of_names_and_sources_takes_no_more_room() {
        let (tries, now) = (Tries::new(5), Instant::now());
        let known = flow(1, 5091);
        tries.handle_right(tries.key("alice"), known, now);
        for n in 0..70_000 {
            guess(&tries, &format!("user{n}"), flow(9, 1), now);
        }
        assert!(tries.by_pair.len() <= ENTRIES);
        assert!(tries.debts_by_user.len() <= ENTRIES);
        assert!(matches!(
            tries.admit(tries.key("bob"), flow(2, 1), now),
            Admission::Postponed { .. }
        ));
        assert_eq!(
            tries.admit(tries.key("alice"), known, now),
            Admission::Granted
        );
        let later = now + REMEMBERED;
        assert_eq!(
            tries.admit(tries.key("bob"), flow(2, 1), later),
            Admission::Granted
        );
        assert_eq!(tries.by_pair.len(), 0);
    }

    #[test]
    fn a_neighbourhood_in_ipv6_is_a_network() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}

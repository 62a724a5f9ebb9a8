//! Which event is told next: those of one ticket to one listener one after the other, in their order, while other
//! tickets go on. Time is an argument. Must not know how an event is told, or kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use storage::OutboxEntry;

/// Events under way to one listener at once.
const MOST_AT_ONCE: usize = 4;

/// A listener, and the ticket that its events are of.
pub(super) type Lane = (String, String);

/// Everything that waits to be told.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// By the event's identity, which is in the order of their making.
    entries_by_lane: BTreeMap<Lane, BTreeMap<String, OutboxEntry>>,
    under_way: HashSet<Lane>,
    under_way_by_listener: HashMap<String, usize>,
    /// Listeners that asked to be left alone, and until when.
    left_alone: HashMap<String, i64>,
    /// How many wait or are under way.
    length_by_listener: HashMap<String, usize>,
}

impl Lanes {
    /// Takes an event in; one that is there already stays as it is.
    pub(super) fn add(&mut self, entry: OutboxEntry) {
        let lane = self.entries_by_lane.entry(lane_of(&entry)).or_default();
        if !lane.contains_key(&entry.id) {
            let length = self.length_by_listener.entry(entry.destination.clone());
            *length.or_default() += 1;
            lane.insert(entry.id.clone(), entry);
        }
    }

    /// The next event that is due, which is then under way; none of a listener that is not among `known`.
    pub(super) fn poll(
        &mut self,
        now_unix_ms: i64,
        known: impl Fn(&str) -> bool,
    ) -> Option<OutboxEntry> {
        let found = self.entries_by_lane.iter().find_map(|(lane, entries)| {
            let head = entries.values().next()?;
            let is_free = !self.under_way.contains(lane)
                && self
                    .under_way_by_listener
                    .get(&lane.0)
                    .is_none_or(|count| *count < MOST_AT_ONCE)
                && self
                    .left_alone
                    .get(&lane.0)
                    .is_none_or(|until| *until <= now_unix_ms);
            (is_free && head.due_at_unix_ms <= now_unix_ms && known(&lane.0))
                .then(|| (lane.clone(), head.clone()))
        });
        let (lane, entry) = found?;
        *self
            .under_way_by_listener
            .entry(lane.0.clone())
            .or_default() += 1;
        self.under_way.insert(lane);
        Some(entry)
    }

    /// When there may be something to poll, if nothing ends before.
    pub(super) fn next_due(&self, known: impl Fn(&str) -> bool) -> Option<i64> {
        let idle = self.entries_by_lane.iter().filter(|(lane, _)| {
            !self.under_way.contains(*lane)
                && known(&lane.0)
                && self
                    .under_way_by_listener
                    .get(&lane.0)
                    .is_none_or(|count| *count < MOST_AT_ONCE)
        });
        idle.filter_map(|(lane, entries)| {
            let due = entries.values().next()?.due_at_unix_ms;
            Some(due.max(self.left_alone.get(&lane.0).copied().unwrap_or(due)))
        })
        .min()
    }

    /// The event was told, or is not to be told any more.
    pub(super) fn settle(&mut self, entry: &OutboxEntry) {
        let lane = lane_of(entry);
        self.land(&lane);
        if let Some(entries) = self.entries_by_lane.get_mut(&lane) {
            if entries.remove(&entry.id).is_some()
                && let Some(length) = self.length_by_listener.get_mut(&lane.0)
            {
                *length = length.saturating_sub(1);
            }
            if entries.is_empty() {
                self.entries_by_lane.remove(&lane);
            }
        }
    }

    /// The event is to be tried again; those behind it wait for it.
    pub(super) fn postpone(&mut self, entry: &OutboxEntry, why: &str, due_at_unix_ms: i64) {
        let lane = lane_of(entry);
        self.land(&lane);
        let waiting = self
            .entries_by_lane
            .get_mut(&lane)
            .and_then(|entries| entries.get_mut(&entry.id));
        if let Some(waiting) = waiting {
            waiting.due_at_unix_ms = due_at_unix_ms;
            waiting.attempts += 1;
            waiting.why = Some(why.to_owned());
        }
    }

    /// The listener wants to hear nothing until then.
    pub(super) fn leave_alone(&mut self, listener: &str, until_unix_ms: i64) {
        self.left_alone.insert(listener.to_owned(), until_unix_ms);
    }

    /// Events of a listener that wait or are under way.
    pub(super) fn len_of(&self, listener: &str) -> usize {
        self.length_by_listener.get(listener).copied().unwrap_or(0)
    }

    /// Forgets what waits for any other listener; what is under way to one is still to be settled.
    pub(super) fn let_go_of_all_but(&mut self, is_known: impl Fn(&str) -> bool) {
        let under_way = &self.under_way;
        self.entries_by_lane
            .retain(|lane, _| is_known(&lane.0) || under_way.contains(lane));
        self.left_alone.retain(|listener, _| is_known(listener));
        self.length_by_listener.clear();
        for ((listener, _), entries) in &self.entries_by_lane {
            let length = self.length_by_listener.entry(listener.clone());
            *length.or_default() += entries.len();
        }
    }

    /// The same of one listener.
    pub(super) fn waiting_of(&self, listener: &str) -> Vec<&OutboxEntry> {
        let lanes = self
            .entries_by_lane
            .iter()
            .filter(|(lane, _)| lane.0 == listener);
        lanes.flat_map(|(_, entries)| entries.values()).collect()
    }

    fn land(&mut self, lane: &Lane) {
        if self.under_way.remove(lane)
            && let Some(count) = self.under_way_by_listener.get_mut(&lane.0)
        {
            *count = count.saturating_sub(1);
        }
    }
}

fn lane_of(entry: &OutboxEntry) -> Lane {
    let ticket = entry
        .ticket
        .as_ref()
        .map(|ticket| ticket.as_str().to_owned());
    (entry.destination.clone(), ticket.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use helpdesk::TicketId;
    use storage::OutboxState;

    use super::*;

    fn entry(id: &str, ticket: &str) -> OutboxEntry {
        OutboxEntry {
            id: id.to_owned(),
            destination: "shop".to_owned(),
            ticket: Some(TicketId::new(ticket)),
            at_unix_ms: 0,
            due_at_unix_ms: 0,
            attempts: 0,
            state: OutboxState::Waiting,
            why: None,
            version: 1,
            body: String::new(),
        }
    }

    fn ids(lanes: &mut Lanes, now: i64) -> Vec<String> {
        std::iter::from_fn(|| lanes.poll(now, |_| true))
            .map(|entry| entry.id)
            .collect()
    }

    #[test]
    fn events_of_one_ticket_go_one_by_one_in_their_order_whatever_order_they_came_in() {
        let mut lanes = Lanes::default();
        for id in ["3", "1", "2"] {
            lanes.add(entry(id, "a"));
        }
        lanes.add(entry("4", "b"));
        assert_eq!(ids(&mut lanes, 0), ["1", "4"]);
        lanes.settle(&entry("1", "a"));
        assert_eq!(ids(&mut lanes, 0), ["2"]);
        lanes.settle(&entry("2", "a"));
        assert_eq!(ids(&mut lanes, 0), ["3"]);
        lanes.settle(&entry("3", "a"));
        lanes.settle(&entry("4", "b"));
        assert_eq!(lanes.len_of("shop"), 0);
    }

    #[test]
    fn what_waits_for_a_listener_that_is_gone_takes_no_room() {
        let mut lanes = Lanes::default();
        let to = |destination: &str, id: &str| OutboxEntry {
            destination: destination.to_owned(),
            ..entry(id, id)
        };
        lanes.add(to("gone", "1"));
        lanes.add(to("gone", "2"));
        lanes.add(to("shop", "3"));
        assert_eq!((lanes.len_of("gone"), lanes.len_of("shop")), (2, 1));
        let begun = lanes.poll(0, |id| id == "gone").unwrap();
        lanes.let_go_of_all_but(|id| id == "shop");
        assert_eq!((lanes.len_of("gone"), lanes.len_of("shop")), (1, 1));
        lanes.settle(&begun);
        assert_eq!(lanes.len_of("gone"), 0);
        assert_eq!(ids(&mut lanes, 0), ["3"]);
    }

    #[test]
    fn an_event_that_failed_holds_back_those_behind_it_and_no_others() {
        let mut lanes = Lanes::default();
        lanes.add(entry("1", "a"));
        lanes.add(entry("2", "a"));
        lanes.add(entry("3", "b"));
        assert_eq!(ids(&mut lanes, 0), ["1", "3"]);
        lanes.postpone(&entry("1", "a"), "get an answer", 1_000);
        lanes.settle(&entry("3", "b"));
        assert!(ids(&mut lanes, 999).is_empty());
        assert_eq!(lanes.next_due(|_| true), Some(1_000));
        assert_eq!(ids(&mut lanes, 1_000), ["1"]);
    }

    #[test]
    fn one_listener_is_told_so_many_at_once_and_left_alone_when_it_asks() {
        let mut lanes = Lanes::default();
        for ticket in ["a", "b", "c", "d", "e", "f"] {
            lanes.add(entry(ticket, ticket));
        }
        assert_eq!(ids(&mut lanes, 0).len(), MOST_AT_ONCE);
        assert_eq!(lanes.next_due(|_| true), None, "one has to end first");
        lanes.leave_alone("shop", 5_000);
        lanes.settle(&entry("a", "a"));
        assert!(ids(&mut lanes, 4_999).is_empty());
        assert_eq!(lanes.next_due(|_| true), Some(5_000));
        assert_eq!(ids(&mut lanes, 5_000), ["e"]);
    }

    #[test]
    fn a_listener_that_is_not_configured_waits_for_its_return() {
        let mut lanes = Lanes::default();
        lanes.add(entry("1", "a"));
        lanes.add(entry("1", "a"));
        assert_eq!(lanes.len_of("shop"), 1, "the same event once");
        assert!(lanes.poll(0, |_| false).is_none());
        assert_eq!(lanes.next_due(|_| false), None);
        assert!(lanes.poll(0, |_| true).is_some());
    }
}

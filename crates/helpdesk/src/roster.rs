//! The reps at their desks: what presence says of each, what each has in hand, since when each is idle.
//! Must not know tickets beyond their identity, nor how a rep is chosen.

use std::collections::{BTreeMap, BTreeSet};

use presence::Availability;

use crate::clock::Moment;
use crate::config::Rep;
use crate::ids::{CallId, RepId, TicketId};

/// All configured reps, in order of identity.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    seats: BTreeMap<RepId, Seat>,
}

/// One rep at work.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) rep: Rep,
    pub(crate) availability: Availability,
    /// Until when nothing is offered, because an offer lapsed or the phone could not be reached.
    pub(crate) doubted_until: Option<Moment>,
    /// When the rep last gave a sign of life: a change of presence or a message.
    pub(crate) alive_at: Moment,
    /// Offers pending, oldest first.
    pub(crate) offers: Vec<TicketId>,
    /// Open conversations, oldest first.
    pub(crate) conversations: Vec<TicketId>,
    /// When each rest after a conversation ends.
    pub(crate) wrap_ups: Vec<Moment>,
    /// Until when the rep has asked for a pause.
    pub(crate) pause: Option<Pause>,
    /// Calls the rep is on by others' word; any fills the rep.
    pub(crate) calls: u32,
    /// Calls of ours that ring at the rep or that the rep is on.
    pub(crate) own_calls: BTreeSet<CallId>,
    /// When the rep last came on duty, was put a ticket, took a conversation or ended one.
    pub(crate) idle_since: Moment,
    /// The open conversation the rep last spoke in.
    pub(crate) spoken_in: Option<TicketId>,
    /// The offer that last lapsed: a late answer still takes the ticket while it waits.
    pub(crate) lapsed: Option<TicketId>,
    /// The conversation the rep was last told that `desk` means.
    pub(crate) desk_told: Option<TicketId>,
}

/// How long a rep's pause lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    Until(Moment),
    UntilResumed,
}

impl Roster {
    /// Takes the configured reps; those known already keep their state.
    pub(crate) fn configure(&mut self, reps: &[Rep], now: Moment) {
        let mut known = std::mem::take(&mut self.seats);
        for rep in reps {
            let seat = match known.remove(&rep.id) {
                Some(seat) => Seat {
                    rep: rep.clone(),
                    ..seat
                },
                None => Seat::new(rep.clone(), now),
            };
            self.seats.insert(rep.id.clone(), seat);
        }
    }

    /// Frees what time has freed: rests that are over, doubts that have lapsed.
    pub(crate) fn expire(&mut self, now: Moment) {
        for seat in self.seats.values_mut() {
            seat.wrap_ups.retain(|&end| end > now);
            seat.doubted_until = seat.doubted_until.filter(|&end| end > now);
            seat.pause = seat.pause.filter(|pause| match pause {
                Pause::Until(end) => *end > now,
                Pause::UntilResumed => true,
            });
        }
    }

    /// Whether a call of ours is not over.
    pub(crate) fn is_on(&self, call: &CallId) -> bool {
        self.seats
            .values()
            .any(|seat| seat.own_calls.contains(call))
    }

    /// A call of ours is over, whoever it was with.
    pub(crate) fn end_call(&mut self, call: &CallId) {
        for seat in self.seats.values_mut() {
            seat.own_calls.remove(call);
        }
    }

    pub(crate) fn seat_mut(&mut self, rep: &RepId) -> Option<&mut Seat> {
        self.seats.get_mut(rep)
    }

    pub(crate) fn seat(&self, rep: &RepId) -> Option<&Seat> {
        self.seats.get(rep)
    }

    pub(crate) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    /// When the next rest, doubt or pause ends.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        self.seats
            .values()
            .flat_map(|seat| {
                let pause = seat.pause.and_then(|pause| match pause {
                    Pause::Until(end) => Some(end),
                    Pause::UntilResumed => None,
                });
                let ends = seat.wrap_ups.iter().copied();
                ends.chain(seat.doubted_until).chain(pause)
            })
            .min()
    }
}

impl Seat {
    fn new(rep: Rep, now: Moment) -> Self {
        Self {
            rep,
            availability: Availability::Offline,
            doubted_until: None,
            alive_at: now,
            offers: Vec::new(),
            conversations: Vec::new(),
            wrap_ups: Vec::new(),
            pause: None,
            calls: 0,
            own_calls: BTreeSet::new(),
            idle_since: now,
            spoken_in: None,
            lapsed: None,
            desk_told: None,
        }
    }

    /// Takes a new state; says whether it is one.
    pub(crate) fn take_presence(&mut self, availability: Availability, now: Moment) -> bool {
        if self.availability == availability {
            return false;
        }
        if availability == Availability::Available {
            self.idle_since = now;
        }
        self.availability = availability;
        self.doubted_until = None;
        self.alive_at = now;
        true
    }

    /// A message from the rep proves that the phone is there and somebody at it.
    pub(crate) fn show_life(&mut self, now: Moment) {
        self.doubted_until = None;
        self.alive_at = now;
    }

    pub(crate) fn take_offer(&mut self, ticket: &TicketId, now: Moment) {
        self.offers.push(ticket.clone());
        self.idle_since = now;
    }

    pub(crate) fn end_offer(&mut self, ticket: &TicketId) {
        self.offers.retain(|offered| offered != ticket);
    }

    pub(crate) fn begin_conversation(&mut self, ticket: &TicketId, now: Moment) {
        self.end_offer(ticket);
        self.conversations.push(ticket.clone());
        self.spoken_in = Some(ticket.clone());
        self.idle_since = now;
    }

    pub(crate) fn end_conversation(&mut self, ticket: &TicketId, rest_until: Moment, now: Moment) {
        self.conversations.retain(|open| open != ticket);
        if self.spoken_in.as_ref() == Some(ticket) {
            self.spoken_in = None;
        }
        if self.desk_told.as_ref() == Some(ticket) {
            self.desk_told = None;
        }
        if rest_until > now {
            self.wrap_ups.push(rest_until);
        }
        self.idle_since = now;
    }

    /// The conversation that `desk` means: the oldest offer pending, since it lapses first, else the one
    /// last spoken in, else the newest open one.
    pub(crate) fn current(&self) -> Option<&TicketId> {
        self.offers
            .first()
            .or(self.spoken_in.as_ref())
            .or(self.conversations.last())
    }

    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted_until.is_some()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    pub(crate) fn is_on_call(&self) -> bool {
        self.calls_in_all() > 0
    }

    /// Calls the rep is on, by whoever's word.
    pub(crate) fn calls_in_all(&self) -> u32 {
        let own = u32::try_from(self.own_calls.len()).unwrap_or(u32::MAX);
        self.calls.max(own)
    }

    /// On duty: at the desk or soon back.
    pub(crate) fn is_on_duty(&self) -> bool {
        self.availability != Availability::Offline
    }

    /// At the desk, free or occupied.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.is_doubted()
            && !self.is_paused()
            && matches!(
                self.availability,
                Availability::Available | Availability::Busy
            )
    }

    pub(crate) fn has_room(&self) -> bool {
        let in_hand = self.conversations.len() + self.offers.len() + self.wrap_ups.len();
        in_hand < usize::try_from(self.rep.capacity).unwrap_or(usize::MAX)
    }

    /// Could take a conversation at once, as far as the rep's own state goes.
    pub(crate) fn is_free(&self) -> bool {
        self.availability == Availability::Available
            && !self.is_doubted()
            && !self.is_paused()
            && !self.is_on_call()
            && self.has_room()
    }
}

//! The reps at their desks: what presence says of each, what each has in hand, since when each is idle.
//! Must not know tickets beyond their identity, nor how a rep is chosen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use presence::Availability;

use crate::clock::Moment;
use crate::config::Rep;
use crate::ids::{CallId, RepId, TicketId};
use crate::routing::Standing;
use crate::routing::reps::RepSet;

/// All configured reps, in order of identity, and who of them could be asked. Invariant: `sets` holds each
/// seat as it stands, except those `touched`.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    seats: Vec<Seat>,
    /// Never walked through, for its order is none.
    place_by_id: HashMap<RepId, usize, RandomState>,
    touched: Vec<usize>,
    sets: Sets,
    /// What was seen of each seat by then.
    loads: Vec<Load>,
    /// By place, so that a decision among many need not look at their seats. Invariant: as `sets`.
    poses: Vec<Pose>,
    /// When the next rest, doubt or pause of each ends, with the place. Invariant: as `sets`.
    expiring: BTreeSet<(Moment, usize)>,
    /// Those who have a late answer left for a ticket that lapsed. Invariant: as `sets`.
    with_lapsed: BTreeSet<usize>,
    /// Whose seats may look otherwise than when this was last asked, by place.
    changed: RepSet,
    /// Of these those who are configured no more.
    gone: BTreeSet<RepId>,
    /// Those who have been there for something else since this was last asked, with what each was there for then.
    moved: Vec<(usize, Presence)>,
    version: u64,
    revision: u64,
    shifts: u64,
}

/// What of a seat decides how long others wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Load {
    presence: Presence,
    availability: Availability,
    offers: usize,
    conversations: usize,
    wrap_ups: usize,
    next_expiry: Option<Moment>,
}

/// How a rep stands to whatever the rep fits, and since when the rep is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pose {
    pub(crate) standing: Standing,
    pub(crate) idle_since: Moment,
}

/// The reps by what they are there for, by place in the roster. Each is in one of the first four.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// Could take a conversation at once.
    pub(crate) free: RepSet,
    /// At the desk and occupied.
    pub(crate) busy: RepSet,
    /// On duty, but not at the desk, doubted or in a pause.
    pub(crate) away: RepSet,
    /// Off duty.
    pub(crate) offline: RepSet,
    /// At the desk, free or occupied.
    pub(crate) at_work: RepSet,
    /// How many these are: it is asked for several times at each input.
    pub(crate) number_at_work: usize,
}

/// What a rep is there for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Free,
    Busy,
    Away,
    Offline,
}

/// One rep at work.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) rep: Rep,
    /// The rep's, for whoever is told of the rep.
    pub(crate) name: Arc<str>,
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
        let before = self.seats.iter().map(|seat| seat.rep.id.clone());
        self.gone.extend(before);
        let known = std::mem::take(&mut self.seats).into_iter();
        let mut known: BTreeMap<RepId, Seat> =
            known.map(|seat| (seat.rep.id.clone(), seat)).collect();
        let seat_of = |rep: &Rep| match known.remove(&rep.id) {
            Some(seat) => Seat {
                rep: rep.clone(),
                name: Arc::from(rep.name.as_str()),
                ..seat
            },
            None => Seat::new(rep.clone(), now),
        };
        self.seats = reps.iter().map(seat_of).collect();
        self.seats
            .sort_by(|one, other| one.rep.id.cmp(&other.rep.id));
        let ids = self.seats.iter().map(|seat| seat.rep.id.clone());
        self.place_by_id = ids.zip(0..).collect();
        // All others are told of by the place they have from here on.
        self.gone.retain(|id| !self.place_by_id.contains_key(id));
        self.changed = RepSet::with_room_for(self.seats.len());
        self.sets = Sets::with_room_for(self.seats.len());
        self.loads = self.seats.iter().map(Seat::load).collect();
        self.poses = self.seats.iter().map(Seat::pose).collect();
        let ends = self.loads.iter().zip(0..);
        let ends = ends.filter_map(|(load, place)| Some((load.next_expiry?, place)));
        self.expiring = ends.collect();
        self.with_lapsed.clear();
        self.touched = (0..self.seats.len()).collect();
        self.moved.clear();
        self.version += 1;
        self.revision += 1;
        self.shifts += 1;
        self.sync();
    }

    /// Brings the sets in line with the seats.
    pub(crate) fn sync(&mut self) {
        for place in self.touched.drain(..) {
            let (Some(seat), Some(known), Some(pose)) = (
                self.seats.get(place),
                self.loads.get_mut(place),
                self.poses.get_mut(place),
            ) else {
                continue;
            };
            *pose = seat.pose();
            if seat.lapsed.is_some() {
                self.with_lapsed.insert(place);
            } else {
                self.with_lapsed.remove(&place);
            }
            self.changed.insert(place);
            let load = seat.load();
            if known.next_expiry != load.next_expiry {
                let places = |end: Moment| (end, place);
                known
                    .next_expiry
                    .map(|end| self.expiring.remove(&places(end)));
                self.expiring.extend(load.next_expiry.map(places));
            }
            if known.presence != load.presence
                && [known.presence, load.presence].contains(&Presence::Offline)
            {
                self.shifts += 1;
            }
            if self.sets.put(place, load.presence) {
                self.moved.push((place, known.presence));
                self.version += 1;
            }
            if *known != load {
                *known = load;
                self.revision += 1;
            }
        }
    }

    /// A ticket that the rep has in hand has changed.
    pub(crate) fn note_changed(&mut self, rep: &RepId) {
        if let Some(&place) = self.place_by_id.get(rep) {
            self.changed.insert(place);
        }
    }

    /// Whose seats may look otherwise than when this was last asked. Whoever may still answer late is always among
    /// them: whether that ticket waits yet is not the seat's own affair.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<RepId> {
        for &place in &self.with_lapsed {
            self.changed.insert(place);
        }
        let mut changed = std::mem::take(&mut self.gone);
        let places = self.changed.in_both(&self.changed);
        changed.extend(places.filter_map(|place| Some(self.seats.get(place)?.rep.id.clone())));
        self.changed.clear();
        changed
    }

    /// Places of those who are free, busy, away or off duty otherwise than when this was last asked. Whoever was put a
    /// ticket at the moment of coming free is not among them.
    pub(crate) fn take_moved(&mut self) -> Vec<usize> {
        let mut moved = std::mem::take(&mut self.moved);
        // What each was there for at first stands first.
        moved.sort_by_key(|(place, _)| *place);
        moved.dedup_by_key(|(place, _)| *place);
        let is_elsewhere = |(place, before): &(usize, Presence)| {
            self.loads
                .get(*place)
                .is_none_or(|load| load.presence != *before)
        };
        moved.retain(is_elsewhere);
        moved.into_iter().map(|(place, _)| place).collect()
    }

    /// Rises whenever somebody comes, goes, takes something or has done with it.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Places of those at work, ascending.
    pub(crate) fn at_work(&self) -> impl Iterator<Item = usize> {
        let at_work = &self.sets().at_work;
        at_work.in_both(at_work)
    }

    /// Who could be asked.
    pub(crate) fn sets(&self) -> &Sets {
        debug_assert!(self.touched.is_empty(), "the sets are behind the seats");
        &self.sets
    }

    /// Rises whenever who could be asked changes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Rises whenever somebody comes on duty or goes off it.
    pub(crate) fn shifts(&self) -> u64 {
        self.shifts
    }

    /// The rep's place in the roster.
    pub(crate) fn place(&self, rep: &RepId) -> Option<usize> {
        self.place_by_id.get(rep).copied()
    }

    /// How the rep of this place stood when the sets were last brought in line.
    pub(crate) fn pose_at(&self, place: usize) -> Option<Pose> {
        debug_assert!(self.touched.is_empty(), "the poses are behind the seats");
        self.poses.get(place).copied()
    }

    /// Those who could be asked.
    pub(crate) fn free(&self) -> impl Iterator<Item = &Seat> {
        let free = &self.sets().free;
        free.in_both(free).filter_map(|place| self.seat_at(place))
    }

    /// By place in the roster.
    pub(crate) fn seat_at(&self, place: usize) -> Option<&Seat> {
        self.seats.get(place)
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Frees what time has freed: rests that are over, doubts that have lapsed.
    pub(crate) fn expire(&mut self, now: Moment) {
        self.sync();
        let over = self.expiring.iter().take_while(|(end, _)| *end <= now);
        for &(_, place) in over {
            let Some(seat) = self.seats.get_mut(place) else {
                continue;
            };
            self.touched.push(place);
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
        self.seats.iter().any(|seat| seat.own_calls.contains(call))
    }

    /// A call of ours is over, whoever it was with.
    pub(crate) fn end_call(&mut self, call: &CallId) {
        for (place, seat) in self.seats.iter_mut().enumerate() {
            if seat.own_calls.remove(call) {
                self.touched.push(place);
            }
        }
    }

    pub(crate) fn seat_mut(&mut self, rep: &RepId) -> Option<&mut Seat> {
        let place = *self.place_by_id.get(rep)?;
        if self.touched.last() != Some(&place) {
            self.touched.push(place);
        }
        self.seats.get_mut(place)
    }

    pub(crate) fn seat(&self, rep: &RepId) -> Option<&Seat> {
        self.seats.get(*self.place_by_id.get(rep)?)
    }

    pub(crate) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter()
    }

    /// When the next rest, doubt or pause ends.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        let touched = self.touched.iter();
        let touched = touched.filter_map(|&place| self.seats.get(place)?.next_expiry());
        let known = self.expiring.first().map(|(end, _)| *end);
        known.into_iter().chain(touched).min()
    }
}

impl Sets {
    fn with_room_for(reps: usize) -> Self {
        let none = || RepSet::with_room_for(reps);
        Self {
            free: none(),
            busy: none(),
            away: none(),
            offline: none(),
            at_work: none(),
            number_at_work: 0,
        }
    }

    /// Puts a rep where it belongs; says whether it was elsewhere.
    fn put(&mut self, place: usize, presence: Presence) -> bool {
        let mine = match presence {
            Presence::Free => &self.free,
            Presence::Busy => &self.busy,
            Presence::Away => &self.away,
            Presence::Offline => &self.offline,
        };
        if mine.contains(place) {
            return false;
        }
        if self.at_work.contains(place) {
            self.number_at_work -= 1;
        }
        let all = [
            (&mut self.free, presence == Presence::Free),
            (&mut self.busy, presence == Presence::Busy),
            (&mut self.away, presence == Presence::Away),
            (&mut self.offline, presence == Presence::Offline),
            (
                &mut self.at_work,
                matches!(presence, Presence::Free | Presence::Busy),
            ),
        ];
        for (set, belongs) in all {
            if belongs {
                set.insert(place);
            } else {
                set.remove(place);
            }
        }
        if self.at_work.contains(place) {
            self.number_at_work += 1;
        }
        true
    }
}

impl Seat {
    fn new(rep: Rep, now: Moment) -> Self {
        Self {
            name: Arc::from(rep.name.as_str()),
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

    /// When the next rest, doubt or pause ends by itself.
    fn next_expiry(&self) -> Option<Moment> {
        let pause = self.pause.and_then(|pause| match pause {
            Pause::Until(end) => Some(end),
            Pause::UntilResumed => None,
        });
        let ends = self.wrap_ups.iter().copied();
        ends.chain(self.doubted_until).chain(pause).min()
    }

    fn pose(&self) -> Pose {
        Pose {
            standing: self.standing(),
            idle_since: self.idle_since,
        }
    }

    fn load(&self) -> Load {
        Load {
            presence: self.presence(),
            availability: self.availability,
            offers: self.offers.len(),
            conversations: self.conversations.len(),
            wrap_ups: self.wrap_ups.len(),
            next_expiry: self.next_expiry(),
        }
    }

    /// How the rep stands to every ticket that the rep fits and that is meant for nobody else: the nearest reason
    /// why the rep cannot take it at once.
    pub(crate) fn standing(&self) -> Standing {
        if self.availability != Availability::Available {
            Standing::NotAvailable
        } else if self.is_doubted() {
            Standing::Doubted
        } else if self.is_paused() {
            Standing::Paused
        } else if self.is_on_call() {
            Standing::OnCall
        } else if !self.has_room() {
            Standing::Full
        } else {
            Standing::Ready
        }
    }

    pub(crate) fn presence(&self) -> Presence {
        match self.availability {
            Availability::Offline => Presence::Offline,
            Availability::Away => Presence::Away,
            Availability::Available | Availability::Busy
                if self.is_doubted() || self.is_paused() =>
            {
                Presence::Away
            }
            Availability::Available if self.standing() == Standing::Ready => Presence::Free,
            Availability::Available | Availability::Busy => Presence::Busy,
        }
    }

    /// Could take a conversation at once, as far as the rep's own state goes.
    pub(crate) fn is_free(&self) -> bool {
        self.standing() == Standing::Ready
    }
}

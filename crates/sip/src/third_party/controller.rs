//! The machine of one call: the first side, then the second, then both. Must not know how a leg works.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::deadlines::{Deadlines, Timer};
use super::exchange::Exchange;
use super::state::{Calling, Early, Leg, Ready, State};
use super::verdict::{is_about_the_offer, is_out_of_reach, is_ways_own};
use super::{Config, End, Flow, Input, News, Order, Origin, Output, Side};
use crate::call::{Body, Event, Outcome};
use crate::status::StatusCode;

/// When the first is asked again whose own re-INVITE is in the way.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// One call of two, from its beginning to its end.
#[derive(Debug)]
pub struct Controller {
    config: Config,
    state: State,
    first: Leg,
    second: Leg,
    deadlines: Deadlines,
    outputs: VecDeque<Output>,
    latest: Option<Instant>,
}

impl Controller {
    /// A call that has not begun.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::New,
            first: Leg::None,
            second: Leg::None,
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            latest: None,
        }
    }

    /// Takes an input in. Timers due at `now` fire first. A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Instant) {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        while let Some(timer) = self.deadlines.pop_due(now) {
            self.handle_timer(timer, now);
        }
        match input {
            Input::Begin => {
                if matches!(self.state, State::New) {
                    self.call_first(0, self.config.flow, now);
                }
            }
            Input::Leg {
                side,
                event: Event::Ended(outcome),
            } => self.handle_ended(side, outcome, now),
            Input::Leg { side, event } => self.handle_event(side, event, now),
            Input::NotPlaced { side } => self.handle_not_placed(side, now),
            Input::Committed => self.handle_committed(now),
            Input::NotCommitted => {
                if matches!(self.state, State::Committing(_)) {
                    self.part(End::NotCommitted, now);
                }
            }
            Input::End => self.handle_end(now),
            Input::Timeout => {}
        }
    }

    /// The next effect; to be asked until there is none before the next [`Self::handle`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    fn handle_timer(&mut self, timer: Timer, now: Instant) {
        match (timer, &self.state) {
            (Timer::Ringing, State::First { .. }) => {
                self.part(End::NotReached(Side::First, Outcome::NoAnswer), now);
            }
            (Timer::Commit | Timer::Alone, State::Committing(_)) => {
                self.part(End::NotCommitted, now);
            }
            (Timer::Alone, State::Second(_) | State::AskingFirst { .. } | State::Asking { .. }) => {
                self.part(End::NotReached(Side::Second, Outcome::NoAnswer), now)
            }
            (Timer::Again, State::Asking { .. }) => self.ask_first(),
            (Timer::Parting, State::Parting(end)) => {
                let end = *end;
                self.finish(end);
            }
            (
                Timer::Ringing | Timer::Commit | Timer::Alone | Timer::Again | Timer::Parting,
                State::New
                | State::First { .. }
                | State::Committing(_)
                | State::Second(_)
                | State::AskingFirst { .. }
                | State::Asking { .. }
                | State::Talking { .. }
                | State::Parting(_)
                | State::Over,
            ) => {}
        }
    }

    fn handle_end(&mut self, now: Instant) {
        match &self.state {
            State::New => self.finish(End::Cancelled),
            State::First { .. }
            | State::Committing(_)
            | State::Second(_)
            | State::AskingFirst { .. }
            | State::Asking { .. } => self.part(End::Cancelled, now),
            State::Talking { since, .. } => {
                let time = now.saturating_duration_since(*since);
                self.part(End::Talked { time, by: None }, now);
            }
            State::Parting(_) | State::Over => {}
        }
    }

    fn handle_event(&mut self, side: Side, event: Event, now: Instant) {
        if *self.leg(side) != Leg::Placed {
            return;
        }
        match (std::mem::replace(&mut self.state, State::Over), side) {
            (
                State::First {
                    way,
                    flow,
                    is_second_flow,
                    rings,
                },
                Side::First,
            ) => {
                let is_ringing = matches!(event, Event::Ringing { .. });
                self.state = State::First {
                    way,
                    flow,
                    rings: rings || is_ringing,
                    is_second_flow,
                };
                self.hear_first(event, now);
            }
            (State::Second(calling), Side::Second) => self.hear_second(calling, event, now),
            (State::AskingFirst { way, origin }, Side::First) => {
                self.hear_asked_for_offer(way, origin, event, now);
            }
            (State::Asking { offer, origin }, Side::First) => {
                self.hear_asked(offer, origin, event, now);
            }
            (
                State::Talking {
                    since,
                    mut exchange,
                },
                side,
            ) => {
                let passed = exchange.pass(side, event);
                self.state = State::Talking { since, exchange };
                if let Some((side, order)) = passed {
                    self.order(side, order);
                }
            }
            (
                state @ (State::New
                | State::First { .. }
                | State::Committing(_)
                | State::Second(_)
                | State::AskingFirst { .. }
                | State::Asking { .. }
                | State::Parting(_)
                | State::Over),
                side,
            ) => {
                self.state = state;
                self.put_off(side, &event);
            }
        }
    }

    /// A change of the session before they talk comes too early.
    fn put_off(&mut self, side: Side, event: &Event) {
        if let Event::PeerOffer { id, .. } = event {
            self.order(side, Order::Refuse(*id, StatusCode::REQUEST_PENDING));
        }
    }

    fn hear_first(&mut self, event: Event, now: Instant) {
        let State::First { flow, .. } = &self.state else {
            return;
        };
        match (event, *flow) {
            (Event::Ringing { .. }, _) => self.tell(News::Rings(Side::First)),
            (Event::Offered { offer }, Flow::OfferOfFirst) => {
                self.commit(Ready::Offered(offer), now);
            }
            (Event::Answered { .. }, Flow::OfferOfSecond) => {
                self.commit(Ready::OnHold(self.config.origin.clone()), now);
            }
            (event, Flow::OfferOfFirst | Flow::OfferOfSecond) => {
                self.put_off(Side::First, &event);
            }
        }
    }

    fn hear_second(&mut self, mut calling: Calling, event: Event, now: Instant) {
        match event {
            Event::Ringing { body, .. } => {
                calling.rings = true;
                self.tell(News::Rings(Side::Second));
                // Without an offer a body here would be one, and none that may be answered yet.
                if let (Ready::Offered(_), None, Some(answer)) =
                    (&calling.ready, &calling.early, body)
                {
                    let given = calling.restated(&answer);
                    self.order(Side::First, Order::Acknowledge(given.clone()));
                    calling.early = Some(Early { answer, given });
                }
                self.state = State::Second(calling);
            }
            Event::Answered { answer } => self.hear_answer(calling, answer, now),
            Event::Offered { offer } => match calling.ready {
                Ready::OnHold(mut origin) => {
                    let restated = origin.restate(&offer);
                    self.state = State::Asking {
                        offer: restated,
                        origin,
                    };
                    self.ask_first();
                }
                // It was given an offer, and a leg with one hears of answers only.
                Ready::Offered(_) => {
                    self.state = State::Second(calling);
                }
            },
            other => {
                self.state = State::Second(calling);
                self.put_off(Side::Second, &other);
            }
        }
    }

    /// The second has taken the offer of the first.
    fn hear_answer(&mut self, mut calling: Calling, answer: Option<Body>, now: Instant) {
        let early = calling.early.take();
        let answer = answer.or_else(|| early.as_ref().map(|early| early.answer.clone()));
        let (Some(answer), Ready::Offered(offer)) = (answer, &calling.ready) else {
            self.state = State::Second(calling);
            return self.part(End::NoCommonMedia, now);
        };
        let offer = offer.clone();
        let given = match early {
            None => {
                let given = calling.restated(&answer);
                self.order(Side::First, Order::Acknowledge(given.clone()));
                given
            }
            // Another phone answered than the one that spoke early (RFC 3261 §13.2.2.4).
            Some(early) if early.answer != answer => {
                let given = calling.restated(&answer);
                self.order(Side::First, Order::Modify(Some(given.clone())));
                given
            }
            Some(early) => early.given,
        };
        self.join(Exchange::new(given, offer, calling.origin), now);
    }

    /// The first, on hold, was asked for an offer.
    fn hear_asked_for_offer(&mut self, way: usize, origin: Origin, event: Event, now: Instant) {
        match event {
            Event::ModifyOffered { offer } => {
                self.call_second(way, Ready::Offered(offer), Some(origin));
            }
            Event::Modified { .. } | Event::ModifyFailed { .. } => {
                self.state = State::AskingFirst { way, origin };
                self.part(End::NoCommonMedia, now);
            }
            other => {
                self.state = State::AskingFirst { way, origin };
                self.put_off(Side::First, &other);
            }
        }
    }

    /// The first was asked to take the second's offer.
    fn hear_asked(&mut self, offer: Body, origin: Origin, event: Event, now: Instant) {
        match event {
            Event::Modified {
                answer: Some(answer),
            } => {
                self.order(Side::Second, Order::Acknowledge(answer.clone()));
                self.join(Exchange::new(offer, answer, Some(origin)), now);
            }
            // A re-INVITE of its own is in the way.
            Event::ModifyFailed { status: None } => {
                self.state = State::Asking { offer, origin };
                self.deadlines.set(Timer::Again, now + AGAIN_AFTER);
            }
            Event::Modified { answer: None } | Event::ModifyFailed { status: Some(_) } => {
                self.state = State::Asking { offer, origin };
                self.part(End::NoCommonMedia, now);
            }
            other => {
                self.state = State::Asking { offer, origin };
                self.put_off(Side::First, &other);
            }
        }
    }

    fn handle_not_placed(&mut self, side: Side, now: Instant) {
        if *self.leg(side) != Leg::Placed {
            return;
        }
        match (&self.state, side) {
            (State::First { way, .. }, Side::First) => {
                let next = way + 1;
                *self.leg(side) = Leg::None;
                self.call_first_by(next, End::NoWay(side), now);
            }
            (State::Second(_), Side::Second) => {
                *self.leg(side) = Leg::None;
                self.call_second_by_next(End::NoWay(side), now);
            }
            // It had been placed before.
            (
                State::New
                | State::First { .. }
                | State::Committing(_)
                | State::Second(_)
                | State::AskingFirst { .. }
                | State::Asking { .. }
                | State::Talking { .. }
                | State::Parting(_)
                | State::Over,
                Side::First | Side::Second,
            ) => self.handle_ended(side, Outcome::Lost, now),
        }
    }

    fn handle_ended(&mut self, side: Side, outcome: Outcome, now: Instant) {
        if *self.leg(side) == Leg::None {
            return;
        }
        *self.leg(side) = Leg::None;
        match (&self.state, side) {
            (
                State::First {
                    way,
                    flow,
                    rings,
                    is_second_flow,
                },
                Side::First,
            ) => {
                let (way, flow) = (*way, *flow);
                if !rings && !is_second_flow && is_about_the_offer(outcome) {
                    let flow = match flow {
                        Flow::OfferOfFirst => Flow::OfferOfSecond,
                        Flow::OfferOfSecond => Flow::OfferOfFirst,
                    };
                    return self.call_first(way, flow, now);
                }
                let end = End::NotReached(side, outcome);
                if is_out_of_reach(outcome) {
                    self.call_first_by(way + 1, end, now);
                } else {
                    self.part(end, now);
                }
            }
            (State::Committing(_), Side::First) => self.part(End::FirstLeft, now),
            (State::Second(_) | State::AskingFirst { .. } | State::Asking { .. }, Side::First) => {
                let end = match outcome {
                    // The second rang for longer than the first's phone waits for the answer to its offer.
                    Outcome::AnsweredTooLate => End::NotReached(Side::Second, Outcome::NoAnswer),
                    _ => End::FirstLeft,
                };
                self.part(end, now);
            }
            (State::Second(calling), Side::Second) => {
                let on_hold = match &calling.ready {
                    Ready::OnHold(origin) => Some((calling.way, origin.clone())),
                    Ready::Offered(_) => None,
                };
                let end = End::NotReached(side, outcome);
                match on_hold {
                    // The trunk takes no call without an offer; nobody was called by it yet.
                    Some((way, origin)) if !calling.rings && is_about_the_offer(outcome) => {
                        self.state = State::AskingFirst { way, origin };
                        self.order(Side::First, Order::Modify(None));
                    }
                    _ if !calling.rings && is_ways_own(outcome) => {
                        self.tell(News::NextWay {
                            way: calling.way,
                            outcome,
                        });
                        self.call_second_by_next(end, now);
                    }
                    _ if outcome == Outcome::Refused(StatusCode::NOT_ACCEPTABLE_HERE) => {
                        self.part(End::NoCommonMedia, now);
                    }
                    _ => self.part(end, now),
                }
            }
            (State::Asking { .. }, Side::Second) => {
                self.part(End::NotReached(side, outcome), now);
            }
            (State::Talking { since, .. }, side) => {
                let time = now.saturating_duration_since(*since);
                let by = (outcome == Outcome::PeerHungUp).then_some(side);
                self.part(End::Talked { time, by }, now);
            }
            (
                State::New
                | State::First { .. }
                | State::Committing(_)
                | State::AskingFirst { .. }
                | State::Parting(_)
                | State::Over,
                _,
            ) => self.finish_if_alone(),
        }
    }

    fn handle_committed(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Committing(ready) => {
                self.deadlines.clear(Timer::Commit);
                self.tell(News::FirstAnswered);
                if self.config.ways_to_second == 0 {
                    self.part(End::NoWay(Side::Second), now);
                } else {
                    self.call_second(0, ready, None);
                }
            }
            // Meanwhile the first left, or somebody wanted the end.
            other => self.state = other,
        }
    }

    /// Calls the first by a way, if there is one so far down.
    fn call_first_by(&mut self, way: usize, otherwise: End, now: Instant) {
        if way < self.config.ways_to_first {
            self.call_first(way, self.config.flow, now);
        } else {
            self.part(otherwise, now);
        }
    }

    fn call_first(&mut self, way: usize, flow: Flow, now: Instant) {
        if self.config.ways_to_first == 0 {
            return self.finish(End::NoWay(Side::First));
        }
        let is_second_flow = flow != self.config.flow;
        self.state = State::First {
            way,
            flow,
            rings: false,
            is_second_flow,
        };
        let offer = match flow {
            Flow::OfferOfFirst => None,
            Flow::OfferOfSecond => Some(self.config.origin.hold()),
        };
        let limit = now + self.config.longest_ringing;
        self.deadlines.set(Timer::Ringing, limit);
        self.place(Side::First, way, offer);
    }

    fn commit(&mut self, ready: Ready, now: Instant) {
        self.deadlines.clear(Timer::Ringing);
        let limit = now + self.config.longest_commit;
        self.deadlines.set(Timer::Commit, limit);
        let limit = now + self.config.longest_alone;
        self.deadlines.set(Timer::Alone, limit);
        self.state = State::Committing(ready);
        self.outputs.push_back(Output::Commit);
    }

    fn call_second(&mut self, way: usize, ready: Ready, origin: Option<Origin>) {
        let offer = match &ready {
            Ready::Offered(offer) => Some(offer.clone()),
            Ready::OnHold(_) => None,
        };
        self.state = State::Second(Calling {
            way,
            ready,
            rings: false,
            early: None,
            origin,
        });
        self.place(Side::Second, way, offer);
    }

    fn call_second_by_next(&mut self, otherwise: End, now: Instant) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Second(calling) if calling.way + 1 < self.config.ways_to_second => {
                self.call_second(calling.way + 1, calling.ready, calling.origin);
            }
            other => {
                self.state = other;
                self.part(otherwise, now);
            }
        }
    }

    fn ask_first(&mut self) {
        if let State::Asking { offer, .. } = &self.state {
            let offer = offer.clone();
            self.order(Side::First, Order::Modify(Some(offer)));
        }
    }

    fn join(&mut self, exchange: Exchange, now: Instant) {
        self.deadlines.clear_all();
        self.state = State::Talking {
            since: now,
            exchange,
        };
        self.tell(News::Joined);
    }

    /// Hangs up whoever is there, and ends when nobody is.
    fn part(&mut self, end: End, now: Instant) {
        self.deadlines.clear_all();
        for side in [Side::First, Side::Second] {
            if *self.leg(side) == Leg::Placed {
                self.order(side, Order::HangUp);
                *self.leg(side) = Leg::Leaving;
            }
        }
        self.state = State::Parting(end);
        let limit = now + self.config.longest_parting;
        self.deadlines.set(Timer::Parting, limit);
        self.finish_if_alone();
    }

    fn finish_if_alone(&mut self) {
        if let State::Parting(end) = &self.state
            && self.first == Leg::None
            && self.second == Leg::None
        {
            let end = *end;
            self.finish(end);
        }
    }

    fn finish(&mut self, end: End) {
        self.deadlines.clear_all();
        self.state = State::Over;
        self.first = Leg::None;
        self.second = Leg::None;
        self.outputs.push_back(Output::Ended(end));
    }

    fn place(&mut self, side: Side, way: usize, offer: Option<Body>) {
        *self.leg(side) = Leg::Placed;
        self.outputs.push_back(Output::Place { side, way, offer });
    }

    fn order(&mut self, side: Side, order: Order) {
        self.outputs.push_back(Output::Order { side, order });
    }

    fn tell(&mut self, news: News) {
        self.outputs.push_back(Output::News(news));
    }

    const fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}

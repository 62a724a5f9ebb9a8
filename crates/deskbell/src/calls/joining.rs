//! Two legs joined to one call: what each says is handed to the other, unread, and the end of one is the end of the
//! other (RFC 3725 §4.1). Must not know how a leg is set up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{CallEnd, CallNews, CallOrder, EndedBy, NotReached};
use sip::StatusCode;
use sip::call::{Body, Event, Input, Outcome, PeerRequestId};
use sip_transport::Placed;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::intent::Record;
use super::{Parts, Reporter, legs};

/// A leg that was hung up has so long to say how it ended.
const PARTING: Duration = Duration::from_secs(40);

/// One call on its way.
pub(super) struct Joining<'a> {
    parts: &'a Parts,
    order: &'a CallOrder,
    reporter: &'a Reporter,
    record: &'a mut Record,
    end: CancellationToken,
}

/// What the rep's phone came to.
enum Rep {
    There { leg: Placed, offer: Body },
    Not(CallEnd),
}

/// What the shopper's phone came to, over one trunk.
enum Shopper {
    There(Placed),
    /// Another trunk may do better: this one never had the call.
    NextTrunk(NotReached),
    Not(CallEnd),
}

/// What one leg wants of the other, under way.
#[derive(Default)]
struct Exchange {
    /// The re-INVITE of the rep that the shopper's phone is asked about, or the other way round.
    asked: Option<(Side, PeerRequestId)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Rep,
    Shopper,
}

impl<'a> Joining<'a> {
    pub(super) fn new(
        parts: &'a Parts,
        order: &'a CallOrder,
        reporter: &'a Reporter,
        record: &'a mut Record,
        end: CancellationToken,
    ) -> Self {
        Self {
            parts,
            order,
            reporter,
            record,
            end,
        }
    }

    /// Makes the call; returns when both legs are over.
    pub(super) async fn run(mut self) -> CallEnd {
        let (mut rep, offer) = match self.reach_rep().await {
            Rep::There { leg, offer } => (leg, offer),
            Rep::Not(end) => return end,
        };
        // On disk before the number's INVITE leaves: from here on it counts as dialled.
        if let Err(error) = self.record.dial().await {
            tracing::warn!(%error, "a number was not dialled: it could not be recorded");
            part(&mut rep).await;
            return CallEnd::NotBegun(Arc::from("that it is dialled could not be recorded"));
        }
        self.reporter.tell(CallNews::RepAnswered).await;
        let mut end = no_trunk();
        let trunks = Arc::clone(&self.parts.trunks);
        for trunk in trunks.iter() {
            let placed = legs::call_shopper(self.parts, self.order, trunk, offer.clone()).await;
            let Ok(placed) = placed else {
                break;
            };
            match self.reach_shopper(&mut rep, placed).await {
                Shopper::There(shopper) => return self.join(rep, shopper).await,
                Shopper::NextTrunk(why) => {
                    tracing::warn!(trunk = %trunk.hostport, %why, "a trunk takes no call, the next is tried");
                    end = CallEnd::Shopper(why);
                }
                Shopper::Not(why) => {
                    end = why;
                    break;
                }
            }
        }
        // Where the rep hung up, that leg is over already.
        if end != CallEnd::RepLeft {
            part(&mut rep).await;
        }
        end
    }

    /// Calls the rep's phones, one after the other, until one is answered.
    async fn reach_rep(&mut self) -> Rep {
        let mut why = NotReached::Unreachable(Arc::from("no phone is registered"));
        let phones = self.parts.bindings.phones(&self.order.rep, Instant::now());
        for phone in &phones {
            let leg = match legs::call_rep(self.parts, self.order, phone) {
                Ok(Some(leg)) => leg,
                Ok(None) => continue,
                Err(_) => break,
            };
            match self.ring_rep(leg).await {
                Rep::Not(CallEnd::Rep(reason @ NotReached::Unreachable(_))) => why = reason,
                other => return other,
            }
        }
        Rep::Not(CallEnd::Rep(why))
    }

    async fn ring_rep(&self, mut leg: Placed) -> Rep {
        loop {
            let event = tokio::select! {
                event = leg.events.recv() => event,
                () = self.end.cancelled() => {
                    part(&mut leg).await;
                    return Rep::Not(CallEnd::Cancelled);
                }
            };
            match event {
                Some(Event::Offered { offer }) => return Rep::There { leg, offer },
                Some(Event::Ringing { .. }) => self.reporter.tell(CallNews::RepRings).await,
                Some(Event::Ended(outcome)) => return Rep::Not(CallEnd::Rep(reason(outcome))),
                Some(other) => ignore(&other),
                None => return Rep::Not(CallEnd::Rep(reason(Outcome::Lost))),
            }
        }
    }

    /// Waits for the shopper's answer. An early answer goes to the rep at once, who hears what the network plays.
    async fn reach_shopper(&self, rep: &mut Placed, mut shopper: Placed) -> Shopper {
        let mut early: Option<Body> = None;
        let mut rings = false;
        loop {
            tokio::select! {
                event = shopper.events.recv() => match event {
                    Some(Event::Ringing { body, .. }) => {
                        rings = true;
                        self.reporter.tell(CallNews::ShopperRings).await;
                        if let Some(answer) = body.filter(|_| early.is_none()) {
                            early = Some(answer.clone());
                            give(rep, Input::Acknowledge { answer });
                        }
                    }
                    Some(Event::Answered { answer }) => {
                        let answer = answer.or_else(|| early.clone());
                        match (answer, early) {
                            (Some(answer), None) => give(rep, Input::Acknowledge { answer }),
                            // Another phone answered than the one that spoke early (RFC 3261 §13.2.2.4).
                            (Some(answer), Some(early)) if answer != early => {
                                give(rep, Input::Modify { offer: Some(answer) });
                            }
                            (Some(_), Some(_)) => {}
                            (None, _) => {
                                part(&mut shopper).await;
                                return Shopper::Not(CallEnd::NoCommonMedia);
                            }
                        }
                        return Shopper::There(shopper);
                    }
                    Some(Event::Ended(outcome)) if !rings && is_trunks_own(outcome) => {
                        return Shopper::NextTrunk(reason(outcome));
                    }
                    Some(Event::Ended(Outcome::Refused(StatusCode::NOT_ACCEPTABLE_HERE))) => {
                        return Shopper::Not(CallEnd::NoCommonMedia);
                    }
                    Some(Event::Ended(outcome)) => {
                        return Shopper::Not(CallEnd::Shopper(reason(outcome)));
                    }
                    Some(other) => ignore(&other),
                    None => return Shopper::Not(CallEnd::Shopper(reason(Outcome::Lost))),
                },
                event = rep.events.recv() => match event {
                    Some(Event::Ended(outcome)) => {
                        part(&mut shopper).await;
                        return Shopper::Not(match outcome {
                            // It rang too long for the rep's phone, which waits for the answer to its offer.
                            Outcome::AnsweredTooLate => CallEnd::Shopper(NotReached::NoAnswer),
                            _ => CallEnd::RepLeft,
                        });
                    }
                    Some(Event::PeerOffer { id, .. }) => give(rep, Input::Refuse {
                        id,
                        status: StatusCode::NOT_ACCEPTABLE_HERE,
                    }),
                    Some(other) => ignore(&other),
                    None => {
                        part(&mut shopper).await;
                        return Shopper::Not(CallEnd::RepLeft);
                    }
                },
                () = self.end.cancelled() => {
                    part(&mut shopper).await;
                    return Shopper::Not(CallEnd::Cancelled);
                }
            }
        }
    }

    /// They talk, until either hangs up or somebody asks for the end.
    async fn join(&self, mut rep: Placed, mut shopper: Placed) -> CallEnd {
        let since = Instant::now();
        self.reporter.tell(CallNews::ShopperAnswered).await;
        let mut exchange = Exchange::default();
        let (by, over) = loop {
            tokio::select! {
                event = rep.events.recv() => match event {
                    Some(Event::Ended(outcome)) => {
                        break (ended_by(outcome, EndedBy::Rep), Some(Side::Rep));
                    }
                    Some(event) => exchange.pass(Side::Rep, event, &rep, &shopper),
                    None => break (EndedBy::Desk, Some(Side::Rep)),
                },
                event = shopper.events.recv() => match event {
                    Some(Event::Ended(outcome)) => {
                        break (ended_by(outcome, EndedBy::Shopper), Some(Side::Shopper));
                    }
                    Some(event) => exchange.pass(Side::Shopper, event, &shopper, &rep),
                    None => break (EndedBy::Desk, Some(Side::Shopper)),
                },
                () = self.end.cancelled() => break (EndedBy::Desk, None),
            }
        };
        let talked = since.elapsed();
        // A leg that is over says nothing more.
        match over {
            Some(Side::Rep) => part(&mut shopper).await,
            Some(Side::Shopper) => part(&mut rep).await,
            None => {
                tokio::join!(part(&mut rep), part(&mut shopper));
            }
        }
        CallEnd::Over { talked, by }
    }
}

impl Exchange {
    /// Hands on what a leg says: `from` has said it, `to` is the other.
    fn pass(&mut self, side: Side, event: Event, from: &Placed, to: &Placed) {
        let refuse = |leg: &Placed, id| {
            let status = StatusCode::NOT_ACCEPTABLE_HERE;
            give(leg, Input::Refuse { id, status });
        };
        match event {
            // Of two changes at once the second comes too early.
            Event::PeerOffer { id, .. } if self.asked.is_some() => refuse(from, id),
            Event::PeerOffer { id, offer } => {
                self.asked = Some((side, id));
                give(to, Input::Modify { offer });
            }
            Event::PeerOfferWithdrawn { .. } => self.asked = None,
            Event::Modified { answer: Some(body) } | Event::ModifyOffered { offer: body } => {
                if let Some((asker, id)) = self.asked.take()
                    && asker != side
                {
                    give(to, Input::Accept { id, body });
                }
            }
            Event::Modified { answer: None } | Event::ModifyFailed { .. } => {
                if let Some((asker, id)) = self.asked.take()
                    && asker != side
                {
                    refuse(to, id);
                }
            }
            Event::PeerAnswer {
                answer: Some(answer),
            } => give(to, Input::Acknowledge { answer }),
            Event::PeerAnswer { answer: None }
            | Event::Ringing { .. }
            | Event::Answered { .. }
            | Event::Offered { .. }
            | Event::Ended(_) => ignore(&event),
        }
    }
}

/// Hangs a leg up and waits until it is over; dropped, it would be hung up too.
async fn part(leg: &mut Placed) {
    give(leg, Input::HangUp);
    let over = async {
        while let Some(event) = leg.events.recv().await {
            if matches!(event, Event::Ended(_)) {
                return;
            }
        }
    };
    if timeout(PARTING, over).await.is_err() {
        tracing::warn!("a leg did not end in time");
    }
}

fn give(leg: &Placed, order: Input) {
    if let Err(error) = leg.orders.give(order) {
        tracing::debug!(%error, "a leg took no order");
    }
}

fn ignore(event: &Event) {
    tracing::trace!(?event, "nobody waits for this");
}

fn no_trunk() -> CallEnd {
    CallEnd::NotBegun(Arc::from("no trunk is configured"))
}

/// Whether the call never got beyond the trunk, so that another may be asked without calling anybody twice.
fn is_trunks_own(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Refused(status) => matches!(status.code(), 403 | 500..=599),
        Outcome::NotAuthorised => true,
        // No answer at all may still have been a call: it is not repeated.
        Outcome::Unreachable(failure) => failure != sip::transaction::Failure::Timeout,
        Outcome::Redirected(_)
        | Outcome::NoAnswer
        | Outcome::Cancelled
        | Outcome::Unusable
        | Outcome::AnsweredTooLate
        | Outcome::HungUp
        | Outcome::PeerHungUp
        | Outcome::Lost
        | Outcome::TooLong => false,
    }
}

fn reason(outcome: Outcome) -> NotReached {
    let because = |why: &str| NotReached::Unreachable(Arc::from(why));
    match outcome {
        Outcome::Refused(status) => match status.code() {
            486 | 600 => NotReached::Busy,
            408 | 480 => NotReached::NoAnswer,
            603 => NotReached::Declined,
            _ => NotReached::Unreachable(Arc::from(format!("it was answered {status}"))),
        },
        Outcome::NoAnswer | Outcome::AnsweredTooLate => NotReached::NoAnswer,
        // M4: where a call goes is never up to whoever is called.
        Outcome::Redirected(_) => because("it points elsewhere, which is not followed"),
        Outcome::NotAuthorised => because("the credentials were not taken"),
        Outcome::Unreachable(_) => because("nothing came back"),
        Outcome::Unusable => because("it answered without media"),
        Outcome::Cancelled | Outcome::HungUp | Outcome::PeerHungUp | Outcome::TooLong => {
            because("it was hung up")
        }
        Outcome::Lost => because("it was lost"),
    }
}

fn ended_by(outcome: Outcome, side: EndedBy) -> EndedBy {
    match outcome {
        Outcome::PeerHungUp => side,
        Outcome::Refused(_)
        | Outcome::Redirected(_)
        | Outcome::NotAuthorised
        | Outcome::Unreachable(_)
        | Outcome::NoAnswer
        | Outcome::Cancelled
        | Outcome::Unusable
        | Outcome::AnsweredTooLate
        | Outcome::HungUp
        | Outcome::Lost
        | Outcome::TooLong => EndedBy::Desk,
    }
}

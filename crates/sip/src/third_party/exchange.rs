//! What one leg wants of the other while they talk: changes of the session, handed over unread.
//! Must not know how they came to talk.

use super::{Order, Origin, Side};
use crate::call::{Body, Event, PeerRequestId};
use crate::status::StatusCode;

/// The one change that may be under way.
#[derive(Debug)]
pub(super) struct Exchange {
    change: Change,
    /// What each side was told last of the other's session and has agreed to, first and second.
    shown: [Body; 2],
    /// Set where the first's session is one of ours.
    origin: Option<Origin>,
}

/// How far a change is.
#[derive(Debug)]
enum Change {
    None,
    /// The other is asked, and is shown this where there was an offer.
    Asked {
        asker: Side,
        id: PeerRequestId,
        offer: Option<Body>,
    },
    /// The asker wants it no more; the other's answer is to come yet.
    Withdrawn {
        asker: Side,
    },
}

impl Exchange {
    /// `shown_to_first` is the second's session as the first knows it, and the other way round.
    pub(super) fn new(shown_to_first: Body, shown_to_second: Body, origin: Option<Origin>) -> Self {
        Self {
            change: Change::None,
            shown: [shown_to_first, shown_to_second],
            origin,
        }
    }

    /// Hands on what a side says.
    pub(super) fn pass(&mut self, side: Side, event: Event) -> Option<(Side, Order)> {
        let other = side.other();
        match event {
            Event::PeerOffer { id, offer } => match self.change {
                Change::None => {
                    let offer = offer.map(|offer| self.state_to(other, offer));
                    self.change = Change::Asked {
                        asker: side,
                        id,
                        offer: offer.clone(),
                    };
                    Some((other, Order::Modify(offer)))
                }
                // RFC 3261 §14.2: of two changes at once the second comes too early, and may come again.
                Change::Asked { .. } | Change::Withdrawn { .. } => {
                    Some((side, Order::Refuse(id, StatusCode::REQUEST_PENDING)))
                }
            },
            Event::PeerOfferWithdrawn { .. } => {
                if matches!(self.change, Change::Asked { asker, .. } if asker == side) {
                    self.change = Change::Withdrawn { asker: side };
                }
                None
            }
            Event::Modified { answer: Some(body) } => match self.take_asked_of(side) {
                Change::Asked { asker, id, offer } => {
                    let answer = self.state_to(asker, body);
                    if let Some(offer) = offer {
                        self.show(side, offer);
                    }
                    self.show(asker, answer.clone());
                    Some((asker, Order::Accept(id, answer)))
                }
                // It has agreed to what is wanted no more: it is asked back to what the asker never left.
                Change::Withdrawn { .. } => {
                    Some((side, Order::Modify(Some(self.shown_to(side).clone()))))
                }
                Change::None => None,
            },
            Event::ModifyOffered { offer } => match self.take_asked_of(side) {
                Change::Asked { asker, id, .. } => {
                    let offer = self.state_to(asker, offer);
                    self.show(asker, offer.clone());
                    Some((asker, Order::Accept(id, offer)))
                }
                // Nobody waits for it any more; unanswered, it would end the call. The asker's session is as it was.
                Change::Withdrawn { .. } | Change::None => {
                    Some((side, Order::Acknowledge(self.shown_to(side).clone())))
                }
            },
            Event::Modified { answer: None } => self.refuse(side, StatusCode::NOT_ACCEPTABLE_HERE),
            Event::ModifyFailed { status } => {
                // Where the other was never asked, an INVITE of its own is under way.
                let status = status.unwrap_or(StatusCode::REQUEST_PENDING);
                self.refuse(side, status)
            }
            Event::PeerAnswer {
                answer: Some(answer),
            } => {
                let answer = self.state_to(other, answer);
                self.show(other, answer.clone());
                Some((other, Order::Acknowledge(answer)))
            }
            Event::PeerAnswer { answer: None }
            | Event::Ringing { .. }
            | Event::Answered { .. }
            | Event::Offered { .. }
            | Event::Ended(_) => None,
        }
    }

    /// What `side` was asked comes to nothing.
    fn refuse(&mut self, side: Side, status: StatusCode) -> Option<(Side, Order)> {
        match self.take_asked_of(side) {
            Change::Asked { asker, id, .. } => Some((asker, Order::Refuse(id, status))),
            Change::Withdrawn { .. } | Change::None => None,
        }
    }

    /// The change that `side` was asked about, which is over.
    fn take_asked_of(&mut self, side: Side) -> Change {
        match &self.change {
            Change::Asked { asker, .. } | Change::Withdrawn { asker } if *asker != side => {
                std::mem::replace(&mut self.change, Change::None)
            }
            Change::Asked { .. } | Change::Withdrawn { .. } | Change::None => Change::None,
        }
    }

    /// A body of the one as the other has to see it.
    fn state_to(&mut self, side: Side, body: Body) -> Body {
        match (side, &mut self.origin) {
            (Side::First, Some(origin)) => origin.restate(&body),
            (Side::First, None) | (Side::Second, _) => body,
        }
    }

    const fn shown_to(&self, side: Side) -> &Body {
        let [first, second] = &self.shown;
        match side {
            Side::First => first,
            Side::Second => second,
        }
    }

    fn show(&mut self, side: Side, body: Body) {
        let [first, second] = &mut self.shown;
        match side {
            Side::First => *first = body,
            Side::Second => *second = body,
        }
    }
}

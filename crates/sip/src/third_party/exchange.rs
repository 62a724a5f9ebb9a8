//! What one leg wants of the other while they talk: changes of the session, handed over unread.
//! Must not know how they came to talk.

use super::{Order, Origin, Side};
use crate::call::{Body, Event, PeerRequestId};
use crate::status::StatusCode;

/// The one change that may be under way.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Whose change the other is asked about.
    asked: Option<(Side, PeerRequestId)>,
    /// Set where the first's session is one of ours.
    origin: Option<Origin>,
}

impl Exchange {
    pub(super) fn new(origin: Option<Origin>) -> Self {
        Self {
            asked: None,
            origin,
        }
    }

    /// Hands on what a side says.
    pub(super) fn pass(&mut self, side: Side, event: Event) -> Option<(Side, Order)> {
        let other = side.other();
        match event {
            // RFC 3261 §14.2: of two changes at once the second comes too early, and may come again.
            Event::PeerOffer { id, .. } if self.asked.is_some() => {
                Some((side, Order::Refuse(id, StatusCode::REQUEST_PENDING)))
            }
            Event::PeerOffer { id, offer } => {
                self.asked = Some((side, id));
                let offer = offer.map(|offer| self.state_to(other, offer));
                Some((other, Order::Modify(offer)))
            }
            Event::PeerOfferWithdrawn { .. } => {
                self.asked = None;
                None
            }
            Event::Modified { answer: Some(body) } => {
                let (asker, id) = self.asked.take_if(|(asker, _)| *asker != side)?;
                Some((asker, Order::Accept(id, self.state_to(asker, body))))
            }
            Event::ModifyOffered { offer } => match self.asked.take_if(|(asker, _)| *asker != side)
            {
                Some((asker, id)) => Some((asker, Order::Accept(id, self.state_to(asker, offer)))),
                // Nobody waits for it any more; unanswered, it would end the call.
                None => Some((side, Order::HangUp)),
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
        let (asker, id) = self.asked.take_if(|(asker, _)| *asker != side)?;
        Some((asker, Order::Refuse(id, status)))
    }

    /// A body of the one as the other has to see it.
    fn state_to(&mut self, side: Side, body: Body) -> Body {
        match (side, &mut self.origin) {
            (Side::First, Some(origin)) => origin.restate(&body),
            (Side::First, None) | (Side::Second, _) => body,
        }
    }
}

//! Whoever waits for an answer of the helpdesk, and the effect that brings it. Must not know how the helpdesk decides.

use bytes::Bytes;
use helpdesk::{
    Answer, AskRefused, CallbackRefused, Case, CaseRefused, SayRefused, Seq, TicketView,
};
use sip_transport::PendingAnswer;
use tokio::sync::oneshot;

use super::effects::Effect;

/// Whoever waits for an answer of the helpdesk.
pub(super) enum Waiting {
    Ask(oneshot::Sender<Result<TicketView, AskRefused>>),
    Say(oneshot::Sender<Result<Seq, SayRefused>>),
    Call(oneshot::Sender<Result<TicketView, CallbackRefused>>),
    Case(oneshot::Sender<Result<Case, CaseRefused>>),
    Phone {
        pending: PendingAnswer,
        heard: Bytes,
        unheard: Bytes,
    },
    Console(oneshot::Sender<bool>),
}

impl Waiting {
    /// The effect that carries the answer there; the answer itself where it is of another kind than was asked for.
    pub(super) fn answered(self, answer: Answer) -> Result<Effect, Box<Answer>> {
        match (self, answer) {
            (Waiting::Ask(to), Answer::Ticket(view)) => Ok(Effect::Asked {
                answer: to,
                asked: Ok(view),
            }),
            (Waiting::Ask(to), Answer::Refused(refused)) => Ok(Effect::Asked {
                answer: to,
                asked: Err(refused),
            }),
            (Waiting::Say(to), Answer::Said(seq)) => Ok(Effect::Said {
                answer: to,
                said: Ok(seq),
            }),
            (Waiting::Say(to), Answer::NotSaid(refused)) => Ok(Effect::Said {
                answer: to,
                said: Err(refused),
            }),
            (Waiting::Call(to), Answer::Calling(view)) => Ok(Effect::Calling {
                answer: to,
                calling: Ok(view),
            }),
            (Waiting::Call(to), Answer::NotCalled(refused)) => Ok(Effect::Calling {
                answer: to,
                calling: Err(refused),
            }),
            (Waiting::Case(to), Answer::Case(case)) => Ok(Effect::Kept {
                answer: to,
                kept: Ok(*case),
            }),
            (Waiting::Case(to), Answer::CaseRefused(refused)) => Ok(Effect::Kept {
                answer: to,
                kept: Err(refused),
            }),
            (Waiting::Phone { pending, heard, .. }, Answer::Heard | Answer::Said(_)) => {
                Ok(Effect::AnswerPhone {
                    pending,
                    response: heard,
                })
            }
            (
                Waiting::Phone {
                    pending, unheard, ..
                },
                Answer::NoSuchConversation | Answer::NotSaid(_),
            ) => Ok(Effect::AnswerPhone {
                pending,
                response: unheard,
            }),
            (Waiting::Console(to), Answer::Heard) => Ok(Effect::Heard {
                answer: to,
                heard: true,
            }),
            (Waiting::Console(to), Answer::NoSuchConversation) => Ok(Effect::Heard {
                answer: to,
                heard: false,
            }),
            (_, answer) => Err(Box::new(answer)),
        }
    }
}

//! The steps by which a ticket becomes a call, and their reasons, as they can be shown.
//! Must not know how a step is decided.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::call::NotReached;
use super::ledger::CallbackRefused;
use crate::ids::RepId;
use crate::words::length;

/// One step of a ticket on its way to a call, or away from it. Numbers are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The shopper asks to be called.
    Asked {
        /// Where.
        number: Arc<str>,
    },
    /// The shopper does not want to be called any more.
    Withdrawn,
    /// A rep does not want the call, which was not talked in yet.
    Passed {
        /// Who.
        rep: RepId,
    },
    /// A rep ends a call before anybody talked, and the wish for it.
    CalledOff {
        /// Who.
        rep: RepId,
    },
    /// A rep asks for a call.
    AskedByRep {
        /// Who.
        rep: RepId,
        /// Where.
        number: Arc<str>,
    },
    /// The page is out of reach, and its time of grace is over.
    PageUnreachable {
        /// For how long.
        gone_for: Duration,
        /// What was allowed.
        grace: Duration,
    },
    /// The page is back, so that nobody has to be called.
    PageBack,
    /// The shopper's own messenger takes the conversation.
    ByMessenger,
    /// No messenger is known, or it did not take the last message.
    NoMessenger {
        /// Which of the two.
        why: &'static str,
    },
    /// Nobody is called.
    NotCalled {
        /// Why.
        why: CallbackRefused,
    },
    /// The rep's phone rings.
    CallsRep {
        /// Whose.
        rep: RepId,
        /// The number that is dialled once the rep is there.
        number: Arc<str>,
    },
    /// The rep is given the number, to call by hand.
    HandedOut {
        /// Who.
        rep: RepId,
        /// Where.
        number: Arc<str>,
    },
    /// The rep's phone led to nothing.
    RepNotReached {
        /// Whose.
        rep: RepId,
        /// Why.
        why: NotReached,
    },
    /// The rep hung up before the shopper answered.
    RepLeft {
        /// Who.
        rep: RepId,
    },
    /// The rep has answered, and the number is dialled.
    Dials {
        /// Where.
        number: Arc<str>,
    },
    /// The shopper has answered.
    Talks,
    /// The shopper's phone led to nothing.
    ShopperNotReached {
        /// Why.
        why: NotReached,
        /// Which try it was, from 1.
        try_number: u32,
        /// How many there are.
        tries: u32,
        /// When it is tried again.
        again_in: Option<Duration>,
    },
    /// The call was ended before anybody talked.
    Cancelled,
    /// The call could not be begun.
    NotBegun {
        /// Why.
        why: Arc<str>,
    },
    /// The server was restarted in between.
    InDoubt,
    /// With this call the site has used up what it may call or spend.
    Tripped {
        /// Which limit it is.
        why: Arc<str>,
    },
    /// They have talked.
    Over {
        /// For how long.
        talked: Duration,
    },
    /// The rep confirms a call by hand.
    Confirmed {
        /// Who.
        rep: RepId,
    },
    /// No try is left: what the shopper wanted becomes a case.
    GivenUp,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { number } => write!(f, "The shopper asked to be called at {number}."),
            Self::Withdrawn => f.write_str("The shopper does not want to be called any more."),
            Self::Passed { rep } => write!(f, "{rep} passed the call on."),
            Self::CalledOff { rep } => write!(f, "{rep} called it off: nobody is to be called."),
            Self::AskedByRep { rep, number } => write!(f, "{rep} asked for a call to {number}."),
            Self::PageUnreachable { gone_for, grace } => write!(
                f,
                "The page has been out of reach for {}, which is longer than {}.",
                length(whole_seconds(*gone_for)),
                length(*grace)
            ),
            Self::PageBack => f.write_str("The page is back: nobody has to be called."),
            Self::ByMessenger => f.write_str("The shopper's own messenger takes the conversation."),
            Self::NoMessenger { why } => write!(f, "Not by messenger: {why}."),
            Self::NotCalled { why } => write!(f, "Not by telephone: {why}."),
            Self::CallsRep { rep, number } => {
                write!(f, "The phone of {rep} rings; {number} is dialled once {rep} is there.")
            }
            Self::HandedOut { rep, number } => {
                write!(f, "{rep} was given {number} to call by hand.")
            }
            Self::RepNotReached { rep, why } => write!(f, "The phone of {rep} {why}."),
            Self::RepLeft { rep } => write!(f, "{rep} hung up before the shopper answered."),
            Self::Dials { number } => write!(f, "The rep has answered; {number} is dialled."),
            Self::Talks => f.write_str("The shopper has answered."),
            Self::ShopperNotReached {
                why,
                try_number,
                tries,
                again_in,
            } => {
                write!(f, "Try {try_number} of {tries}: the shopper's phone {why}")?;
                match again_in {
                    Some(time) => write!(f, "; again in {}.", length(*time)),
                    None => f.write_str("."),
                }
            }
            Self::Cancelled => f.write_str("The call was ended before anybody talked."),
            Self::NotBegun { why } => write!(f, "The call was not begun: {why}."),
            Self::InDoubt => f.write_str(
                "The server was restarted during a call: nobody knows whether the number was dialled, and it is not \
                 dialled again by itself.",
            ),
            Self::Tripped { why } => write!(f, "No further call is made for now: {why}."),
            Self::Over { talked } => {
                write!(f, "They talked for {}.", length(whole_seconds(*talked)))
            }
            Self::Confirmed { rep } => write!(f, "{rep} confirmed the call."),
            Self::GivenUp => f.write_str("No try is left: it becomes a case."),
        }
    }
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

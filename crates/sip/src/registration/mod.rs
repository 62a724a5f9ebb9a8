//! Our own registration at a trunk or PBX (RFC 3261 §10.2), as one pure machine: asks, proves itself for one realm,
//! refreshes, and tries again where it is refused. Must not know how messages travel, nor why it is wanted.

mod registrant;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

pub use self::registrant::Registrant;
use crate::call::Trunk;
use crate::message::Response;
use crate::status::StatusCode;
use crate::write::request::RequestDraft;

/// What is registered, and where.
#[derive(Clone)]
pub struct Config {
    /// The registrar, as Request-URI.
    pub registrar: String,
    /// The address of record.
    pub address: String,
    /// Where we are reached, a whole Contact value without parameters of its own.
    pub contact: String,
    /// Outbound proxies, as Route values, nearest first.
    pub routes: Vec<String>,
    /// The lifetime asked for.
    pub lifetime: Duration,
    /// Who may ask us for credentials; nobody else gets any.
    pub account: Option<Trunk>,
    /// Unguessable, never used before.
    pub call_id: String,
    /// Unguessable, never used before.
    pub tag: String,
    /// Random; makes client nonces and spreads the tries.
    pub seed: [u64; 2],
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("registrar", &self.registrar)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What happens to a [`Registrant`].
#[derive(Debug)]
pub enum Input {
    /// The final answer to the REGISTER that was sent last.
    Answered(Box<Response>),
    /// There is none.
    Unanswered,
    /// [`Registrant::next_timeout`] has come.
    Timeout,
    /// The registration is not wanted any more.
    Stop,
}

/// What a [`Registrant`] wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a REGISTER; one at a time. It lacks the Via.
    Send(Box<RequestDraft>),
    /// The registration stands otherwise than before.
    Standing(Standing),
    /// After [`Input::Stop`]: nothing is left to be done. Comes once, and is the last.
    Over,
}

/// How a registration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The registrar has it until then, unless it is refreshed.
    Registered {
        /// The end.
        until: Instant,
    },
    /// It was refused, or nothing came back.
    Lost {
        /// Why.
        why: Loss,
        /// When it is tried again.
        again_at: Instant,
        /// The end of what was granted before, where that is yet to come.
        held_until: Option<Instant>,
    },
}

/// Why there is no registration. Each text fits "not registered: {text}".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// The registrar does not answer.
    #[error("there is no answer")]
    NoAnswer,
    /// The registrar refuses.
    #[error("the answer is {0}")]
    Refused(StatusCode),
    /// The registrar's challenge cannot be answered, or our answer is wrong.
    #[error("the user, the password or the realm is wrong")]
    Unproven,
}

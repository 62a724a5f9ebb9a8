//! What a site allows of callbacks; nothing by default. Must not know the file it was read from.

use std::time::Duration;

use super::number::{Country, PhoneNumber};
use crate::hours::Hours;
use crate::ids::RepId;

/// A site's rules for callbacks.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackRules {
    /// Beginnings of numbers that may be called, `+` included; without any nobody is called.
    pub prefixes: Vec<String>,
    /// The country of numbers that are written without its code.
    pub country: Option<Country>,
    /// When nobody is called.
    pub quiet: Option<Hours>,
    /// Calls at once.
    pub at_once: u32,
    /// Calls to one number within 24 hours, over all sites and shoppers.
    pub per_number_per_day: u32,
    /// Calls within an hour.
    pub per_hour: u32,
    /// Calls within 24 hours.
    pub per_day: u32,
    /// Minutes talked within 24 hours, beyond which no call begins; a call whose end is unknown counts as the longest.
    pub talk_per_day: Duration,
    /// Calls in a row that came to nothing, after which no call begins until 24 hours after the last.
    pub failures: u32,
    /// How long a call may last.
    pub longest: Duration,
    /// How often a number is tried for one ticket.
    pub tries: u32,
    /// Time between two tries.
    pub retry_after: Duration,
    /// How long a page may be out of reach when its turn comes and is still waited for.
    pub grace: Duration,
    /// Whether shoppers without the shop's token may have themselves called.
    pub strangers: Strangers,
    /// How shoppers are reached, the best way first.
    pub order: Vec<Reach>,
    /// Who calls.
    pub dialling: Dialling,
}

/// Whether shoppers without the shop's token may have themselves called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Only who proves to be a customer.
    Refused,
    /// Everybody who clicks.
    Allowed,
}

/// A way to a shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The page that asked.
    Browser,
    /// The shopper's own SIP messenger.
    Messenger,
    /// The telephone.
    Telephone,
}

/// Who dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialling {
    /// Deskbell does, but for these reps, who are given the number.
    Desk {
        /// Reps without call control.
        but_for: Vec<RepId>,
    },
    /// Every rep is given the number.
    ByHand,
}

impl CallbackRules {
    /// Whether anybody may be called at all.
    pub fn is_on(&self) -> bool {
        !self.prefixes.is_empty()
    }

    pub(crate) fn allows(&self, number: &PhoneNumber) -> bool {
        let mut prefixes = self.prefixes.iter();
        prefixes.any(|prefix| number.as_str().starts_with(prefix.as_str()))
    }

    pub(crate) fn dials_for(&self, rep: &RepId) -> bool {
        match &self.dialling {
            Dialling::Desk { but_for } => !but_for.contains(rep),
            Dialling::ByHand => false,
        }
    }
}

impl Default for CallbackRules {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            country: None,
            quiet: None,
            at_once: 2,
            per_number_per_day: 2,
            per_hour: 30,
            per_day: 200,
            talk_per_day: Duration::from_secs(10 * 3600),
            failures: 20,
            longest: Duration::from_secs(3600),
            tries: 2,
            retry_after: Duration::from_secs(300),
            grace: Duration::from_secs(30),
            strangers: Strangers::Refused,
            order: vec![Reach::Browser, Reach::Messenger, Reach::Telephone],
            dialling: Dialling::Desk {
                but_for: Vec::new(),
            },
        }
    }
}

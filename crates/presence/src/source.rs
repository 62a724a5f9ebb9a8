//! Where a state comes from, what it can say, and which saying outweighs which. Must not know documents.

use std::fmt;

use crate::availability::Availability;

/// A kind of source. Of sources that say the same the first in this order is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A person set it, or the softphone said no more than that it is there.
    Hand,
    /// The phone line: somebody is talking.
    Line,
    /// The use of the computer: nobody has touched it for a while.
    Computer,
    /// The help desk's own knowledge: conversations, calls it set up, rests, offers that nobody answered.
    Desk,
    /// Nothing is published.
    Nothing,
}

impl Source {
    /// The word in lower case, as logs and pages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Line => "line",
            Self::Computer => "computer",
            Self::Desk => "desk",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a source can say that makes a state. In the order of [`Precedence::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Closed, or "do not disturb": offline.
    Closed,
    /// In a call, or about to be: busy.
    OnThePhone,
    /// As many conversations as the rep takes, or resting after one: busy.
    Full,
    /// In a meeting or otherwise occupied: busy.
    Busy,
    /// Away from the desk, or offers go unanswered: away.
    Away,
    /// Nobody touches any computer: away.
    Idle,
    /// There and free: available.
    Available,
}

impl Rule {
    /// Every rule once.
    pub const ALL: [Self; 7] = [
        Self::Closed,
        Self::OnThePhone,
        Self::Full,
        Self::Busy,
        Self::Away,
        Self::Idle,
        Self::Available,
    ];

    /// The word for it in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::OnThePhone => "on-the-phone",
            Self::Full => "full",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Idle => "idle",
            Self::Available => "available",
        }
    }

    /// What a presentity is of whom this decides.
    pub fn availability(self) -> Availability {
        match self {
            Self::Closed => Availability::Offline,
            Self::OnThePhone | Self::Full | Self::Busy => Availability::Busy,
            Self::Away | Self::Idle => Availability::Away,
            Self::Available => Availability::Available,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which rule outweighs which: each rule once, the weightiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precedence([Rule; Rule::ALL.len()]);

/// A list of rules that is no precedence. The text fits "failed to read the precedence: {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrecedenceError {
    /// The rule is not in it.
    #[error("{0:?} is missing")]
    Missing(Rule),
    /// The rule is in it more than once.
    #[error("{0:?} stands in it twice")]
    Twice(Rule),
}

impl Precedence {
    /// Takes the rules in their order, the weightiest first.
    pub fn new(rules: &[Rule]) -> Result<Self, PrecedenceError> {
        for rule in Rule::ALL {
            match rules.iter().filter(|listed| **listed == rule).count() {
                0 => return Err(PrecedenceError::Missing(rule)),
                1 => {}
                _ => return Err(PrecedenceError::Twice(rule)),
            }
        }
        let mut ordered = Rule::ALL;
        for (place, rule) in ordered.iter_mut().zip(rules) {
            *place = *rule;
        }
        Ok(Self(ordered))
    }

    /// The rules, the weightiest first.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// The smaller, the weightier.
    pub(crate) fn rank(&self, rule: Rule) -> usize {
        let place = self.0.iter().position(|listed| *listed == rule);
        // Each rule is listed.
        place.unwrap_or(Rule::ALL.len())
    }
}

impl Default for Precedence {
    /// Closed or "do not disturb" by hand, on the phone, full capacity, busy by hand, away by hand, idle computer,
    /// available.
    fn default() -> Self {
        Self(Rule::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::{Precedence, PrecedenceError, Rule};

    #[test]
    fn a_precedence_has_each_rule_once() {
        let mut rules = Rule::ALL;
        rules.reverse();
        let reversed = Precedence::new(&rules).unwrap();
        assert!(reversed.rank(Rule::Available) < reversed.rank(Rule::Closed));
        let default = Precedence::new(&Rule::ALL).unwrap();
        assert_eq!(default, Precedence::default());
        assert!(default.rank(Rule::Closed) < default.rank(Rule::Available));

        let short = &Rule::ALL[1..];
        assert_eq!(
            Precedence::new(short),
            Err(PrecedenceError::Missing(Rule::Closed))
        );
        let twice = [Rule::ALL.as_slice(), &[Rule::Idle]].concat();
        assert_eq!(
            Precedence::new(&twice),
            Err(PrecedenceError::Twice(Rule::Idle))
        );
    }
}

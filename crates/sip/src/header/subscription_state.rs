//! Subscription-State: how a subscription stands (RFC 6665 §8.2.3). Must not know subscriptions.

use std::time::Duration;

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// What a NOTIFY says of its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// How it stands.
    pub state: Substate<'a>,
    /// The parameters.
    pub params: Params<'a>,
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substate<'a> {
    /// Accepted.
    Active,
    /// Not decided about.
    Pending,
    /// At its end.
    Terminated,
    /// A state of an extension.
    Other(&'a str),
}

impl<'a> Substate<'a> {
    /// The state as written on the wire.
    pub const fn as_str(&self) -> &'a str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
            Self::Other(state) => state,
        }
    }
}

impl<'a> SubscriptionState<'a> {
    /// Reads a Subscription-State value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(subscription_state, value)
            .ok_or(HeaderError::malformed(HeaderName::SubscriptionState))
    }

    /// How long the subscription still lasts.
    pub fn expires(&self) -> Option<Duration> {
        self.params.seconds("expires")
    }

    /// How long to wait before subscribing anew.
    pub fn retry_after(&self) -> Option<Duration> {
        self.params.seconds("retry-after")
    }

    /// Why it has ended, such as `deactivated` or `timeout`.
    pub fn reason(&self) -> Option<&'a str> {
        self.params.token("reason")
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.state.as_str().as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// How the subscription stands, where the message says so.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn subscription_state(&self) -> Result<Option<SubscriptionState<'_>>, HeaderError> {
        self.single(HeaderName::SubscriptionState)?
            .map(SubscriptionState::parse)
            .transpose()
    }
}

fn subscription_state(input: &[u8]) -> Parsed<'_, SubscriptionState<'_>> {
    (grammar::token, grammar::params)
        .map(|(state, params)| SubscriptionState {
            state: match state {
                _ if state.eq_ignore_ascii_case("active") => Substate::Active,
                _ if state.eq_ignore_ascii_case("pending") => Substate::Pending,
                _ if state.eq_ignore_ascii_case("terminated") => Substate::Terminated,
                other => Substate::Other(other),
            },
            params,
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{SubscriptionState, Substate};

    #[test]
    fn states_come_with_times_and_reasons() {
        let state = SubscriptionState::parse(b"active;expires=600").unwrap();
        assert_eq!(
            (state.state, state.expires()),
            (Substate::Active, Some(Duration::from_secs(600)))
        );
        let state =
            SubscriptionState::parse(b"Terminated ; reason=probation;retry-after=30").unwrap();
        assert_eq!(
            (state.state, state.reason()),
            (Substate::Terminated, Some("probation"))
        );
        assert_eq!(state.retry_after(), Some(Duration::from_secs(30)));
        let state = SubscriptionState::parse(b"dormant").unwrap();
        assert_eq!(state.state, Substate::Other("dormant"));
        for text in ["", ";expires=1", "active expires=1"] {
            assert!(SubscriptionState::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

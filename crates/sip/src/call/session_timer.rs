//! How long a session lasts without a refresh, and who refreshes it (RFC 4028). Must not know by which request.

use std::time::{Duration, Instant};

use super::Config;
use super::deadlines::{Deadlines, Timer};
use crate::header::session_expires::{Refresher, SessionExpires};
use crate::message::{Request, Response};

/// What both sides have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: Duration,
    duty: Duty,
}

/// Who refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Ours,
    Peers,
}

/// The peer wants refreshes more often than we take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooShort;

impl SessionTimer {
    /// What a 2xx to a request of ours says; `None` where the session lasts until somebody hangs up.
    pub(super) fn of_response(response: &Response, config: &Config) -> Option<Self> {
        let wanted = response.session_expires().ok()??;
        Some(Self {
            // Whoever answers with less than the least we named is not obeyed.
            interval: wanted.interval.max(config.shortest_session),
            duty: match wanted.refresher() {
                // RFC 4028 §7.2: in our words, we are the client.
                Some(Refresher::Client) | None => Duty::Ours,
                Some(Refresher::Server) => Duty::Peers,
            },
        })
    }

    /// What a request of the peer asks for.
    pub(super) fn of_request(request: &Request, config: &Config) -> Result<Option<Self>, TooShort> {
        let Ok(Some(SessionExpires { interval, .. })) = request.session_expires() else {
            return Ok(None);
        };
        if interval < config.shortest_session {
            return Err(TooShort);
        }
        let refresher = request.session_expires().ok().flatten();
        let duty = match refresher.and_then(|wanted| wanted.refresher()) {
            Some(Refresher::Client) => Duty::Peers,
            Some(Refresher::Server) => Duty::Ours,
            // RFC 4028 §9: a peer that knows timers refreshes what it has asked for.
            None if request.supports("timer") => Duty::Peers,
            None => Duty::Ours,
        };
        Ok(Some(Self { interval, duty }))
    }

    /// Session-Expires of a request of ours, in which we are the client.
    pub(super) fn in_request(self) -> String {
        let refresher = match self.duty {
            Duty::Ours => "uac",
            Duty::Peers => "uas",
        };
        format!("{};refresher={refresher}", self.interval.as_secs())
    }

    /// Session-Expires of a 2xx of ours, in which the peer is the client.
    pub(super) fn in_response(self) -> String {
        let refresher = match self.duty {
            Duty::Ours => "uas",
            Duty::Peers => "uac",
        };
        format!("{};refresher={refresher}", self.interval.as_secs())
    }

    pub(super) const fn duty(self) -> Duty {
        self.duty
    }

    /// Starts the time anew, as every refresh does.
    pub(super) fn start(self, deadlines: &mut Deadlines, now: Instant) {
        // RFC 4028 §10: the BYE goes a little before the time is over.
        let margin = (self.interval / 3).min(Duration::from_secs(32));
        deadlines.set(Timer::Expiry, now + self.interval.saturating_sub(margin));
        match self.duty {
            Duty::Ours => deadlines.set(Timer::Refresh, now + self.interval / 2),
            Duty::Peers => deadlines.clear(Timer::Refresh),
        }
    }
}

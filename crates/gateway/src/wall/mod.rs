//! `/wall/`: the desk at one glance, for supervisors. Must not know how the helpdesk is run.

use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Redirect;
use tokio::sync::watch;

use crate::addresses::Addresses;
use crate::authorised::{Anyone, Authorised};

mod events;
mod feed;
mod history;
mod sign_in;
mod webhooks;
mod why;

pub(crate) use feed::run;

use history::{History, Minute};

/// What walls are shown, and the hours before.
pub(crate) struct Wall {
    /// The newest document, as text; empty before the first one.
    documents: watch::Sender<Arc<str>>,
    history: Mutex<History>,
}

impl Default for Wall {
    fn default() -> Self {
        Self {
            documents: watch::Sender::new(Arc::from("")),
            history: Mutex::default(),
        }
    }
}

impl Wall {
    fn with_history<T>(&self, act: impl FnOnce(&mut History) -> T) -> T {
        act(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn minutes(&self) -> Vec<Minute> {
        self.with_history(|history| history.minutes())
    }
}

/// The address as people type it.
async fn to_page(_: Authorised<Anyone>) -> Redirect {
    Redirect::permanent("/wall/")
}

/// The wall's addresses beside its files.
pub(crate) fn addresses() -> Addresses {
    Addresses::default()
        .page("/wall", to_page)
        .page("/wall/session", sign_in::show)
        .posted("/wall/session", sign_in::enter)
        .deleted("/wall/session", sign_in::leave)
        .page("/wall/events", events::stream)
        .page("/wall/history", why::history)
        .page("/wall/decisions/{ticket}", why::decisions)
        .page("/wall/presentities/{rep}", why::presentity)
        .page("/wall/webhooks", webhooks::list)
        .posted("/wall/webhooks/{webhook}/replay", webhooks::replay)
}

//! `/console/`: a rep's desk in the browser, for reps without a softphone or beside one.
//! Must not know how the helpdesk is run: it speaks through [`ConsoleCall`] and [`RepCommand`].

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Redirect;
use helpdesk::RepId;
use presence::Store;
use tokio::sync::mpsc;

use crate::addresses::Addresses;
use crate::authorised::{Anyone, Authorised};
use crate::bucket::Buckets;

mod act;
mod call;
mod followed;
mod past;
mod session;
mod sign_in;
mod socket;

pub use call::{
    ConsoleCall, ConsoleEvent, ConsoleId, Hand, Leaving, OpenRefused, Password, RepCommand,
    SeatWatch, SignInRefused, SignedIn,
};
pub(crate) use session::{Change, Door, Session, Who, has_cookie, presented};
pub(crate) use sign_in::{is_good, read_client, try_sign_in, with_cookie};
pub(crate) use socket::later;

/// When a computer counts as idle, unless told otherwise.
const IDLE_AFTER: Duration = Duration::from_secs(300);

/// What the console needs; without it `/console/` is not found.
#[derive(Clone)]
pub struct ConsoleFace {
    shared: Arc<Shared>,
    /// What people call the reps.
    pub(crate) names_by_rep: Arc<HashMap<RepId, String>>,
    /// Reps who may look at the wall.
    pub(crate) supervisors: Arc<HashSet<RepId>>,
    /// What reps say often: offered by `/` in the console.
    pub(crate) canned: Arc<Vec<CannedAnswer>>,
    /// After so long without a touch a computer counts as idle.
    pub(crate) idle_after: Duration,
}

/// A sentence that a rep need not type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedAnswer {
    /// What it is found by.
    pub name: String,
    /// What is said.
    pub text: String,
}

/// What outlives a reload.
struct Shared {
    calls: mpsc::Sender<ConsoleCall>,
    presentities: Arc<Store>,
    sign_ins: Buckets<IpAddr>,
}

impl ConsoleFace {
    /// A face that asks through `calls` and reads states in `presentities`.
    pub fn new(calls: mpsc::Sender<ConsoleCall>, presentities: Arc<Store>) -> Self {
        Self {
            shared: Arc::new(Shared {
                calls,
                presentities,
                sign_ins: Buckets::default(),
            }),
            names_by_rep: Arc::default(),
            supervisors: Arc::default(),
            canned: Arc::default(),
            idle_after: IDLE_AFTER,
        }
    }

    /// The same face, which knows these reps, with those among them who may look at the wall, and these sentences.
    pub fn with(
        self,
        names_by_rep: HashMap<RepId, String>,
        supervisors: HashSet<RepId>,
        canned: Vec<CannedAnswer>,
        idle_after: Duration,
    ) -> Self {
        Self {
            names_by_rep: Arc::new(names_by_rep),
            supervisors: Arc::new(supervisors),
            canned: Arc::new(canned),
            idle_after,
            ..self
        }
    }

    pub(crate) fn calls(&self) -> &mpsc::Sender<ConsoleCall> {
        &self.shared.calls
    }

    pub(crate) fn presentities(&self) -> &Arc<Store> {
        &self.shared.presentities
    }

    pub(crate) fn sign_ins(&self) -> &Buckets<IpAddr> {
        &self.shared.sign_ins
    }
}

impl fmt::Debug for ConsoleFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleFace").finish_non_exhaustive()
    }
}

/// The address as people type it.
async fn to_page(_: Authorised<Anyone>) -> Redirect {
    Redirect::permanent("/console/")
}

/// The console's addresses beside its files.
pub(crate) fn addresses() -> Addresses {
    Addresses::default()
        .page("/console", to_page)
        .page("/console/session", sign_in::show)
        .posted("/console/session", sign_in::enter)
        .deleted("/console/session", sign_in::leave)
        .page("/console/ws", socket::open)
}

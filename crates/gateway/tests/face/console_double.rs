//! Whoever keeps sessions and letters behind the console, scripted: alice, who is no supervisor, and erin, who is one,
//! sign in with the password `right`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::presence::{Store, StoreConfig};
use gateway::{
    ConsoleCall, ConsoleEvent, ConsoleFace, ConsoleId, OpenRefused, SignInRefused, SignedIn,
};
use helpdesk::RepId;
use tokio::sync::mpsc;

use crate::desk_double::tell;

/// What every session is proven by.
const PROOF: [u8; 16] = [3; 16];

#[derive(Clone, Default)]
pub(crate) struct ConsoleDouble(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Reps whose sessions are not good any more.
    over: HashSet<RepId>,
    pages: HashMap<ConsoleId, mpsc::Sender<ConsoleEvent>>,
    is_full: bool,
    signed_out: Vec<RepId>,
}

impl ConsoleDouble {
    /// The double, and the face that asks it.
    pub(crate) fn start() -> (Self, ConsoleFace) {
        let (calls, mut inbox) = mpsc::channel(8);
        let double = Self::default();
        let state = double.0.clone();
        tokio::spawn(async move {
            while let Some(call) = inbox.recv().await {
                state.lock().unwrap().handle(call);
            }
        });
        let store = Arc::new(Store::new(StoreConfig::new([7; 16])));
        let names = [("alice", "Alice"), ("erin", "Erin")];
        let face = ConsoleFace::new(calls, store).with(
            names
                .map(|(rep, name)| (RepId::new(rep), name.to_owned()))
                .into(),
            HashSet::from([RepId::new("erin")]),
            Vec::new(),
            Duration::from_secs(300),
        );
        (double, face)
    }

    /// The rep's sessions are over: the password is another one.
    pub(crate) fn end_sessions(&self, rep: &str) {
        self.0.lock().unwrap().over.insert(RepId::new(rep));
    }

    /// No more pages may be opened.
    pub(crate) fn fill(&self) {
        self.0.lock().unwrap().is_full = true;
    }

    pub(crate) fn signed_out(&self) -> Vec<RepId> {
        self.0.lock().unwrap().signed_out.clone()
    }
}

impl State {
    fn handle(&mut self, call: ConsoleCall) {
        match call {
            ConsoleCall::SignIn {
                user,
                password,
                answer,
                ..
            } => {
                let is_right = password.0 == "right" && ["alice", "erin"].contains(&&*user);
                let signed_in = is_right.then(|| SignedIn {
                    rep: RepId::new(&user),
                    proof: PROOF,
                    since_unix_ms: jiff::Timestamp::now().as_millisecond(),
                });
                drop(answer.send(signed_in.ok_or(SignInRefused::Wrong)));
            }
            ConsoleCall::Check { session, answer } => {
                tell(answer, self.is_good(&session));
            }
            ConsoleCall::Open {
                session,
                console,
                answer,
                ..
            } => {
                let opened = if !self.is_good(&session) {
                    Err(OpenRefused::SignedOut)
                } else if self.is_full {
                    Err(OpenRefused::TooMany)
                } else {
                    let (events, letters) = mpsc::channel(8);
                    self.pages.insert(console, events);
                    Ok(letters)
                };
                drop(answer.send(opened));
            }
            ConsoleCall::SignOut { session } => self.signed_out.push(session.rep),
            ConsoleCall::Set { .. }
            | ConsoleCall::Use { .. }
            | ConsoleCall::Got { .. }
            | ConsoleCall::Leave { .. } => {}
        }
    }

    fn is_good(&self, session: &SignedIn) -> bool {
        session.proof == PROOF && !self.over.contains(&session.rep)
    }
}

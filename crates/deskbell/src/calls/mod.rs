//! Makes the calls that the helpdesk orders: the rep's phone, then the shopper's number over a trunk, joined to one
//! call (RFC 3725). Must not know why somebody is called, nor read what the two say to each other.

mod intent;
mod joining;
mod legs;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use gateway::TrunkBoard;
use helpdesk::{CallEnd, CallId, CallNews, CallOrder};
use sip_transport::{Calls, Sender};
use storage::Journal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::intent::Record;
pub(crate) use self::intent::past_calls;
use self::joining::Joining;
use crate::desk::{CallCommand, CallReport};
use crate::happenings::Happenings;
use crate::reached::Reached;
use crate::sip_service::Bindings;
use crate::trunks::{self, SharedTrunks};

/// What an operator needs.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Where reps' phones are.
    pub(crate) bindings: Arc<Bindings>,
    /// The legs under way.
    pub(crate) calls: Arc<Calls>,
    /// Sends.
    pub(crate) sender: Sender,
    /// Where intents are written down.
    pub(crate) journal: Journal,
    /// By which ways telephones are called, the first to be tried first.
    pub(crate) trunks: SharedTrunks,
    /// Which of them are in service.
    pub(crate) board: TrunkBoard,
    /// Where peers reach us.
    pub(crate) reached: Reached,
    /// Where news of calls go.
    pub(crate) reports: mpsc::Sender<CallReport>,
    /// Shows what happens.
    pub(crate) happenings: Happenings,
}

/// Takes the helpdesk's orders.
pub(crate) struct Operator {
    parts: Parts,
    ends_by_call: HashMap<CallId, CancellationToken>,
}

impl Operator {
    /// An operator of these parts.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            ends_by_call: HashMap::new(),
        }
    }

    /// Runs until the farewell, and then until every call that was under way is hung up and on record. Orders that come
    /// after the farewell are not carried out: nothing of them is on record, and the helpdesk gives them anew.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<CallCommand>,
        farewell: CancellationToken,
    ) {
        let mut calls = JoinSet::new();
        let mut is_leaving = false;
        while !(is_leaving && calls.is_empty()) {
            tokio::select! {
                () = farewell.cancelled(), if !is_leaving => {
                    is_leaving = true;
                    for end in self.ends_by_call.values() {
                        end.cancel();
                    }
                }
                command = commands.recv() => match command {
                    Some(CallCommand::Place(order)) if is_leaving => {
                        tracing::info!(ticket = %order.ticket, "a call is not begun: the server stops");
                    }
                    Some(CallCommand::Place(order)) => self.place(*order, &mut calls),
                    Some(CallCommand::End(call)) => {
                        if let Some(end) = self.ends_by_call.get(&call) {
                            end.cancel();
                        }
                    }
                    None => return,
                },
                Some(done) = calls.join_next() => match done {
                    Ok(call) => {
                        self.ends_by_call.remove(&call);
                    }
                    Err(error) => tracing::error!(%error, "a call's task failed"),
                },
            }
        }
    }

    fn place(&mut self, order: CallOrder, calls: &mut JoinSet<CallId>) {
        let end = CancellationToken::new();
        self.ends_by_call.insert(order.call.clone(), end.clone());
        calls.spawn(make(self.parts.clone(), order, end));
    }
}

/// Makes one call, from the record of its intent to the record of its end.
async fn make(parts: Parts, order: CallOrder, end: CancellationToken) -> CallId {
    let call = order.call.clone();
    let reporter = Reporter {
        reports: parts.reports.clone(),
        order: order.clone(),
    };
    // Nothing leaves before this is on disk, and an intent of this name begins once: a call is never made twice.
    let record = match Record::begin(parts.journal.clone(), order.clone()).await {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(%error, "a call was not made: its intent is not on record");
            let why = Arc::from("that it is intended could not be recorded");
            reporter.tell(CallNews::Ended(CallEnd::NotBegun(why))).await;
            return call;
        }
    };
    let configured = parts.trunks.borrow().clone();
    let (ended, record) = match trunks::in_service(&configured, &parts.board) {
        Ok(trunks) => {
            let joining = Joining::new(&parts, &order, &reporter, record, trunks);
            joining.run(end).await
        }
        // The rep's phone does not ring in vain.
        Err(why) => {
            tracing::warn!(%why, "a call was not made");
            (CallEnd::NotBegun(Arc::from(why)), Some(record))
        }
    };
    if let Some(mut record) = record {
        let fate = ended.fate(record.dialled());
        if let Err(error) = record.end(fate).await {
            tracing::error!(%error, "how a call ended is not on record; after a restart it is in doubt");
        }
    }
    parts
        .happenings
        .sip(|| format!("INVITE: a callback has ended: {ended:?}"));
    reporter.tell(CallNews::Ended(ended)).await;
    call
}

/// Tells the helpdesk of one call.
struct Reporter {
    reports: mpsc::Sender<CallReport>,
    order: CallOrder,
}

impl Reporter {
    async fn tell(&self, news: CallNews) {
        let report = CallReport {
            ticket: self.order.ticket.clone(),
            call: self.order.call.clone(),
            news,
        };
        if self.reports.send(report).await.is_err() {
            tracing::debug!("news of a call came after the desk was closed");
        }
    }
}

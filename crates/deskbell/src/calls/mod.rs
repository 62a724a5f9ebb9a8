//! Makes the calls that the helpdesk orders: the rep's phone, then the shopper's number over a trunk, joined to one
//! call (RFC 3725). Must not know why somebody is called, nor read what the two say to each other.

use std::sync::Arc;

use helpdesk::{CallEnd, CallNews, CallOrder};
use tokio::sync::mpsc;

use crate::desk::{CallCommand, CallReport};

/// Takes the helpdesk's orders.
pub(crate) struct Operator {
    reports: mpsc::Sender<CallReport>,
}

impl Operator {
    /// An operator that reports what becomes of each call.
    pub(crate) fn new(reports: mpsc::Sender<CallReport>) -> Self {
        Self { reports }
    }

    /// Runs until no more orders can come.
    pub(crate) async fn run(self, mut commands: mpsc::Receiver<CallCommand>) {
        while let Some(command) = commands.recv().await {
            match command {
                CallCommand::Place(order) => self.refuse(*order).await,
                CallCommand::End(call) => {
                    tracing::debug!(%call, "no call of this name is under way")
                }
            }
        }
    }

    async fn refuse(&self, order: CallOrder) {
        let why = Arc::from("no trunk is configured");
        let report = CallReport {
            ticket: order.ticket,
            call: order.call,
            news: CallNews::Ended(CallEnd::NotBegun(why)),
        };
        if self.reports.send(report).await.is_err() {
            tracing::debug!("a call ended after the desk");
        }
    }
}

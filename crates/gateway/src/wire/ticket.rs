//! A ticket as its shopper is told it.

use helpdesk::{TicketState, TicketView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::callback::CallbackDocument;
use crate::wire::wait::WaitDocument;

/// What the ticket addresses answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TicketDocument<'a> {
    id: &'a str,
    /// Opens the ticket; told once, to the one who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    state: &'static str,
    position: Option<u32>,
    wait: Option<WaitDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rep: Option<&'a str>,
    /// Why the wait is longer than was promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The call that is to come, or is.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<CallbackDocument<'a>>,
    /// Path of the conversation's WebSocket.
    ws: String,
    /// Path of the conversation's event stream.
    events: String,
}

impl<'a> TicketDocument<'a> {
    /// The ticket for somebody who holds its token already.
    pub(crate) fn new(view: &'a TicketView) -> Self {
        let path = path(view.id.as_str());
        Self {
            id: view.id.as_str(),
            token: None,
            state: state_word(view.state),
            position: view.position,
            wait: view.wait.map(WaitDocument::from),
            rep: view.rep.as_deref(),
            reason: view.why.as_deref(),
            callback: view.callback.as_ref().map(CallbackDocument::from),
            ws: format!("{path}/ws"),
            events: format!("{path}/events"),
        }
    }

    /// The ticket for the one who has just made it.
    pub(crate) fn with_token(view: &'a TicketView, token: &'a str) -> Self {
        Self {
            token: Some(token),
            ..Self::new(view)
        }
    }
}

/// The path of a ticket.
pub(crate) fn path(id: &str) -> String {
    format!("/v1/tickets/{id}")
}

/// The word for a ticket's state.
pub(crate) fn state_word(state: TicketState) -> &'static str {
    match state {
        TicketState::Queued => "queued",
        TicketState::Offered => "offered",
        TicketState::Open => "open",
        TicketState::Callback => "callback",
        TicketState::Closed => "closed",
        TicketState::Abandoned => "abandoned",
    }
}

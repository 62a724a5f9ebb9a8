//! A small SIP user agent: registers, publishes, takes and sends messages. The demo's robots are made of
//! it. Must not know what its owner says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sip::digest::{Challenge, Password};
use sip::{HeaderName, Method, Protocol, Request, RequestDraft, Response, ResponseBuilder, StatusCode};
use sip_transport::{Config, Exchange, Handling, Listen, Sender, Service, Target, Transport};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::random;

/// Messages that may wait for the phone's owner; beyond it the phone answers 486.
const INBOX: usize = 32;

/// Who the phone belongs to and where it registers.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The user part of its address of record.
    pub(crate) user: String,
    /// The password it answers challenges with.
    pub(crate) password: String,
    /// The server, which is also the domain of its address of record.
    pub(crate) server: SocketAddr,
}

/// A message that reached the phone.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// The URI it came from.
    pub(crate) from: String,
    /// What it says.
    pub(crate) text: String,
}

/// A running phone. It stops when dropped, without a word to the server.
pub(crate) struct Phone {
    account: Account,
    sender: Sender,
    contact: String,
    call_id: String,
    tag: String,
    next_cseq: AtomicU32,
    _running: tokio_util::sync::DropGuard,
}

impl Phone {
    /// Opens a socket for the account; nothing is sent yet.
    pub(crate) async fn start(
        account: Account,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Incoming>)> {
        let transport = Transport::bind(Config {
            listen: vec![Listen {
                protocol: Protocol::Udp,
                address: SocketAddr::new(account.server.ip(), 0),
            }],
            ..Config::default()
        })
        .await?;
        let (_, local) = *transport
            .local_addresses()
            .first()
            .ok_or_else(|| anyhow::anyhow!("the phone of {} has no socket", account.user))?;
        let (inbox, incoming) = mpsc::channel(INBOX);
        let shutdown = CancellationToken::new();
        let sender = transport.sender();
        tokio::spawn(transport.run(Arc::new(Inbox(inbox)), shutdown.clone()));
        Ok((
            Self {
                contact: format!("sip:{}@{local}", account.user),
                call_id: random::word::<20>()?,
                tag: random::word::<10>()?,
                next_cseq: AtomicU32::new(1),
                account,
                sender,
                _running: shutdown.drop_guard(),
            },
            incoming,
        ))
    }
}

//! UDP and TCP sockets that drive the pure `sip` crate: bytes in, requests to a [`Service`], answers out.
//! One task per UDP socket and per TCP connection owns its sockets, framing and transactions.
//! Must not know presence or helpdesk, nor what any request means.

mod admission;
mod alarm;
mod config;
mod connection;
mod counters;
mod driver;
mod flows;
mod listener;
mod random;
mod receive;
mod sender;
mod service;
mod transport;
mod udp;

pub use crate::config::{Config, Listen};
pub use crate::counters::Counters;
pub use crate::random::NoRandomness;
pub use crate::sender::{RequestError, Sender, Target};
pub use crate::service::{Exchange, Handling, Overloaded, PendingAnswer, Service};
pub use crate::transport::{BindError, Transport};

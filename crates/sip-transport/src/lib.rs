//! Sockets (UDP, TCP, TLS, WebSocket) that drive the pure `sip` crate: bytes in, requests to a [`Service`], answers out.
//! One task per UDP socket and per connection owns its sockets, framing and transactions.
//! Must not know presence or helpdesk, nor what any request means.

mod admission;
mod alarm;
mod budget;
mod calling;
mod calls;
mod config;
mod connection;
mod counters;
mod defence;
mod destination;
mod dispatch;
mod dns;
mod driver;
mod flows;
mod handshake;
mod invitation;
mod limits;
mod listener;
mod load;
mod random;
mod receive;
mod records;
mod resolve;
mod sender;
mod service;
mod strangers;
mod stream;
mod stun;
mod tls;
mod transport;
mod trust;
mod udp;
mod upgraded;
mod urgency;
mod waiting;
mod way;
mod websocket;
mod wire;

pub use crate::calling::Way;
pub use crate::calls::{Calls, LegOrders, NotTaken as OrderNotTaken, Placed};
pub use crate::config::{Config, Listen};
pub use crate::counters::{Count, Counters};
pub use crate::defence::Conduct;
pub use crate::dns::DnsConfig;
pub use crate::invitation::{Invitation, InviteEvent, PendingInvite};
pub use crate::limits::{Limits, Rate};
pub use crate::random::NoRandomness;
pub use crate::resolve::{ResolveError, Server};
pub use crate::sender::{RequestError, Sender, Target};
pub use crate::service::{Exchange, Handling, Overloaded, PendingAnswer, Service};
pub use crate::tls::{TlsError, TlsIdentity};
pub use crate::transport::{BindError, LimitsHandle, TlsHandle, Transport};
pub use crate::trust::TlsTrust;
pub use crate::upgraded::{NotTaken, Upgraded};

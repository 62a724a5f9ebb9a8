//! The helpdesk: reps, skills, tiers, tickets, the queue, routing, offers, conversations and estimates,
//! as one deterministic machine. Input goes in by `handle`, effects come out of `poll_output`.
//! Must not know SIP, HTTP, SQL or tokio; time and randomness are arguments.
#![forbid(unsafe_code)]

pub mod ask;
pub mod config;
pub mod conversation;
pub mod ids;
pub mod io;
pub mod record;
pub mod snapshot;
pub mod ticket;

pub use ask::{AccessDigest, Ask, AskRefused};
pub use config::{Choose, Config, Priority, Relax, Rep, Routing, Site, Skill, Tier};
pub use conversation::{Line, Speaker};
pub use ids::{DeliveryId, Level, LineId, RepId, ReplyId, Seq, SiteId, SkillId, TicketId, TierId};
pub use io::{Addressee, Answer, DeliveryOutcome, Input, Output, SayRefused, ShopperEvent};
pub use record::Record;
pub use snapshot::{GroupSnapshot, GroupState, SiteSnapshot, Snapshot, Wait};
pub use ticket::{CloseReason, TicketState, TicketView};

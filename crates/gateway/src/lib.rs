//! The HTTP face: presence, tickets, conversations, the widget and its pages.
//! Must not know SIP syntax, SQL, or how the helpdesk is run: it speaks to it through [`desk::Desk`].
#![forbid(unsafe_code)]

pub mod config;
pub mod desk;

pub use config::{Config, DemoFace, SiteFace};
pub use desk::{Command, Desk, DeskClosed};

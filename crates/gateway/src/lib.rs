//! The HTTP face: presence, tickets, conversations, the widget and its pages.
//! Must not know SIP syntax, SQL, or how the helpdesk is run: it speaks to it through [`desk::Desk`].
#![forbid(unsafe_code)]

mod addresses;
mod admin;
mod assets;
mod audience;
mod authorised;
mod body;
mod bucket;
mod clicks;
mod connection;
mod console;
mod errand;
mod face;
mod figures;
mod form;
mod headers;
mod identity;
mod key;
mod language;
mod leaving;
mod mark;
mod metrics;
mod openapi;
mod origin;
mod pace;
mod problem;
mod random;
mod ready;
mod repeats;
mod report;
mod routes;
mod seal;
mod selection;
mod server;
mod soap;
mod source;
mod visitor;
mod wall;
mod watcher;
mod wire;
mod words;

pub mod config;
pub mod desk;
pub mod push;

pub use addresses::Address;
pub use admin::{
    AdminFace, AdminKey, Delivery, LineBoard, LineReport, LineStanding, Ping, Registration, Scope,
    TrunkBoard, TrunkReport, WebhookDesk, WebhookReport,
};
pub use bucket::Rate;
pub use clicks::ClickRates;
pub use config::{
    Config, DemoEvent, DemoFace, Options, Secret, SiteFace, SoftphoneDoor, SoftphoneSocket,
    TokenKey, TokenVerifier,
};
pub use console::{
    CannedAnswer, ConsoleCall, ConsoleEvent, ConsoleFace, ConsoleId, Hand, Leaving, OpenRefused,
    Password, RepCommand, SeatWatch, SignInRefused, SignedIn,
};
pub use desk::{Command, Desk, DeskRefused, Recording, TicketKey};
pub use errand::{Customer, CustomerPast, Errand, ErrandFailed, Forgetting, Past, PastTicket};
pub use face::ConfigHandle;
pub use figures::{Figure, FigureKind, Figures};
pub use form::{FormFace, FormField, Need, Remember, Words};
pub use report::{DecidedAsked, DecidedTicket, OutcomeKind, Report};
pub use seal::CookieKeys;
pub use server::{BindError, Gateway};

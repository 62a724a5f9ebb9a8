//! SIP messages, grammar, framing, transactions, digest. Must not know sockets, tokio, presence or XML.
#![forbid(unsafe_code)]

mod check;
mod controls;
pub mod digest;
mod error;
mod flow;
pub mod framing;
mod grammar;
mod header;
mod header_name;
mod headers;
mod host;
mod message;
mod method;
#[cfg(feature = "rsip")]
pub mod rsip;
mod status;
pub mod subscription;
mod text;
pub mod transaction;
mod uri;
mod values;
mod write;

pub use check::MAX_URI_LENGTH;
pub use error::{BadRequest, HeaderError, HeaderFault, ParseError, UriError};
pub use flow::{Flow, Protocol};
pub use grammar::{Param, Params};
pub use header::contact::Contact;
pub use header::content_type::ContentType;
pub use header::cseq::CSeq;
pub use header::event::Event;
pub use header::name_addr::NameAddr;
pub use header::via::{BRANCH_COOKIE, Via};
pub use header_name::HeaderName;
pub use headers::{Headers, MAX_HEADER_LENGTH, MAX_HEADERS, MAX_MESSAGE_LENGTH};
pub use host::Host;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use status::StatusCode;
pub use uri::{AnyUri, Scheme, Uri, UriParams};
pub use write::request::RequestDraft;
pub use write::response::ResponseBuilder;

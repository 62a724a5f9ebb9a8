//! One file per header whose value has a grammar of its own.

pub(crate) mod accept;
pub(crate) mod authentication_info;
pub(crate) mod coding;
pub(crate) mod contact;
pub(crate) mod content_disposition;
pub(crate) mod content_length;
pub(crate) mod content_type;
pub(crate) mod cseq;
pub(crate) mod date;
pub(crate) mod event;
pub(crate) mod name_addr;
pub(crate) mod product;
pub(crate) mod quality;
pub(crate) mod reason;
pub(crate) mod reliable;
pub(crate) mod retry_after;
pub(crate) mod route;
pub(crate) mod session_expires;
pub(crate) mod single;
pub(crate) mod subscription_state;
pub(crate) mod tokens;
pub(crate) mod via;
pub(crate) mod warning;

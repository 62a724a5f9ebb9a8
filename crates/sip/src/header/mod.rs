//! One file per header whose value has a grammar of its own.

pub(crate) mod contact;
pub(crate) mod content_length;
pub(crate) mod content_type;
pub(crate) mod cseq;
pub(crate) mod event;
pub(crate) mod name_addr;
pub(crate) mod single;
pub(crate) mod via;

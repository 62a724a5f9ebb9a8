//! SIP messages, grammar, framing, transactions, digest. Must not know sockets, tokio, presence or XML.
#![forbid(unsafe_code)]

//! Sockets that drive the sip crate. Must not know presence or helpdesk.

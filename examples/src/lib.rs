//! Test phones built on rsip. Must not use the sip crate: client and server share no mistakes.
